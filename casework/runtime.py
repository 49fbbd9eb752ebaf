"""What a process finds around it while it runs: the files, the engine, the secrets, the people in charge.

The composition root (`casework.wiring`) makes one from the settings; tests make their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from pydantic import BaseModel

from casework.case import CaseFiles
from casework.confidential import Confidential
from casework.engine import Engine
from casework.people import Invitation, Person, Role

__all__ = ["Runtime", "current", "use"]


@dataclass(frozen=True)
class Runtime:
    """Everything that is the same for every case of a deployment.

    `secret` derives codes and signs links; `public_url` is where people reach the gateway, `case_page` where
    colleagues see a case (`{case}` is its id); `roles` names the staff who hold each role, `operators` among them,
    who answer when nobody else can; `rota` says who looks at which queues when, by staff id; `lease` is after how
    many seconds of silence a leg counts as dead; `zone` is where the operators are.
    """

    files: CaseFiles
    engine: Engine
    confidential: Confidential
    secret: bytes = field(repr=False)
    public_url: str
    case_page: str
    roles: Mapping[str, tuple[str, ...]]
    rota: Mapping[str, BaseModel] = field(default_factory=dict)
    tell_operators: Callable[[Invitation], object] | None = None
    lease: float = 20.0
    zone: tzinfo = UTC

    @property
    def operators(self) -> Role:
        """Those who answer when nobody else can, by their ids alone."""
        return Role(name="operators", people=tuple(Person(id=one) for one in self.roles["operators"]))


_current: list[Runtime] = []


def current() -> Runtime:
    """The runtime in force.

    Raises:
        RuntimeError: the program has not been wired.
    """
    if not _current:
        raise RuntimeError("Casework is not wired: call casework.wiring.connect() at the program's start.")
    return _current[-1]


@contextmanager
def use(runtime: Runtime) -> Iterator[Runtime]:
    """Put a runtime in force while the block runs."""
    _current.append(runtime)
    try:
        yield runtime
    finally:
        _current.remove(runtime)
