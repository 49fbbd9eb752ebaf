"""A rep's day on the real engine, on sandbox time: pressed in Slack, two questions open at once, rests in between; and
the week's page in Prefect's own UI."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import sync_playwright

from casework.case import Case
from casework.standins import REPS
from policies.rep_days import week_of
from tests.real.site import BUSY, Site, until
from tests.real.test_cases import CHROMIUM

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(900)]

(REP,) = (one for one in REPS if one.id == "staff-15")
ZONE = ZoneInfo(REP.zone)


def put_forward(site: Site, day: date, wall: str) -> None:
    """Let the sandbox's clock show a time of the rep's zone, and a few seconds more."""
    ahead = datetime.combine(day, time.fromisoformat(wall), ZONE).astimezone(UTC) - site.files.now()
    assert ahead > timedelta(0)
    site.command("advance", "--days", str((ahead + timedelta(seconds=2)) / timedelta(days=1)))


def next_working_day(site: Site) -> date:
    """The rep's next one."""
    return next(REP.working_days(REP.today(site.files.now()) + timedelta(days=1)))


def started(site: Site, process: str, **parameters: str) -> str:
    """Start a run of a deployment, as its schedule does; its id."""
    (deployed,) = site.prefect.post("/deployments/filter", {"flows": {"name": {"any_": [process]}}})
    wanted = {"parameters": parameters, "idempotency_key": f"{process} {site.files.now()}"}

    def start() -> str | None:
        try:
            return str(site.prefect.post(f"/deployments/{deployed['id']}/create_flow_run", wanted)["id"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code != BUSY:
                raise
            return None

    return until(f"run of {process}", start)


def press(site: Site, action: str) -> None:
    """The rep presses a button in Slack."""
    state = site.players.state()
    user = state["roster"]["staff"][REP.id]["slack_id"]
    (channel,) = [name for name, one in state["slack"]["channels"].items() if one.get("user") == user]
    site.players.act("csm", "press", channel=channel, action_id=action, staff_id=REP.id)


def messages(site: Site, staff: str) -> list[dict[str, Any]]:
    """What we wrote to somebody in Slack."""
    state = site.players.state()
    user = state["roster"]["staff"][staff]["slack_id"]
    channels = [name for name, one in state["slack"]["channels"].items() if one.get("user") == user]
    return [one for name in channels for one in state["slack"]["messages"][name]]


def available(site: Site) -> bool:
    """Whether HubSpot assigns tickets to the rep."""
    state = site.players.state()
    user = state["hubspot"]["objects"]["users"][state["roster"]["staff"][REP.id]["hubspot_user"]]
    return bool(user["properties"]["hs_availability_status"] == "available")


def test_a_reps_day(site: Site) -> None:
    """The schedules are Prefect's; a day is begun, checked and signed off by presses; its week has a page with bars."""
    (deployed,) = site.prefect.post("/deployments/filter", {"flows": {"name": {"any_": ["support-day"]}}})
    planned = {(one["schedule"]["timezone"], one["parameters"]["rep"]) for one in deployed["schedules"]}
    assert planned == {(one.zone, one.id) for one in REPS}

    day = next_working_day(site)
    put_forward(site, day, "09:00")
    case = started(site, "support-day", rep=REP.id)
    until("case file", lambda: site.files.find(case))
    site.until_waiting(case, "windows>morning/1")
    assert sorted(site.waiting(case)) == ["greeting>start/1", "windows>morning/1"]
    press(site, "decide:available=yes")
    until("available rep", lambda: available(site))
    press(site, "decide:checked=yes")
    site.until_waiting(case, "windows>midday-opens/1")
    put_forward(site, day, "13:00")
    site.until_waiting(case, "windows>midday/1")
    put_forward(site, day, "16:30")
    site.until_waiting(case, "windows>sign_off/1")
    press(site, "decide:sign_off=yes")
    site.until_ended(case, "missed: midday", "Missed: midday")
    assert not available(site)
    assert not [one for one in messages(site, REP.id) for block in one["blocks"] if block["type"] == "actions"]
    assert len([one for one in messages(site, "staff-18") if day.strftime("%B %Y") in str(one["blocks"])]) == 1
    assert site.files.verify(case) == len(site.entries(case))

    put_forward(site, week_of(day)[0] + timedelta(days=7), "23:00")
    for _ in range(2):
        until("end of the roll-up", partial(ended, site, started(site, "support-week")))
    key = f"support-week-{week_of(day)[0].isoformat()}"
    (page,) = site.prefect.post("/artifacts/filter", {"artifacts": {"key": {"any_": [key]}}})
    assert f"| {REP.id} | 1 | 2 of 3 | `██████░░░░` 66 % |" in page["data"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.goto(f"{site.addresses['prefect']}/artifacts/artifact/{page['id']}")
        shown.get_by_role("cell", name="██████░░░░ 66 %").first.wait_for()
        browser.close()


def ended(site: Site, case: str) -> Case | None:
    """The case, once it has ended."""
    found = [one for one in site.files.find(case) if one.ending is not None]
    return found[0] if found else None
