"""Whole cases on the real engine: what the Prefect UI shows of them, and what it can and cannot do to them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from casework.case import Kind
from casework.delivery.certificate import verify
from casework.delivery.certificates import Certificates
from casework.people import Invitation, Person
from casework.players import RANGE_BYTES, Download
from tests.real.conftest import REASON, Cases, Played
from tests.real.site import Site, until

CHROMIUM = Path("/usr/bin/chromium")
DENIAL = "because of the Grimsdyke-Allard claim"
WRONG_CODE = "QQQQ-7777"

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def code_of(site: Site, case: Played) -> str:
    """The personal code in the message that the CSM got."""
    return until("message in Slack", lambda: site.players.asked(case.ticket, case.csm)).code


def refusals(site: Site, case: Played) -> list[str]:
    return [entry.payload["why"] for entry in site.entries(case.id, Kind.ANSWER_REFUSED)]


def assert_shown_as_it_ended(site: Site, case: Played) -> None:
    """Each step is one task run however often the case was resumed, one story is shown and is the last one,
    nothing is said to wait, nothing typed is left, and the file's chain holds."""
    run = site.prefect.run(case.id)
    assert run["name"] == f"data-export {case.ticket} {case.team}"
    assert [tag for tag in run["tags"] if tag.startswith("waiting:")] == []
    entries = site.entries(case.id)
    assert site.files.verify(case.id) == len(entries)
    done = Counter(
        entry.payload["label"] for entry in entries if "label" in entry.payload and "result" in entry.payload
    )

    def shown() -> Counter[str]:
        return Counter(one["name"] for one in site.prefect.task_runs(case.id))

    until("every task run", lambda: shown().total() >= done.total(), seconds=10)
    assert shown() == done
    assert {one["state_name"] for one in site.prefect.task_runs(case.id)} == {"Completed"}
    stories = [one for one in site.prefect.artifacts(case.id) if one["type"] == "markdown"]
    assert [one["key"] for one in stories] == [f"story-{case.id}"]
    assert f"**Ended as {site.ending(case.id)}.**" in stories[0]["data"]
    assert [key for key in site.prefect.inputs(case.id) if key.endswith("-response")] == []
    assert site.waiting(case.id) == []


def test_a_waiting_case_is_shown(site: Site, cases: Cases) -> None:
    """While a case waits, its run is suspended under its own name, says whom it waits for, has the form with the
    question, the choices and what they mean, and a story that says the same."""
    case = cases.delivered
    form = site.until_waiting(case.id, "approval/1")
    run = site.prefect.run(case.id)
    assert (run["state"]["type"], run["state"]["name"]) == ("PAUSED", "Suspended")
    assert run["name"] == f"data-export {case.ticket} team-104"
    tags = {"casework", "data-export", f"zendesk:ticket:{case.ticket}", "enterprise", "waiting:csm"}
    assert set(run["tags"]) == tags
    schema = form["schema"]
    assert set(schema["properties"]) == {"verdict", "reason", "your_code", "wait"}
    assert schema["properties"]["wait"]["const"] == "approval/1"
    assert schema["definitions"]["Verdict"]["enum"] == ["approve", "deny"]
    assert schema["properties"]["verdict"]["description"] == "Do you agree to this data export?"
    assert "team-104" in form["description"]
    (story,) = site.prefect.artifacts(case.id)
    assert "**Waiting for csm (approval, until" in story["data"]


@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed on this machine")
def test_a_colleague_sees_the_case_in_the_ui(site: Site, cases: Cases) -> None:
    """In a browser the waiting case's page shows its name, its tags and Resume, which opens the question, its choices
    and a field for the code; the story's page says whom the case waits for."""
    case = cases.delivered
    site.until_waiting(case.id, "approval/1")
    (story,) = site.prefect.artifacts(case.id)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{site.addresses['prefect']}/runs/flow-run/{case.id}")
        page.get_by_text(f"data-export {case.ticket} team-104").first.wait_for()
        for tag in ("waiting:csm", "enterprise", f"zendesk:ticket:{case.ticket}"):
            page.get_by_text(tag, exact=True).first.wait_for()
        page.get_by_role("button", name="Resume").click()
        page.get_by_role("heading", name="Do you agree to this data export?").wait_for()
        page.get_by_text("Your personal code, from the message that asked you").wait_for()
        page.get_by_text("Why (needed to deny)").wait_for()
        page.goto(f"{site.addresses['prefect']}/artifacts/artifact/{story['id']}")
        page.get_by_text("Waiting for csm").wait_for()
        browser.close()


def test_what_is_typed_is_checked_and_forgotten(site: Site, cases: Cases) -> None:
    """A form of an earlier question is turned away and resumes nothing; a wrong code resumes the run, is recorded
    as refused and changes nothing else: the same question is asked again, and what was typed is deleted."""
    case = cases.delivered
    site.until_waiting(case.id, "approval/1")
    right = code_of(site, case)
    assert site.prefect.resume(case.id, verdict="approve", your_code=right, wait="reason/1") == "REJECT"
    assert site.prefect.state(case.id)[1] == "Suspended"

    assert (
        site.prefect.resume(case.id, verdict="deny", reason=DENIAL, your_code=WRONG_CODE, wait="approval/1") == "ACCEPT"
    )
    until("refusal", lambda: refusals(site, case))
    site.until_waiting(case.id, "approval/1")
    assert refusals(site, case) == ["bad_code"]
    assert site.entries(case.id, Kind.DECIDED)[-1].key == "reason/1"
    left = str(site.prefect.inputs(case.id))
    assert WRONG_CODE not in left
    assert DENIAL not in left


