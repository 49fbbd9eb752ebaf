"""Sealed, downloaded once, destroyed, certified; and what happens when the vault or the customer is away."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta

from casework.case import Kind
from casework.delivery.link import Refusal
from casework.engine.simulated import Run
from casework.sandbox import aws
from casework.sandbox.misbehave import Fault
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office

SCALED, TEAM = "user-81", "team-102"


def made(office: Office) -> tuple[int, Run]:
    """A request whose deliverable is right."""
    ticket, run = office.ask(SCALED)
    office.reply(ticket)
    office.make(run, TEAM)
    return ticket, run


def test_delivered(office: Office) -> None:
    """The whole way: one link, one download of exactly what engineering made, then nothing is left."""
    ticket, run = made(office)
    assert office.waiting(run) == ["download/1"]
    ready = office.said(ticket)[-1]
    link = office.delivery.links.of_deliverable(run.case_id)
    assert link is not None
    assert f"https://casework.example/d/{office.delivery.links.token(link.link_id)}" in ready
    assert office.ticket(ticket)["status"] == "pending"
    data = office.download(run)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name.rsplit("/")[-1] for name in archive.namelist()} >= {"candidates.csv", "projects.jsonl"}
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")
    assert office.ticket(ticket)["status"] == "solved"
    assert "you have downloaded your data export" in office.said(ticket)[-1]
    assert any(run.case_id in note and "key is destroyed" in note for note in office.said(ticket, False))
    assert office.world.state["asana"]["tasks"][office.task()]["completed"] is True


def test_progress_is_shown(office: Office) -> None:
    """Sealing shows how far it is, up to the whole size."""
    _, run = made(office)
    assert run.progress
    assert all(done == of for done, of in run.progress.values())


def test_the_vault_holds_ciphertext_only(office: Office) -> None:
    """Nothing readable enters the vault."""
    made(office)
    blobs = [path.read_bytes() for path in (office.world.folder / "blobs").iterdir()]
    assert blobs
    assert not any(b"Quillfeather" in blob or b"team-102" in blob for blob in blobs)


def test_expired(office: Office) -> None:
    """Not downloaded: one reminder on day 4, destroyed after 7 days, the customer told, the ticket solved."""
    ticket, run = made(office)
    told = len(office.said(ticket))
    office.advance(days=3.9)
    assert len(office.said(ticket)) == told
    office.advance(days=0.2)
    assert "has not been downloaded yet" in office.said(ticket)[-1]
    assert len(office.said(ticket)) == told + 1
    office.advance(days=3.5)
    assert_closed(office, run, "expired")
    assert_nothing_left(office, run, "expired")
    assert "was not downloaded in time" in office.said(ticket)[-1]
    assert office.ticket(ticket)["status"] == "solved"


def test_the_link_opens_nothing_after_seven_days(office: Office) -> None:
    """The server's clock ends the link after 7 days, even before the case has noticed."""
    _, run = made(office)
    links = office.delivery.links
    link = links.of_deliverable(run.case_id)
    assert link is not None
    code = links.issue_code(link.link_id)
    assert isinstance(code, str)
    office.engine.sleep(7 * 86400)
    assert isinstance(links.claim(links.token(link.link_id), code), Refusal)


def test_revoked(office: Office) -> None:
    """A link that colleagues revoke: all is destroyed, and the customer reads that the export was stopped."""
    ticket, run = made(office)
    link = office.delivery.links.of_deliverable(run.case_id)
    assert link is not None
    office.delivery.links.revoke(link.link_id)
    office.advance(hours=12.1)
    assert_closed(office, run, "cancelled")
    assert_nothing_left(office, run, "revoked")
    assert "was stopped before it was done" in office.said(ticket)[-1]


def test_a_download_may_end_after_the_expiry(office: Office) -> None:
    """Claimed a minute before the expiry, the download may still end: the case waits for it and is delivered."""
    _, run = made(office)
    links = office.delivery.links
    link = links.of_deliverable(run.case_id)
    assert link is not None
    office.advance(days=6)
    office.engine.time = link.expires_at - timedelta(minutes=1)
    won = office.claim(run)
    office.advance(minutes=30)
    assert office.engine.time > link.expires_at
    assert office.waiting(run) == ["download/1"]
    office.receive(won)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")


