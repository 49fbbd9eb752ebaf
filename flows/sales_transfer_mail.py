"""stub"""

from __future__ import annotations


def to_support(mail: str) -> str:
    """Hand a mail of sales (its id) over to support; how it ended."""
    raise NotImplementedError