def test_delivered(site: Site, cases: Cases) -> None:
    """The CSM agrees by the form of the Prefect UI with the code from Slack; a second click is turned away; the
    customer downloads in ranges; the export is destroyed, certified, and the run ends as Delivered."""
    case = cases.delivered
    site.until_waiting(case.id, "approval/1")
    click = {"verdict": "approve", "your_code": code_of(site, case), "wait": "approval/1"}
    assert site.prefect.resume(case.id, **click) == "ACCEPT"
    assert site.prefect.resume(case.id, **click) == "ABORT"
    site.until_waiting(case.id, "deliverable/1")
    assert site.prefect.resume(case.id, **click) == "REJECT"
    (decided,) = [e for e in site.entries(case.id, Kind.DECIDED) if e.key == "approval/1"]
    assert (decided.actor, decided.payload["channel"], decided.payload["verified"]) == ("staff-13", "prefect", True)

    site.make(case.id, case.team, 24_000_000)
    site.until_waiting(case.id, "download/1")
    link = until("link on the ticket", lambda: site.players.link(case.ticket))
    browser = Download(site.players, link)
    browser.send_code()
    browser.claim(until("code in the mailbox", lambda: site.players.mailed_code(case.user)))
    while browser.go_on():
        pass
    assert browser.arrived == browser.size > 2 * RANGE_BYTES
    site.until_ended(case.id, "delivered", "Delivered")
    assert_shown_as_it_ended(site, case)
    assert verify(Certificates(site.files.engine).read(case.id)).certificate.result
    ticket = site.players.state()["zendesk"]["tickets"][str(case.ticket)]
    assert ticket["status"] == "solved"


def test_denied(site: Site, cases: Cases) -> None:
    """The CSM denies on the personal decision page and says why: the customer is told, the run ends as such."""
    case = cases.denied
    site.until_waiting(case.id, "approval/1")
    page = until("message in Slack", lambda: site.players.asked(case.ticket, case.csm)).link
    site.players.answer(page, verdict="deny", reason=DENIAL)
    site.until_ended(case.id, "denied: staff-11", "Denied: staff-11")
    assert_shown_as_it_ended(site, case)
    comments = site.players.state()["zendesk"]["comments"][str(case.ticket)]
    assert [one["public"] for one in comments if DENIAL in one["body"]] == [False]


def test_cancelled_in_the_ui(site: Site, cases: Cases) -> None:
    """Cancelled in the Prefect UI while it waits, a case is unwound, tells its ticket, and its run stays Cancelled."""
    case = cases.cancelled
    site.until_waiting(case.id, "approval/1")
    site.prefect.cancel(case.id)
    until("end of the case", lambda: site.ending(case.id))
    assert site.ending(case.id) == "cancelled"
    undone = [entry.key for entry in site.entries(case.id, Kind.COMPENSATED)]
    assert undone == ["undo:approval/1>tell:staff-11>people.ask_in_slack/1", "undo:zendesk.begin/1"]
    until("cancelled run", lambda: site.prefect.state(case.id) == ("CANCELLED", "Cancelled"))
    assert_shown_as_it_ended(site, case)


def test_expired(site: Site, cases: Cases) -> None:
    """Nobody downloads: a week later, by the sandbox's clock, the link ends, everything is destroyed and certified."""
    case = cases.expired
    site.until_waiting(case.id, "download/1")
    site.command("advance", "--days", "7.1")
    site.until_ended(case.id, "expired", "Expired")
    assert_shown_as_it_ended(site, case)
    assert verify(Certificates(site.files.engine).read(case.id)).certificate.result


def test_nothing_leaks(site: Site, cases: Cases) -> None:
    """No name, address, message text, reason, code, token or link is in what our side keeps: both databases, run
    pages, logs of every process. What the tests before left is searched; ids show that it is looked at."""
    world = site.players.state()
    secret = (site.home / "secret").read_bytes()
    needles = {"reason": REASON, "denial": DENIAL, "typed code": WRONG_CODE, "row": "planted-row-4b7e"}
    needles |= {text: text for text in world["planted"]}
    needles |= {f"credential {name}": value for name, value in world["credentials"].items()}
    for case in (cases.delivered, cases.denied, cases.cancelled, cases.expired):
        link = site.players.link(case.ticket)
        if link is not None:
            needles[f"link of {case.ticket}"] = link.rsplit("/", 1)[-1]
        for asked in site.entries(case.id, Kind.QUESTION_ASKED):
            for staff in world["roster"]["staff"]:
                invited = Invitation(case_id=case.id, wait=asked.key, person=Person(id=staff))
                needles[f"code of {staff} for {asked.key} of {case.ticket}"] = invited.code(secret)
                needles[f"token of {staff} for {asked.key} of {case.ticket}"] = invited.token(secret)
    places = site.bytes_kept()
    places["logs in Prefect"] = str(site.prefect.logs()).encode()
    leaks = [
        f"{name} in {place}"
        for place, content in places.items()
        for name, needle in needles.items()
        if needle.lower().encode() in content.lower()
    ]
    assert leaks == []
    searched = [place for place, content in places.items() if cases.delivered.id.encode() in content]
    assert {"casework.db", "prefect/prefect.db", "logs/worker.log", "logs in Prefect"} <= set(searched)
    assert {"logs/gateway.log", "logs/prefect.log"} <= set(places)
