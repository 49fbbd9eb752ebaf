"""What the gateway asks of Salesforce by itself: which cases changed, for what a lost callout did not tell.

An org whose objects or fields are not as needed is told of in the log at each look, until its administrator has mended
it; nothing else of ours waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from casework.systems.salesforce import Salesforce

__all__ = ["salesforce_changes"]


def salesforce_changes(salesforce: Salesforce) -> Callable[[datetime], Iterator[tuple[str, datetime]]]:
    """Gives, for a moment, the subjects of the cases that changed since, each with when it did.

    Before its first look the org itself is looked at. What it gives raises `SystemFault`.
    """
    looked_at: list[bool] = []

    def changes(since: datetime) -> Iterator[tuple[str, datetime]]:
        if not looked_at:
            salesforce.demand()
            salesforce.own_id()  # kept by the client, so that the door knows what we did ourselves
            looked_at.append(True)
        for one in salesforce.cases.changed_since(since):
            yield f"salesforce:case:{one.case_id}", one.at

    return changes
