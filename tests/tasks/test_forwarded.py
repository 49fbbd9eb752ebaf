"""Whose mail was forwarded, by what mail programs put into the text."""

from __future__ import annotations

import pytest

from tasks.forwarded import senders, split

BY_WEB = """Please take this.

---------- Forwarded message ---------
From: Ada Quill <ada@marsh.example>
Date: Mon, 2 Mar 2026
To: <sales@house.example>

The export fails.
"""
BY_PHONE = """Please take this.

Begin forwarded message:

> From: Ada Quill <Ada@Marsh.example>
> Subject: Export
>
> The export fails.
"""
BY_DESK = """Please take this.

________________________________
*From:* Ada Quill [mailto:ada@marsh.example]
*Sent:* Monday

The export fails.
"""
BROKEN = "Please take this.\n\nFrom: Ada of the very long name\n <ada@marsh.example>\n\nThe export fails.\n"


@pytest.mark.parametrize("text", [BY_WEB, BY_PHONE, BY_DESK, BROKEN])
def test_a_forwarded_mail(text: str) -> None:
    """Its sender is found; what stands above it is apart from what the sender wrote."""
    assert senders(text) == ("ada@marsh.example",)
    ours, theirs = split(text, "Ada@marsh.example")
    assert ours.startswith("Please take this.")
    assert "export" not in ours
    assert theirs.endswith("The export fails.")
    assert "Please" not in theirs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The export fails.",
        "He is from: nowhere",
        "Where is it from: ada@marsh.example",
        "From: Ada Quill",
        "From: ada@marsh.example or bob@fen.example",
        "from: @" + "x" * 3000,
        "From: " * 2000,
    ],
)
def test_no_forwarded_mail(text: str) -> None:
    """Where no line says whom a mail is from, nobody is guessed, and all of it stands above."""
    assert senders(text) == ()
    assert split(text, "ada@marsh.example") == (text.strip(), "")


def test_several() -> None:
    """Mails within mails: each sender once, from the top; the text is parted at the first of the one asked for."""
    text = (
        "Hm.\n\nFrom: eve@house.example\nWhat now?\n\nFrom: ada@marsh.example\nHelp\n\n> From: eve@house.example\n> Hi"
    )
    assert senders(text) == ("eve@house.example", "ada@marsh.example")
    ours, theirs = split(text, "ada@marsh.example")
    assert ours.endswith("What now?")
    assert theirs.startswith("From: ada@marsh.example\nHelp")
