"""After a decision every other channel shows it: one way to decide, then each way to come too late."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from casework import wiring
from casework.case import Kind
from casework.cli import app
from casework.gateway import Gateway, create_app
from casework.people import Invitation, Person
from tests.desk import SECRET
from tests.scenarios.office import Office

URL = "https://casework.example"
CSM, MANAGER = "staff-13", "staff-22"
ON = "on Wednesday, 4 March 2026, 19:24"


class Channels:
    """A request that two people were asked to agree to, and every way in which they can answer."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.told: list[str] = []
        gateway = Gateway(
            runtime=office.runtime,
            delivery=office.delivery,
            on_hint=office.reception,
            code_sender=lambda link, code: None,
            tell_slack=lambda url, sentence: self.told.append(sentence),
            slack_secret=office.world.credentials["slack_signing_secret"],
            slack_origins=("https://hooks.slack.example",),
        )
        self.web = TestClient(create_app(gateway), base_url=URL)
        self.ticket, self.run = office.ask("user-88")

    def ask_both(self) -> None:
        """The customer gave the reason; the CSM did not answer, so the manager is asked as well."""
        self.office.reply(self.ticket)
        self.office.advance(days=2.1)
        self.office.hooks()
        assert self.office.waiting(self.run) == ["approval/1"]
        self.asked = {
            staff: next(one["ts"] for one in self.messages(staff) if "decide:verdict=approve" in str(one))
            for staff in (CSM, MANAGER)
        }
        self.stale = {staff: copy.deepcopy(self.message(staff)) for staff in (CSM, MANAGER)}
        self.pages = {staff: self.web.get(self.link(staff)) for staff in (CSM, MANAGER)}

    # -- the ways to answer, each by somebody of the staff

    def page(self, staff: str) -> str:
        """On the page that was opened while the question was open; what it says then."""
        csrf = self.pages[staff].text.split('name="csrf" value="')[1].split('"')[0]
        sent = self.web.post(self.link(staff), data={"csrf": csrf, "verdict": "approve"}, headers={"Origin": URL})
        return str(sent.text)

    def slack(self, staff: str) -> str:
        """By the button, on a screen that shows the message as it was; what Slack is told."""
        shown = self.message(staff)
        now = copy.deepcopy(shown)
        shown.update(self.stale[staff])
        (channel,) = self.office.direct_messages(staff)
        self.office.world.take_deliveries("slack")
        self.office.people.csm.press(channel, "decide:verdict=approve", staff, shown["ts"])
        shown.clear()
        shown.update(now)
        (press,) = self.office.world.take_deliveries("slack")
        assert self.web.post("/hooks/slack", content=press.body, headers=press.headers).status_code == 200
        return self.told[-1]

    def note(self, staff: str) -> str:
        """By a command in an internal note; the newest note of ours afterwards."""
        self.office.note(self.ticket, staff, "#approve")
        return self.office.said(self.ticket, False)[-1]

    def command(self, staff: str) -> str:
        """On the command line, with the personal code; what it prints."""
        code = self.invitation(staff).code(SECRET)
        ran = CliRunner().invoke(app, ["decide", str(self.ticket), "approval", "verdict=approve", "--code", code])
        return ran.output

    def form(self, staff: str) -> str:
        """In the engine's form, with the personal code; what the engine says to it."""
        typed = {"verdict": "approve", "your_code": self.invitation(staff).code(SECRET), "wait": "approval/1"}
        try:
            self.office.engine.type_in(self.run.case_id, typed)
        except ValueError as refused:
            return str(refused)
        return "accepted"

    # -- where to look

    def invitation(self, staff: str, wait: str = "approval/1") -> Invitation:
        return Invitation(case_id=self.run.case_id, wait=wait, person=Person(id=staff))

    def link(self, staff: str) -> str:
        return f"/decide/{self.invitation(staff).token(SECRET)}"

    def message(self, staff: str) -> dict[str, Any]:
        """The message in Slack that asked somebody, as it is now."""
        return next(one for one in self.messages(staff) if one["ts"] == self.asked[staff])

    def messages(self, staff: str) -> list[dict[str, Any]]:
        """What somebody got in Slack."""
        kept = self.office.world.state["slack"]["messages"]
        return [one for channel in self.office.direct_messages(staff) for one in kept[channel]]


@pytest.fixture
def channels(office: Office, monkeypatch: pytest.MonkeyPatch) -> Channels:
    """The office with its gateway and its command line."""

    @contextmanager
    def connected() -> Iterator[Any]:
        yield SimpleNamespace(files=office.files, runtime=office.runtime)

    monkeypatch.setattr(wiring, "connected", connected)
    monkeypatch.setenv("COLUMNS", "240")
    return Channels(office)


WAYS: dict[str, Callable[[Channels, str], str]] = {
    "link": Channels.page,
    "slack": Channels.slack,
    "ticket": Channels.note,
    "command": Channels.command,
    "prefect": Channels.form,
}
"""Each way to answer, by the name that the case file has for it."""