def test_a_download_without_scripts(office: Office) -> None:
    """A browser that cannot acknowledge: sent in full, and nobody comes again in half an hour, counts as received."""
    _, run = made(office)
    links = office.delivery.links
    won = office.claim(run)
    stream = links.open_stream(won.link.link_id, won.value)
    assert isinstance(stream, str)
    links.sent_in_full(won.link.link_id, stream)
    office.advance(hours=12.1)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")


def test_asking_again_after_expiry(office: Office) -> None:
    """A reply to the closing message reopens the ticket, and the next occurrence begins with a case of its own."""
    ticket, run = made(office)
    office.advance(days=8)
    assert office.ending(run) == "expired"
    office.reply(ticket, "Sorry, we were away. Please make it again.")
    second = office.run_of(ticket)
    assert second is not run
    assert office.files.case(second.case_id).occurrence == 2
    assert office.waiting(second) == ["reason/1"]
    office.reply(ticket)
    office.make(second, TEAM)
    office.download(second)
    assert_closed(office, second, "delivered")
    assert_nothing_left(office, second, "received")
    assert office.files.verify(run.case_id)


def test_reminder_has_the_same_link(office: Office) -> None:
    """The reminder repeats the one link there is."""
    ticket, _ = made(office)
    office.advance(days=4.1)
    found = [re.findall(r"https://casework\.example/d/[\w-]+", text) for text in office.said(ticket)[-2:]]
    assert found[0] == found[1]
    assert len(found[0]) == 1


# -- the vault


def test_vault_down_operators_choose_another(office: Office) -> None:
    """Dropbox cannot be reached: operators choose S3, and the export goes there and is destroyed there."""
    office.world.misbehave("dropbox", Fault.server_error(), times=60)
    _, run = made(office)
    assert office.waiting(run) == ["vault-down/1"]
    office.answer(run, "staff-41", vault="s3")
    assert office.waiting(run) == ["download/1"]
    assert office.in_bucket(aws.VAULT_BUCKET, f"sealed/{run.case_id}") == 1
    office.world.state["faults"]["dropbox"].clear()
    office.download(run)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")


def test_vault_back_again(office: Office) -> None:
    """Operators may also try the same vault again, once it answers."""
    office.world.misbehave("dropbox", Fault.server_error(), times=60)
    _, run = made(office)
    office.answer(run, "staff-41", vault="dropbox")
    assert office.waiting(run) == ["vault-down/2"], "it still does not answer"
    office.world.state["faults"]["dropbox"].clear()
    office.answer(run, "staff-41", vault="dropbox")
    assert office.waiting(run) == ["download/1"]


def test_vault_failing_in_mid_upload_parks(office: Office) -> None:
    """Dropbox fails while the export goes up: the case parks, nothing is lost, a retry delivers."""
    office.world.misbehave("dropbox", Fault.server_error(), times=40, match="POST /2/files/upload")
    ticket, run = made(office)
    (wait,) = office.waiting(run)
    assert wait == "fault>delivery.seal/1/1"
    assert run.state == "suspended"
    assert len(office.said(ticket)) == 1
    office.world.state["faults"]["dropbox"].clear()
    office.answer(run, "staff-41", verdict="retry")
    assert office.waiting(run) == ["download/1"]
    office.download(run)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")


def test_ending_a_parked_upload(office: Office) -> None:
    """Operators end the case instead: what was uploaded is destroyed and certified, the customer told once."""
    office.world.misbehave("dropbox", Fault.server_error(), times=40, match="POST /2/files/upload")
    ticket, run = made(office)
    office.world.state["faults"]["dropbox"].clear()
    office.answer(run, "staff-41", verdict="end the case", reason="Not needed any more")
    assert_closed(office, run, "cancelled")
    assert_nothing_left(office, run, "cancelled")
    assert "was stopped before it was done" in office.said(ticket)[-1]


def test_destruction_that_cannot_be_done_parks(office: Office) -> None:
    """The vault is away when everything is to be destroyed: the link is dead at once, the rest is retried."""
    ticket, run = made(office)
    office.world.misbehave("dropbox", Fault.server_error(), times=200, match="POST /2/files/delete")
    office.download(run)
    (wait,) = office.waiting(run)
    assert wait == "fault>delivery.destroy/1/1"
    assert office.entries(run, Kind.FAULT_PARKED)
    assert "you have downloaded" not in office.said(ticket)[-1]
    office.world.state["faults"]["dropbox"].clear()
    office.answer(run, "staff-42", verdict="retry")
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")
