"""Ids of Salesforce records: 15 characters in which case counts, or 18 of which the last three say that case.

Source: Salesforce, "What are the differences between 15-character and 18-character IDs?". Ours are always the long
ones: they survive systems that do not keep upper and lower case apart, and a mistyped one is noticed.
"""

from __future__ import annotations

import re

_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def is_id(value: str) -> bool:
    """Whether this is a record's id, of 15 or 18 characters, the latter with the right ending."""
    return bool(_ID.fullmatch(value)) and (len(value) == 15 or value[15:] == _ending(value[:15]))


def long(value: str) -> str:
    """The 18 characters of an id of 15 or 18. Raises ValueError when it is none, or its ending is wrong."""
    if not is_id(value):
        raise ValueError("This is no id of a Salesforce record: 15 letters and digits, or 18 with the right ending")
    return value[:15] + _ending(value[:15])


def _ending(value: str) -> str:
    """For each five characters which of them are capitals, as one character."""
    parts = (value[at : at + 5] for at in (0, 5, 10))
    return "".join(
        _LETTERS[sum(1 << at for at, one in enumerate(part) if one.isascii() and one.isupper())] for part in parts
    )
