"""The key store: keys come back, are made once, and are gone when destroyed, whatever wraps them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.stub import Stubber

from casework.delivery import keys as module
from casework.delivery.keys import FORMER, KeyDestroyed, KeyFile, KeyStore, KeyStoreBroken, KeyUnknown, KmsKey, Wrapping
from casework.systems import kms as kms_client
from casework.systems.errors import Misconfigured, NotFound, Temporary
from casework.systems.kms import Kms

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

Open = Callable[[], KeyStore]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture(params=["file", "kms"])
def wrapping(request: pytest.FixtureRequest, folder: Path) -> Callable[[], Wrapping]:
    """Makes the wrapping anew each time, as another process would."""
    if request.param == "file":
        return lambda: KeyFile(folder / "kek")
    kms: Kms = request.getfixturevalue("kms")
    return lambda: KmsKey(kms)


@pytest.fixture
def store(folder: Path, wrapping: Callable[[], Wrapping]) -> Open:
    return lambda: KeyStore(folder / "keys.sqlite", wrapping())


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


# -- the contract, over both wrappings


def test_a_key_is_made_once(store: Open) -> None:
    """A repeated create gives the same key, in another process too."""
    key = store().create("d-1")
    assert len(key) == 32
    assert store().create("d-1") == key == store().open("d-1")
    assert store().create("d-2") != key


def test_concurrent_creates_agree(store: Open) -> None:
    """Eight creators of one key, on a store that none has made yet, all hold the same key."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: store().create("d-1"), range(8)))) == 1


