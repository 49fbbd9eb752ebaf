"""The roll-up of a week: read from the files of its days, shown as one page, also when it is made again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from casework import standins
from casework.answer import Accepted
from casework.engine import EngineAway
from casework.people import Role
from casework.sandbox import aws
from casework.systems.errors import Refused
from policies.rep_days import Leave
from tasks import accounts
from tests.scenarios.days import Days
from tests.scenarios.test_support_day import BEGIN, CHECKED, SIGN_OFF

REP = "staff-16"
KEY = "support-week-2026-03-02"
MONDAY, TUESDAY, FRIDAY, NEXT = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 6), date(2026, 3, 9)


@pytest.fixture
def days(tmp_path: Path, cloud: aws.Aws) -> Iterator[Days]:
    """An office whose one rep works in Berlin, and is on leave on Thursday and Friday."""
    (rep,) = (one for one in standins.REPS if one.id == REP)
    away = rep.model_copy(update={"leave": (Leave(first=date(2026, 3, 5), last=FRIDAY),)})
    with Days(tmp_path, cloud, reps=[away]) as days:
        yield days
        days.world.close()


def lead(days: Days, day: date, *presses: tuple[str, str]) -> None:
    """A day on which the rep presses these buttons at these times."""
    days.until(REP, "09:00", day)
    days.day(REP)
    for action, at in presses:
        days.until(REP, at)
        assert isinstance(days.press_button(REP, action), Accepted)
    days.until(REP, "18:00")


def page(days: Days) -> str:
    """The page of the week, which is the only one."""
    assert list(days.engine.pages) == [KEY]
    text, description = days.engine.pages[KEY]
    assert description == "Support days, week of 2026-03-02"
    return text


def test_a_week(days: Days) -> None:
    """Done and missed by rep and in all, with a bar; days off are none; days without a record are named."""
    lead(days, TUESDAY, (BEGIN, "09:01"), (CHECKED, "09:10"), (CHECKED, "13:10"), (SIGN_OFF, "16:40"))
    lead(days, date(2026, 3, 4), (CHECKED, "13:10"))
    lead(days, date(2026, 3, 5))
    lead(days, NEXT)
    days.until(REP, "18:30", NEXT)
    run = days.start("support-week")
    assert days.ending(run) == "published: 1 reps, 1 days without a record"
    text = page(days)
    row = "| 2 | 4 of 6 | `██████░░░░` 66 % | 1 | 0 | 1 | 8 |"
    assert f"| staff-16 {row}" in text
    assert f"| all {row}" in text
    assert "is not over: staff-16/2026-03-02." in text


def test_made_again(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made again it is the same page, with what has come since: a day that was parked over the weekend."""

    def away(*_: object) -> Role:
        raise Refused("the product", "read staff", "it is away")

    lead(days, TUESDAY)
    with monkeypatch.context() as patch:
        patch.setattr(accounts.role, "fn", away)
        lead(days, date(2026, 3, 4))
    days.until(REP, "13:00", NEXT)
    days.start("support-week")
    before = page(days)
    days.start("support-week")
    assert page(days) == before
    assert "staff-16/2026-03-02, staff-16/2026-03-04." in before
    (parked,) = (run for run in days.engine.runs.values() if days.ending(run) is None)
    assert isinstance(days.answer(parked, "staff-41", "fault>", verdict="retry"), Accepted)
    days.start("support-week")
    assert "is not over: staff-16/2026-03-02." in page(days)
    assert "| staff-16 | 2 | 0 of 6 |" in page(days)


def test_a_day_that_was_called_off_and_led_again(days: Days) -> None:
    """Of a day with two cases the one that was led to its end counts; of one that was called off, none."""
    days.until(REP, "09:00", TUESDAY)
    first = days.day(REP)
    days.files.ask_to_cancel(first.case_id, "staff-41", "a mistake")
    days.settle()
    lead(days, TUESDAY, (CHECKED, "09:30"))
    days.day(REP)
    days.until(REP, "13:00", NEXT)
    days.start("support-week")
    assert "| staff-16 | 1 | 1 of 3 |" in page(days)


def test_nothing_to_roll_up(days: Days) -> None:
    """A week of which nothing is known says so."""
    days.until(REP, "13:00", NEXT)
    run = days.start("support-week")
    assert days.ending(run) == "published: 0 reps, 3 days without a record"
    assert "| all | 0 | 0 of 0 | – | 0 | 0 | 0 | unknown |" in page(days)


def test_the_engine_is_away(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is tried again; then the operators are asked, and the page is there after all."""
    days.until(REP, "13:00", NEXT)
    tries: list[int] = []

    def away(*_: str) -> None:
        tries.append(1)
        raise EngineAway("away")

    with monkeypatch.context() as patch:
        patch.setattr(days.engine, "publish", away)
        run = days.start("support-week")
    assert len(tries) == 4
    assert isinstance(days.answer(run, "staff-41", "fault>", verdict="retry"), Accepted)
    assert "Support days, week of 2 March 2026" in page(days)
