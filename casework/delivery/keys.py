"""The key store: one data key per deliverable, kept wrapped, and destroyed for good.

Destroying a data key is what makes every copy of the sealed file unreadable, those included that a vault or a
backup keeps. So keys live apart from the case database, in a store that must not be backed up.

There is one store, an SQLite file, and two ways to wrap what lies in it: :class:`KeyFile`, AES-256-GCM under a
key in a file, and :class:`KmsKey`, under a key that never leaves a key management service. Both bind a wrapped
key to its id, and write down which key-encryption key wrapped it, so that another one may take its place while
deliveries are under way: what the earlier one wrapped still opens, until :meth:`KeyStore.rewrap` has wrapped it anew.

Destroying overwrites the wrapped key in place, commits, then removes it, with ``secure_delete``
on and a rollback journal that SQLite deletes, so no file of the store holds it any more. What the store cannot
reach: a copy made of its folder while the key lived (backup, snapshot), and blocks the file system has freed.
All of them hold the *wrapped* key only; whoever destroys the key-encryption key destroys those too.

An opened data key is not kept in memory from one use to the next: a process that remembered it could go on
reading after another one destroyed it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from casework.delivery.sealing import KEY_BYTES
from casework.systems.errors import Misconfigured, NotFound, Refused

if TYPE_CHECKING:
    from casework.systems.kms import Kms

_NONCE_BYTES = 12
_KEY_FILE_MODE = 0o600
_PURPOSE = "casework data key"
_NAMED = b"casework key wrapped by "
_BY_FILE = "file "
FORMER = ".former"
"""What the name of a key file ends with once another key has taken its place."""


class KeyDestroyed(Exception):
    """The data key was destroyed; what it sealed cannot be opened by anyone."""


class KeyUnknown(LookupError):
    """The key store never had this data key."""


class KeyStoreBroken(Misconfigured):
    """The key store and its key-encryption key do not belong together, or a file is unsafe or damaged."""

    @property
    def advice(self) -> str:
        return "Put it right, then retry."


class Wrapping(Protocol):
    """Encrypts data keys under a key-encryption key, each bound to its id."""

    def begin(self, in_use: bool) -> None:
        """Get ready when a store is opened; ``in_use`` says that it holds keys that this has wrapped.

        Raises :class:`KeyStoreBroken` when it is known already that these cannot be unwrapped.
        """

    def wrap(self, key_id: str, key: bytes) -> bytes:
        """The wrapped key, another one each time."""

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The key, also when an earlier key-encryption key wrapped it that can still be used.

        Raises :class:`KeyStoreBroken` when none of them did, with this id.
        """


