"""What stands in a mail that was forwarded: whose mail it was, and where that begins.

Mail programs put the header of the forwarded mail, or the beginning of it, into the text: a line `From: …`, which some
quote (`>`), some make bold (`*From:*`), and some break before the address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["senders", "split"]

_FROM = re.compile(r"^[>* \t]{0,20}From:[^\n]{0,500}(?:\n[> \t]{0,20}<[^\n]{0,300})?", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[^\s@<>()\[\]\":;,]{1,64}@[A-Za-z0-9-][A-Za-z0-9.-]{0,251}[A-Za-z0-9]")


def senders(text: str) -> tuple[str, ...]:
    """The addresses, in lower case, that mails within a text are from, each once, from the top."""
    return tuple(dict.fromkeys(address for _, address in _lines(text)))


def split(text: str, sender: str) -> tuple[str, str]:
    """A text in two: what stands above the first mail of this sender (an address), and that mail with all below it.

    What is below was quoted by the sender, who knows it. Without a mail of this sender the second part is empty.
    """
    begins = next((at for at, address in _lines(text) if address == sender.strip().lower()), len(text))
    return text[:begins].strip(), text[begins:].strip()


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Where each line is that says whom a mail within the text is from, if it names one."""
    for found in _FROM.finditer(text):
        named = {one.lower() for one in _ADDRESS.findall(found.group())}
        if len(named) == 1:
            yield found.start(), named.pop()
