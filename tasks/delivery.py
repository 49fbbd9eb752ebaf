"""A deliverable's way to the customer: sealed into a vault, one link, one download, destroyed, certified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from casework import __version__, clock
from casework.confidential import ConfidentialText
from casework.delivery import current
from casework.delivery.certificate import Ciphertext, Outcome, Run, issue
from casework.delivery.destruction import destroy as destroy_copies
from casework.delivery.evidence import Copy, CopyState, readable
from casework.delivery.handover import seal_into, verify
from casework.delivery.link import LinkConflict, LinkState, SealedFile
from casework.delivery.links import CLAIM_EXTENSION, GRACE
from casework.delivery.sealing import sealed_size
from casework.delivery.transfer import NAME as BY_HAND
from casework.delivery.transfer import ByHand, TransferByHand
from casework.delivery.vaults import VaultCopy
from casework.people import Identity, Person
from casework.step import case_id, lookup, progress, reference, step
from casework.systems import current as systems
from casework.systems.errors import Misconfigured, Temporary
from casework.wait import Heard
from policies import messages
from tasks.drop import Deliverable, drop_of, packed
from tasks.people import tell_once

__all__ = [
    "GATEWAY",
    "ByHand",
    "SealedFile",
    "allot",
    "destroy",
    "evidence",
    "hand_over",
    "has_second_host",
    "last_moment",
    "open_link",
    "outcome",
    "reissue",
    "revoke",
    "seal",
    "send_link",
    "unlock",
    "vault_answers",
    "vaults",
]

GATEWAY = Person(id="gateway")
"""Who answers when the state of a link does."""


def _certify(prefix: str, ended_as: str, by_hand: ByHand | None = None) -> dict[str, Any]:
    """Destroy everything that a case has of a deliverable, and sign what was found. Safe to repeat."""
    parts, case = current(), case_id()
    link = parts.links.of_deliverable(case)
    copies: list[Copy] = [VaultCopy(vault, case) for vault in parts.vaults.values()]
    if by_hand is not None:
        copies.append(TransferByHand(by_hand, now=clock.present))
    done = destroy_copies(
        case,
        case,
        [*copies, drop_of(prefix)],
        links=parts.links,
        keys=parts.keys,
        now=clock.present,
        ended_as=ended_as,
    )
    # What people have to destroy is not gone sooner by our trying again.
    blocked = ", ".join(found.copy for found in done.evidence if readable(found) and found.copy != BY_HAND)
    if blocked:
        raise Temporary("delivery", "destroy", f"{blocked} is not gone yet; look at its lock or legal hold")
    ciphertext = Ciphertext(sha256=link.file.sealed_sha256, size=link.file.sealed_size) if link else None
    document = issue(
        parts.signer,
        done,
        case_id=case,
        outcome=Outcome(link.ended_as if link and link.ended_as else ended_as),
        run=Run(actor="casework", run_id=case, code_version=__version__),
        issued_at=clock.present(),
        ciphertext=ciphertext,
    )
    return parts.certificates.keep(document)


@step(repeatable=True)
def destroy(prefix: str, ended_as: str = "cancelled", by_hand: ByHand | None = None) -> str:
    """End the link, destroy the key and every copy, look that they are gone, and keep the certificate; its name.

    Each stage may be repeated; a certificate that is kept already is not written again. `by_hand` is what was said of
    a copy that was uploaded by hand, if there is one.
    """
    return str(_certify(prefix, ended_as, by_hand)["deliverable_id"])


@step(repeatable=True, undo=destroy)
def allot(prefix: str) -> str:
    """From here on the drop may hold data: however the case ends, what is there is destroyed and certified."""
    return prefix


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A deliverable that people carry from its drop; `left` is what they are told if the case is called off."""

    prefix: str
    ticket: int
    people: tuple[Person, ...]
    left: str
    single_download_enforced: bool = False


@step(repeatable=True)
def leave(handed: HandedOver) -> None:
    """Certify that a copy may be left with whoever carried it, and tell them in Slack to destroy it, each once.

    Not on the ticket: a ticket that was closed takes no note.
    """
    _certify(handed.prefix, "cancelled", ByHand())
    page = systems().places.ticket_page.format(ticket=handed.ticket)
    text = messages.render(handed.left, ticket=str(handed.ticket), ticket_link=page).body
    for person in handed.people:
        tell_once(person, text)


@step(repeatable=True, undo=leave)
def hand_over(prefix: str, ticket: int, people: tuple[Person, ...], left: str) -> HandedOver:
    """From here on `people` may have a copy by hand, which no step of ours can destroy."""
    return HandedOver(prefix, ticket, people, left)


@lookup
def vaults() -> tuple[str, ...]:
    """The vaults that are set up."""
    return tuple(current().vaults)


