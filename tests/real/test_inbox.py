"""What is open, on the real engine: the page that Prefect shows of it, and the digest that colleagues get."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from playwright.sync_api import sync_playwright
from sqlalchemy import select

from casework.case import Kind
from casework.schema import waits
from deployments import DEPLOYMENTS
from flows.asking import office
from policies.inbox_digest import NUMBERS
from tests.real.conftest import REASON
from tests.real.site import Site, until
from tests.real.test_cases import CHROMIUM

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]

CUSTOMER, TEAM, CSM = "user-88", "team-104", "staff-13"


def pages(site: Site) -> list[dict[str, Any]]:
    """Every artifact under the inbox's key, the newest first; none while the server is away."""
    wanted = {"artifacts": {"key": {"any_": ["inbox"]}}, "sort": "CREATED_DESC"}
    try:
        found: list[dict[str, Any]] = site.prefect.post("/artifacts/filter", wanted)
    except httpx.HTTPError:
        return []
    return found


def listed(site: Site) -> list[tuple[str, str]]:
    """Case and question of each line of the one page; nothing while there is no page or a heap."""
    found = pages(site)
    return [(line["case"][1:9], line["question"]) for line in json.loads(found[0]["data"])] if len(found) == 1 else []


def is_open(site: Site) -> list[tuple[str, str]]:
    """Case and question of all that is open, by the case database, in the inbox's order."""
    burning = select(waits).where(waits.c.state == "open").order_by(waits.c.due_at, waits.c.case_id, waits.c.wait)
    with site.files.reading() as connection:
        return [(row.case_id[:8], row.wait) for row in connection.execute(burning)]


@pytest.fixture(scope="module")
def case(site: Site) -> tuple[int, str]:
    """A case that waits for its customer; its ticket and its id."""
    ticket: int = site.players.act("customer", "open_ticket", user_id=CUSTOMER)
    case = until("case", partial(site.case_of, ticket)).case_id
    site.until_waiting(case, "reason/1")
    return ticket, case


def test_the_inbox_follows(site: Site, case: tuple[int, str]) -> None:
    """The page lists what is open; after the Prefect server was killed, while a question was settled and the next
    came, and after somebody made a heap of such pages, there is one, and it is right."""
    ticket, case_id = case
    until("line of the case", lambda: listed(site) == is_open(site) and (case_id[:8], "reason/1") in listed(site))
    (page,) = pages(site)
    (line,) = [one for one in json.loads(page["data"]) if case_id[:8] in one["case"]]
    assert line["case"] == f"[{case_id[:8]}]({site.addresses['prefect']}/runs/flow-run/{case_id})"
    assert line["subject"].startswith(f"[ticket {ticket}](http")
    assert (page["type"], page["flow_run_id"]) == ("table", None)
    for _ in range(3):
        site.prefect.post("/artifacts/", {"key": "inbox", "type": "table", "data": "[]"})
    before = site.pid("prefect")
    site.kill("prefect")
    site.players.act("customer", "reply", ticket=ticket, text=REASON)
    until("new server", lambda: site.pid("prefect") not in (before, None))
    until("next question", lambda: (case_id[:8], "approval/1") in listed(site))
    until("page as the database", lambda: listed(site) == is_open(site))


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed on this machine")
def test_its_links_lead_to_the_cases(site: Site, case: tuple[int, str]) -> None:
    """In a browser the page shows the questions, and the link in a line opens the run of its case."""
    ticket, case_id = case
    until("line of the case", lambda: (case_id[:8], "approval/1") in listed(site))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.goto(f"{site.addresses['prefect']}/artifacts/artifact/{pages(site)[0]['id']}")
        shown.get_by_text("Times are those of UTC").wait_for()
        shown.get_by_role("link", name=f"ticket {ticket}").wait_for()
        with shown.expect_popup() as opened:
            shown.get_by_role("link", name=case_id[:8]).click()
        opened.value.get_by_text(f"data-export {ticket} {TEAM}").first.wait_for()
        browser.close()


def planned(site: Site, deployment: str) -> list[datetime]:
    """When Prefect's scheduler is going to start a deployment's next runs."""
    wanted = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    return [
        datetime.fromisoformat(run["expected_start_time"]) for run in site.prefect.post("/flow_runs/filter", wanted)
    ]


def test_the_digest_is_planned(site: Site) -> None:
    """Prefect's scheduler has runs of the digest planned, at the minute that the policy says in the office's zone."""
    (deployed,) = site.prefect.post("/deployments/filter", {"flows": {"name": {"any_": ["inbox-digest"]}}})
    moments = until("planned run", lambda: planned(site, deployed["id"]) or None)
    assert {one.astimezone(office.zone).time() for one in moments} == {NUMBERS.time_of_day}


def to_a_working_morning(site: Site) -> None:
    """Put the sandbox's clock forward to nine in the morning of a day on which the office opens."""
    now = site.files.now()
    day = now.astimezone(office.zone).date() + timedelta(days=1)
    while not office.is_working_day(day):
        day += timedelta(days=1)
    ahead = datetime.combine(day, time(9), office.zone).astimezone(UTC) - now
    site.command("advance", "--days", str(ahead / timedelta(days=1)))


def ended(site: Site, run: str) -> tuple[str, str] | None:
    """The last state of a run, once it has ended."""
    return site.prefect.state(run) if site.prefect.run(run)["end_time"] else None


def test_the_digest_tells_once(site: Site, case: tuple[int, str]) -> None:
    """A run of the deployment tells the CSM in Slack what waits; a second one on the same day tells nobody."""
    ticket, case_id = case
    site.until_waiting(case_id, "approval/1")
    to_a_working_morning(site)
    (deployed,) = site.prefect.post("/deployments/filter", {"flows": {"name": {"any_": ["inbox-digest"]}}})
    (wanted,) = [one.schedules for one in DEPLOYMENTS if one.process == "inbox-digest"]
    assert [(one["schedule"]["cron"], one["schedule"]["timezone"], one["active"]) for one in deployed["schedules"]] == [
        (timed.cron, timed.zone, True) for timed in wanted
    ]

    def start(key: str) -> str | None:
        try:
            made = site.prefect.post(f"/deployments/{deployed['id']}/create_flow_run", {"idempotency_key": key})
        except httpx.HTTPStatusError as error:
            # 503: Prefect's database is busy. Its own client tries again as well.
            if error.response.status_code != 503:
                raise
            return None
        return str(made["id"])

    def run(key: str) -> tuple[str, tuple[str, str]]:
        made = until("run of the digest", partial(start, key))
        return made, until("end of the digest", partial(ended, site, made))

    first, (kind, name) = run("first")
    assert (kind, name.partition(":")[0]) == ("COMPLETED", "Sent")
    _, again = run("second")
    assert again == ("COMPLETED", "Nothing new")
    told = site.entries(first, Kind.STEP_BEGUN)
    assert CSM in [entry.payload["with"]["person"]["id"] for entry in told]
    world = site.players.state()
    slack = world["roster"]["staff"][CSM]["slack_id"]
    channels = [channel for channel, one in world["slack"]["channels"].items() if one.get("user") == slack]
    sent = [str(one["blocks"]) for channel in channels for one in world["slack"]["messages"][channel]]
    assert len([one for one in sent if f"|data-export {ticket}>: `approval`" in one]) == 1
