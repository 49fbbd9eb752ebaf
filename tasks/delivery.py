"""A deliverable's way to the customer: sealed into a vault, one link, one download, destroyed, certified."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from casework import __version__, clock
from casework.delivery import current
from casework.delivery.certificate import Ciphertext, Outcome, Run, issue
from casework.delivery.deliverable import Accepted
from casework.delivery.destruction import destroy as destroy_copies
from casework.delivery.handover import seal_into, verify
from casework.delivery.link import LinkState, SealedFile
from casework.delivery.links import CLAIM_EXTENSION, GRACE
from casework.delivery.package import package
from casework.delivery.sealing import sealed_size
from casework.delivery.vaults import VaultCopy
from casework.people import Identity, Person
from casework.step import case_id, lookup, progress, reference, step
from casework.systems import current as systems
from casework.systems.errors import Misconfigured, Temporary
from casework.wait import Heard
from policies import messages
from tasks.drop import drop_of

__all__ = [
    "GATEWAY",
    "allot",
    "destroy",
    "evidence",
    "has_second_host",
    "last_moment",
    "open_link",
    "outcome",
    "revoke",
    "seal",
    "send_link",
    "vault_answers",
]

GATEWAY = Person(id="gateway")
"""Who answers when the state of a link does."""


def _certify(prefix: str, ended_as: str) -> dict[str, Any]:
    """Destroy everything that a case has of a deliverable, and sign what was found. Safe to repeat."""
    parts, case = current(), case_id()
    link = parts.links.of_deliverable(case)
    copies = [VaultCopy(vault, case) for vault in parts.vaults.values()]
    done = destroy_copies(
        case,
        case,
        [*copies, drop_of(prefix)],
        links=parts.links,
        keys=parts.keys,
        now=clock.present,
        ended_as=ended_as,
    )
    if not done.complete:
        blocked = ", ".join(found.copy for found in done.evidence if not found.sealed)
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
def destroy(prefix: str, ended_as: str = "cancelled") -> str:
    """End the link, destroy the key and every copy, look that they are gone, and keep the certificate; its name.

    Each stage may be repeated; a certificate that is kept already is not written again.
    """
    return str(_certify(prefix, ended_as)["deliverable_id"])


@step(repeatable=True, undo=destroy)
def allot(prefix: str) -> str:
    """From here on the drop may hold data: however the case ends, what is there is destroyed and certified."""
    return prefix


@lookup
def vault_answers(vault: str) -> bool:
    """Whether a vault can be reached now, so that nobody waits an hour for an upload that cannot end."""
    try:
        current().vaults[vault].look(f"{case_id()}-probe")
    except Temporary:
        return False
    return True


@step(repeatable=True)
def seal(prefix: str, checked: Accepted, ticket: int, vault: str) -> SealedFile:
    """Seal the deliverable into a vault, in one pass, and read it back; again replaces the vault's object."""
    case = case_id()
    wanted = package(drop_of(prefix), checked, f"export-{case[:8]}")
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
    """What the note on the ticket says of a certificate: the digest, and where which copy was looked for."""
    document = current().certificates.read(name)
    sealed = document["ciphertext"]
    copies = [f"{copy['copy']}: {copy['state']}" for copy in document["copies"]]
    digest = sealed["sha256"] if sealed else "none"
    return {"certificate": name, "outcome": document["outcome"], "digest": digest, "copies": copies}


def last_moment(expires: datetime) -> datetime:
    """When a download that was claimed just before the link's expiry must be over (UTC)."""
    return expires + CLAIM_EXTENSION + GRACE + timedelta(minutes=5)