@lookup
def vault_answers(vault: str) -> bool:
    """Whether a vault is set up and can be reached now, so that nobody waits an hour for an upload that cannot end."""
    if vault not in current().vaults:
        return False
    try:
        current().vaults[vault].look(f"{case_id()}-probe")
    except Temporary:
        return False
    return True


@step(repeatable=True)
def seal(prefix: str, checked: Deliverable, ticket: int, vault: str) -> SealedFile:
    """Seal the deliverable into a vault, in one pass, and read it back; again replaces the vault's object."""
    case = case_id()
    wanted = packed(prefix, checked, case[:8])
    parts = current()
    sealed = seal_into(
        parts.vaults[vault],
        wanted,
        parts.keys,
        case_id=case,
        deliverable_id=case,
        ticket=str(ticket),
        object_name=case,
        progress=lambda done: progress(done, sealed_size(wanted.size), "sealing and uploading"),
    )
    verify(sealed, parts.keys, parts.vaults[vault])
    return sealed


@step(repeatable=True)
def open_link(sealed: SealedFile, expires_at: datetime) -> str:
    """Make the link and open it for its one claim; the link's id. Again gives the same link."""
    links = current().links
    return links.make_ready(links.create(sealed, expires_at).link_id).link_id


def _find_sent(ticket: int, *_args: object, **_values: object) -> int | None:
    found = systems().zendesk.find_comment(ticket, reference())
    return found.id if found else None


@step(find=_find_sent)
def send_link(ticket: int, link_id: str, message: str, until: datetime, second_host: bool = False) -> int:
    """Send the customer the link, which is made here and stands in no record; the comment's id.

    It leads to the gateway's address, or to its second one.
    """
    parts = current()
    host = parts.second_public_url if second_host else parts.public_url
    if host is None:
        raise Misconfigured("settings", "send a link on the second host", "gateway.second_public_url is not set")
    text = messages.render(message, link=f"{host}/d/{parts.links.token(link_id)}", until=until).body
    return systems().zendesk.comment(ticket, f"{text}\nRef {reference()}", True, status="pending")


@step(repeatable=True)
def revoke(link_id: str) -> str:
    """End the link at once, a running download included; its state. One that has ended stays as it is."""
    return current().links.revoke(link_id, "cancelled").state.value


@step(repeatable=True)
def unlock(link_id: str) -> str:
    """Give a locked link new tries; its state. Again, and for one that is not locked, changes nothing."""
    return current().links.unlock(link_id).state.value


@step(repeatable=True)
def reissue(link_id: str, sealed: SealedFile, expires_at: datetime, by: str, reason: ConfidentialText) -> str | None:
    """Void a link and open another one to the same deliverable, by a person (an id) with a reason; its id.

    None when the link has ended meanwhile: there is nothing left to void. Again gives the same link.
    """
    links = current().links
    try:
        return links.make_ready(links.reissue(link_id, sealed, expires_at, by=by, reason=reason).link_id).link_id
    except LinkConflict:
        return None


@lookup
def has_second_host() -> bool:
    """Whether the gateway has a second address for customers who cannot reach the first."""
    return current().second_public_url is not None


def outcome(link_id: str) -> tuple[Heard, ...]:
    """How a link ended, if it has; looks, and lets what is overdue end."""
    links = current().links
    links.expire_due(clock.present())
    link = links.get(link_id)
    if link.state not in (LinkState.RECEIVED, LinkState.EXPIRED, LinkState.REVOKED):
        return ()
    identity = Identity(kind="system", value=GATEWAY.id)
    state = link.state.value
    return (Heard(identity, {"outcome": state}, f"gateway:{link_id}-{state}", link.received_at),)


@lookup
def evidence(name: str) -> dict[str, Any]:
    """What the note on the ticket says of a certificate: its address, the digest, and what was found of each copy."""
    parts = current()
    document = parts.certificates.read(name)
    sealed = document["ciphertext"]
    # Where we did not find out ourselves that it is gone, who says so or what hinders belongs to the finding.
    telling = (CopyState.BY_HAND, CopyState.BLOCKED)
    copies = [
        f"{copy['copy']}: {copy['state']}" + (f", {copy['detail']}" if copy["state"] in telling else "")
        for copy in document["copies"]
    ]
    digest = sealed["sha256"] if sealed else "none"
    pdf = f"{parts.public_url}/certificates/{name}.pdf"
    return {"certificate": name, "pdf": pdf, "outcome": document["outcome"], "digest": digest, "copies": copies}


def last_moment(expires: datetime) -> datetime:
    """When a download that was claimed just before the link's expiry must be over (UTC)."""
    return expires + CLAIM_EXTENSION + GRACE + timedelta(minutes=5)
