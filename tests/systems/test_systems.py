"""Connecting a process to its systems; markers; cutting streams."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.systems.chunks import rechunk
from casework.systems.markers import ends_with_marker


def test_an_unconnected_process_says_what_to_do() -> None:
    """`current` before `use` names the missing call; a fresh process has nothing connected."""
    code = (
        "import casework.systems as s\n"
        "try:\n    s.current()\nexcept RuntimeError as e:\n    print(e)\n"
        "from dataclasses import fields\n"
        "x = s.Systems(**{f.name: None for f in fields(s.Systems)})\ns.use(x)\nassert s.current() is x\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "call casework.systems.use(" in run.stdout


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello\n\nRef: CW-1/ask", True),
        ("Hello\n\nRef: CW-1/ask\n \n", True),
        ("CW-1/ask", True),
        ("Ref: CW-1/ask-again", False),
        ("Ref: XCW-1/ask", False),
        ("Ref: A-CW-1/ask", False),
        ("CW-1/ask\nThanks, that is our number", False),
        ("", False),
    ],
)
def test_a_marker_is_the_last_word(text: str, found: bool) -> None:
    """Only text that ends with the whole marker carries it."""
    assert ends_with_marker(text, "CW-1/ask") is found


def test_a_blank_marker_is_an_error() -> None:
    """A blank marker would be found in every text, and so hide that nothing was written."""
    with pytest.raises(ValueError, match="blank"):
        ends_with_marker("text", " ")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 17), min_size=1, max_size=4))
def test_rechunking_keeps_every_byte_in_order(chunks: list[bytes], sizes: list[int]) -> None:
    """Pieces have the sizes asked for, only the last may be shorter, and together they are the stream."""

    def asked() -> list[int]:
        return [*sizes, *[sizes[-1]] * 2000]

    pieces = list(rechunk(chunks, iter(asked())))
    assert b"".join(pieces) == b"".join(chunks)
    wanted = asked()[: len(pieces)]
    assert [len(piece) for piece in pieces[:-1]] == wanted[:-1]
    if pieces:
        assert 0 < len(pieces[-1]) <= wanted[-1]
