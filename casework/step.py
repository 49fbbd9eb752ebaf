"""`@step` acts and `@lookup` reads; either happens once in a case.

`step begun` is committed before the effect and `step done` after it. A step found begun but not done may have
acted: if it has a `find`, that looks for the effect and adopts it, otherwise the step is one that may be repeated
(the vendor honours an idempotency key, or doing it twice is doing it once). When a step has used up its retries
the case parks as a question to the operators; nothing dies of a vendor.
"""

from __future__ import annotations

import functools
import hmac
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from casework import body as leg
from casework import clock, parking, runtime
from casework.case import Entry, Kind
from casework.confidential import ConfidentialText
from casework.engine import EngineAway
from casework.people import Invitation
from casework.systems.errors import SystemFault, Temporary

__all__ = [
    "Fault",
    "Step",
    "button_token",
    "case_id",
    "case_page",
    "code_and_link",
    "holders",
    "hook_address",
    "lookup",
    "progress",
    "public_address",
    "publish",
    "reference",
    "rota",
    "step",
    "words",
]

P = ParamSpec("P")
R = TypeVar("R")

DELAYS_SECONDS: tuple[float, ...] = (1, 4, 15)
_acting: ContextVar[tuple[str, str] | None] = ContextVar("casework_acting", default=None)


class Fault(Exception):
    """A step failed for another reason than a system's: names the kind and the place, never the values."""

    def __init__(self, step: str, error: BaseException) -> None:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        super().__init__(f"{step} failed with {type(error).__name__}{place}.")