class KeyFile:
    """Wraps by AES-256-GCM under a key in a file of its own, made with mode 0600 for a new store.

    An earlier key, in a file with :data:`FORMER` behind its name, unwraps and wraps nothing any more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._former = path.with_name(path.name + FORMER)

    def begin(self, in_use: bool) -> None:
        if in_use and not (self._path.exists() or self._former.exists()):
            raise KeyStoreBroken(
                "key store",
                "open",
                f"it holds keys but its key-encryption key {self._path} is missing: put that back, or end the open "
                "deliveries and have them made again",
            )
        read_secret_file(self._path, KEY_BYTES)

    def wrap(self, key_id: str, key: bytes) -> bytes:
        wrapping, nonce = read_secret_file(self._path, KEY_BYTES), os.urandom(_NONCE_BYTES)
        return _named(_file_name(wrapping), nonce + AESGCM(wrapping).encrypt(nonce, key, _label(key_id)))

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        by, blob = _read(wrapped)
        known = [read_secret_file(path, KEY_BYTES) for path in (self._path, self._former) if path.exists()]
        for wrapping in known:
            if by in (None, _file_name(wrapping)):
                with suppress(InvalidTag, ValueError):
                    return AESGCM(wrapping).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], _label(key_id))
        if by is None or by in map(_file_name, known):
            raise _not_ours(key_id)
        again = f"put it at {self._former}" if by.startswith(_BY_FILE) else "set it as keys.kms_key_id again"
        raise _by_another(key_id, by, f"{again} until the open deliveries have ended, or have them made again")


class KmsKey:
    """Wraps by a key of a key management service, which binds the key id by its encryption context.

    What another key of the service wrapped is unwrapped by that one, as long as it may be used; what a key file
    wrapped, by `file`. The service's faults pass through as those of :mod:`casework.systems.errors`. Nothing is asked
    of it before the first key is wrapped or unwrapped.
    """

    def __init__(self, kms: Kms, file: KeyFile | None = None) -> None:
        self._kms, self._file = kms, file

    def begin(self, in_use: bool) -> None:
        del in_use  # what the service would say now may be otherwise when it is needed

    def wrap(self, key_id: str, key: bytes) -> bytes:
        wrapped, by = self._kms.encrypt(key, _context(key_id))
        return _named(by, wrapped)

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        by, blob = _read(wrapped)
        if by is not None and by.startswith(_BY_FILE):
            if self._file is None:
                raise _by_another(key_id, by, "put that file back where it lay before keys.kms_key_id was set")
            return self._file.unwrap(key_id, wrapped)
        try:
            return self._kms.decrypt(blob, _context(key_id), by)
        except (NotFound, Refused) as fault:
            raise _not_ours(key_id, fault.detail) from None


class KeyStore:
    """Wrapped data keys in one SQLite file. Key ids are opaque; certificates and logs hold them, never the keys."""

    def __init__(self, path: Path, wrapping: Wrapping) -> None:
        self._path = path
        self._wrapping = wrapping
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS data_keys"
                " (key_id TEXT PRIMARY KEY, wrapped BLOB, destroyed_at TEXT,"
                " CHECK ((wrapped IS NULL) <> (destroyed_at IS NULL)))"
            )
            used = db.execute("SELECT EXISTS (SELECT 1 FROM data_keys WHERE wrapped IS NOT NULL)").fetchone()[0]
        path.chmod(_KEY_FILE_MODE)
        wrapping.begin(bool(used))

    def create(self, key_id: str) -> bytes:
        """Make the 32-byte data key, or give the one that exists. Raises :class:`KeyDestroyed`."""
        if self._row(key_id) == (None, None):
            wrapped = self._wrapping.wrap(key_id, secrets.token_bytes(KEY_BYTES))
            with self._connect() as db:
                db.execute(
                    "INSERT INTO data_keys (key_id, wrapped) VALUES (?, ?) ON CONFLICT (key_id) DO NOTHING",
                    (key_id, wrapped),
                )
        return self.open(key_id)

    def open(self, key_id: str) -> bytes:
        """The data key. Raises :class:`KeyDestroyed`, :class:`KeyUnknown` or :class:`KeyStoreBroken`."""
        wrapped, destroyed_at = self._row(key_id)
        if destroyed_at is not None:
            raise KeyDestroyed(f"key {key_id} was destroyed at {destroyed_at}; what it sealed cannot be opened")
        if wrapped is None:
            raise KeyUnknown(f"there is no key {key_id} in this key store")
        return self._wrapping.unwrap(key_id, wrapped)

    def destroy(self, key_id: str, now: datetime) -> None:
        """Make the key unrecoverable; again is harmless. A key never made can then not be made any more.

        The key-encryption key is not needed for that, nor is the service that keeps it.
        """
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

    def rewrap(self) -> tuple[int, int]:
        """Wrap every data key anew that another key-encryption key has wrapped; how many, and how many had no need.

        Again does what is left; killed in between, each key opens by one key or the other. A key that is destroyed
        meanwhile stays destroyed. Raises as :meth:`open` does; for a key that is broken only after all others are done.
        """
        with self._connect() as db:
            there = db.execute("SELECT key_id, wrapped FROM data_keys WHERE wrapped IS NOT NULL ORDER BY key_id")
            found: list[tuple[str, bytes]] = there.fetchall()
        changed, broken = 0, None
        for key_id, wrapped in found:
            try:
                anew = self._wrapping.wrap(key_id, self._wrapping.unwrap(key_id, wrapped))
            except KeyStoreBroken as error:
                broken = broken or error
                continue
            if _read(anew)[0] == _read(wrapped)[0]:
                continue
            with self._connect() as db:
                same = (anew, key_id, wrapped)
                changed += db.execute(
                    "UPDATE data_keys SET wrapped = ? WHERE key_id = ? AND wrapped = ?", same
                ).rowcount
        if broken is not None:
            raise broken
        return changed, len(found) - changed

    def destroyed_at(self, key_id: str) -> datetime | None:
        """When the key was destroyed (aware, UTC), or None."""
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
        raise KeyStoreBroken("secret file", "read", f"everyone on this machine may read {path}: chmod 600 it")
    secret = path.read_bytes()
    if len(secret) != size:
        wrong = f"{path} has {len(secret)} bytes instead of {size}: put the right one back"
        raise KeyStoreBroken("secret file", "read", wrong)
    return secret


def _label(key_id: str) -> bytes:
    return f"{_PURPOSE} {key_id}".encode()


def _context(key_id: str) -> dict[str, str]:
    return {"purpose": _PURPOSE, "key-id": key_id}


def _named(by: str, wrapped: bytes) -> bytes:
    return _NAMED + by.encode() + b"\n" + wrapped


def _read(wrapped: bytes) -> tuple[str | None, bytes]:
    """Which key-encryption key wrapped it, and what it made. None: it was wrapped before that was written down."""
    if not wrapped.startswith(_NAMED):
        return None, wrapped
    by, _, blob = wrapped.removeprefix(_NAMED).partition(b"\n")
    return by.decode(errors="replace"), blob


def _file_name(wrapping: bytes) -> str:
    """What a key in a file is called: says nothing of the key, and is the same wherever the file lies."""
    return _BY_FILE + hmac.digest(wrapping, b"casework name of a key-encryption key", "sha256").hex()[:16]


def _by_another(key_id: str, by: str, advice: str) -> KeyStoreBroken:
    said = f"key {key_id} was wrapped by another key-encryption key, {by.rsplit('/', 1)[-1]}: {advice}"
    return KeyStoreBroken("key store", "open", said)


def _not_ours(key_id: str, said: str | None = None) -> KeyStoreBroken:
    why = "the key-encryption key is another one or the store is damaged"
    return KeyStoreBroken("key store", "open", f"key {key_id} does not unwrap{f' ({said})' if said else ''}: {why}")
