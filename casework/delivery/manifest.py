"""The manifest that engineering puts beside the files of a drop: what is there, for whom, how much.

Everything in it is a claim to be checked, so the model is narrow: no unknown fields, plain file names only
(no folders, so no way out of one), bounded counts and sizes. Problems are told by the place in the manifest,
never by the value found there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

MANIFEST_NAME = "manifest.json"
SAFE_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$"
_MAX_FILES = 1000
_MAX_COUNT = 10**12
_MAX_BYTES = 2**46


class Entity(StrEnum):
    CANDIDATES = "candidates"
    PROJECTS = "projects"
    SEQUENCES = "sequences"


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    ZIP = "zip"


SafeName = Annotated[str, Field(pattern=SAFE_NAME, max_length=100)]
Count = Annotated[int, Field(ge=0, le=_MAX_COUNT, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Member(_Part):
    """One file inside a ZIP: its format is told by its name, ``.csv`` or ``.jsonl``."""

    name: Annotated[str, Field(pattern=SAFE_NAME[:-1] + r"\.(csv|jsonl)$", max_length=100)]
    entity: Entity
    rows: Count

    @property
    def format(self) -> Format:
        return Format(self.name.rpartition(".")[2])


class ManifestFile(_Part):
    """One file of the drop: ``size`` in bytes, ``rows`` without the header line, ``members`` of a ZIP."""

    name: SafeName
    size: Annotated[int, Field(ge=0, le=_MAX_BYTES, strict=True)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    entity: Entity
    rows: Count
    format: Format
    members: Annotated[tuple[Member, ...], Field(max_length=_MAX_FILES)] = ()

    @model_validator(mode="after")
    def _members_belong_to_zips(self) -> Self:
        if (self.format is Format.ZIP) != bool(self.members):
            raise ValueError("a ZIP lists its members, another format has none")
        if self.members and self.rows != sum(member.rows for member in self.members):
            raise ValueError("the rows of a ZIP are the rows of its members")
        _refuse_duplicates(member.name for member in self.members)
        return self


class Manifest(_Part):
    """Version 1 of the manifest."""

    version: Literal[1]
    team_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
    created_at: AwareDatetime
    files: Annotated[tuple[ManifestFile, ...], Field(min_length=1, max_length=_MAX_FILES)]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        _refuse_duplicates(file.name for file in self.files)
        if any(file.name.casefold() == MANIFEST_NAME for file in self.files):
            raise ValueError("the manifest does not list itself")
        return self


class ManifestMalformed(ValueError):
    """The manifest is not JSON, not UTF-8, or not of version 1's shape. The text names places, not values."""

    def __init__(self, text: str, *, unsafe_name: bool = False) -> None:
        super().__init__(text)
        self.unsafe_name = unsafe_name


def parse(text: bytes) -> Manifest:
    """Read a manifest. Raises :class:`ManifestMalformed` with the first few places that are wrong."""
    try:
        raw = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError as error:
        raise ManifestMalformed(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ManifestMalformed(f"not JSON at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise ManifestMalformed(str(error)) from None
    except RecursionError:
        raise ManifestMalformed("nested too deeply") from None
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        unsafe_name = any(problem["loc"][-1:] == ("name",) for problem in error.errors())
        raise ManifestMalformed("; ".join(_places(error)[:5]), unsafe_name=unsafe_name) from None


def _places(error: ValidationError) -> list[str]:
    known = {*Manifest.model_fields, *ManifestFile.model_fields, *Member.model_fields}
    places = []
    for problem in error.errors(include_input=False, include_context=False, include_url=False):
        place = ".".join(str(part) if isinstance(part, int) or part in known else "?" for part in problem["loc"])
        told = problem["msg"] if problem["type"] == "value_error" else problem["type"].replace("_", " ")
        places.append(f"{place or 'manifest'}: {told}")
    return places


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same field twice")
    return found


def _refuse_duplicates(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise ValueError("two files have the same name")
        seen.add(name.casefold())
