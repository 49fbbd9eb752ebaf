"""The engineering drop of one case: a prefix in an S3 bucket with versioning. It holds plaintext."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from casework.delivery.evidence import Evidence
from casework.delivery.vaults import listing_evidence
from casework.systems.errors import NotFound

if TYPE_CHECKING:
    from casework.systems.s3 import S3


class S3Drop:
    """Read by :func:`~casework.delivery.deliverable.check`, and deleted in the end like every other copy.

    ``prefix`` is the case's own and ends with ``/``: everything below it is deleted, whoever put it there.
    """

    sealed = False

    def __init__(self, client: S3, bucket: str, prefix: str, *, now: Callable[[], datetime]) -> None:
        if not prefix.strip("/") or not prefix.endswith("/"):
            raise ValueError("the prefix of a drop is a folder of the case's own and ends with /")
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._now = now

    @property
    def name(self) -> str:
        return f"drop:{self._prefix}"

    def names(self) -> tuple[str, ...]:
        found = self._client.objects(self._bucket, self._prefix)
        return tuple(thing.key.removeprefix(self._prefix) for thing in found)

    def size(self, name: str) -> int:
        """In bytes. Raises ``NotFound``."""
        found = self._client.head(self._bucket, self._prefix + name)
        if found is None:
            raise NotFound("S3", "look at a file of the drop", "it is not there any more")
        return found.size

    def read(self, name: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]:
        return self._client.read(self._bucket, self._prefix + name, start, end)

    def delete(self) -> tuple[str, ...]:
        """Remove every version, delete marker and unfinished upload below the prefix."""
        self._client.abort_uploads(self._bucket, self._prefix)
        versions = self._client.versions(self._bucket, self._prefix)
        return self._client.delete_versions(self._bucket, versions)

    def look(self) -> Evidence:
        left = self._client.versions(self._bucket, self._prefix)
        return listing_evidence(self.name, self.sealed, len(left), self._now())
