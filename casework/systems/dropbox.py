"""Dropbox over its official SDK: upload in one pass, read ranges, delete, and look what is left.

The SDK's own retries are switched off (429 would be retried for ever, and its waits cannot be bounded); the
few here also cover what it leaves out: lost connections and `too_many_write_operations`. Every call may be
repeated.
An append whose answer was lost is recognised by its offset, a lost finish by what is then stored: size and
`content_hash` decide. The hash is Dropbox's own: SHA-256 over the SHA-256 digests of blocks of 4 MiB.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import requests
from dropbox import Dropbox as Sdk
from dropbox import create_session
from dropbox.exceptions import ApiError
from dropbox.files import (
    CommitInfo,
    DeletedMetadata,
    FileMetadata,
    UploadSessionCursor,
    WriteMode,
)

from casework.systems.chunks import rechunk
from casework.systems.dropbox_faults import SDK_FAILURES, SYSTEM, fault_of, tags_of
from casework.systems.errors import NotFound, Refused, Temporary
from casework.systems.http import backoff

BLOCK = 4 << 20
"""Bytes of a block of the content hash, and what parts of a session are multiples of."""

_PART = 2 * BLOCK
_READ = 1 << 20
_REVISIONS = 100
T = TypeVar("T")

Progress = Callable[[int], None]
"""Called with the number of bytes stored so far."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A stored file. `content_hash` is hex."""

    path: str
    id: str
    rev: str
    size: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class Revisions:
    """What Dropbox still keeps under a path. `server_deleted` (UTC) is when the latest state was deleted."""

    is_deleted: bool
    server_deleted: datetime | None
    entries: tuple[Uploaded, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """The account signed in. Only a `business` one may delete permanently."""

    account_id: str
    type: str
    team: bool


class ContentHash:
    """Dropbox's content hash of a stream. Feed it whole blocks; only the last piece may be shorter."""

    def __init__(self) -> None:
        self._overall = hashlib.sha256()

    def update(self, piece: bytes) -> str:
        """Add `piece`; gives the content hash of the piece alone, so that each byte is hashed once."""
        digests = b"".join(
            hashlib.sha256(memoryview(piece)[at : at + BLOCK]).digest() for at in range(0, len(piece), BLOCK)
        )
        self._overall.update(digests)
        return hashlib.sha256(digests).hexdigest()

    def hexdigest(self) -> str:
        """The hash of all pieces so far."""
        return self._overall.hexdigest()


class Dropbox:
    """A client for one account.

    `token` is an access token, or, together with `app_key` and `app_secret`, a refresh token: Dropbox's
    access tokens live four hours. `adapters` are mounted by URL prefix, to reach a stand-in.
    `patience` is the longest wait in seconds that is slept here when Dropbox asks for one.
    """

    def __init__(
        self,
        token: str,
        *,
        app_key: str | None = None,
        app_secret: str | None = None,
        adapters: Mapping[str, requests.adapters.BaseAdapter] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = 4,
        patience: float = 20.0,
    ) -> None:
        session = create_session()
        for prefix, adapter in (adapters or {}).items():
            session.mount(prefix, adapter)
        credentials = (
            {"oauth2_refresh_token": token, "app_key": app_key, "app_secret": app_secret}
            if app_key
            else {"oauth2_access_token": token}
        )
        self._sdk = Sdk(
            **credentials,
            session=session,
            max_retries_on_error=0,
            max_retries_on_rate_limit=0,
            timeout=60,
        )
        self._sleep = sleep
        self._attempts = attempts
        self._patience = patience

    def upload(self, path: str, chunks: Iterable[bytes], progress: Progress | None = None) -> Uploaded:
        """Store a stream under `path`, replacing what is there, in one pass and constant memory (two parts).

        Raises `Refused` when the stored size or content hash differs from what was sent.
        """
        operation = "upload"
        content = ContentHash()
        sent = 0
        if not path.startswith("/"):
            raise ValueError("A Dropbox path starts with '/'")
        session_id = self._call(operation, lambda: self._sdk.files_upload_session_start(b"")).session_id
        for part in rechunk(chunks, itertools.repeat(_PART)):
            self._append(session_id, sent, part, content.update(part))
            sent += len(part)
            if progress is not None:
                progress(sent)
        stored = self._finish(path, session_id, sent)
        if (stored.size, stored.content_hash) != (sent, content.hexdigest()):
            detail = f"{sent} bytes were sent and the stored file differs in size or content hash"
            raise Refused(SYSTEM, operation, detail)
        return stored

    def metadata(self, path: str) -> Uploaded | None:
        """The file at `path`, or None when there is none (or it is deleted)."""
        try:
            found = self._call("look at a file", lambda: self._sdk.files_get_metadata(path))
        except NotFound:
            return None
        if isinstance(found, DeletedMetadata):
            return None
        if not isinstance(found, FileMetadata):
            raise Refused(SYSTEM, "look at a file", "there is a folder where a file was expected")
        return _uploaded(found)

    def read(self, path: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]:
        """The file's bytes in `[start, end)`, in chunks of at most 1 MiB. Raises `NotFound`.

        The end of the iteration means that all of them came; a broken stream raises `Temporary`.
        """
        operation = "read"
        first = start or 0
        if first < 0 or (end is not None and end < first):
            raise ValueError(f"[{first}, {end}) is not a range")
        if end is not None and end == first:
            return
        ranged = start is not None or end is not None
        header = {"Range": f"bytes={first}-{'' if end is None else end - 1}"} if ranged else None
        found, answer = self._call(operation, lambda: self._sdk.files_download(path, extra_headers=header))
        try:
            if ranged and answer.status_code != 206:
                raise Temporary(SYSTEM, operation, "the range was ignored", status=answer.status_code)
            missing = (found.size if end is None else min(end, found.size)) - first
            for chunk in answer.iter_content(_READ):
                missing -= len(chunk)
                yield chunk
        except (requests.RequestException, OSError) as error:
            raise fault_of(operation, error) from None
        finally:
            answer.close()
        if missing:
            raise Temporary(SYSTEM, operation, f"the stream ended {missing} bytes early")

    def delete(self, path: str) -> bool:
        """Delete softly: revisions stay for the plan's 30 to 365 days. False when nothing was there."""
        return self._removed("delete", lambda: self._sdk.files_delete_v2(path))

    def permanently_delete(self, path: str) -> bool:
        """Delete with all revisions. False when nothing was there.

        Raises `Misconfigured` or `Refused` unless the account is a business one and the app has the scope
        `files.permanent_delete`.
        """
        return self._removed("delete permanently", lambda: self._sdk.files_permanently_delete(path))

    def revisions(self, path: str) -> Revisions | None:
        """What can still be restored under `path` (the latest 100), or None when nothing is known of it."""
        operation = "list revisions"
        try:
            found = self._call(operation, lambda: self._sdk.files_list_revisions(path, limit=_REVISIONS))
        except NotFound:
            return None
        return Revisions(
            is_deleted=found.is_deleted,
            server_deleted=_utc(found.server_deleted),
            entries=tuple(_uploaded(entry) for entry in found.entries),
        )

    def account(self) -> Account:
        """Who is signed in; a way to check the token."""
        found = self._call("read our own account", self._sdk.users_get_current_account)
        return Account(found.account_id, found.account_type._tag, found.team is not None)

    def _append(self, session_id: str, offset: int, part: bytes, part_hash: str) -> None:
        def append() -> None:
            cursor = UploadSessionCursor(session_id, offset)
            try:
                self._sdk.files_upload_session_append_v2(part, cursor, content_hash=part_hash)
            except ApiError as error:
                reason = error.error
                arrived = reason.is_closed() or (
                    reason.is_incorrect_offset() and reason.get_incorrect_offset().correct_offset == offset + len(part)
                )
                if not arrived:
                    raise

        self._call("append to an upload", append)

    def _finish(self, path: str, session_id: str, size: int) -> Uploaded:
        commit = CommitInfo(path, mode=WriteMode.overwrite, autorename=False, mute=True)
        cursor = UploadSessionCursor(session_id, size)

        def finish() -> Uploaded:
            try:
                return _uploaded(self._sdk.files_upload_session_finish(b"", cursor, commit))
            except ApiError as error:
                if not tags_of(error).startswith("lookup_failed/"):
                    raise
                # An earlier try may have finished the session without our hearing of it.
                stored = self.metadata(path)
                if stored is None:
                    raise
                return stored

        return self._call("finish an upload", finish)

    def _removed(self, operation: str, remove: Callable[[], Any]) -> bool:
        try:
            self._call(operation, remove)
        except NotFound:
            return False
        return True

    def _call(self, operation: str, call: Callable[[], T]) -> T:
        for attempt in range(1, self._attempts + 1):
            try:
                return call()
            except SDK_FAILURES as error:
                fault = fault_of(operation, error)
            if not isinstance(fault, Temporary):
                raise fault
            too_long = fault.retry_after is not None and fault.retry_after > self._patience
            if too_long or attempt == self._attempts:
                raise fault
            self._sleep((fault.retry_after or 0.0) + backoff(attempt - 1))
        raise ValueError("attempts must be at least 1")


def _uploaded(found: FileMetadata) -> Uploaded:
    return Uploaded(
        path=found.path_display or found.path_lower or found.name,
        id=found.id,
        rev=found.rev,
        size=found.size,
        content_hash=found.content_hash or "",
    )


def _utc(moment: datetime | None) -> datetime | None:
    # The SDK's times are UTC without saying so.
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
