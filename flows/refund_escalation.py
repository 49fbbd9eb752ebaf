"""To be written."""

from __future__ import annotations

from casework.process import process
from tasks import salesforce


@process("refund-escalation", subject="salesforce:case:{case}", watch=salesforce.gone)
def refund_escalation(case: str) -> str:
    """To be written."""
    return salesforce.number(case)
