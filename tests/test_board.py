"""The engine's page of open questions says what is open, whatever was away, and is written only when it must be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from casework import authority
from casework.board import SHOWN, Board
from casework.settings import (
    HubSpotSettings,
    IntercomSettings,
    JiraSettings,
    OutreachSettings,
    SalesforceSettings,
    Settings,
    ZendeskSettings,
)
from casework.wiring import subject_page
from tests.council import DAN
from tests.desk import Desk
from tests.gateway.conftest import open_place
from tests.many import fill
from tests.toy import ANA, say

pytestmark = pytest.mark.usefixtures("toy_world")

PATIENCE_SECONDS = 20


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The description of each page that the engine was asked to show."""
    descriptions: list[str] = []
    show = desk.engine.show_inbox

    def noted(rows: Sequence[Mapping[str, str]], description: str) -> None:
        show(rows, description)
        descriptions.append(description)

    monkeypatch.setattr(desk.engine, "show_inbox", noted)
    return descriptions


def shown(desk: Desk) -> list[dict[str, str]]:
    """The lines of the page."""
    assert desk.engine.inbox is not None
    return desk.engine.inbox[0]


def questions(desk: Desk) -> list[tuple[str, str]]:
    """Subject and question of each line of the page."""
    return [(line["subject"], line["question"]) for line in shown(desk)]


def test_a_line_says_what_a_colleague_needs(desk: Desk) -> None:
    """Due and asked in the deployment's zone, whom it waits for and who stands in, links to the ticket and the run."""
    run = desk.start("moving", number=7)
    now = desk.engine.now()
    with desk.files.writing() as connection:
        authority.delegate(connection, ANA.id, DAN, now, now + timedelta(days=1), "staff-1", now)
    Board(desk.runtime, lambda subject: f"https://support.example/{subject}").refresh()
    assert shown(desk) == [
        {
            "due": "2026-03-02 10:00",
            "overdue": "",
            "mark": "",
            "waits for": "owner: staff-7 (or staff-11), staff-8",
            "question": "approval/1",
            "process": "moving",
            "subject": "[move 7](https://support.example/toy:move:7)",
            "case": f"[{run.case_id[:8]}](https://prefect.example/runs/flow-run/{run.case_id})",
            "asked": "2026-03-02 09:00",
        }
    ]
    assert desk.engine.inbox is not None
    assert desk.engine.inbox[1] == "1 question is open. Times are those of UTC."


def test_a_ticket_has_a_page_and_nothing_else_has() -> None:
    """The address comes from the settings; a subject that is no ticket has none, and stands there as it is."""
    zendesk = ZendeskSettings(ticket_page="https://support.example/agent/tickets/{ticket}")
    page = subject_page(Settings(zendesk=zendesk))
    assert page("zendesk:ticket:4711") == "https://support.example/agent/tickets/4711"
    assert page("inbox:digest") is None
    assert page("jira:issue:SS-12") is None
    jira = JiraSettings(issue_page="https://jira.example/browse/{issue}")
    salesforce = SalesforceSettings(
        case_page="https://org.example/Case/{case}/view", lead_page="https://org.example/Lead/{lead}/view"
    )
    hubspot = HubSpotSettings(
        deal_page="https://crm.example/0-3/{deal}", ticket_page="https://crm.example/0-5/{ticket}"
    )
    intercom = IntercomSettings(conversation_page="https://inbox.example/{conversation}")
    outreach = OutreachSettings(prospect_page="https://outreach.example/prospects/{prospect}/overview")
    pages = subject_page(
        Settings(
            zendesk=zendesk, jira=jira, salesforce=salesforce, hubspot=hubspot, intercom=intercom, outreach=outreach
        )
    )
    assert pages("intercom:conversation:14") == "https://inbox.example/14"
    assert pages("outreach:prospect:3") == "https://outreach.example/prospects/3/overview"
    assert pages("hubspot:deal:12") == "https://crm.example/0-3/12"
    assert pages("hubspot:ticket:13") == "https://crm.example/0-5/13"
    assert pages("jira:issue:SS-12") == "https://jira.example/browse/SS-12"
    assert pages("zendesk:ticket:4711") == "https://support.example/agent/tickets/4711"
    assert pages("salesforce:lead:00QRM0000000001YAA") == "https://org.example/Lead/00QRM0000000001YAA/view"
    assert pages("salesforce:case:500RM0000000001YAA") == "https://org.example/Case/500RM0000000001YAA/view"


