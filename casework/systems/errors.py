"""What can go wrong with an outside system, in the four kinds that the layers above can act on.

`Temporary` is worth trying again, `Refused` needs a person, `Misconfigured` means stop until the settings are
mended, `NotFound` says that the thing asked about is not there.

A fault's text goes to logs and case files. It therefore holds ids, status numbers and the vendor's own short
error codes, never what a person wrote, an address, a token or a link. `vendor_code` is the gate for words
that come from a vendor.
"""

from __future__ import annotations

import re
from typing import Any

_CODE = re.compile(r"[A-Za-z][A-Za-z_]{0,47}(/[a-z_]{1,48}){0,4}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_=.-]{5,79}")


class SystemFault(Exception):
    """An outside system did not do what it was asked. Raised as one of the four kinds below.

    `detail` is already redacted. `status` is the HTTP status, when there was an answer.
    """

    def __init__(self, system: str, operation: str, detail: str, *, status: int | None = None) -> None:
        # The positional arguments alone rebuild the exception, so that it survives pickling.
        super().__init__(system, operation, detail)
        self.system = system
        self.operation = operation
        self.detail = detail
        self.status = status

    @property
    def advice(self) -> str:
        """What to do next."""
        return "A person must look at it."

    def __str__(self) -> str:
        status = f" (HTTP {self.status})" if self.status is not None else ""
        return f"{self.system}: {self.operation}: {self.detail}{status}. {self.advice}"


SOON_SECONDS = 20.0


class Temporary(SystemFault):
    """The system could not answer now.

    `retry_after` is the number of seconds that the system asked us to wait, when it said so.
    `maybe_done` says that a change may have happened although no answer came: look before repeating it.
    """

    def __init__(
        self,
        system: str,
        operation: str,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(system, operation, detail, status=status)
        self.retry_after = retry_after
        self.maybe_done = maybe_done

    @property
    def soon(self) -> bool:
        """Whether a process may sit through the waiting: the system did not ask for more than `SOON_SECONDS`."""
        return self.retry_after is None or self.retry_after <= SOON_SECONDS

    @property
    def advice(self) -> str:
        if self.maybe_done:
            return "It may have been done: look for its effect before doing it again."
        if self.retry_after is not None:
            return f"Try again in {self.retry_after:.0f} s."
        return "Try again later."


class Refused(SystemFault):
    """The system understood and said no, or answered what cannot be right. Repeating will not help."""

    @property
    def advice(self) -> str:
        return "A person must look at it; repeating will not help."


class Misconfigured(SystemFault):
    """Credentials, permissions or the address are wrong. Everything else sent there would fail as well."""

    @property
    def advice(self) -> str:
        return "Check this system's address, credentials and permissions in the settings, then retry."


class NotFound(SystemFault):
    """What was asked for is not there, or is not visible to our account."""

    @property
    def advice(self) -> str:
        return "Check the id, and that our account may see it."


def vendor_code(value: Any) -> str | None:
    """`value` when it is a bare error code such as `RecordInvalid` or `path/not_found`, else None.

    Vendors put people's words and addresses into messages, so only codes get through.
    """
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def vendor_fields(value: Any) -> tuple[str, ...]:
    """The names of the fields that a vendor complains of, from its `{field: sentence}`; not the sentences."""
    return tuple(name for name in value if _FIELD.fullmatch(name)) if isinstance(value, dict) else ()


def vendor_request_id(value: str | None) -> str | None:
    """`value` when it looks like a vendor's request id (what its support asks for), else None."""
    return value if value and _REQUEST_ID.fullmatch(value) else None
