"""The hours on the revenue board: which count, whatever the search index knows, and what is said of wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from casework.sandbox import jira_index, seed_hours
from casework.sandbox.seed_hours import DAY, HOURS, OVER, REVENUE, account
from casework.systems import RevenueBoard
from casework.systems.errors import Refused
from casework.systems.jira_hours import BoardHours, hours_between
from tests.systems.sites import Site

MONDAY = date(2026, 3, 2)
SUNDAY = MONDAY + timedelta(days=6)
FAR = date(2027, 1, 4)
BOARD = RevenueBoard(REVENUE, HOURS, DAY)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.world.close()


def hours(site: Site, rep: str, first: date = FAR, known: tuple[str, ...] = ()) -> list[tuple[int, date | None]]:
    """What the board has of a rep in a week; by default in one for which nothing is seeded."""
    return [(one.minutes, one.day) for one in found(site, rep, first, known)]


def found(site: Site, rep: str, first: date = FAR, known: tuple[str, ...] = ()) -> tuple[BoardHours, ...]:
    return hours_between(site.jira, BOARD, account(rep), first, first + timedelta(days=6), known)


def change(site: Site, issue: str, **fields: Any) -> None:
    """The coordinator edits an issue."""
    site.people.agent.edit_issue(issue, fields, "staff-18")


def test_each_day_of_the_week(site: Site) -> None:
    """The hours of the dates from the first to the last, in minutes, of that account alone."""
    assert hours(site, "staff-14", MONDAY) == [(480, MONDAY + timedelta(days=n)) for n in range(5)]
    assert [one for one, _ in hours(site, "staff-15", MONDAY)] == [480, 480, 480, 480, 360]
    assert hours(site, "staff-14") == []


def test_the_edges_of_the_week(site: Site) -> None:
    """Monday and Sunday belong to it, the days around do not."""
    for day in (-1, 0, 6, 7):
        site.people.agent.schedule_hours("staff-14", 1, (FAR + timedelta(days=day)).isoformat())
    assert hours(site, "staff-14") == [(60, FAR), (60, FAR + timedelta(days=6))]


def test_hours_of_each_week(site: Site) -> None:
    """Without a date they count for every week until the issue is done; with a date they count when it is done too."""
    assert hours(site, "staff-16") == hours(site, "staff-16", MONDAY) == [(2400, None)]
    (weekly,) = found(site, "staff-16")
    site.people.agent.move_issue(weekly.issue, OVER, "staff-18")
    assert hours(site, "staff-16") == []
    site.people.agent.move_issue(found(site, "staff-14", MONDAY)[0].issue, OVER, "staff-18")
    assert len(hours(site, "staff-14", MONDAY)) == 5


@pytest.mark.parametrize(("given", "minutes"), [(0, 0), (6.5, 390), (7.99, 479), (0.0001, 0), (168, 10080)])
def test_parts_of_hours(site: Site, given: float, minutes: int) -> None:
    """Hours become the nearest minutes; none at all is a number too, and no missing one."""
    site.people.agent.schedule_hours("staff-14", given, FAR.isoformat())
    assert hours(site, "staff-14") == [(minutes, FAR)]


@pytest.mark.parametrize("given", [-1, 168.1, 900])
def test_hours_that_cannot_be(site: Site, given: float) -> None:
    """Less than nothing and more than a week has is refused, with the issue to correct."""
    issue = site.people.agent.schedule_hours("staff-14", given, FAR.isoformat())
    with pytest.raises(Refused, match=rf"read the hours of issue {issue}: a week has 0 to 168 hours"):
        hours(site, "staff-14")


@pytest.mark.parametrize(
    ("fields", "says"),
    [((DAY, DAY), "is not a field of numbers"), ((HOURS, HOURS), "search issues"), (("customfield_99", DAY), "search")],
)
def test_fields_of_another_kind(site: Site, fields: tuple[str, str], says: str) -> None:
    """Settings that name other fields are found out and not misread."""
    with pytest.raises(Refused, match=says):
        hours_between(site.jira, RevenueBoard(REVENUE, *fields), account("staff-14"), MONDAY, SUNDAY)


def test_a_day_with_a_time(site: Site) -> None:
    """A field with dates and times, which the search takes as well, is said to be none of dates."""
    issue = found(site, "staff-14", MONDAY)[0].issue
    site.world.state["jira"]["issues"][issue]["fields"][DAY] = "2026-03-02T09:00:00.000+0000"
    with pytest.raises(Refused, match=f"read the day of issue {issue}: {DAY} is not a field of dates"):
        hours(site, "staff-14", MONDAY)


def test_an_unknown_account(site: Site) -> None:
    """An account that Jira does not know is no account without hours."""
    with pytest.raises(Refused, match="search issues"):
        hours_between(site.jira, BOARD, "712020:nobody", MONDAY, SUNDAY)


def test_what_the_index_does_not_know_yet(site: Site) -> None:
    """Each issue is read as it is now, those known before also where the search does not find them."""
    issues = [one.issue for one in found(site, "staff-15", MONDAY)]
    jira_index.lag(site.world, 3600)
    change(site, issues[0], **{HOURS: 1})
    change(site, issues[1], assignee={"id": account("staff-14")})
    change(site, issues[2], **{DAY: "2027-01-06"})
    change(site, issues[3], **{HOURS: None})
    site.people.agent.delete_issue(issues[4], "staff-18")
    assert hours(site, "staff-15", MONDAY) == [(60, MONDAY)]
    assert hours(site, "staff-15", known=tuple(issues)) == [(480, date(2027, 1, 6))]
    assert hours(site, "staff-15") == []


def test_other_work_is_none(site: Site) -> None:
    """Issues of the board without hours are not read."""
    keys = {one.issue for one in found(site, "staff-14", MONDAY)}
    asked = [one.url.path for one in site.jira_asked.requests if "/issue/" in one.url.path]
    assert sorted(path.rpartition("/")[2] for path in asked) == sorted(keys)
    assert seed_hours.WORK_TYPE in [one["fields"]["issuetype"] for one in site.world.state["jira"]["issues"].values()]
