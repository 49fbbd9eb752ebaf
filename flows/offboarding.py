"""The offboarding: a customer leaves."""

from __future__ import annotations

from casework.process import process


@process("offboarding", subject="hubspot:deal:{deal}")
def offboarding(deal: str) -> str:
    """Let the customer of a deal of HubSpot (its id) leave."""
    raise NotImplementedError(deal)
