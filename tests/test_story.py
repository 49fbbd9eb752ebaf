"""A case file is told in lines that people can read, with every kind of entry and without a broken table."""

from __future__ import annotations

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from casework import steering
from casework.case import Entry, Kind
from casework.story import markdown, timeline
from tests.conftest import START
from tests.council import DAN
from tests.desk import Desk
from tests.toy import ANA, BEN, MANAGER, OPERATOR, declined, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")


def told(desk: Desk) -> tuple[list[Entry], list[str]]:
    """A case in which nearly everything happened."""
    run = desk.start("moving", number=1)
    say(run, "approval/1", MANAGER, verdict="yes")
    desk.advance(minutes=40)
    outside.faults["hire"] = [declined()]
    say(run, "approval/1", ANA, verdict="yes")
    desk.settle()
    say(run, "fault>toy.hire/1/1", OPERATOR, channel="cli", verdict="retry")
    desk.settle()
    desk.advance(minutes=121)
    desk.engine.cancel(run.case_id)
    desk.settle()
    entries = desk.entries(run)
    return entries, [line.text for line in timeline(entries)]


def steered(desk: Desk) -> tuple[list[Entry], list[str]]:
    """A question to three people that was handed over, given more time, and voted on."""
    run = desk.start("council", number=1, needs=2)
    steering.hand_over(run.case_id, "first/1", away_from=BEN.id, to=DAN, by=BEN.id, reason="on leave")
    until = START + timedelta(minutes=90)
    steering.extend(run.case_id, "first/1", until=until, by=OPERATOR.id, reason="in fairness")
    say(run, "first/1", DAN, vote="yes")
    say(run, "first/1", ANA, vote="yes")
    desk.settle()
    entries = desk.entries(run)
    return entries, [line.text for line in timeline(entries)]


def test_what_people_changed_is_told(desk: Desk) -> None:
    """A hand-over, more time and each vote have their line, with who and what, and no reason in clear."""
    entries, lines = steered(desk)
    for expected in (
        "first: handed over from staff-8 to staff-11 by staff-8",
        "first: more time until 2026-03-02T10:30 UTC, given by staff-1",
        "first: staff-11 agrees",
        "first: staff-7 agrees",
        "first: vote yes (by staff-7 through slack)",
    ):
        assert expected in lines, expected
    assert not any(words in str(entries) for words in ("on leave", "in fairness"))


def test_everything_that_happened_is_told(desk: Desk) -> None:
    """Who was asked until when, who answered how, what was refused, what failed, what was undone: a line each."""
    others, _ = steered(desk)
    entries, lines = told(desk)
    kinds = {entry.kind for entry in (*entries, *others)}
    assert kinds == set(Kind)
    for expected in (
        "moving opened for toy:move:1 (occurrence 1)",
        "approval: asked owner (staff-7, staff-8), until 2026-03-02 10:00 UTC",
        "approval: an answer of unknown was refused, not yours",
        "approval: may now also be answered by staff-9",
        "approval: verdict yes (by staff-7 through slack)",
        "confirmation: nobody answered in time",
        "to be ended early, asked by engine: cancelled in the Prefect UI",
        "ended as cancelled",
    ):
        assert expected in lines, expected
    assert lines.count("approval: reminded") == 2
    assert any("no van is free (HTTP 409)" in line for line in lines)


def test_the_whole_story_has_a_line_for_every_entry(desk: Desk) -> None:
    """For an auditor nothing is left out, and the order is that of the file."""
    entries, lines = told(desk)
    whole = timeline(entries, whole=True)
    assert len(whole) == len(entries) > len(lines)
    assert [line.at for line in whole] == [entry.at for entry in entries]
    assert all(line.text and line.sign for line in whole)


def test_the_page_is_a_table_in_the_operators_zone(desk: Desk) -> None:
    """Times are local, and nothing in an entry can break the table."""
    entries, _ = told(desk)
    parked = next(entry for entry in entries if entry.kind is Kind.FAULT_PARKED)
    case = desk.files.case(parked.case_id)
    odd = Entry(**{f: getattr(parked, f) for f in Entry.__slots__} | {"payload": {"error": "a | b\nc"}})
    page = markdown(case, [odd], ZoneInfo("America/New_York"), None)
    row = page.splitlines()[-3]
    assert row.endswith("a / b c |")
    assert f"{odd.at.astimezone(ZoneInfo('America/New_York')):%H:%M}" in row
    assert "Ended as cancelled" in page
    assert case.opened_at == START.astimezone(UTC)
