"""To be written."""

from __future__ import annotations

from casework.process import process
from tasks import salesforce


@process("legal-clock", subject="salesforce:case:{case}", watch=salesforce.gone)
def legal_clock(case: str) -> str:
    """To be written."""
    return salesforce.number(case)
