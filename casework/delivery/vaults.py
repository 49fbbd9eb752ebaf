"""Vaults: where a sealed deliverable waits for its one download. They only ever hold ciphertext.

A vault stores a stream, reads ranges, deletes as thoroughly as it can, and says afterwards what is left.
Faults are those of :mod:`casework.systems.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from casework.delivery.evidence import CopyState, Evidence
from casework.systems.chunks import StreamLength

if TYPE_CHECKING:
    from casework.systems.dropbox import Dropbox
    from casework.systems.onedrive import OneDrive
    from casework.systems.s3 import S3

Progress = Callable[[int], None]
"""Called with the number of bytes stored so far."""

Now = Callable[[], datetime]


class StoredShort(Exception):
    """The vault holds another number of bytes than the sealed file has; store it again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored object and the digest that the vault itself gives for it."""

    vault: str
    object_name: str
    size: int
    digest_kind: str
    digest: str


class Vault(Protocol):
    """Ranges are ``[start, end)`` in bytes."""

    @property
    def name(self) -> str: ...

    def store(
        self, object_name: str, chunks: Iterable[bytes], sealed_size: int, progress: Progress | None = None
    ) -> Stored:
        """Store a stream, replacing an object of this name. Raises :class:`StoredShort`."""

    def read(self, object_name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a range. Raises ``NotFound`` when the object is gone."""

    def delete(self, object_name: str) -> tuple[str, ...]:
        """Delete with everything that hangs on it; again is harmless. Gives request ids, if any."""

    def look(self, object_name: str) -> Evidence:
        """What is left of an object."""


class DropboxVault:
    """A folder in a Dropbox. A delete there is soft for ``retention_days`` (30, 180 or 365 by plan).

    ``permanent`` deletes for good; that needs a Business account and the scope ``files.permanent_delete``.
    """

    name = "dropbox"

    def __init__(
        self, client: Dropbox, folder: str, *, now: Now, retention_days: int = 30, permanent: bool = False
    ) -> None:
        self._client = client
        self._folder = folder.rstrip("/")
        self._now = now
        self._retention = timedelta(days=retention_days)
        self._permanent = permanent

    def store(
        self, object_name: str, chunks: Iterable[bytes], sealed_size: int, progress: Progress | None = None
    ) -> Stored:
        stored = self._client.upload(self._path(object_name), chunks, progress)
        _demand_size(self.name, object_name, stored.size, sealed_size)
        return Stored(self.name, object_name, stored.size, "dropbox content_hash", stored.content_hash)

    def read(self, object_name: str, start: int, end: int) -> Iterator[bytes]:
        return self._client.read(self._path(object_name), start, end)

    def delete(self, object_name: str) -> tuple[str, ...]:
        path = self._path(object_name)
        if self._permanent:
            self._client.permanently_delete(path)
        else:
            self._client.delete(path)
        return ()

    def look(self, object_name: str) -> Evidence:
        path = self._path(object_name)
        now = self._now()
        if self._client.metadata(path) is not None:
            return Evidence(self._copy(object_name), True, CopyState.BLOCKED, "the file is still there", now)
        kept = self._client.revisions(path)
        if kept is None or not kept.entries:
            detail = "get_metadata and list_revisions answer not_found"
            return Evidence(self._copy(object_name), True, CopyState.ABSENT, detail, now)
        detail = f"{len(kept.entries)} revisions can still be restored, of ciphertext only"
        until = ((kept.server_deleted or now) + self._retention).date()
        return Evidence(self._copy(object_name), True, CopyState.SOFT_DELETED, detail, now, until)

    def _path(self, object_name: str) -> str:
        return f"{self._folder}/{object_name}"

    def _copy(self, object_name: str) -> str:
        return f"{self.name}:{object_name}"


class S3Vault:
    """A prefix in an S3 bucket. Deleting removes every version, delete marker and unfinished upload."""

    name = "s3"

    def __init__(self, client: S3, bucket: str, prefix: str, *, now: Now) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._now = now

    def store(
        self, object_name: str, chunks: Iterable[bytes], sealed_size: int, progress: Progress | None = None
    ) -> Stored:
        stored = self._client.upload(self._bucket, self._key(object_name), chunks, progress)
        _demand_size(self.name, object_name, stored.size, sealed_size)
        return Stored(self.name, object_name, stored.size, "s3 etag", stored.etag)

    def read(self, object_name: str, start: int, end: int) -> Iterator[bytes]:
        return self._client.read(self._bucket, self._key(object_name), start, end)

    def delete(self, object_name: str) -> tuple[str, ...]:
        key = self._key(object_name)
        self._client.abort_uploads(self._bucket, key)
        versions = self._client.versions(self._bucket, key)
        return self._client.delete_versions(self._bucket, versions)

    def look(self, object_name: str) -> Evidence:
        left = self._client.versions(self._bucket, self._key(object_name))
        return listing_evidence(f"{self.name}:{object_name}", True, len(left), self._now())

    def _key(self, object_name: str) -> str:
        return f"{self._prefix}/{object_name}" if self._prefix else object_name


class OneDriveVault:
    """A folder in OneDrive for work. Deleting is permanent, with all versions, and skips the recycle bin."""

    name = "onedrive"

    def __init__(self, client: OneDrive, folder: str, *, now: Now) -> None:
        self._client = client
        self._folder = folder.rstrip("/")
        self._now = now

    def store(
        self, object_name: str, chunks: Iterable[bytes], sealed_size: int, progress: Progress | None = None
    ) -> Stored:
        try:
            stored = self._client.upload(self._path(object_name), chunks, sealed_size, progress)
        except StreamLength as error:
            raise StoredShort(f"{self.name} cannot take {object_name}: {error}") from None
        _demand_size(self.name, object_name, stored.size, sealed_size)
        return Stored(self.name, object_name, stored.size, "onedrive quickXorHash", stored.quick_xor_hash or "")

    def read(self, object_name: str, start: int, end: int) -> Iterator[bytes]:
        return self._client.read(self._path(object_name), start, end)

    def delete(self, object_name: str) -> tuple[str, ...]:
        return self._client.permanently_delete(self._path(object_name))

    def look(self, object_name: str) -> Evidence:
        found = self._client.metadata(self._path(object_name))
        state = CopyState.ABSENT if found is None else CopyState.BLOCKED
        detail = "the drive answers itemNotFound" if found is None else "the file is still there"
        return Evidence(f"{self.name}:{object_name}", True, state, detail, self._now())

    def _path(self, object_name: str) -> str:
        return f"{self._folder}/{object_name}"


@dataclass(frozen=True, slots=True)
class VaultCopy:
    """One object of a vault as a :class:`~casework.delivery.evidence.Copy`."""

    vault: Vault
    object_name: str

    @property
    def name(self) -> str:
        return f"{self.vault.name}:{self.object_name}"

    @property
    def sealed(self) -> bool:
        return True

    def delete(self) -> tuple[str, ...]:
        return self.vault.delete(self.object_name)

    def look(self) -> Evidence:
        return self.vault.look(self.object_name)


def listing_evidence(copy: str, sealed: bool, versions_left: int, now: datetime) -> Evidence:
    """What a listing of versions and delete markers in S3 proves."""
    state = CopyState.BLOCKED if versions_left else CopyState.ABSENT
    return Evidence(copy, sealed, state, f"{versions_left} versions and delete markers are listed", now)


def _demand_size(vault: str, object_name: str, found: int, expected: int) -> None:
    if found != expected:
        raise StoredShort(f"{vault} holds {found} of {expected} bytes as {object_name}: store it again")