def test_the_key_is_not_stored_in_the_clear(store: Open, folder: Path) -> None:
    """No file of the store holds the data key itself, and only the owner may read the store."""
    key = store().create("d-1")
    assert key not in everything(folder)
    assert (folder / "keys.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_destroyed_key_is_in_no_file(store: Open, folder: Path) -> None:
    """After destruction neither the key nor its wrapped form is in any file; the neighbours still open."""
    ours = store()
    neighbours = {f"n-{number}": ours.create(f"n-{number}") for number in range(12)}
    key = ours.create("d-1")
    wrapped, _ = ours._row("d-1")
    assert wrapped is not None
    assert wrapped in everything(folder), "the search would not find it if it were there"
    ours.destroy("d-1", NOW)
    left = everything(folder)
    assert key not in left
    shared = next(
        at for at in range(len(wrapped)) if any(wrapped[at] != (ours._row(name)[0] or b"")[at] for name in neighbours)
    )
    for start in range(shared, len(wrapped) - 16, 4):
        assert wrapped[start : start + 16] not in left
    assert {name: ours.open(name) for name in neighbours} == neighbours


def test_destroying_again_keeps_the_first_time(store: Open) -> None:
    """Destruction is idempotent: the tombstone keeps when it happened first."""
    ours = store()
    ours.create("d-1")
    assert ours.destroyed_at("d-1") is None
    ours.destroy("d-1", NOW)
    ours.destroy("d-1", NOW + timedelta(days=1))
    assert ours.destroyed_at("d-1") == NOW


def test_a_destroyed_key_never_comes_back(store: Open) -> None:
    """Neither open nor create gives a destroyed key, also when it was destroyed before it was ever made."""
    ours = store()
    ours.create("d-1")
    for key_id in ("d-1", "never-made"):
        ours.destroy(key_id, NOW)
        with pytest.raises(KeyDestroyed, match=key_id):
            ours.open(key_id)
        with pytest.raises(KeyDestroyed, match=key_id):
            ours.create(key_id)


def test_killed_between_overwriting_and_removing(store: Open, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between the two commits leaves no readable key, and destroying again finishes."""
    ours = store()
    ours.create("d-1")
    wrapped, _ = ours._row("d-1")
    assert wrapped is not None
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


def test_unknown_and_swapped_keys_are_told_apart(store: Open) -> None:
    """A key that never was is unknown; a wrapped key moved to another id does not open."""
    ours = store()
    with pytest.raises(KeyUnknown):
        ours.open("d-9")
    ours.create("d-1")
    ours.create("d-2")
    with ours._connect() as db:
        db.execute(
            "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE key_id = 'd-2') WHERE key_id = 'd-1'"
        )
    with pytest.raises(KeyStoreBroken, match="d-1 does not unwrap"):
        ours.open("d-1")


def test_a_damaged_key_is_said_to_be_damaged(store: Open) -> None:
    """A wrapped key that was altered or cut does not open, and says so without a byte of it."""
    ours = store()
    ours.create("d-1")
    wrapped, _ = ours._row("d-1")
    assert wrapped is not None
    for damaged in (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), wrapped[:-1], wrapped[:5]):
        with ours._connect() as db:
            db.execute("UPDATE data_keys SET wrapped = ? WHERE key_id = 'd-1'", (damaged,))
        with pytest.raises(KeyStoreBroken, match="d-1 does not unwrap"):
            ours.open("d-1")


# -- another key-encryption key in its place

Change = Callable[[], Callable[[], Wrapping]]
CHANGES = ["another file", "another key of the service", "from a file to the service"]


@pytest.fixture(params=CHANGES)
def changed(request: pytest.FixtureRequest, folder: Path) -> tuple[KeyStore, Change]:
    """A store, and what puts another key-encryption key in the place of its own; that gives what wraps from then on."""
    kek, former = folder / "kek", folder / f"kek{FORMER}"
    if request.param == "another file":

        def replaced() -> Callable[[], Wrapping]:
            kek.rename(former)
            return lambda: KeyFile(kek)

        return in_file(folder), replaced
    kms: Kms = request.getfixturevalue("kms")
    if request.param == "from a file to the service":
        return in_file(folder), lambda: lambda: KmsKey(kms, KeyFile(kek))
    other = Kms(kms._client, kms._client.create_key()["KeyMetadata"]["KeyId"])
    return KeyStore(folder / "keys.sqlite", KmsKey(kms)), lambda: lambda: KmsKey(other)


def test_keys_open_after_the_key_encryption_key_has_changed(changed: tuple[KeyStore, Change], folder: Path) -> None:
    """A wrapped key says what wrapped it: it opens, and is destroyed, when another one wraps new keys by now."""
    before, change = changed
    old, gone = before.create("d-1"), before.create("d-2")
    after = KeyStore(folder / "keys.sqlite", change()())
    new = after.create("d-3")
    assert (after.open("d-1"), after.open("d-2"), after.open("d-3")) == (old, gone, new)
    after.destroy("d-2", NOW)
    with pytest.raises(KeyDestroyed):
        after.open("d-2")


def test_keys_are_wrapped_anew(changed: tuple[KeyStore, Change], folder: Path) -> None:
    """Each key of the earlier one is wrapped anew, once; its earlier form is in no file, and the destroyed stay so."""
    before, change = changed
    made = {f"d-{number}": before.create(f"d-{number}") for number in range(3)}
    earlier = [before._row(key_id)[0] or b"" for key_id in made]
    before.destroy("d-0", NOW)
    wrapping = change()
    after = KeyStore(folder / "keys.sqlite", wrapping())
    made["d-3"] = after.create("d-3")
    assert after.rewrap() == (2, 1)
    assert after.rewrap() == (0, 3)
    left = everything(folder)
    assert not any(wrapped[-40:] in left for wrapped in earlier)
    for lost in (folder / "kek", folder / f"kek{FORMER}"):
        # What made way is not needed any more: keys open without it.
        if isinstance(wrapping(), KmsKey) or lost.name.endswith(FORMER):
            lost.unlink(missing_ok=True)
    again = KeyStore(folder / "keys.sqlite", wrapping())
    assert {key_id: again.open(key_id) for key_id in ("d-1", "d-2", "d-3")} == {
        key_id: made[key_id] for key_id in ("d-1", "d-2", "d-3")
    }
    with pytest.raises(KeyDestroyed):
        again.open("d-0")


def test_killed_while_wrapping_anew(changed: tuple[KeyStore, Change], folder: Path) -> None:
    """A kill after some of the keys loses none: each opens, and the next time does the rest."""
    before, change = changed
    made = {f"d-{number}": before.create(f"d-{number}") for number in range(3)}
    wrapping = change()

    class Dies:
        def __init__(self, lives: int) -> None:
            self._lives, self._inner = lives, wrapping()

        def begin(self, in_use: bool) -> None:
            self._inner.begin(in_use)

        def wrap(self, key_id: str, key: bytes) -> bytes:
            self._lives -= 1
            if self._lives < 0:
                raise KeyboardInterrupt
            return self._inner.wrap(key_id, key)

        def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
            return self._inner.unwrap(key_id, wrapped)

    with pytest.raises(KeyboardInterrupt):
        KeyStore(folder / "keys.sqlite", Dies(2)).rewrap()
    after = KeyStore(folder / "keys.sqlite", wrapping())
    assert {key_id: after.open(key_id) for key_id in made} == made
    assert after.rewrap() == (1, 2)


def test_a_key_destroyed_while_it_is_wrapped_anew(folder: Path) -> None:
    """What is destroyed between the look and the write does not come back."""
    in_file(folder).create("d-1")
    (folder / "kek").rename(folder / f"kek{FORMER}")

    class Slow(KeyFile):
        def wrap(self, key_id: str, key: bytes) -> bytes:
            in_file(folder).destroy(key_id, NOW)
            return super().wrap(key_id, key)

    ours = KeyStore(folder / "keys.sqlite", Slow(folder / "kek"))
    assert ours.rewrap() == (0, 1)
    with pytest.raises(KeyDestroyed):
        ours.open("d-1")


def test_a_broken_key_holds_no_other_up(folder: Path) -> None:
    """What does not open is named, after all that opens was wrapped anew."""
    ours = in_file(folder)
    keys = {f"d-{number}": ours.create(f"d-{number}") for number in range(3)}
    with ours._connect() as db:
        db.execute("UPDATE data_keys SET wrapped = randomblob(length(wrapped)) WHERE key_id = 'd-1'")
    (folder / "kek").rename(folder / f"kek{FORMER}")
    after = in_file(folder)
    with pytest.raises(KeyStoreBroken, match="d-1 does not unwrap"):
        after.rewrap()
    (folder / f"kek{FORMER}").unlink()
    assert (after.open("d-0"), after.open("d-2")) == (keys["d-0"], keys["d-2"])


def test_keys_of_an_earlier_release_open(folder: Path, kms: Kms) -> None:
    """What was wrapped before the wrapping was named opens by the key of the settings, and is named from then on."""
    for wrapping in (KeyFile(folder / "kek"), KmsKey(kms)):
        ours = KeyStore(folder / f"{type(wrapping).__name__}.sqlite", wrapping)
        key = ours.create("d-1")
        with ours._connect() as db:
            wrapped = db.execute("SELECT wrapped FROM data_keys").fetchone()[0]
            db.execute("UPDATE data_keys SET wrapped = ?", (wrapped.partition(b"\n")[2],))
        assert ours.open("d-1") == key
        assert ours.rewrap() == (1, 0)
        assert (ours.open("d-1"), ours.rewrap()) == (key, (0, 1))


def test_which_key_is_missing_is_said(folder: Path, kms: Kms) -> None:
    """Without the earlier key nothing opens, and it is said which one it was and where to put it."""
    in_file(folder).create("d-1")
    (folder / "kek").replace(folder / "elsewhere")
    (folder / "kek").write_bytes(bytes(32))
    (folder / "kek").chmod(0o600)
    with pytest.raises(KeyStoreBroken, match=r"d-1 was wrapped by another key-encryption key, file .*kek\.former"):
        in_file(folder).open("d-1")
    with pytest.raises(KeyStoreBroken, match="put that file back"):
        KeyStore(folder / "keys.sqlite", KmsKey(kms)).rewrap()
    (folder / "elsewhere").replace(folder / f"kek{FORMER}")
    assert in_file(folder).rewrap() == (1, 0)


# -- the key in a file


def in_file(folder: Path) -> KeyStore:
    return KeyStore(folder / "keys.sqlite", KeyFile(folder / "kek"))


def test_a_lost_key_encryption_key_is_not_replaced(folder: Path) -> None:
    """A store with keys refuses to start without its key-encryption key instead of making a new one."""
    in_file(folder).create("d-1")
    (folder / "kek").unlink()
    with pytest.raises(KeyStoreBroken, match="missing"):
        in_file(folder)
    assert not (folder / "kek").exists()


def test_unsafe_secret_files_are_refused(folder: Path) -> None:
    """A secret that everyone may read, or of another length, is not used; ours only its owner may read."""
    in_file(folder)
    assert (folder / "kek").stat().st_mode & 0o777 == 0o600
    (folder / "kek").chmod(0o644)
    with pytest.raises(KeyStoreBroken, match="chmod"):
        in_file(folder)
    (folder / "kek").chmod(0o600)
    (folder / "kek").write_bytes(b"short")
    with pytest.raises(KeyStoreBroken, match="5 bytes"):
        module.read_secret_file(folder / "kek", 32)


# -- the key in a key management service


def test_what_a_file_wrapped_a_service_does_not_open(folder: Path, kms: Kms) -> None:
    """Settings that were changed under keys in use are found out at the first one, in both directions."""
    by_service = KeyStore(folder / "keys.sqlite", KmsKey(kms))
    by_service.create("d-1")
    in_file(folder / "other").create("d-1")
    with pytest.raises(KeyStoreBroken, match="missing"):
        in_file(folder)
    with pytest.raises(KeyStoreBroken, match="d-1 was wrapped by another key-encryption key, file "):
        KeyStore(folder / "other" / "keys.sqlite", KmsKey(kms)).open("d-1")


def test_another_key_of_the_service_does_not_open(folder: Path, kms: Kms) -> None:
    """What the service says when the key of the settings did not wrap it is told as a store that does not fit."""
    ours = KeyStore(folder / "keys.sqlite", KmsKey(kms))
    ours.create("d-1")
    with Stubber(kms._client) as stub:
        stub.add_client_error("decrypt", "IncorrectKeyException", "arn:aws:kms:…", 400)
        with pytest.raises(KeyStoreBroken, match=r"IncorrectKeyException.*another one"):
            ours.open("d-1")


def test_destroying_needs_no_service(folder: Path, kms: Kms) -> None:
    """With the service's key disabled or the service away nothing opens, and destroying works all the same."""
    ours = KeyStore(folder / "keys.sqlite", KmsKey(kms))
    ours.create("d-1")
    with Stubber(kms._client) as stub:
        stub.add_client_error("decrypt", "DisabledException", "", 409)
        with pytest.raises(Misconfigured, match="DisabledException"):
            ours.open("d-1")
        stub.add_client_error("encrypt", "DisabledException", "", 409)
        with pytest.raises(Misconfigured, match="DisabledException"):
            ours.create("d-2")
    gone = kms_client.connect("http://127.0.0.1:1", "us-east-1", "test", "test", "alias/casework")
    away = KeyStore(folder / "keys.sqlite", KmsKey(gone))
    with pytest.raises(Temporary):
        away.open("d-1")
    away.destroy("d-1", NOW)
    assert away.destroyed_at("d-1") == NOW
    assert away._row("d-1")[0] is None


def test_a_key_that_there_is_not(folder: Path, kms: Kms) -> None:
    """A wrong `kms_key_id` is said to be one, and leaves no half-made data key."""
    ours = KeyStore(folder / "keys.sqlite", KmsKey(Kms(kms._client, "1234abcd-12ab-34cd-56ef-1234567890ab")))
    with pytest.raises(NotFound):
        ours.create("d-1")
    with pytest.raises(KeyUnknown):
        ours.open("d-1")
