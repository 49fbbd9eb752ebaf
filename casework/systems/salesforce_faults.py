"""How Salesforce says no, in our kinds of fault, and the codes that it gives; never its sentences, which quote values.

Source: Salesforce, "REST API Developer Guide", "Status Codes and Error Responses".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from casework.systems.errors import Refused, vendor_code

__all__ = ["ChangedMeanwhile", "Duplicate", "Error", "PartRefused", "errors_of", "worded"]


class PartRefused(Refused):
    """One of several changes was refused, so none of them has happened. `part` names the one."""

    def __init__(self, system: str, operation: str, detail: str, *, status: int | None = None, part: str = "") -> None:
        super().__init__(system, operation, detail, status=status)
        self.part = part


class Duplicate(Refused):
    """Another record has the value of a unique field already."""


class ChangedMeanwhile(Refused):
    """The record was changed after the time that the change was made for, so it was not made."""


class Error(BaseModel):
    """An error, as an answer has it (`errorCode`) or a result within a good answer (`statusCode`)."""

    model_config = ConfigDict(extra="ignore")
    errorCode: str = ""
    statusCode: str = ""
    fields: tuple[str, ...] | None = ()

    @property
    def code(self) -> str:
        """Its code, when it is fit to be shown."""
        return vendor_code(self.errorCode or self.statusCode) or "an error without a code"

    def __str__(self) -> str:
        named = [name for name in self.fields or () if vendor_code(name)]
        return f"{self.code} ({', '.join(named)})" if named else self.code


_ERRORS = TypeAdapter(list[Error])


def errors_of(body: Any) -> Sequence[Error]:
    """The errors of an answer; those of an action lie one level deeper."""
    listed = [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []
    try:
        return _ERRORS.validate_python([error for one in listed for error in one.get("errors") or [one]])
    except ValidationError:
        return ()


def worded(errors: Sequence[Error]) -> str:
    """Errors as they may be told: codes, and names of fields."""
    return ", ".join(str(error) for error in errors) or "without a reason"
