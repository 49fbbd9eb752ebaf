"""The key store: keys come back, are made once, and are gone when destroyed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from casework.delivery import keys as module
from casework.delivery.keys import FileKeyStore, KeyDestroyed, KeyStoreBroken, KeyUnknown

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def store(folder: Path) -> FileKeyStore:
    return FileKeyStore(folder / "keys.sqlite", folder / "kek")


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_key_is_made_once(folder: Path) -> None:
    """A repeated create gives the same key, in another process too."""
    key = store(folder).create("d-1")
    assert len(key) == 32
    assert store(folder).create("d-1") == key == store(folder).open("d-1")
    assert store(folder).create("d-2") != key


def test_concurrent_creates_agree(folder: Path) -> None:
    """Eight creators of one key, on a store that none has made yet, all hold the same key."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: store(folder).create("d-1"), range(8)))) == 1


def test_the_key_is_not_stored_in_the_clear(folder: Path) -> None:
    """No file of the store holds the data key itself, and only the owner may read the key-encryption key."""
    key = store(folder).create("d-1")
    assert key not in everything(folder)
    assert (folder / "kek").stat().st_mode & 0o777 == 0o600
    assert (folder / "keys.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_destroyed_key_is_in_no_file(folder: Path) -> None:
    """After destruction neither the key nor its wrapped form is in any file; the neighbours still open."""
    ours = store(folder)
    neighbours = {f"n-{number}": ours.create(f"n-{number}") for number in range(50)}
    key = ours.create("d-1")
    wrapped, _ = ours._row("d-1")
    assert wrapped is not None
    assert wrapped in everything(folder), "the search would not find it if it were there"
    ours.destroy("d-1", NOW)
    left = everything(folder)
    assert key not in left
    for start in range(0, len(wrapped) - 16, 4):
        assert wrapped[start : start + 16] not in left
    assert {name: ours.open(name) for name in neighbours} == neighbours


def test_destroying_again_keeps_the_first_time(folder: Path) -> None:
    """Destruction is idempotent: the tombstone keeps when it happened first."""
    ours = store(folder)
    ours.create("d-1")
    assert ours.destroyed_at("d-1") is None
    ours.destroy("d-1", NOW)
    ours.destroy("d-1", NOW + timedelta(days=1))
    assert ours.destroyed_at("d-1") == NOW


def test_a_destroyed_key_never_comes_back(folder: Path) -> None:
    """Neither open nor create gives a destroyed key, also when it was destroyed before it was ever made."""
    ours = store(folder)
    ours.create("d-1")
    for key_id in ("d-1", "never-made"):
        ours.destroy(key_id, NOW)
        with pytest.raises(KeyDestroyed, match=key_id):
            ours.open(key_id)
        with pytest.raises(KeyDestroyed, match=key_id):
            ours.create(key_id)


def test_killed_between_overwriting_and_removing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between the two commits leaves no readable key, and destroying again finishes."""
    ours = store(folder)
    ours.create("d-1")
    wrapped, _ = ours._row("d-1")
    connect = ours._connect
    calls = iter([connect])

    def dies_second() -> object:
        return next(calls, None) and connect()

    monkeypatch.setattr(ours, "_connect", dies_second)
    with pytest.raises(TypeError):
        ours.destroy("d-1", NOW)
    monkeypatch.undo()
    assert wrapped not in everything(folder)
    with pytest.raises(KeyStoreBroken):
        ours.open("d-1")
    ours.destroy("d-1", NOW)
    assert ours.destroyed_at("d-1") == NOW


def test_unknown_and_swapped_keys_are_told_apart(folder: Path) -> None:
    """A key that never was is unknown; a wrapped key moved to another id does not open."""
    ours = store(folder)
    with pytest.raises(KeyUnknown):
        ours.open("d-9")
    ours.create("d-1")
    ours.create("d-2")
    with ours._connect() as db:
        db.execute(
            "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE key_id = 'd-2') WHERE key_id = 'd-1'"
        )
    with pytest.raises(KeyStoreBroken):
        ours.open("d-1")


def test_a_lost_key_encryption_key_is_not_replaced(folder: Path) -> None:
    """A store with keys refuses to start without its key-encryption key instead of making a new one."""
    store(folder).create("d-1")
    (folder / "kek").unlink()
    with pytest.raises(KeyStoreBroken, match="missing"):
        store(folder)
    assert not (folder / "kek").exists()


def test_unsafe_secret_files_are_refused(folder: Path) -> None:
    """A secret that everyone may read, or of another length, is not used."""
    store(folder)
    (folder / "kek").chmod(0o644)
    with pytest.raises(KeyStoreBroken, match="chmod"):
        store(folder)
    (folder / "kek").chmod(0o600)
    (folder / "kek").write_bytes(b"short")
    with pytest.raises(KeyStoreBroken, match="5 bytes"):
        module.read_secret_file(folder / "kek", 32)