def test_it_follows_and_is_written_only_when_it_changed(desk: Desk, asked: list[str]) -> None:
    """A new question, an answer, a passed deadline and the end of a case are shown; between them nothing is asked of
    the engine within a minute."""
    board = Board(desk.runtime)
    assert board.refresh()
    assert asked == ["No question is open."]
    run = desk.start("moving", number=1)
    assert [board.refresh(), board.refresh(), board.refresh()] == [True, False, False]
    assert questions(desk) == [("toy:move:1", "approval/1")]
    say(run, "approval/1", ANA, verdict="yes")
    desk.settle()
    board.refresh()
    assert questions(desk) == [("toy:move:1", "confirmation/1")]
    desk.engine.cancel(run.case_id)
    desk.settle()
    board.refresh()
    assert questions(desk) == []
    assert len(asked) == 4


def test_overdue_is_shown_when_the_time_is_over(desk: Desk) -> None:
    """Nothing but time passes, and the line changes."""
    fill(desk, 1, desk.engine.now() + timedelta(seconds=30))
    board = Board(desk.runtime)
    board.refresh()
    assert [line["overdue"] for line in shown(desk)] == [""]
    desk.engine.sleep(31)
    assert board.refresh()
    assert [line["overdue"] for line in shown(desk)] == ["overdue"]


def test_of_many_the_most_urgent_are_shown(desk: Desk) -> None:
    """The page is cut after those that burn most, says how many there are, and takes one query more than an empty one,
    for the marks of what is shown."""
    seen: list[str] = []
    event.listen(desk.database, "before_cursor_execute", lambda *given: seen.append(given[2]))
    board = Board(desk.runtime)
    board.refresh()
    few = len(seen)
    fill(desk, SHOWN + 1, desk.engine.now() + timedelta(hours=3), apart=timedelta(minutes=-1))
    seen.clear()
    board.refresh()
    assert len([one for one in seen if one.startswith("SELECT")]) == few + 1
    assert [line["case"][:12] for line in shown(desk)] == ["[many-001](h"] + ["[many-000](h"] * (SHOWN - 1)
    assert shown(desk)[0]["due"] == "2026-03-02 10:20"
    assert desk.engine.inbox is not None
    assert desk.engine.inbox[1].startswith(f"{SHOWN + 1} questions are open; these {SHOWN} burn most.")


def test_after_an_outage_it_is_current(desk: Desk) -> None:
    """While the engine is away nothing raises; the first call after its return shows what is open then."""
    board = Board(desk.runtime)
    board.refresh()
    desk.start("moving", number=1)
    desk.engine.away = True
    assert [board.refresh(), board.refresh()] == [False, False]
    assert questions(desk) == []
    desk.engine.away = False
    assert board.refresh()
    assert questions(desk) == [("toy:move:1", "approval/1")]


def test_what_others_made_of_it_is_mended(desk: Desk) -> None:
    """A page that somebody deleted, or that another gateway overwrote with what it saw before, is right a minute later
    though nothing changed."""
    board, other = Board(desk.runtime), Board(desk.runtime)
    other.refresh()
    before = desk.engine.inbox
    desk.start("moving", number=1)
    board.refresh()
    for spoiled in (None, before):
        desk.engine.inbox = spoiled
        desk.engine.sleep(59)
        assert not board.refresh()
        desk.engine.sleep(1)
        assert board.refresh()
        assert questions(desk) == [("toy:move:1", "approval/1")]


def until(look: Callable[[], Any]) -> None:
    """Wait for what a gateway's thread does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < end, "the gateway did not do it in time"
        time.sleep(0.01)


def test_the_gateway_keeps_it(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A running gateway shows what is open, goes on after an error in it, and its clock passes deadlines meanwhile."""
    place = open_place(desk, tmp_path)
    show, broken = desk.engine.show_inbox, [True]

    def may_fail(rows: Sequence[Mapping[str, str]], description: str) -> None:
        if broken[0]:
            raise RuntimeError("a fault of the engine's own")
        show(rows, description)

    monkeypatch.setattr(desk.engine, "show_inbox", may_fail)
    run = place.start()
    with place.client:
        desk.engine.sleep(3601)
        until(lambda: desk.files.case(run.case_id).wanted_at is not None)
        assert desk.engine.inbox is None
        broken[0] = False
        until(lambda: desk.engine.inbox is not None)
        assert questions(desk) == []
        desk.engine.sleep(3600)
        desk.start("gate-toy", ticket=4712)
        until(lambda: questions(desk) == [("zendesk:ticket:4712", "approval/1")])
