"""Ids of 15 and 18 characters are the same record, and a mistyped one is noticed."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.sandbox.salesforce_schema import kept_id, long_id
from casework.systems.salesforce_ids import is_id, long

IDS = st.text(string.ascii_letters + string.digits, min_size=15, max_size=15)


@pytest.mark.parametrize(
    ("short", "whole"),
    # Salesforce's own documented pairs.
    [("001A0000006Vm9r", "001A0000006Vm9rIAC"), ("0018000000MzoTp", "0018000000MzoTpAAJ")],
)
def test_known_pairs(short: str, whole: str) -> None:
    """The ending is what Salesforce itself gives; a long id stays as it is."""
    assert (long(short), long(whole)) == (whole, whole)


@given(short=IDS)
def test_the_stand_in_agrees(short: str) -> None:
    """Two writings of the rule give the same ending, and each takes the other's."""
    assert long(short) == long_id(short)
    assert is_id(long_id(short))
    assert kept_id(long(short)) == long(short)


@given(short=IDS, at=st.integers(0, 14))
def test_a_letter_of_the_wrong_case_is_noticed(short: str, at: int) -> None:
    """With 18 characters a changed case gives no other record, but an error."""
    wrong = long(short)[:at] + short[at].swapcase() + long(short)[at + 1 :]
    if wrong != long(short):
        with pytest.raises(ValueError, match="no id"):
            long(wrong)


@pytest.mark.parametrize("text", ["", "500", "500RM00000abcde/", "500RM00000abcdeYA", "500RM00000abcd\u00e9", "x" * 19])
def test_what_is_no_id(text: str) -> None:
    """Anything else is refused before it gets into an address."""
    assert not is_id(text)
    with pytest.raises(ValueError, match="no id"):
        long(text)
