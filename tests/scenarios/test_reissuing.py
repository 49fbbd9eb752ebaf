"""A link is unlocked, or voided for another one by an operator with a reason; one download stays one."""

from __future__ import annotations

import pytest

from casework.answer import Accepted, Refused
from casework.delivery.links import LinkState
from casework.delivery.links import Refusal as LinkRefusal
from casework.engine.simulated import Run
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office
from tests.scenarios.test_unreachable import addresses, asked, sent

NEW = "void the link, and send a new one"
MOVED = "void the link, and send a new one from another vault"
UNLOCK = "give the code new tries"


def links(office: Office, run: Run) -> list[tuple[str, str | None]]:
    """State and ending of every link of a case, the first one first."""
    ids = [entry.payload["result"] for entry in office.entries(run) if entry.key.startswith(STEPS) and done(entry)]
    found = [office.delivery.links.get(link_id) for link_id in ids]
    return [(link.state.value, link.ended_as) for link in found]


STEPS = ("delivery.open_link/", "delivery.reissue/")


def done(entry: object) -> bool:
    """Whether an entry says that a step was done."""
    return str(getattr(entry, "kind", "")) == "body:step:done"


@pytest.mark.parametrize(("decision", "vault"), [(NEW, None), (MOVED, "s3")], ids=["the same vault", "another vault"])
def test_a_new_link(office: Office, decision: str, vault: str | None) -> None:
    """The earlier link ends, the customer gets another one, and its download is the one that destroys everything."""
    ticket, run = asked(office)
    chosen = {"vault": vault} if vault else {}
    said = office.answer(run, "staff-42", decision=decision, reason="The laptop of Wexcombe is lost", **chosen)
    assert isinstance(said, Accepted)
    assert office.waiting(run) == ["download/2"]
    assert links(office, run) == [("revoked", "reissued"), ("ready", None)]
    first, second = addresses(office, ticket)
    assert first != second
    (note,) = [text for text in office.said(ticket, False) if "voided the customer's link" in text]
    assert "staff-42" in note
    assert "The laptop of Wexcombe is lost" in note
    assert f"vault {vault or 'dropbox'}" in note
    office.download(run)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")


@pytest.mark.parametrize("values", [{"decision": NEW}, {"decision": MOVED, "reason": "it is full"}])
def test_no_new_link_without_a_reason(office: Office, values: dict[str, str]) -> None:
    """A link is not voided without a reason, nor moved without a vault; the question stays open."""
    _, run = asked(office)
    assert isinstance(office.answer(run, "staff-42", **values), Refused)
    assert office.waiting(run) == ["link-unreachable/1"]
    assert links(office, run) == [("ready", None)]


def test_a_vault_that_is_not_set_up(office: Office) -> None:
    """A vault that cannot take the file voids nothing: a note says so, and operators may be asked again."""
    ticket, run = asked(office)
    office.answer(run, "staff-42", decision=MOVED, vault="onedrive", reason="full")
    assert links(office, run) == [("ready", None)]
    assert "onedrive cannot take it" in office.said(ticket, False)[-1]
    office.note(ticket, "staff-41", "#unreachable still")
    assert office.waiting(run) == ["link-unreachable/2"]


def test_a_locked_link_is_unlocked(office: Office) -> None:
    """After five wrong codes operators give new tries: the customer reads it, and the same link can be claimed."""
    ticket, run = sent(office)
    found = office.delivery.links
    link = found.of_deliverable(run.case_id)
    assert link is not None
    code = found.issue_code(link.link_id)
    for _ in range(5):
        found.claim(found.token(link.link_id), "000000" if code != "000000" else "111111")
    assert found.issue_code(link.link_id) is LinkRefusal.LOCKED
    office.note(ticket, "staff-41", "#unreachable The link is locked")
    office.answer(run, "staff-42", decision=UNLOCK)
    assert len(set(addresses(office, ticket))) == 1
    assert "was locked" in office.said(ticket)[-1]
    office.download(run)
    assert_closed(office, run, "delivered")


def test_a_download_that_ends_meanwhile_is_not_reissued(office: Office) -> None:
    """The customer receives it while the operators decide to void the link: it is delivered, and nothing is sent."""
    ticket, run = asked(office)
    link = office.delivery.links.of_deliverable(run.case_id)
    assert link is not None
    won, found = office.claim(run), office.delivery.links
    found.acknowledge(link.link_id, won.value, 0, link.file.plain_size)
    found.receive(link.link_id, won.value, link.file.plain_sha256)
    assert found.get(link.link_id).state is LinkState.RECEIVED
    before = addresses(office, ticket)
    office.answer(run, "staff-42", decision=NEW, reason="lost")
    office.settle()
    assert_closed(office, run, "delivered")
    assert addresses(office, ticket) == before
