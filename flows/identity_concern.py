"""To be written."""

from __future__ import annotations

from casework.process import process
from tasks import salesforce


@process("identity-concern", subject="salesforce:case:{case}", watch=salesforce.gone)
def identity_concern(case: str) -> str:
    """To be written."""
    return salesforce.number(case)
