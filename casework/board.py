"""The engine's page of open questions: the inbox, where operators look at everything else.

It is written when it differs from what was shown last. Every minute it is shown in any case, which writes nothing
while the page is as it should be, and mends it after somebody deleted it or another gateway was late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from casework.engine import EngineAway
from casework.inbox import Found, Question, open_questions
from casework.runtime import Runtime

__all__ = ["SHOWN", "Board"]

logger = logging.getLogger(__name__)

SHOWN = 100
"""How many questions the page has: those that burn most."""

SHOW_AGAIN = timedelta(minutes=1)


class Board:
    """Keeps the page current. `subject_page` gives the address of what a case is about, where it has one."""

    def __init__(self, around: Runtime, subject_page: Callable[[str], str | None] = lambda _: None) -> None:
        self._around, self._subject_page = around, subject_page
        self._shown: tuple[list[dict[str, str]], str] | None = None
        self._shown_at: datetime | None = None

    def refresh(self) -> bool:
        """Show what is open now; whether the engine was asked to. While it is away, the next call tries again."""
        files = self._around.files
        now = files.now()
        with files.reading() as connection:
            found = open_questions(connection, now, first=SHOWN)
        page = [self._row(one) for one in found.questions], _description(found, self._around.zone)
        recent = self._shown_at is not None and now - self._shown_at < SHOW_AGAIN
        if page == self._shown and recent:
            return False
        try:
            self._around.engine.show_inbox(*page)
        except EngineAway as away:
            logger.warning("The page of open questions could not be brought up to date and will be: %s", away)
            return False
        self._shown, self._shown_at = page, now
        return True

    def _row(self, one: Question) -> dict[str, str]:
        """A line, what is wanted first at the left: ids, Markdown links, moments in the deployment's zone."""
        zone = self._around.zone
        address = self._subject_page(one.subject)
        subject = one.subject.partition(":")[2].replace(":", " ") or one.subject
        return {
            "due": f"{one.due_at.astimezone(zone):%Y-%m-%d %H:%M}",
            "overdue": "overdue" if one.overdue else "",
            "mark": one.mark,
            "case": f"[{one.case_id[:8]}]({self._around.case_page.format(case=one.case_id)})",
            "subject": f"[{subject}]({address})" if address else one.subject,
            "question": one.wait,
            "waits for": f"{one.role}: {', '.join(one.people)}",
            "process": one.process,
            "asked": f"{one.asked_at.astimezone(zone):%Y-%m-%d %H:%M}",
        }


def _description(found: Found, zone: tzinfo) -> str:
    if not found.total:
        return "No question is open."
    shown = len(found.questions)
    questions = "1 question is open" if found.total == 1 else f"{found.total:,} questions are open"
    cut = f"; these {shown} burn most" if shown < found.total else ""
    return f"{questions}{cut}. Times are those of {zone}."
