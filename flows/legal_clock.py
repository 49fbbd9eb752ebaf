"""The legal clock of a privacy request: until when the law wants it confirmed and answered, and what was missed.

It runs beside `privacy-request` and longer than that: until the member has the answer, or there is nothing to answer.
Source: GDPR Art. 12(3), Cal. Code Regs. tit. 11, § 7021; see `policies.legal_clock`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from casework import clock
from casework.clock import Minutes, Until, WorkingDays
from casework.people import Invitation, Role
from casework.process import process
from casework.until import AtLeast
from casework.wait import Act, wait_for
from flows.asking import but, in_slack, office, show_outcome, word
from flows.legal_clock_forms import News
from flows.tier2 import Escalation
from policies import messages
from policies.legal_clock import NUMBERS, Dates
from policies.legal_clock_watch import OF_A_MISSED_DAY, Due, Ending, Said, Unfit, Warned, Watch, add, extended
from tasks import accounts, salesforce
from tasks import legal_clock as tasks

look_every = Minutes(NUMBERS.look_every_minutes)
CLOCK, LEFT, MISSED = "legal-clock", "legal-left", "legal-missed"


@process("legal-clock", subject="salesforce:case:{case}")
def legal_clock(case: str) -> str:
    """Watch the law's days for the privacy request of a Salesforce case (its 18-character id) until it is answered."""
    escalation = Escalation(case, salesforce.number(case))
    dates = _confirmed(case, Dates(received=tasks.received(case)))
    told: frozenset[str] = frozenset()
    left, unfit = False, None
    while True:
        now = clock.now()
        watch = Watch.over(dates)
        missed = [one for one in watch.breaches(now) if one.name not in told]
        if dates.answered is not None and not missed:
            return Ending.ANSWERED_LATE if watch.answered_late(now) else Ending.ANSWERED
        for warned in watch.standing_warnings(now):
            tasks.warn(case, warned.about, **warned.values)
        news = _ask(escalation, _Asked(watch, tuple(missed), now, left, unfit, known=dates.answered is not None))
        unfit = None
        if news is None:
            continue
        if news.said is Said.WITHDRAWN:
            if news.by != salesforce.SALESFORCE.id:
                return Ending.WITHDRAWN
            left = True
        elif news.said in OF_A_MISSED_DAY:
            told |= {one.name for one in missed}
            unfit = None if missed else Unfit.NOTHING_MISSED
        else:
            outcome = _heard(case, dates, news)
            dates, unfit = (dates, outcome) if isinstance(outcome, Unfit) else (outcome, None)


def _confirmed(case: str, dates: Dates) -> Dates:
    """Confirm the receipt to the member, which the CCPA wants, with the first of the days for the answer."""
    by = Watch.over(dates).answer_by(clock.now())
    if by is None:
        sent = tasks.tell(case, "legal_clock/receipt-late")
    else:
        sent = tasks.tell(case, "legal_clock/receipt-confirmed", last_day=by)
    confirmed = None if sent is None else add(dates, Said.CONFIRMED, None, max(sent, dates.received))
    return confirmed if isinstance(confirmed, Dates) else dates


def _heard(case: str, dates: Dates, news: News) -> Dates | Unfit:
    """The facts with what was said, or why it does not count."""
    now = clock.now()
    if news.said is Said.EXTENDED:
        return _extended(case, dates, news, now)
    if news.by == salesforce.SALESFORCE.id:
        # Completed and taken back at once: the request is still to be answered.
        at = tasks.answered(case)
        return dates if at is None else add(dates, news.said, None, max(at, dates.received))
    return add(dates, news.said, news.on, news.at or now)


def _extended(case: str, dates: Dates, news: News, now: datetime) -> Dates | Unfit:
    """Write to the member that it takes longer, and why, where that still lengthens a period."""
    by = Watch.over(extended(dates, now)).answer_by(now)
    if dates.extension is not None or news.reasons is None or by is None or not Watch.over(dates).may_extend(now):
        return Unfit.TOO_LATE_TO_EXTEND
    sent = tasks.tell(case, "legal_clock/extension", last_day=by, reasons=news.reasons.words)
    return dates if sent is None else extended(dates, sent)


@dataclass(frozen=True)
class _Asked:
    """What a question of the privacy role is about. `known`: the answer was given, and only its lateness is open."""

    watch: Watch
    missed: tuple[Due, ...]
    now: datetime
    left: bool
    unfit: Unfit | None
    known: bool

    @property
    def key(self) -> str:
        return MISSED if self.missed else LEFT if self.left else CLOCK

    @property
    def until(self) -> datetime:
        """The next of the law's days; sooner, where something is missed or unclear, or no day is known."""
        day = self.watch.next_day(self.now)
        ends = day.deadline.ends if day is not None else None
        again = WorkingDays(NUMBERS.ask_again_working_days, office).after(self.now)
        if ends is None:
            return again
        return ends if self.key == CLOCK else min(ends, again)

    def text(self, escalation: Escalation) -> str:
        duties = [one.name for one in self.missed or self.watch.open]
        given = escalation.page | {"asked": self.key, "duties": duties, "unfit": self.unfit or "none"}
        return messages.render("legal_clock/question", **given).body


def _ask(escalation: Escalation, asked: _Asked) -> News | None:
    """Put the clock before the privacy role until the next day that matters, with the warnings on the way."""
    case, role = escalation.case, accounts.role(NUMBERS.roles.privacy)
    named = {"ticket": case, "ticket_link": salesforce.link_to(case), "question": asked.key, "role": role.name}

    def settled(given: News | None, told: Sequence[object]) -> None:
        show_outcome(case, asked.key, told, given, "answered")
        if given is not None and given.by != salesforce.SALESFORCE.id:
            tasks.note(case, "common/note-answered", staff=given.by, question=asked.key, answer=word(given))

    def warning(warned: Warned) -> Act:
        tell = in_slack("legal_clock/warned", warned.values | escalation.page)

        def act(invitation: Invitation) -> object:
            tasks.warn(case, warned.about, **warned.values)
            return tell(invitation)

        return but(salesforce.SALESFORCE, act)

    return wait_for(
        News,
        key=asked.key,
        question=asked.text(escalation),
        who=Role(name=role.name, people=(*role.people, salesforce.SALESFORCE)),
        # When a stop has let the moment pass, for a minute.
        within=AtLeast(asked.until, 60.0),
        announce=but(salesforce.SALESFORCE, in_slack("common/question-asked", named)),
        remind=[(Until(one.at), warning(one)) for one in asked.watch.warnings() if asked.now < one.at < asked.until],
        marks=asked.watch.marks(asked.now, asked.until, asked.missed),
        listens=salesforce.subject_of(case),
        look=lambda _: () if asked.known else tasks.heard(case, left=asked.left),
        look_every=look_every,
        settled=settled,
    )
