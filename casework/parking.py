"""Nothing dies of a vendor: a step that cannot be done becomes a question to the operators.

The case holds no process meanwhile. The operators retry, skip with a reason where the process allows it, or end
the case, which then is unwound. A system that says when to come again (its limit of the day is used up) is asked again
then, without the operators: they are told when that has failed for about a day and a half.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any

from pydantic import Field, model_validator

from casework import body as leg
from casework import clock
from casework.answer import Form
from casework.case import Entry, Kind
from casework.clock import Minutes
from casework.confidential import ConfidentialText
from casework.systems.errors import Temporary
from casework.until import AtLeast
from casework.wait import Wait, ask

__all__ = ["FaultAnswer", "FaultAnswerWithSkip", "Verdict", "park", "verdict"]

PATIENCE = Minutes(60 * 24 * 90)
QUESTION = """**{step}** could not be done.

> {error}

Retry it once the cause is gone, or end the case."""
REMIND = tuple(Minutes(60 * 24 * days) for days in (1, 3, 7, 14, 30, 60))
AGAIN = """**{step}** could not be done yet.

> {error}

It is tried again at {at:%d %B %Y, %H:%M} UTC. Nobody needs to answer; retry it sooner, or end the case."""
LOOK_EVERY = Minutes(60 * 24)  # whether the case still has its ground
TRIES_ALONE = 11
FIRST_SECONDS_ALONE = 60.0


class Verdict(StrEnum):
    """What the operators say about a step that cannot be done."""

    RETRY = "retry"
    SKIP = "skip"
    END = "end the case"


class Unskippable(StrEnum):
    """The same, for a step whose result the case cannot do without."""

    RETRY = "retry"
    END = "end the case"


class FaultAnswer(Form):
    """The operators' answer about a step that the case cannot do without."""

    verdict: Unskippable = Field(description="What shall happen")
    reason: ConfidentialText | None = Field(None, description="Why (needed to end the case)")

    @model_validator(mode="after")
    def _reasoned(self) -> FaultAnswer:
        if self.verdict is not Unskippable.RETRY and not self.reason:
            raise ValueError("give a reason to end the case")
        return self


class FaultAnswerWithSkip(Form):
    """The operators' answer about a step that may be left out."""

    verdict: Verdict = Field(description="What shall happen")
    reason: ConfidentialText | None = Field(None, description="Why (needed to skip or to end the case)")

    @model_validator(mode="after")
    def _reasoned(self) -> FaultAnswerWithSkip:
        if self.verdict is not Verdict.RETRY and not self.reason:
            raise ValueError("give a reason to skip a step or to end the case")
        return self


def park(body: leg.Body, key: str, error: Exception, *, skippable: bool) -> None:
    """Record the fault of `key` and ask the operators.

    Raises:
        Waiting: the case lets go until they answer.
        EndedEarly: they ended it.
    """
    told: dict[str, Any] = {"error": str(error)[:600], "kind": type(error).__name__, "skippable": skippable}
    at = _again_at(body, key, error)
    if at is not None:
        told["again_at"] = at.isoformat()
    body.append(Kind.FAULT_PARKED, key, told)
    verdict(body, key)


def _asked(body: leg.Body, key: str, told: Mapping[str, Any]) -> Wait:
    runtime = body.runtime
    form = FaultAnswerWithSkip if told["skippable"] else FaultAnswer
    at = datetime.fromisoformat(told["again_at"]) if "again_at" in told else None
    if at is not None:
        return Wait(
            form=form,
            question=AGAIN.format(step=key, error=told["error"], at=at),
            who=runtime.operators,
            within=AtLeast(at),
            verified=False,
            default=form.model_validate({"verdict": Verdict.RETRY}),
        )
    return Wait(
        form=form,
        question=QUESTION.format(step=key, error=told["error"]),
        who=runtime.operators,
        within=PATIENCE,
        announce=runtime.tell_operators,
        remind=[(delay, runtime.tell_operators) for delay in REMIND if runtime.tell_operators is not None],
        look_every=LOOK_EVERY,
        verified=False,
    )


def _again_at(body: leg.Body, key: str, error: Exception) -> datetime | None:
    """When to try again without the operators: not before the system said, and each time after twice as long."""
    if not isinstance(error, Temporary) or error.retry_after is None:
        return None
    alone = takewhile(lambda fault: "again_at" in fault.payload, reversed(_faults(body, key)))
    tries = sum(1 for _ in alone)
    if tries >= TRIES_ALONE:
        return None
    return clock.present() + timedelta(seconds=max(error.retry_after, FIRST_SECONDS_ALONE * 2**tries))


def _faults(body: leg.Body, key: str) -> list[Entry]:
    return [entry for entry in body.entries if entry.kind is Kind.FAULT_PARKED and entry.key == key]


def verdict(body: leg.Body, key: str) -> Verdict | None:
    """What the operators said about the latest fault of `key`; None when there was none.

    Raises:
        Waiting: the question is still open.
        EndedEarly: they ended the case, or nobody answered in 90 days.
    """
    faults = _faults(body, key)
    if not faults:
        return None
    told = faults[-1].payload
    wait = _asked(body, key, told)
    settled = ask(body, f"fault>{key}/{len(faults)}", wait)
    if settled is None:
        raise leg.EndedEarly("cancelled")
    said = Verdict(getattr(settled, "verdict").value)  # noqa: B009 - one of two forms
    if said is Verdict.END:
        raise leg.EndedEarly("cancelled")
    return said
