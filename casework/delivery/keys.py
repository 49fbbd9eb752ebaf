"""The key store: one data key per deliverable, kept wrapped, and destroyed for good.

Destroying a data key is what makes every copy of the sealed file unreadable, those included that a vault or a
backup keeps. So keys live apart from the case database, in a store that must not be backed up.

:class:`FileKeyStore` is the embedded store: one SQLite file, each data key wrapped by AES-256-GCM (bound to
its id) under a key-encryption key in a file of its own. Destroying overwrites the wrapped key in place,
commits, then removes it, with ``secure_delete`` on and a rollback journal that SQLite deletes, so no file
of the store holds it any more. What the store cannot reach: a copy made of its folder while the key lived
(backup, snapshot), and blocks the file system has freed. Both hold the *wrapped* key only; whoever destroys
the key-encryption key destroys those too.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from casework.delivery.sealing import KEY_BYTES

_NONCE_BYTES = 12
_KEY_FILE_MODE = 0o600


class KeyDestroyed(Exception):
    """The data key was destroyed; what it sealed cannot be opened by anyone."""


class KeyUnknown(LookupError):
    """The key store never had this data key."""


class KeyStoreBroken(Exception):
    """The key store and its key-encryption key do not belong together, or a file is unsafe or damaged."""


class KeyStore(Protocol):
    """Where data keys live. Key ids are opaque; they appear in certificates and logs, the keys never do."""

    def create(self, key_id: str) -> bytes:
        """Make the 32-byte data key, or give the one that exists. Raises :class:`KeyDestroyed`."""

    def open(self, key_id: str) -> bytes:
        """The data key. Raises :class:`KeyDestroyed` or :class:`KeyUnknown`."""

    def destroy(self, key_id: str, now: datetime) -> None:
        """Make the key unrecoverable; again is harmless. A key never made can then not be made any more."""

    def destroyed_at(self, key_id: str) -> datetime | None:
        """When the key was destroyed (aware, UTC), or None."""


class FileKeyStore:
    """Data keys in one SQLite file, wrapped under the key in ``kek_file`` (made with mode 0600)."""

    def __init__(self, path: Path, kek_file: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS data_keys"
                " (key_id TEXT PRIMARY KEY, wrapped BLOB, destroyed_at TEXT,"
                " CHECK ((wrapped IS NULL) <> (destroyed_at IS NULL)))"
            )
            used = db.execute("SELECT EXISTS (SELECT 1 FROM data_keys WHERE wrapped IS NOT NULL)").fetchone()[0]
        path.chmod(_KEY_FILE_MODE)
        if used and not kek_file.exists():
            raise KeyStoreBroken(
                f"the key store {path} holds keys but its key-encryption key {kek_file} is missing: put it "
                "back, or destroy the open deliverables and have them delivered again"
            )
        self._wrapper = AESGCM(read_secret_file(kek_file, KEY_BYTES))

    def create(self, key_id: str) -> bytes:
        with self._connect() as db:
            nonce = os.urandom(_NONCE_BYTES)
            wrapped = nonce + self._wrapper.encrypt(nonce, secrets.token_bytes(KEY_BYTES), _label(key_id))
            db.execute(
                "INSERT INTO data_keys (key_id, wrapped) VALUES (?, ?) ON CONFLICT (key_id) DO NOTHING",
                (key_id, wrapped),
            )
        return self.open(key_id)

    def open(self, key_id: str) -> bytes:
        wrapped, destroyed_at = self._row(key_id)
        if destroyed_at is not None:
            raise KeyDestroyed(f"key {key_id} was destroyed at {destroyed_at}; what it sealed cannot be opened")
        if wrapped is None:
            raise KeyUnknown(f"there is no key {key_id} in this key store")
        try:
            return self._wrapper.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _label(key_id))
        except InvalidTag:
            raise KeyStoreBroken(
                f"key {key_id} does not unwrap: the key-encryption key is another one or the store is damaged"
            ) from None

    def destroy(self, key_id: str, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("Timezone aware datetime is required")
        with self._connect() as db:
            # First commit: the same number of other bytes in the same place. Only then is the row emptied.
            db.execute(
                "UPDATE data_keys SET wrapped = randomblob(length(wrapped)) WHERE key_id = ? AND wrapped IS NOT NULL",
                (key_id,),
            )
        with self._connect() as db:
            db.execute(
                "INSERT INTO data_keys (key_id, destroyed_at) VALUES (?, ?) ON CONFLICT (key_id) DO UPDATE"
                " SET wrapped = NULL, destroyed_at = coalesce(destroyed_at, excluded.destroyed_at)",
                (key_id, now.astimezone(UTC).isoformat()),
            )

    def destroyed_at(self, key_id: str) -> datetime | None:
        _, destroyed_at = self._row(key_id)
        return None if destroyed_at is None else datetime.fromisoformat(destroyed_at)

    def _row(self, key_id: str) -> tuple[bytes | None, str | None]:
        with self._connect() as db:
            found: tuple[bytes | None, str | None] | None = db.execute(
                "SELECT wrapped, destroyed_at FROM data_keys WHERE key_id = ?", (key_id,)
            ).fetchone()
        return found or (None, None)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """One short transaction; the connection settings are what makes removal real."""
        db = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA synchronous = EXTRA")
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA temp_store = MEMORY")
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        finally:
            db.close()


def read_secret_file(path: Path, size: int) -> bytes:
    """The secret of ``size`` bytes in this file; made at random with mode 0600 when the file does not exist.

    Raises :class:`KeyStoreBroken` when the file has another size or anyone may read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(size))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link appears whole or not at all, never over one that another process made meanwhile; then
            # that one is the secret, and ours was never used.
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o007:
        raise KeyStoreBroken(f"everyone on this machine may read the secret file {path}: chmod 600 it")
    secret = path.read_bytes()
    if len(secret) != size:
        raise KeyStoreBroken(
            f"the secret file {path} has {len(secret)} bytes instead of {size}: put the right one back"
        )
    return secret


def _label(key_id: str) -> bytes:
    return b"casework data key " + key_id.encode()