class Step(Generic[P, R]):
    """A function that happens once per case and place; made by `step` and `lookup`."""

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        acts: bool,
        find: Callable[..., Any] | None,
        undo: Step[..., Any] | None,
        delays: Sequence[float],
    ) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.name = f"{fn.__module__.rsplit('.', 1)[-1]}.{fn.__name__}"
        self.acts = acts
        self.find = find
        self.undo = undo
        self.delays = delays
        returns = get_type_hints(fn).get("return", inspect.Parameter.empty)
        if returns is inspect.Parameter.empty:
            raise TypeError(f"{self.name} needs a return type: it says what the case file keeps.")
        self.adapter: TypeAdapter[R] = TypeAdapter(returns)
        registry[self.name] = self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        body = leg.current()
        key = body.take(self.name)
        done = body.completed(key)
        if done is not None:
            return self.adapter.validate_python(done.payload["result"], strict=False)
        return self._do(body, key, args, kwargs)

    def _do(self, body: leg.Body, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        given = inspect.signature(self.fn).bind(*args, **kwargs).arguments
        told = {"step": self.name, "label": self._label(given)}
        while True:
            if parking.verdict(body, key) is parking.Verdict.SKIP:
                return self._finish(body, key, self.adapter.validate_python(None), told | {"skipped": True})
            doubt = body.begun(key)
            if self.acts and not doubt:
                body.append(Kind.STEP_BEGUN, key, told | {"with": to_jsonable_python(given)})
            try:
                with acting(body.case_id, key):
                    attempt = functools.partial(self._attempt, body, args, kwargs, doubt)
                    result = body.runtime.engine.task(told["label"], attempt, self.delays)
            except (SystemFault, Fault) as fault:
                parking.park(body, key, fault, skippable=self._takes_none())
            else:
                return self._finish(body, key, result, told)

    def _label(self, given: Mapping[str, Any]) -> str:
        """What people see of this step: its name, and which message it writes."""
        name = self.name.replace(".", ": ").replace("_", " ")
        message = given.get("message")
        return f"{name} ({str(message).rsplit('/', 1)[-1]})" if message else name

    def _attempt(self, body: leg.Body, args: tuple[Any, ...], kwargs: dict[str, Any], doubt: bool, again: bool) -> R:
        if doubt or again:
            body.hold()
        try:
            if (doubt or again) and self.find is not None:
                found = self.find(*args, **kwargs)
                if found is not None:
                    return cast(R, found)
            return self.fn(*args, **kwargs)
        except SystemFault:
            raise
        except Exception as error:  # noqa: BLE001 - its text may hold values; the kind and the place go on
            raise Fault(self.name, error) from None

    def adopt(self, body: leg.Body, begun: Entry) -> Entry | None:
        """Settle what was begun in a case that now ends: what it did, so that it can be undone; None for nothing.

        Raises:
            SystemFault, Fault: it cannot be found out.
        """
        args, kwargs = self._given(begun.payload["with"])
        look = self.find or self.fn

        def attempt(_again: bool) -> R | None:
            body.hold()
            try:
                return look(*args, **kwargs)
            except SystemFault:
                raise
            except Exception as error:  # noqa: BLE001 - as in an attempt
                raise Fault(self.name, error) from None

        label = begun.payload["label"]
        with acting(body.case_id, begun.key):
            found = body.runtime.engine.task(f"{label}: was it done?", attempt, self.delays)
        if found is None and self.find is not None:
            return None
        told = {"step": self.name, "label": label}
        kept = self.adapter.dump_python(cast(R, found), mode="json")
        return body.append(Kind.STEP_DONE, begun.key, told | {"result": kept})

    def _given(self, told: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments, from what `step begun` says of them."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        hints = get_type_hints(self.fn)
        for name, parameter in inspect.signature(self.fn).parameters.items():
            if name not in told:
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                kwargs |= told[name]
            elif parameter.kind is parameter.VAR_POSITIONAL:
                args += told[name]
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[name] = TypeAdapter(hints[name]).validate_python(told[name])
            else:
                args.append(TypeAdapter(hints[name]).validate_python(told[name]))
        return args, kwargs

    def _finish(self, body: leg.Body, key: str, result: R, told: Mapping[str, Any]) -> R:
        kept = self.adapter.dump_python(result, mode="json")
        kind = Kind.STEP_DONE if self.acts else Kind.LOOKUP_DONE
        body.append(kind, key, {**told, "result": kept})
        return self.adapter.validate_python(kept, strict=False)

    def _takes_none(self) -> bool:
        try:
            self.adapter.validate_python(None)
        except ValueError:
            return False
        return True


registry: dict[str, Step[..., Any]] = {}


def step(
    *,
    find: Callable[..., Any] | None = None,
    repeatable: bool = False,
    undo: Step[..., Any] | None = None,
    delays: Sequence[float] = DELAYS_SECONDS,
) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function that acts happen once per case.

    Args:
        find: looks for the effect of an earlier attempt, with the same arguments; None when it is not there.
        repeatable: doing it again does nothing more (say in the function's docstring why).
        undo: the step that takes this one's result and makes it undone when the case ends early.
        delays: seconds before each further attempt after a temporary fault.

    Raises:
        TypeError: neither `find` nor `repeatable` says how the step is safe to repeat.
    """

    def decorate(fn: Callable[P, R]) -> Step[P, R]:
        if (find is None) == (not repeatable):
            raise TypeError(f"{fn.__qualname__} must say how it is safe to repeat: find=… or repeatable=True.")
        return Step(fn, acts=True, find=find, undo=undo, delays=delays)

    return decorate


def lookup(fn: Callable[P, R]) -> Step[P, R]:
    """Make a function that only reads answer once per case: what it saw the first time stays true for the case."""
    return Step(fn, acts=False, find=None, undo=None, delays=DELAYS_SECONDS)


@contextmanager
def acting(case_id: str, key: str) -> Iterator[None]:
    """The surroundings of one step: its reference, and the present instead of the journaled time."""
    token = _acting.set((case_id, "cw-" + sha256(f"{case_id}\x00{key}".encode()).hexdigest()[:12]))
    try:
        with clock.reading(None):
            yield
    finally:
        _acting.reset(token)


def reference() -> str:
    """The name of this step in this case, the same in every attempt: idempotency key and visible marker.

    Raises:
        RuntimeError: called outside of a step.
    """
    return _surroundings()[1]


def case_id() -> str:
    """The case that this step belongs to.

    Raises:
        RuntimeError: called outside of a step.
    """
    return _surroundings()[0]


def _surroundings() -> tuple[str, str]:
    surroundings = _acting.get()
    if surroundings is None:
        raise RuntimeError("Only code inside a step or a lookup has a reference and a case.")
    return surroundings


def holders(role: str) -> tuple[str, ...]:
    """The ids of the staff whom the settings name for a role; empty when there are none."""
    return tuple(runtime.current().roles.get(role, ()))


def rota() -> Mapping[str, BaseModel]:
    """Who looks at which queues when, by staff id, as the settings say it."""
    return runtime.current().rota


def case_page() -> str:
    """The page on which colleagues see this case: its run in the engine's pages. Also outside of steps."""
    surroundings = _acting.get()
    case = leg.current().case_id if surroundings is None else surroundings[0]
    return runtime.current().case_page.format(case=case)


def public_address(path: str) -> str:
    """The address under which people and vendors reach a path of the gateway."""
    return f"{runtime.current().public_url}{path}"


def hook_address(vendor: str) -> str:
    """Where a vendor that hands over its key in a handshake sends its hooks: a name that nobody can guess.

    The first handshake for a name is believed, so the name must not be known before it.
    """
    name = hmac.digest(runtime.current().secret, b"casework hooks of " + vendor.encode(), "sha256").hex()[:24]
    return public_address(f"/hooks/{vendor}/{name}")


def progress(done: int, of: int, what: str) -> None:
    """Show in the engine's pages how far a long step is."""
    runtime.current().engine.progress(case_id(), what, done, of)


def publish(key: str, text: str, description: str) -> None:
    """Show a page of this case's own making (Markdown, ids only) in the engine's pages, or bring it up to date.

    There is one page by a key (lowercase letters, digits and `-`), whichever cases publish it.

    Raises:
        Temporary: the engine is away.
    """
    try:
        runtime.current().engine.publish(case_id(), key, text, description)
    except EngineAway:
        raise Temporary("the engine", f"show the page {key}", "it is away") from None


def words(text: ConfidentialText) -> str:
    """What a person wrote, for the step that puts it where it belongs; never to be returned or logged.

    Raises:
        LookupError: it was erased.
    """
    around = runtime.current()
    with around.files.reading() as connection:
        return around.confidential.read(connection, text)


def code_and_link(invitation: Invitation) -> tuple[str, str]:
    """The personal code and the personal link of somebody asked, for the step that sends them to that person."""
    around = runtime.current()
    return invitation.code(around.secret), f"{around.public_url}/decide/{invitation.token(around.secret)}"


def button_token(invitation: Invitation) -> str:
    """The signed value that a button in a message to this person carries."""
    return invitation.token(runtime.current().secret)
