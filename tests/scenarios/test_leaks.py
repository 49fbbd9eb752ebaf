"""Nothing personal and nothing secret is in what we keep, show or log."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from casework.engine.simulated import Run
from casework.people import Invitation, Person
from casework.sandbox.misbehave import Fault
from tests.desk import SECRET
from tests.scenarios.deliveries import deliver
from tests.scenarios.office import Office

DENIAL = "because of the Grimsdyke-Allard claim"
EXEMPTION = "as agreed with Ulverstone-Pike by telephone"
ROW = "planted-row-4b7e"


def _delivered(office: Office) -> Run:
    return deliver(office)[1]


def _denied(office: Office) -> Run:
    ticket, run = office.ask("user-88")
    office.reply(ticket)
    office.note(ticket, "staff-13", f"#deny {DENIAL}")
    assert office.ending(run) == "denied: staff-13"
    return run


def _denied_by_form(office: Office) -> Run:
    ticket, run = office.ask("user-88")
    office.reply(ticket)
    code = office.code(run, "staff-13")
    office.engine.type_in(run.case_id, {"verdict": "deny", "reason": DENIAL, "your_code": code})
    office.settle()
    assert office.ending(run) == "denied: staff-13"
    return run


def _exempted_then_withdrawn(office: Office) -> Run:
    _, run = office.ask("user-92")
    office.answer(run, "staff-41", decision="go on", reason=EXEMPTION)
    office.advance(days=20)
    assert office.ending(run) == "withdrawn"
    return run


def _wrong_team(office: Office) -> Run:
    ticket, run = office.ask("user-81")
    office.reply(ticket)
    office.make(run, "team-102", "wrong-team-row")
    office.answer(run, "staff-41", decision="end the case")
    assert office.ending(run) == "cancelled"
    return run


def _parked(office: Office) -> Run:
    for vendor, match in (("dropbox", "POST /2/files/upload"), ("zendesk", "PUT")):
        office.world.misbehave(vendor, Fault.server_error(), times=30, match=match)
    _, run = office.ask("user-84")
    assert any(wait.startswith("fault>") for wait in office.waiting(run))
    return run


def _unverified(office: Office) -> Run:
    office.write_from("user-83", "cornelius@elsewhere-77aa.example", known=True)
    ticket, run = office.ask("user-83")
    office.reply(ticket, "Our board asked for an archive after the Wexcombe-Ruddle merger")
    office.advance(days=15)
    assert office.ending(run) == "unverified"
    return run


def secrets_of(office: Office, run: Run) -> dict[str, str]:
    """What may be known to one person each, and to no record: codes, tokens, links, keys, reasons."""
    found = {"denial": DENIAL, "exemption": EXEMPTION, "row": ROW, "secret": SECRET.decode()}
    for wait in {entry.key for entry in office.entries(run) if entry.kind.value == "body:question:asked"}:
        for staff in office.world.state["roster"]["staff"]:
            asked = Invitation(case_id=run.case_id, wait=wait, person=Person(id=staff))
            found[f"code of {staff} for {wait}"] = asked.code(SECRET)
            found[f"token of {staff} for {wait}"] = asked.token(SECRET)
    link = office.delivery.links.of_deliverable(run.case_id)
    if link is not None:
        found["link"] = office.delivery.links.token(link.link_id)
    return found | {f"credential {name}": value for name, value in office.world.credentials.items()}


def kept(office: Office, run: Run, log: str) -> dict[str, bytes]:
    """Everything that outlives a step: the case database with its WAL, the engine's pages, the log."""
    files = {path.name: path.read_bytes() for path in office.folder.iterdir() if path.name.startswith("cases.db")}
    assert "cases.db-wal" in files
    standing = run.standing
    assert standing is not None
    shown = [standing.name, *standing.tags, standing.story, *run.tasks, *run.progress, str(run.typed)]
    if run.pause is not None:
        shown += [run.pause.question, str(run.pause.form.model_json_schema())]
    entries = str(office.entries(run))
    return files | {"pages": "\n".join(shown).encode(), "log": log.encode(), "file": entries.encode()}


@pytest.mark.parametrize(
    "path", [_delivered, _denied, _denied_by_form, _exempted_then_withdrawn, _wrong_team, _parked, _unverified]
)
def test_nothing_leaks(office: Office, path: Callable[[Office], Run], caplog: pytest.LogCaptureFixture) -> None:
    """No name, address, domain, message text, reason, code, token, key or row is kept, shown or logged."""
    with caplog.at_level(logging.DEBUG):
        run = path(office)
    places = kept(office, run, caplog.text + "".join(str(vars(record)) for record in caplog.records))
    needles = {text: text for text in office.world.planted} | secrets_of(office, run)
    leaks = [
        f"{name} in {place}"
        for place, content in places.items()
        for name, needle in needles.items()
        if needle.lower().encode() in content.lower()
    ]
    assert leaks == []


def test_the_search_finds_what_there_is(office: Office) -> None:
    """The same search finds a team's id in every place but the log: it looks where things are."""
    run = _delivered(office)
    found = [place for place, content in kept(office, run, "").items() if b"team-104" in content]
    assert {"cases.db-wal", "pages", "file"} <= set(found)
