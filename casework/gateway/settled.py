"""How a question ended, in a sentence for whoever comes too late, by whatever channel."""

from __future__ import annotations

from sqlalchemy import select

from casework.answer import Refusal, Refused
from casework.case import Kind
from casework.gateway.pages import moment
from casework.runtime import Runtime
from casework.schema import waits

__all__ = ["how_settled", "why_refused"]


def why_refused(runtime: Runtime, case_id: str, wait: str, refused: Refused) -> str:
    """Why an answer did not count; for one that comes too late, who settled the question and when."""
    if refused.why not in (Refusal.DECIDED, Refusal.LATE):
        return refused.sentence
    return f"{refused.sentence} {how_settled(runtime, case_id, wait)}"


def how_settled(runtime: Runtime, case_id: str, wait: str, reader: str | None = None) -> str:
    """Who settled a question and when (in the deployment's zone), by ids.

    `reader` is the staff id of whoever reads it, where that is known. The question takes no answer any more: it is
    decided, its time is over (though the clock may not have noticed yet), or its case has ended.
    """
    for entry in runtime.files.entries(case_id):
        if entry.key == wait and entry.kind is Kind.DECIDED:
            place = entry.payload.get("for")
            stood_in = "" if place is None else " in your place" if place == reader else f" in place of {place}"
            who = "you" if entry.actor == reader else entry.actor
            return f"It was already decided by {who}{stood_in} on {moment(entry.at, runtime.zone)}."
    with runtime.files.reading() as connection:
        row = connection.execute(select(waits).where(waits.c.case_id == case_id, waits.c.wait == wait)).one()
    if row.state == "passed" or (row.state == "open" and runtime.files.now() >= row.due_at):
        return f"The time to answer passed on {moment(row.due_at, runtime.zone)}, and nobody had decided it."
    return "The request that it was about has ended."
