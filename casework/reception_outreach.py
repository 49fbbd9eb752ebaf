"""What the gateway does about Outreach: it looks for what was not told.

Outreach takes a webhook as delivered whatever was answered, so somebody has to look. That somebody looks at all also
keeps our tokens alive, which end when nobody uses them for two weeks. What the organisation lacks is told in the log
at each look until its administrator has mended it; changes are looked for all the same, the more so without webhooks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from casework.systems import Systems
from casework.systems.errors import Misconfigured

__all__ = ["outreach_changes"]

logger = logging.getLogger(__name__)


def outreach_changes(systems: Systems) -> Callable[[datetime], Iterator[tuple[str, datetime]]]:
    """Gives, for a moment, the subjects of the prospects of our sequences and stages that changed, each with when.

    What it gives raises `SystemFault`.
    """
    as_needed: list[bool] = []

    def changes(since: datetime) -> Iterator[tuple[str, datetime]]:
        outreach, places = systems.outreach, systems.places.outreach
        if not as_needed:
            try:
                outreach.demand()
                as_needed.append(True)
            except Misconfigured as fault:
                logger.warning("%s", fault)
        sequences = (places.lead_sequence, places.technical_sequence)
        for prospect, at in outreach.changed_since(since, sequences, places.booked_stages + places.disqualified_stages):
            yield f"outreach:prospect:{prospect}", at

    return changes
