"""A checked drop's way to the customer: sealed into a vault, one link, one download; or carried by hand.

Shared by the processes that end with a delivery. What the customer reads is each process's own, in the folder of
messages that the parcel names; the rest are the data export's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from casework import clock
from casework.clock import Days, Until, WorkingDays
from casework.people import Role
from casework.wait import Act, Heard, wait_for
from flows import handing_over_forms as forms
from flows.asking import ask_operators, insist, look_every, office, only
from policies.data_export import NUMBERS, Ending
from tasks import accounts, delivery, drop, zendesk

__all__ = ["Parcel", "certify", "deliver", "last_word"]


@dataclass(frozen=True)
class Parcel:
    """What is to be delivered on a ticket: a checked drop. `texts` is the folder of what the customer reads."""

    ticket: int
    prefix: str
    checked: drop.Deliverable
    texts: str = "data_export"


def deliver(parcel: Parcel) -> tuple[Ending, forms.HandDestruction | None]:
    """Bring it to the customer once; how that ended, and what was said of a copy that went by hand."""
    vault = choose_vault(parcel.ticket)
    if vault is forms.Vault.MANUAL_TRANSFER:
        return carry_by_hand(parcel)
    expires = Days(NUMBERS.link_valid_days, office).after(clock.now())
    sealed = delivery.seal(parcel.prefix, parcel.checked, parcel.ticket, vault.value)
    link = delivery.open_link(sealed, expires)
    ready: dict[str, Any] = {"vault": sealed.vault, "digest": sealed.sealed_sha256, "until": expires}
    zendesk.note(parcel.ticket, "data_export/note-ready", **ready)
    told = delivery.send_link(parcel.ticket, link, f"{parcel.texts}/ready", expires)
    return await_download(parcel, sealed, link, told, expires), None


def choose_vault(ticket: int) -> forms.Vault:
    """The vault that takes it: the policy's, or what operators choose while it cannot be reached.

    Another vault, and to do it by hand, is theirs to choose; by hand only with a reason.
    """
    vault = forms.Vault(NUMBERS.vault)
    while vault is not forms.Vault.MANUAL_TRANSFER and not delivery.vault_answers(vault.value):
        known = delivery.vaults()
        error = "it cannot be reached" if vault.value in known else "it is not set up"
        within = WorkingDays(NUMBERS.operators_decision_working_days, office)
        about: dict[str, Any] = {"vault": vault.value, "error": error, "vaults": known}
        chosen = ask_operators(forms.OtherVault, ticket, "vault-down", within, **about)
        if chosen is not None:
            vault = chosen.vault
            if chosen.reason is not None:
                named = {"staff": chosen.by, "vault": vault.value}
                zendesk.note_words(ticket, "data_export/note-vault-chosen", text=chosen.reason, **named)
    return vault


def await_download(parcel: Parcel, sealed: delivery.SealedFile, link: str, told: int, expires: datetime) -> Ending:
    """Wait for the one download, and say how it ended. A download that runs may end after the link's expiry.

    Operators can only say that the customer cannot reach the link, after our comment `told`; how it ended is for
    the gateway to say.
    """
    ticket, second_host = parcel.ticket, False
    reminder = Until(Days(NUMBERS.ready_reminder_day, office).after(clock.now()))
    operators = accounts.role(NUMBERS.roles.operators)
    while True:
        receipt = wait_for(
            forms.Receipt,
            key="download",
            question=f"The customer has a link for one download, until {expires:%d %B %Y, %H:%M} UTC. If the customer "
            "cannot reach it, an operator writes `#unreachable` as an internal note on the ticket.",
            who=Role(name="customer", people=(delivery.GATEWAY, *operators.people)),
            within=Until(delivery.last_moment(expires)),
            remind=[(reminder, of_the_link(parcel, link, expires, second_host))],
            listens=f"link:{link}",
            look=ended_or_unreachable(ticket, link, told),
            look_every=look_every,
        )
        if receipt is None or receipt.by == delivery.GATEWAY.id:
            ended = {forms.Outcome.RECEIVED: Ending.DELIVERED, forms.Outcome.REVOKED: Ending.CANCELLED}
            return ended.get(receipt.outcome, Ending.EXPIRED) if receipt else Ending.EXPIRED
        answer = ask_unreachable(ticket, link, expires)
        if answer is None or answer.by == delivery.GATEWAY.id:
            continue
        way = answer.decision.name.lower().replace("_", "-")
        told = zendesk.note(ticket, "data_export/note-link-unreachable", staff=answer.by, answer=way)
        match answer.decision:
            case forms.Way.END:
                delivery.revoke(link)
            case forms.Way.SECOND_HOST:
                second_host = True
                delivery.send_link(ticket, link, f"{parcel.texts}/ready-second-host", expires, second_host)
            case forms.Way.UNLOCK:
                delivery.unlock(link)
                delivery.send_link(ticket, link, f"{parcel.texts}/ready-unlocked", expires, second_host)
            case forms.Way.NEW_LINK | forms.Way.OTHER_VAULT if answer.reason is not None:
                moved = answer.vault
                if moved is not None and not delivery.vault_answers(moved.value):
                    told = zendesk.note(ticket, "data_export/note-vault-away", vault=moved.value)
                    continue
                again = sealed if moved is None else delivery.seal(parcel.prefix, parcel.checked, ticket, moved.value)
                until = Days(NUMBERS.link_valid_days, office).after(clock.now())
                another = delivery.reissue(link, again, until, answer.by, answer.reason)
                if another is None:
                    continue  # the download ended while the operators thought about it
                sealed, link, expires = again, another, until
                reminder = Until(Days(NUMBERS.ready_reminder_day, office).after(clock.now()))
                named: dict[str, Any] = {"staff": answer.by, "vault": sealed.vault, "until": until}
                zendesk.note_words(ticket, "data_export/note-link-reissued", text=answer.reason, **named)
                told = delivery.send_link(ticket, link, f"{parcel.texts}/ready-again", until, second_host)


def ended_or_unreachable(ticket: int, link: str, told: int) -> Callable[[datetime], Iterable[Heard]]:
    """What is looked at: the link itself, and only while it is open the ticket, which may be out of reach."""
    return lambda _: delivery.outcome(link) or zendesk.unreachable(ticket, told)


def ask_unreachable(ticket: int, link: str, expires: datetime) -> forms.Unreachable | None:
    """What operators do for a customer who cannot reach the link; should it end meanwhile, there is nothing to do."""
    second_host = delivery.has_second_host()
    form: type[forms.Unreachable] = forms.Unreachable if second_host else forms.UnreachableOneHost
    wait_on = {"decision": forms.Way.WAIT_ON.value}
    ways = ["unlock", "new-link", "other-vault", "wait-on", "end"]
    return ask_operators(
        form,
        ticket,
        "link-unreachable",
        Until(delivery.last_moment(expires)),
        settled_by=(delivery.GATEWAY, f"link:{link}"),
        look=lambda _: [replace(ended, values=wait_on) for ended in delivery.outcome(link)],
        ways=["second-host", *ways] if second_host else ways,
        until=expires,
    )


def of_the_link(parcel: Parcel, link: str, expires: datetime, second_host: bool) -> Act:
    """A reminder to the customer, at the address that was sent last."""
    message = f"{parcel.texts}/ready-reminder"
    return only((delivery.GATEWAY,), lambda _: delivery.send_link(parcel.ticket, link, message, expires, second_host))


def carry_by_hand(parcel: Parcel) -> tuple[Ending, forms.HandDestruction | None]:
    """By hand: operators upload the file, see whether it was fetched, destroy it, and say so at each turn.

    It goes from the drop to the customer without passing through us, so nothing enforces the single download.
    """
    ticket, files = parcel.ticket, drop.digests(parcel.checked)
    operators = accounts.role(NUMBERS.roles.operators)
    delivery.hand_over(parcel.prefix, ticket, operators.people, "data_export/by-hand-left")
    until = Days(NUMBERS.link_valid_days, office).after(clock.now())
    where: dict[str, Any] = {"bucket": drop.bucket(), "prefix": parcel.prefix, "files": files, "until": until}
    upload = insist(forms.Upload, ticket, "by-hand-upload", **where)
    if upload.decision is forms.Uploaded.END:
        return Ending.CANCELLED, None
    zendesk.note(ticket, "data_export/note-by-hand", staff=upload.by, until=until)
    fetched = ask_operators(forms.Fetch, ticket, "by-hand-fetched", Until(until), until=until)
    ending = Ending.DELIVERED if fetched and fetched.decision is forms.Fetched.YES else Ending.EXPIRED
    gone = insist(forms.HandDestruction, ticket, "by-hand-destroyed", ending=[ending.value])
    if gone.reason is not None:
        zendesk.note_words(ticket, "data_export/note-by-hand-kept", text=gone.reason, staff=gone.by)
    return ending, gone


def certify(ticket: int, prefix: str, ending: Ending, by_hand: forms.HandDestruction | None = None) -> None:
    """Destroy it everywhere, look that it is gone, certify that, and note the certificate on the ticket."""
    said = delivery.ByHand(by_hand.by, destroyed=_destroyed(by_hand)) if by_hand else None
    certificate = delivery.destroy(prefix, "received" if ending is Ending.DELIVERED else ending.value, said)
    zendesk.note(ticket, "data_export/note-certificate", **delivery.evidence(certificate))


def last_word(texts: str, ending: Ending, by_hand: forms.HandDestruction | None = None) -> str:
    """The message that tells the customer how it ended."""
    if by_hand is not None:
        return f"{texts}/{'by-hand-ended' if _destroyed(by_hand) else 'by-hand-kept'}"
    told = {Ending.DELIVERED: "downloaded", Ending.EXPIRED: "expired", Ending.CANCELLED: "cancelled"}
    return f"{texts}/{told[ending]}"


def _destroyed(by_hand: forms.HandDestruction) -> bool:
    return by_hand.decision is forms.Gone.DESTROYED
