"""`@process`: a function that reads like a policy page becomes an engine's flow with a case file.

Every leg opens the file, takes the next epoch and runs the function from the top. It ends by waiting, by the
function's return (the ending), or by being unwound: then every done step that says how it is undone is undone,
newest first, once.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, get_type_hints

from sqlalchemy.exc import DBAPIError

from casework import clock, parking, runtime
from casework import step as steps
from casework.answer import withdraw
from casework.body import Body, EndedEarly, Halted, Waiting, current
from casework.case import Case, CaseUnknown, Entry, Fenced, Kind
from casework.engine import EngineAway, Pause, Standing
from casework.story import markdown, moment
from casework.systems.errors import SystemFault
from casework.tick import push

__all__ = ["Process", "process", "processes", "standing"]

logger = logging.getLogger(__name__)

UNWOUND = "cancelled"


@dataclass(frozen=True)
class Process:
    """A process: its name, its function, what it is about (`zendesk:ticket:{ticket}`), and its watch.

    What it is about may be a function of its parameters, for what they do not say: the day on which it starts.

    `watch` looks, whenever the case comes back to an open question, whether it has lost its ground (its ticket was
    closed or merged from outside); a text says why, and the case is ended early. It takes those of the parameters that
    it names.
    """

    name: str
    function: Callable[..., str]
    subject: str | Callable[..., str]
    watch: Callable[..., str | None] | None

    def subject_of(self, parameters: Mapping[str, Any]) -> str:
        """What the occurrence that starts now with these parameters is about."""
        return self.subject.format(**parameters) if isinstance(self.subject, str) else self.subject(**parameters)

    def about(self, thing: str) -> dict[str, Any]:
        """The parameters with which it is about one thing, as a person types it (`4711`, `SS-12`).

        Parameters with a default keep it.

        Raises:
            TypeError: it is not about one thing.
            ValueError: the thing is a number, and this is none.
        """
        names = tuple(
            name for name, one in inspect.signature(self.function).parameters.items() if one.default is one.empty
        )
        if len(names) != 1:
            raise TypeError(f"{self.name} takes {', '.join(names) or 'nothing'}")
        (name,) = names
        return {name: int(thing) if get_type_hints(self.function)[name] is int else thing}

    def leg(self, **parameters: Any) -> Any:
        """One leg of the case that the engine is running."""
        around = runtime.current()
        case_id = around.engine.case_id()
        case, entries = around.files.begin_leg(
            case_id, self.name, parameters, self._subject(around, case_id, parameters)
        )
        if case.closed_at is not None:
            return around.engine.ended(case.ending or "", early=case.ending == UNWOUND)
        body = Body(around, case, entries)
        try:
            with _heartbeat(around, case):
                outcome = self._run(body, parameters)
        except Fenced as fenced:
            around.engine.overtaken(str(fenced))
        if isinstance(outcome, Pause):
            try:
                around.engine.suspend(outcome)
            except around.engine.suspended:
                # After anything else the leg stays on record, and the case is taken up once it is silent too long.
                if around.files.end_leg(case_id, case.epoch):
                    push(around, case_id)
                raise
        return around.engine.ended(outcome, early=outcome == UNWOUND)

    def _subject(self, around: runtime.Runtime, case_id: str, parameters: Mapping[str, Any]) -> str:
        """What the case is about: a function says it when the case opens, and is not asked again."""
        if not isinstance(self.subject, str):
            with suppress(CaseUnknown):
                return around.files.case(case_id).subject
        return self.subject_of(parameters)

    def _run(self, body: Body, parameters: Mapping[str, Any]) -> str | Pause:
        with body.running():
            try:
                ending = self._through(body, parameters)
            except Waiting as waiting:
                _show(body, self, None)
                return waiting.pause
            with body.runtime.files.writing() as connection:
                withdraw(connection, body.case_id)
                body.append(Kind.CLOSED, "case", {"ending": ending}, connection=connection)
                body.runtime.files.tell_end(connection, body.case_id, self.name, body.case.subject)
                body.runtime.confidential.erase(connection, body.case_id)
            _show(body, self, ending)
            return ending

    def _through(self, body: Body, parameters: Mapping[str, Any]) -> str:
        while body.case.cancel_asked_at is None:
            try:
                parking.verdict(body, "body")
                ending = self.function(**parameters)
                body.finish()
                return str(ending.value if isinstance(ending, StrEnum) else ending)
            except EndedEarly:
                break
            except Waiting:
                reason = self._lost_ground(parameters)
                if reason is None:
                    raise
                body.runtime.files.ask_to_cancel(body.case_id, "watch", reason)
                break
            except (Fenced, EngineAway, DBAPIError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever a body raises is put to the operators
                fault = error if isinstance(error, Halted) else steps.Fault("body", error)
                try:
                    parking.park(body, "body", fault, skippable=False)
                except EndedEarly:
                    break
                body.rewind()
        _unwind(body)
        return UNWOUND

    def _lost_ground(self, parameters: Mapping[str, Any]) -> str | None:
        if self.watch is None:
            return None
        try:
            with clock.reading(None):
                return self.watch(**{name: parameters[name] for name in inspect.signature(self.watch).parameters})
        except SystemFault as fault:
            logger.warning("%s could not look whether it still stands, and will look again: %s", self.name, fault)
            return None


processes: dict[str, Process] = {}


def process(
    name: str, *, subject: str | Callable[..., str], watch: Callable[..., str | None] | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Make a function a process.

    Args:
        name: as people know it, `data-export`.
        subject: what a case is about, filled from the parameters, or a function of them; one open case per subject.
        watch: looks whether the case still has its ground; see `Process`.

    Returns:
        The Prefect flow to deploy; the process itself stands in `processes`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        from casework.engine.prefect import as_flow

        processes[name] = Process(name, function, subject, watch)
        return as_flow(processes[name])

    return decorate


def standing(account: str, *tags: str) -> None:
    """Say by which account (an id) and tags (tier, team) operators know this case. Safe to repeat."""
    body = current()
    body.account, body.tags = account, tags
    body.runtime.files.label(body.case_id, account)


def _show(body: Body, process: Process, ending: str | None) -> None:
    around = body.runtime
    body.refresh()
    case = replace(body.case, account=body.account, ending=ending)
    asked = [e for e in body.entries if e.kind is Kind.QUESTION_ASKED and body.completed(e.key) is None]
    roles = [entry.payload["role"] for entry in asked]
    # The latest of the moments that people gave, or the first deadline.
    due = {e.key: e.payload["due"] for e in body.entries if e.kind in (Kind.QUESTION_ASKED, Kind.EXTENDED)}
    open_waits = [
        f"{entry.payload['role']} ({entry.key.removesuffix('/1')}, until {moment(due[entry.key])})" for entry in asked
    ]
    subject = case.subject.rsplit(":", 1)[-1]
    shown = Standing(
        name=" ".join(part for part in (process.name, subject, case.account) if part),
        tags=[
            process.name,
            case.subject,
            *body.tags,
            *(f"waiting:{role}" for role in roles if not case.ending),
        ],
        story=markdown(case, body.entries, around.zone, " and ".join(open_waits) or None),
    )
    try:
        around.engine.show(body.case_id, shown)
    except EngineAway as away:
        logger.warning("Case %s: its page could not be brought up to date: %s", body.case_id, away)


def _unwind(body: Body) -> None:
    """Undo what was done, and what may have been done, newest first; each once.

    What told people of a question that is settled stays: it says how.
    """
    acted = {entry.key: entry for entry in body.entries if entry.kind in (Kind.STEP_BEGUN, Kind.STEP_DONE)}
    questions = [entry.key for entry in body.entries if entry.kind is Kind.QUESTION_ASKED]
    settled = tuple(f"{question}>" for question in questions if body.completed(question) is not None)
    for entry in sorted(acted.values(), key=lambda entry: entry.seq, reverse=True):
        step = steps.registry.get(str(entry.payload.get("step")))
        if step is None or step.undo is None or "undo:" in entry.key or entry.payload.get("skipped"):
            continue
        if entry.key.startswith(settled):
            continue
        key = f"undo:{entry.key}"
        if body.completed(key) is not None:
            continue
        told = {"step": step.name, "undone_by": step.undo.name}
        try:
            done = entry if entry.kind is Kind.STEP_DONE else _adopt(body, step, entry, f"{key}>look")
            if done is None:
                continue
            with body.scope(key):
                step.undo(step.adapter.validate_python(done.payload["result"], strict=False))
        except EndedEarly:
            told["given_up_by"] = "operators"
        body.append(Kind.COMPENSATED, key, told)


def _adopt(body: Body, step: steps.Step[..., Any], begun: Entry, key: str) -> Entry | None:
    """What a step that was begun and not done has done after all; the operators are asked when nobody can say."""
    while parking.verdict(body, key) is not parking.Verdict.SKIP:
        try:
            return step.adopt(body, begun)
        except (SystemFault, steps.Fault) as fault:
            parking.park(body, key, fault, skippable=True)
    return None


@contextmanager
def _heartbeat(around: runtime.Runtime, case: Case) -> Iterator[None]:
    """Say every quarter of the lease that this leg is alive."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(around.lease / 4):
            try:
                if not around.files.beat(case.case_id, case.epoch):
                    return
            except Exception as error:  # noqa: BLE001 - a heartbeat must outlive what stops it once
                logger.warning("Case %s: no heartbeat (%s); trying again.", case.case_id, type(error).__name__)

    thread = threading.Thread(target=beat, name=f"heartbeat {case.case_id}", daemon=True)
    if around.lease:
        thread.start()
    try:
        yield
    finally:
        stop.set()
