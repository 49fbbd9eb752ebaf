"""Which process of Tier 2 a Salesforce case is: its record and what was written, read by the policy's rules.

The texts are read here and left in Salesforce; what comes out is a process and the name of a rule.
"""

from __future__ import annotations

from casework.step import lookup
from casework.systems import current
from policies import tier2_intake as policy

__all__ = ["route"]


@lookup
def route(case: str) -> policy.Routed | policy.AskAgent:
    """Which process the case is, by its record's reasons, its subject, and what the member wrote so far."""
    cases = current().salesforce.cases
    found = cases.case(case)
    written = [found.description or "", *(mail.text or "" for mail in cases.mails(case) if mail.incoming)]
    reasons = tuple(one for one in (found.reason, found.secondary_reason) if one is not None)
    return policy.route(reasons, found.subject or "", "\n".join(written))
