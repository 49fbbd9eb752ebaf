"""Finding our own writing again, where a vendor has no idempotency key.

Text that must be written once ends with a reference, such as `Ref: CW-7f3a/ask-reason`. After a lost answer
the text with that ending is looked for before writing again.
"""

from __future__ import annotations


def ends_with_marker(text: str, marker: str) -> bool:
    """Whether `text` ends with `marker` as a word of its own. Raises ValueError on a blank marker."""
    if not marker.strip():
        raise ValueError("A marker must not be blank: it would be found in every text")
    text, marker = text.rstrip(), marker.strip()
    before = text[: -len(marker)][-1:]
    return text.endswith(marker) and not (before.isalnum() or before in ("-", "_", "/"))