BY = f"already decided by {CSM} {ON}"
LATE = {
    "link": BY,
    "slack": BY,
    "ticket": BY,
    "command": "Your answer was not recorded: the question is already settled",
    "prefect": "Input should be 'deliverable/1'",
}
"""What whoever comes late is told, in the same channel. Prefect holds what is typed against its newest form."""

RECORDED = ("link", "slack", "ticket", "command")
"""In which channels an answer that comes late reaches the function that records every attempt."""

REFUSED = (Kind.ANSWER_OFFERED, Kind.ANSWER_REFUSED)


@pytest.mark.parametrize("way", WAYS)
def test_whoever_comes_late_is_told(channels: Channels, way: str) -> None:
    """Decided in one channel, an answer of somebody else in any channel is told so there, and changes nothing."""
    channels.ask_both()
    WAYS[way](channels, CSM)
    channels.office.settle()
    entries = len(channels.office.entries(channels.run))

    told = {late: act(channels, MANAGER) for late, act in WAYS.items()}

    assert {late: LATE[late] in said for late, said in told.items()} == dict.fromkeys(WAYS, True), told
    assert channels.office.waiting(channels.run) == ["deliverable/1"]
    (decided,) = [one for one in channels.office.entries(channels.run, Kind.DECIDED) if one.key == "approval/1"]
    assert (decided.actor, decided.payload["channel"], decided.payload["verified"]) == (CSM, way, True)
    news = channels.office.entries(channels.run)[entries:]
    assert [one.payload["channel"] for one in news if one.kind is Kind.ANSWER_OFFERED] == list(RECORDED)
    assert {(one.kind, one.actor) for one in news} == {(kind, MANAGER) for kind in REFUSED}


@pytest.mark.parametrize("way", WAYS)
def test_each_channel_shows_the_decision(channels: Channels, way: str) -> None:
    """Decided in any channel: each Slack message says who and when, each link and the ticket say it, once."""
    channels.ask_both()
    WAYS[way](channels, CSM)
    channels.office.settle()
    for staff in (CSM, MANAGER):
        shown = str(channels.message(staff)["blocks"])
        assert f"*Settled: approved by {CSM}* {ON} UTC." in shown
        for secret in ("button", "/decide/", channels.invitation(staff).code(SECRET)):
            assert secret not in shown
        page = channels.web.get(channels.link(staff))
        who = "you" if staff == CSM else CSM
        assert (page.status_code, f"already decided by {who} {ON} (UTC)" in page.text) == (410, True)
    notes = [note for note in channels.office.said(channels.ticket, False) if "agreed to the data export" in note]
    assert len(notes) == 1
    assert notes[0].startswith(f"{CSM} (csm) agreed to the data export, by {way}, with a verified identity.")
    assert channels.run.pause is not None
    assert channels.run.pause.key.startswith("deliverable-1")


@pytest.mark.parametrize("way", WAYS)
def test_a_customers_reply_is_no_late_answer(channels: Channels, way: str) -> None:
    """A reply of the customer after the decision is a message to colleagues: nothing is refused, told or changed."""
    channels.ask_both()
    WAYS[way](channels, CSM)
    channels.office.settle()
    said, entries = channels.office.said(channels.ticket, False), len(channels.office.entries(channels.run))
    channels.office.reply(channels.ticket, "#deny")
    assert channels.office.said(channels.ticket, False) == said
    assert len(channels.office.entries(channels.run)) == entries


def test_what_a_customer_has_answered_is_settled(channels: Channels) -> None:
    """Decided by the customer's reply: another one answers nothing, and every other channel says that it is settled."""
    office, run = channels.office, channels.run
    reason = [row for row in office.entries(run, Kind.QUESTION_ASKED) if row.key == "reason/1"]
    (customer,) = reason[0].payload["who"]
    office.reply(channels.ticket)
    assert office.waiting(run) == ["approval/1"]
    (decided,) = [one for one in office.entries(run, Kind.DECIDED) if one.key == "reason/1"]
    assert (decided.actor, decided.payload["channel"]) == (customer, "ticket")
    before = len(office.entries(run))

    office.reply(channels.ticket, "One more thing")
    assert len(office.entries(run)) == before
    page = channels.web.get(f"/decide/{channels.invitation(CSM, 'reason/1').token(SECRET)}")
    assert (page.status_code, f"already decided by {customer} on Monday, 2 March 2026" in page.text) == (410, True)
    ran = CliRunner().invoke(app, ["decide", str(channels.ticket), "reason", "comment=1", "--as", customer])
    assert (ran.exit_code, LATE["command"] in ran.output) == (1, True)
    with pytest.raises(ValueError, match="approval/1"):
        office.engine.type_in(run.case_id, {"comment": 1, "your_code": "AAAA-BBBB", "wait": "reason/1"})
    noted = [
        note
        for note in office.said(channels.ticket, False)
        if f"in comment {decided.payload['values']['comment']}" in note
    ]
    assert len(noted) == 1
