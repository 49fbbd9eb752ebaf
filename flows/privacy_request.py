"""To be written."""

from __future__ import annotations

from casework.process import process
from tasks import salesforce


@process("privacy-request", subject="salesforce:case:{case}", watch=salesforce.gone)
def privacy_request(case: str) -> str:
    """To be written."""
    return salesforce.number(case)
