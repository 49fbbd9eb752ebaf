"""Other vaults by the operators' choice, and a transfer by hand: what is asked, certified and told when it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from casework import delivery
from casework.answer import Accepted, Offer, Refused, answer
from casework.case import Kind
from casework.delivery.certificate import Certificate, verify
from casework.delivery.vaults import OneDriveVault
from casework.engine.simulated import Run
from casework.people import Identity
from casework.sandbox import aws
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.misbehave import Fault
from casework.systems.onedrive import App, OneDrive
from tests.scenarios.deliveries import NewOffice
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office
from tests.scenarios.wire import Mishap

SCALED, TEAM = "user-81", "team-102"
REASON = "Theirs cannot open ours, says Wexcombe"
SENT = {"decision": "uploaded, and the link is sent"}
DESTROYED = {"decision": "destroyed and looked at"}
KEPT = {"decision": "cannot be destroyed", "reason": "Held by their lawyers"}


def vault_down(office: Office) -> tuple[int, Run]:
    """A right deliverable, and Dropbox away: the operators are asked."""
    office.world.misbehave("dropbox", Fault.server_error(), times=60)
    ticket, run = office.ask(SCALED)
    office.reply(ticket)
    office.make(run, TEAM)
    office.world.state["faults"]["dropbox"].clear()
    assert office.waiting(run) == ["vault-down/1"]
    return ticket, run


def carried(office: Office) -> tuple[int, Run]:
    """A case that goes by hand, whose operators are asked to upload."""
    ticket, run = vault_down(office)
    assert isinstance(office.answer(run, "staff-41", vault="manual-transfer", reason=REASON), Accepted)
    assert office.waiting(run) == ["by-hand-upload/1"]
    return ticket, run


def question(run: Run) -> str:
    assert run.pause is not None
    return run.pause.question


def certified(office: Office, run: Run) -> Certificate:
    document = office.delivery.certificates.read(run.case_id)
    return verify(document, office.delivery.signer.public_key).certificate


@pytest.fixture
def with_onedrive(office: Office) -> Office:
    """An office that has a vault in OneDrive too."""
    known = office.world.credentials
    app = App(known["onedrive_tenant"], known["onedrive_client_id"], known["onedrive_client_secret"])
    client = OneDrive(
        known["onedrive_drive"],
        app,
        url="https://graph.example/v1.0",
        login_url="https://login.example",
        transport=httpx_transport(office.world, "onedrive"),
        sleep=office.engine.sleep,
        seconds=lambda: office.engine.now().timestamp(),
    )
    drive = OneDriveVault(client, "/casework", now=office.engine.now)
    office.delivery = replace(office.delivery, vaults={**office.delivery.vaults, drive.name: drive})
    delivery.use(office.delivery)
    return office


def test_onedrive_instead(with_onedrive: Office) -> None:
    """Dropbox cannot be reached: operators choose OneDrive; it is downloaded from there, and nothing is left there."""
    office = with_onedrive
    _, run = vault_down(office)
    assert "dropbox, s3, onedrive" in question(run)
    office.answer(run, "staff-41", vault="onedrive")
    assert office.waiting(run) == ["download/1"]
    assert [item["path"] for item in office.world.state["onedrive"]["items"].values()] == [f"casework/{run.case_id}"]
    office.advance(days=2)
    assert office.download(run)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")
    assert office.world.state["onedrive"]["items"] == {}
    (copy,) = [copy for copy in certified(office, run).copies if copy.copy_name.startswith("onedrive:")]
    assert copy.state == "verified absent"
    assert len(copy.request_ids) == 1


def test_a_vault_that_is_not_set_up_is_not_used(office: Office) -> None:
    """Operators choose one that the settings do not have: they are told, and asked again."""
    _, run = vault_down(office)
    assert "(dropbox, s3)" in question(run)
    office.answer(run, "staff-41", vault="onedrive")
    assert office.waiting(run) == ["vault-down/2"]
    assert "it is not set up" in question(run)
    office.answer(run, "staff-41", vault="s3")
    assert office.waiting(run) == ["download/1"]


def test_by_hand_only_with_a_reason(office: Office) -> None:
    """Without a reason the choice does not count; with one it stands on the ticket, and only there."""
    ticket, run = vault_down(office)
    assert isinstance(office.answer(run, "staff-41", vault="manual-transfer"), Refused)
    assert office.waiting(run) == ["vault-down/1"]
    office.answer(run, "staff-41", vault="manual-transfer", reason=REASON)
    assert any(REASON in note and "manual-transfer" in note for note in office.said(ticket, False))
    assert REASON not in str([entry.payload for entry in office.entries(run)])


def test_by_hand(office: Office) -> None:
    """Upload, download and destruction are said by operators, and everything that is written says that they said so."""
    ticket, run = carried(office)
    asked = question(run)
    assert f"exports/{run.case_id}/" in asked
    assert aws.DROP_BUCKET in asked
    checked = next(e for e in office.entries(run) if e.key.startswith("drop.check")).payload["result"]["files"]
    assert checked
    assert all(file["sha256"] in asked for file in checked)
    blobs = list((office.world.folder / "blobs").iterdir())
    assert (office.in_bucket(aws.VAULT_BUCKET, ""), blobs) == (0, []), "nothing passes through us"
    office.answer(run, "staff-42", **SENT)
    assert any("downloaded only once is not enforced" in note for note in office.said(ticket, False))
    assert office.waiting(run) == ["by-hand-fetched/1"]
    office.answer(run, "staff-41", decision="downloaded")
    assert office.waiting(run) == ["by-hand-destroyed/1"]
    office.answer(run, "staff-42", **DESTROYED)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")
    certificate = certified(office, run)
    assert certificate.result == "destroyed, in part by hand"
    assert certificate.ciphertext is None
    (copy,) = [copy for copy in certificate.copies if copy.copy_name == "manual-transfer"]
    assert (copy.state, copy.sealed) == ("destroyed by hand", False)
    assert copy.detail == "said by staff-42; the single download was not enforced"
    told = "manual-transfer: destroyed by hand, said by staff-42; the single download was not enforced"
    assert any(told in note for note in office.said(ticket, False))
    (handed,) = [e for e in office.entries(run, Kind.STEP_DONE) if e.key.startswith("delivery.hand_over")]
    assert handed.payload["result"]["single_download_enforced"] is False
    assert "we have deleted the export there" in office.said(ticket)[-1]
    assert office.ticket(ticket)["status"] == "solved"
    assert office.delivery.links.of_deliverable(run.case_id) is None


def test_not_downloaded_in_time(office: Office) -> None:
    """Nobody says that it was downloaded: it counts as expired in time, and must be destroyed all the same."""
    _, run = carried(office)
    office.answer(run, "staff-42", **SENT)
    office.advance(days=7.5)
    assert office.waiting(run) == ["by-hand-destroyed/1"]
    assert "was not downloaded in time" in question(run)
    office.answer(run, "staff-42", **DESTROYED)
    assert_closed(office, run, "expired")
    assert certified(office, run).result == "destroyed, in part by hand"


def test_nobody_says_that_it_is_destroyed(office: Office) -> None:
    """The case does not end without a word about it: the operators are asked again and again."""
    _, run = carried(office)
    office.answer(run, "staff-42", **SENT)
    office.answer(run, "staff-42", decision="downloaded")
    office.advance(days=10)
    assert office.waiting(run) == ["by-hand-destroyed/2"]
    assert sum("`by-hand-destroyed`" in text for text in office.slack("staff-41")) > 2


def test_what_cannot_be_destroyed_is_not_called_destroyed(office: Office) -> None:
    """The case ends, certified as not destroyed with who says so, and the customer reads that a copy is left."""
    ticket, run = carried(office)
    office.answer(run, "staff-42", **SENT)
    office.answer(run, "staff-42", decision="downloaded")
    assert isinstance(office.answer(run, "staff-41", decision="cannot be destroyed"), Refused)
    office.answer(run, "staff-41", **KEPT)
    assert_closed(office, run, "delivered")
    certificate = certified(office, run)
    assert certificate.result == "not destroyed"
    (copy,) = [copy for copy in certificate.copies if copy.copy_name == "manual-transfer"]
    assert copy.state == "blocked"
    assert copy.detail.startswith("cannot be destroyed, said by staff-41")
    assert any(KEPT["reason"] in note for note in office.said(ticket, False))
    assert "A copy is still with that service" in office.said(ticket)[-1]
    assert office.in_bucket(aws.DROP_BUCKET, f"exports/{run.case_id}/") == 0


def test_not_uploaded(office: Office) -> None:
    """Operators end it before anything was uploaded: destroyed and certified without a copy by hand."""
    _, run = carried(office)
    office.answer(run, "staff-42", decision="not uploaded: end the case")
    assert_closed(office, run, "cancelled")
    assert_nothing_left(office, run, "cancelled")
    assert certified(office, run).result == "destroyed"


@pytest.mark.parametrize("uploaded", [False, True])
def test_called_off_meanwhile(office: Office, uploaded: bool) -> None:
    """The case is called off while it is carried: ours is destroyed, theirs is certified as blocked, staff are told."""
    ticket, run = carried(office)
    if uploaded:
        office.answer(run, "staff-42", **SENT)
    office.people.agent.close(ticket)
    office.hooks()
    assert_closed(office, run, "cancelled")
    certificate = certified(office, run)
    assert certificate.result == "not destroyed"
    (copy,) = [copy for copy in certificate.copies if copy.copy_name == "manual-transfer"]
    assert copy.detail.startswith("nobody has said that it was destroyed")
    for staff in ("staff-41", "staff-42"):
        assert sum("destroy it there now" in text for text in office.slack(staff)) == 1
    assert office.in_bucket(aws.DROP_BUCKET, f"exports/{run.case_id}/") == 0


def by_hand(new_office: NewOffice, mishap: Mishap | None) -> list[str]:
    """A whole transfer by hand with the mishap from the upload on; what passed the wire."""
    with new_office() as office:
        ticket, run = carried(office)
        office.wire.passed.clear()
        office.wire.mishap = mishap
        for values in (SENT, {"decision": "downloaded"}, DESTROYED):
            with office.wire.still():
                (wait,) = office.waiting(run)
                answer(Offer(run.case_id, wait, values, "link", Identity(kind="person", value="staff-42")))
            office.settle()
        assert office.wire.happened == (mishap is not None), mishap
        assert_closed(office, run, "delivered")
        assert_nothing_left(office, run, "received")
        assert certified(office, run).result == "destroyed, in part by hand"
        assert sum("uploaded the export by hand" in note for note in office.said(ticket, False)) == 1, mishap
        assert sum("we have deleted the export there" in text for text in office.said(ticket)) == 1, mishap
        return office.wire.passed


@pytest.mark.slow
def test_killed_meanwhile_at_a_sample_of_places(new_office: NewOffice) -> None:
    """Killed at a commit or a vendor call on this way: each thing is said once, and the certificate is the same."""
    passed = by_hand(new_office, None)
    for number, at in enumerate(range(0, len(passed), 12)):
        by_hand(new_office, Mishap(at, "killed before" if number % 2 else "killed after"))
