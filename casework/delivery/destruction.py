"""Destroying a deliverable: after this nobody can read it, and it is known what is left where.

The order matters. First the link ends, so that no new read begins; then the data key goes, and with it
every sealed copy, those included that a vendor keeps; then each copy is deleted, the plaintext drop too;
then each is looked at. Every stage may be repeated, so a run that was killed anywhere is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from casework.delivery.evidence import Copy, CopyState, Evidence, Result, result
from casework.delivery.keys import KeyStore
from casework.delivery.links import Links
from casework.systems.errors import Refused


@dataclass(frozen=True, slots=True)
class Destruction:
    """What was done and what is left. Times are aware, UTC."""

    deliverable_id: str
    key_id: str
    key_destroyed_at: datetime
    evidence: tuple[Evidence, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing readable is left: sealed copies lost their key, the others are absent or said to be."""
        return result(self.evidence) is not Result.NOT_DESTROYED


def destroy(
    deliverable_id: str,
    key_id: str,
    copies: Sequence[Copy],
    *,
    links: Links,
    keys: KeyStore,
    now: Callable[[], datetime],
    ended_as: str = "revoked",
) -> Destruction:
    """Destroy a deliverable everywhere.

    A link that is still live ends as ``ended_as`` (``revoked`` or ``cancelled``). A copy whose deletion is
    refused (object lock, legal hold) does not keep the others alive: it is reported as blocked, with the
    reason. Temporary faults pass through: run it again.
    """
    link = links.of_deliverable(deliverable_id)
    if link is not None:
        links.revoke(link.link_id, ended_as)
    keys.destroy(key_id, now())
    asked = [_delete(copy) for copy in copies]
    evidence = tuple(_look(copy, *answer) for copy, answer in zip(copies, asked, strict=True))
    destroyed_at = keys.destroyed_at(key_id)
    if destroyed_at is None:
        raise RuntimeError(f"key {key_id} was destroyed and the key store does not say so: check the store")
    if link is not None and result(evidence) is not Result.NOT_DESTROYED:
        links.mark_destroyed(link.link_id)
    return Destruction(deliverable_id, key_id, destroyed_at, evidence)


def _delete(copy: Copy) -> tuple[tuple[str, ...], str | None]:
    try:
        return copy.delete(), None
    except Refused as fault:
        return (), str(fault)


def _look(copy: Copy, request_ids: tuple[str, ...], refused: str | None) -> Evidence:
    found = replace(copy.look(), request_ids=request_ids)
    if refused is None or found.state is CopyState.ABSENT:
        return found
    return replace(found, state=CopyState.BLOCKED, until=None, detail=f"{found.detail}; {refused}")
