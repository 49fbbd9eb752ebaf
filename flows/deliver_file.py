"""Deliver a file: a colleague has one file for whoever asked on a ticket, and no process of its own for it.

It goes as a data export goes: a second person agrees, it is sealed, downloaded once, destroyed and certified. What it
holds is not checked; it is compared with what the colleague announced. `casework deliver` starts the case and brings
the file.
"""

from __future__ import annotations

from typing import Any

from casework import clock
from casework.clock import Minutes, WorkingDays
from casework.people import Role
from casework.process import process
from casework.wait import wait_for
from flows import deliver_file_forms as forms
from flows.asking import ask_operators, look_every, office
from flows.handing_over import Parcel, certify, deliver, last_word
from policies.data_export import NUMBERS, Ending
from tasks import delivery, drop, zendesk

TEXTS = "deliver_file"
BRING_WITHIN = Minutes(60 * 24)


@process("deliver-file", subject="zendesk:ticket:{ticket}", watch=zendesk.gone)
def deliver_file(ticket: int, name: str, size: int, sha256: str, by: str) -> str:
    """Deliver one file to whoever asked on a ticket, once, and destroy it.

    `name` is what the file is called in the drop (`file.csv`; no personal data), `size` in bytes, `sha256` in hex, `by`
    the staff id of the colleague who brings it.
    """
    file = drop.LooseFile(name, size, sha256, name.rpartition(".")[2])
    prefix = delivery.allot(drop.prefix())
    if not bring(prefix, file):
        certify(ticket, prefix, Ending.CANCELLED)
        return f"{Ending.CANCELLED}: the file did not come"
    zendesk.note(ticket, f"{TEXTS}/note-brought", staff=by, size=size, digest=sha256)
    if not release(ticket, file, by):
        certify(ticket, prefix, Ending.CANCELLED)
        return Ending.DENIED
    zendesk.begin(ticket, f"{TEXTS}/note-released", f"{TEXTS}/cancelled")
    ending, by_hand = deliver(Parcel(ticket, prefix, file, TEXTS))
    certify(ticket, prefix, ending, by_hand)
    zendesk.reply(ticket, last_word(TEXTS, ending, by_hand), status="solved")
    return ending


def bring(prefix: str, file: drop.LooseFile) -> bool:
    """Wait until the file lies in the drop, and compare it with what was announced."""
    came = wait_for(
        forms.Arrived,
        key="file",
        question="The file is on its way into the drop. Nobody needs to answer.",
        who=Role(name="engineer", people=(drop.ENGINEER,)),
        within=BRING_WITHIN,
        look=lambda _: drop.arrived(prefix, file),
        look_every=look_every,
    )
    return came is not None and drop.found(prefix, file)


def release(ticket: int, file: drop.LooseFile, by: str) -> bool:
    """Let an operator who did not bring it agree; without an answer in time it is not delivered."""
    within = WorkingDays(NUMBERS.operators_decision_working_days, office)
    about: dict[str, Any] = {"staff": by, "digest": file.sha256, "size": file.size, "until": within.after(clock.now())}
    answer = ask_operators(forms.Release, ticket, "release", within, not_by=(by,), texts=TEXTS, **about)
    if answer is not None and answer.reason is not None:
        word = answer.decision.name.lower()
        zendesk.note_words(ticket, f"{TEXTS}/note-decided", text=answer.reason, staff=answer.by, answer=word)
    return answer is not None and answer.decision is forms.Decision.DELIVER
