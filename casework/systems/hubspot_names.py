"""What our processes need of an account beyond HubSpot's own properties, by our names; and whether it has it.

Every account names its custom properties itself, so `Names` leads from ours to the account's, and from the account's
to ours in what is read. `demand` tells in sentences what its administrator has to mend.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from casework.systems.errors import Misconfigured
from casework.systems.hubspot_rest import SYSTEM, HubSpotRest, Record, Shape

__all__ = ["NEEDED", "Names", "demand"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class Need:
    """What a property must be: of this type, with these values among those that it may have, and writable."""

    type: str
    choices: tuple[str, ...] = ()


NEEDED: Mapping[str, Mapping[str, Need]] = {
    "deals": {
        "client_activity_status": Need("enumeration", ("Offboarding",)),
        "contract_end_date": Need("date"),
    },
}
"""The properties, by kind of object and by our names."""


class Names:
    """The account's names, where they differ from ours: `{"deals.contract_end_date": "end_of_service"}`.

    Raises ValueError for a name that is none of ours, and for one that no account can have.
    """

    def __init__(self, renamed: Mapping[str, str] | None = None) -> None:
        ours = {f"{kind}.{name}" for kind, names in NEEDED.items() for name in names}
        if strange := sorted(set(renamed or {}) - ours):
            raise ValueError(f"{strange[0]} is none of the names that can be changed: {', '.join(sorted(ours))}")
        for theirs in (renamed or {}).values():
            if not _NAME.fullmatch(theirs):
                raise ValueError("a property's internal name has small letters, digits and '_' only")
        self._renamed = dict(renamed or {})

    def property(self, kind: str, ours: str) -> str:
        """The account's name of a property; HubSpot's own keep theirs."""
        return self._renamed.get(f"{kind}.{ours}", ours)

    def properties(self, kind: str, ours: Iterable[str]) -> list[str]:
        """The account's names of several properties."""
        return [self.property(kind, one) for one in ours]

    def read(self, kind: str, record: Record) -> dict[str, Any]:
        """A record by our names."""
        back = {self.property(kind, ours): ours for ours in NEEDED.get(kind, ())}
        return {back.get(name, name): value for name, value in record.items()}


def demand(rest: HubSpotRest, names: Names, stages: Mapping[str, tuple[str, ...]]) -> None:
    """Look whether the account has the properties, and its tickets these stages, by pipeline.

    Raises:
        Misconfigured: says all of what its administrator has to mend.
    """
    wrong = []
    for kind, needs in NEEDED.items():
        shapes = rest.shapes(kind)
        for ours, need in needs.items():
            name = names.property(kind, ours)
            if (said := _wrong(shapes.get(name), need)) is not None:
                wrong.append(f"{kind}.{name} {said}")
    pipelines = rest.pipelines("tickets") if stages else {}
    known = {pipeline: {stage.id for stage in found} for pipeline, found in pipelines.items()}
    for pipeline, wanted in stages.items():
        if pipeline not in known:
            wrong.append(f"there is no pipeline of tickets with the id {pipeline}")
        absent = [stage for stage in wanted if stage not in known.get(pipeline, wanted)]
        wrong += [f"the pipeline of tickets {pipeline} has no stage {stage}" for stage in absent]
    if wrong:
        detail = f"for the administrator: {'; '.join(wrong)}. Make it so, or name what serves in hubspot.names"
        raise Misconfigured(SYSTEM, "look whether the account has what is needed", detail)


def _wrong(shape: Shape | None, need: Need) -> str | None:
    if shape is None:
        return "is not there, or our app may not read it"
    if shape.type != need.type:
        return f"is of type {shape.type}, not {need.type}"
    if not shape.writable:
        return "cannot be written"
    absent = [choice for choice in need.choices if choice not in shape.choices]
    return f"has no value '{absent[0]}' (internal name)" if absent else None
