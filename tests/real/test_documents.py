"""Two document changes on the real engine, on sandbox time: tested, changed, confirmed; and silence to publication."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from casework.case import Kind
from tests.real.site import Site, until

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(900)]

SUPPORT, CONFIGURER = "staff-61", "staff-72"
CONFIRMED = "confirmed: the document is right"
CHANGES = "changes: something is wrong or more is to be edited"
SECRET = "the letterhead of Zirkonhain-Obst"


class Request:
    """One customer's request, played from outside."""

    def __init__(self, site: Site, user: str) -> None:
        self.site = site
        token = site.players.act("customer", "answer_survey", user_id=user, answers={"details": SECRET})
        self.ticket = str(site.players.act("customer", "file_survey", token=token))
        self.case = until("case", lambda: site.case_of(self.ticket)).case_id

    def issue(self, key: str) -> dict[str, Any]:
        """An issue as the stand-in has it."""
        found: dict[str, Any] = self.site.players.state()["jira"]["issues"][key]["fields"]
        return found

    @property
    def task(self) -> str:
        """CS's ticket."""
        (made,) = [
            entry.payload["result"]
            for entry in self.site.entries(self.case, Kind.STEP_DONE)
            if entry.payload["step"] == "documents.request_configuration"
        ]
        return str(made)

    def configured(self, status: str, wait: str) -> None:
        """CS moves their ticket; the case comes to a question."""
        self.site.players.act("agent", "move_issue", issue=self.task, status=status, staff_id=CONFIGURER)
        self.site.until_waiting(self.case, wait)

    def says(self, text: str, wait: str) -> None:
        """The customer writes; the case comes to a question."""
        self.site.players.act("customer", "comment_issue", issue=self.ticket, text=text)
        self.site.until_waiting(self.case, wait)

    def read_as(self, decision: str, wait: str) -> None:
        """Support answers on the personal page; the case comes to a question."""
        asked = until("message in Slack", lambda: self.site.players.asked(self.ticket, SUPPORT))
        self.site.players.answer(asked.link, decision=decision)
        self.site.until_waiting(self.case, wait)

    def sent(self) -> list[str]:
        """The messages that the customer got, by name."""
        steps = [entry.payload for entry in self.site.entries(self.case, Kind.STEP_BEGUN)]
        return [one["with"]["message"].rpartition("/")[2] for one in steps if one["step"] == "jira.reply"]


def test_confirmed_and_silent(site: Site) -> None:
    """One customer tests, wants a change, and confirms; another says nothing until it is published. Both tickets are
    closed a day after, each message was sent once, and no word of the customers is in what we keep."""
    talks, silent = Request(site, "user-201"), Request(site, "user-202")
    for request in (talks, silent):
        site.until_waiting(request.case, "configuration/1")
        request.configured("On Hold", "test/1")
    talks.says("The logo of Quarzfeld is too small", "test-reading/1")
    talks.read_as(CHANGES, "configuration/2")
    assert talks.issue(talks.task)["status"] == "To Do"
    talks.configured("On Hold", "test/2")
    talks.says("Yes, looks good!", "test-reading/2")
    talks.read_as(CONFIRMED, "configuration/3")
    talks.configured("Published on Engine", "published/1")

    def passes(days: str, look: Callable[[], object]) -> None:
        site.command("advance", "--days", days)
        until(f"what comes after {days} days", look)

    passes("3.1", lambda: "last-call/1" in site.waiting(silent.case) and site.ending(talks.case))
    passes("1.1", lambda: "configuration/2" in site.waiting(silent.case))
    site.until_waiting(silent.case, "configuration/2")
    silent.configured("Published on Engine", "published/1")
    passes("1.1", lambda: site.ending(silent.case))
    for request in (talks, silent):
        site.until_ended(request.case, "published", "Published")
        assert request.issue(request.ticket)["status"] == "Closed"
        assert site.files.verify(request.case) == len(site.entries(request.case))
        assert site.prefect.run(request.case)["name"] == f"document-change {request.ticket} org-501"
    assert talks.sent() == ["onboard-ready-first", "onboard-ready-first"]
    assert silent.sent() == ["onboard-ready-first", "onboard-ready-second"]
    kept = b"".join(site.bytes_kept().values())
    assert [text for text in (SECRET, "Quarzfeld", "Vellumgate") if text.encode() in kept] == []
