"""Every vault keeps the same promises, whatever goes wrong on its wire, and so does a transfer by hand where it can.

Dropbox over its official SDK and OneDrive over Graph against the stand-ins, S3 over moto.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import SimpleNamespace
from typing import TypeVar

import botocore.endpoint
import dropbox.dropbox_client
import pytest

from casework.delivery.evidence import Copy, CopyState, Result, result
from casework.delivery.transfer import ByHand, TransferByHand
from casework.delivery.vaults import DropboxVault, OneDriveVault, S3Vault, StoredShort, Vault, VaultCopy
from casework.sandbox.world import World
from casework.systems import onedrive as onedrive_client
from casework.systems.dropbox import Dropbox
from casework.systems.errors import Misconfigured, NotFound, Temporary
from casework.systems.onedrive import OneDrive
from casework.systems.s3 import S3
from tests.delivery.conftest import Clock
from tests.scenarios.wire import Killed, Kind, Mishap, Wire

T = TypeVar("T")
DATA = random.Random(1).randbytes(9 * 2**20 + 17)
LOST: tuple[Kind, ...] = ("answer lost",)
KILLED: tuple[Kind, ...] = ("killed before", "killed after")
TURNED_AWAY: tuple[Kind, ...] = ("busy", "broken", "silent")


def pieces(data: bytes = DATA) -> Iterator[bytes]:
    for at in range(0, len(data), 1_000_003):
        yield data[at : at + 1_000_003]


@pytest.fixture(params=["dropbox", "dropbox-permanent", "s3", "onedrive"])
def vault(request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Vault:
    # As large as it may be here, so that what is uploaded takes several fragments.
    monkeypatch.setattr(onedrive_client, "FRAGMENT", 10 * 320 * 1024)
    if request.param == "s3":
        return S3Vault(request.getfixturevalue("s3"), request.getfixturevalue("bucket"), "vault", now=clock)
    if request.param == "onedrive":
        return OneDriveVault(request.getfixturevalue("onedrive"), "/case work/exports/", now=clock)
    client = request.getfixturevalue("dropbox")
    return DropboxVault(client, "/exports/", now=clock, permanent=request.param == "dropbox-permanent")


@dataclass
class Troubled:
    """A vault whose wire a test can trouble."""

    vault: Vault
    wire: Wire

    def passes(self, act: Callable[[], T]) -> int:
        """How many requests an undisturbed act takes."""
        self.wire.passed.clear()
        act()
        return len(self.wire.passed)

    def with_mishap(self, at: int, kind: Kind, act: Callable[[], T]) -> T:
        """Do it with a mishap at one request, which must come."""
        self.wire.passed.clear()
        self.wire.happened = False
        self.wire.mishap = Mishap(at, kind)
        try:
            return act()
        finally:
            self.wire.mishap = None
            assert self.wire.happened


@pytest.fixture
def troubled(vault: Vault, world: World, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Troubled:
    for patient in (botocore.endpoint, dropbox.dropbox_client):
        monkeypatch.setattr(patient, "time", SimpleNamespace(sleep=lambda _: None))
    vault.look("nothing")  # signed in from here on
    wire = Wire()
    wire.watch_world(world)
    wire.watch_aws("s3", s3._client)
    return Troubled(vault, wire)


def test_what_is_stored_is_read(vault: Vault) -> None:
    """A stored stream has its size and a digest of the vault's, and every range of it comes back."""
    seen: list[int] = []
    stored = vault.store("d-1.sealed", pieces(), len(DATA), seen.append)
    assert (stored.vault, stored.object_name, stored.size) == (vault.name, "d-1.sealed", len(DATA))
    assert stored.digest
    assert seen == sorted(seen)
    assert seen[-1] == len(DATA)
    for start, end in [(0, len(DATA)), (0, 1), (5_000_000, 6_000_001), (len(DATA) - 1, len(DATA)), (7, 7)]:
        assert b"".join(vault.read("d-1.sealed", start, end)) == DATA[start:end]


def test_storing_again_replaces(vault: Vault) -> None:
    """A repeated upload leaves one readable object: the newer."""
    vault.store("d-1.sealed", pieces(), len(DATA))
    vault.store("d-1.sealed", pieces(b"second"), 6)
    assert b"".join(vault.read("d-1.sealed", 0, 6)) == b"second"


def test_another_size_than_expected_is_refused(vault: Vault) -> None:
    """A vault that holds fewer bytes than were to be stored does not pass."""
    with pytest.raises(StoredShort, match=r"d-1\.sealed"):
        vault.store("d-1.sealed", pieces(b"short"), 6)


def test_present_deleted_and_deleted_again(vault: Vault) -> None:
    """Looking tells present from gone; deleting twice, or what never was, is no error."""
    vault.store("d-1.sealed", pieces(b"one"), 3)
    vault.store("d-1.sealed", pieces(b"two"), 3)
    vault.store("d-2.sealed", pieces(b"other"), 5)
    assert vault.look("d-1.sealed").state is CopyState.BLOCKED
    vault.delete("d-1.sealed")
    vault.delete("d-1.sealed")
    vault.delete("never-stored")
    assert vault.look("d-1.sealed").state is not CopyState.BLOCKED
    assert vault.look("never-stored").state is CopyState.ABSENT
    with pytest.raises(NotFound):
        list(vault.read("d-1.sealed", 0, 3))
    assert b"".join(vault.read("d-2.sealed", 0, 5)) == b"other"


def test_a_copy_is_one_object(vault: Vault) -> None:
    """A vault's copy is sealed, named with its vault, and deletes what it names."""
    vault.store("d-1.sealed", pieces(b"one"), 3)
    copy = VaultCopy(vault, "d-1.sealed")
    assert (copy.name, copy.sealed) == (f"{vault.name}:d-1.sealed", True)
    copy.delete()
    assert copy.look().copy == copy.name
    assert copy.look().state is not CopyState.BLOCKED


def read(vault: Vault, name: str, data: bytes = DATA) -> bytes:
    return b"".join(vault.read(name, 0, len(data)))


@pytest.mark.parametrize("kinds", [LOST, TURNED_AWAY])
def test_passing_trouble_while_storing(troubled: Troubled, kinds: tuple[Kind, ...]) -> None:
    """An answer lost, a request refused for its rate, failed or unheard, at any request: what is stored is whole."""
    vault = troubled.vault
    requests = troubled.passes(lambda: vault.store("first", pieces(), len(DATA)))
    assert requests > 3
    for at in range(requests):
        stored = troubled.with_mishap(at, kinds[at % len(kinds)], lambda: vault.store("again", pieces(), len(DATA)))
        assert stored.size == len(DATA)
        assert read(vault, "again") == DATA, troubled.wire.passed[at]


@pytest.mark.parametrize("kinds", [LOST, TURNED_AWAY])
def test_passing_trouble_while_reading_looking_and_deleting(troubled: Troubled, kinds: tuple[Kind, ...]) -> None:
    """At any request of the rest: the same bytes, the same finding, and a delete that is done."""
    vault = troubled.vault
    for act in (lambda: read(vault, "d-1", b"one"), lambda: vault.look("d-1").state, lambda: vault.delete("d-1")):
        vault.store("d-1", pieces(b"one"), 3)
        requests = troubled.passes(act)
        for at in range(requests):
            vault.store("d-1", pieces(b"one"), 3)
            result = troubled.with_mishap(at, kinds[at % len(kinds)], act)
            assert result in (b"one", CopyState.BLOCKED) or vault.look("d-1").state is not CopyState.BLOCKED


def test_a_killed_upload_is_replaced(troubled: Troubled) -> None:
    """Killed at any request of an upload: nothing half is readable, and storing again gives the whole."""
    vault = troubled.vault
    requests = troubled.passes(lambda: vault.store("first", pieces(), len(DATA)))
    for at in range(requests):
        name = f"killed-{at}"
        with pytest.raises(Killed):
            troubled.with_mishap(at, KILLED[at % 2], partial(vault.store, name, pieces(), len(DATA)))
        if vault.look(name).state is CopyState.BLOCKED:
            assert read(vault, name) == DATA
        vault.store(name, pieces(b"the newer one"), 13)
        assert read(vault, name, b"the newer one") == b"the newer one"


def test_a_source_that_fails_stores_nothing(vault: Vault) -> None:
    """The source of an upload breaks off: its error comes through, and there is nothing to read."""

    def broken() -> Iterator[bytes]:
        yield DATA[: 7 * 2**20]
        raise RuntimeError("the drop changed")

    with pytest.raises(RuntimeError, match="the drop changed"):
        vault.store("d-1", broken(), len(DATA))
    assert vault.look("d-1").state is CopyState.ABSENT


def test_a_vault_that_stays_away_is_temporary(troubled: Troubled, world: World) -> None:
    """Trouble that does not pass becomes a fault that a step tries again later."""
    vault = troubled.vault
    troubled.wire._next = lambda _name: "busy"  # type: ignore[method-assign,assignment]  # always, not once
    for act in (
        lambda: vault.store("d-1", pieces(), len(DATA)),
        lambda: read(vault, "d-1"),
        lambda: vault.delete("d-1"),
        lambda: vault.look("d-1"),
    ):
        with pytest.raises(Temporary):
            act()


def test_dropbox_says_until_when_it_keeps(dropbox: Dropbox, clock: Clock) -> None:
    """A soft delete is never called absent: the evidence has the day on which the plan's retention ends."""
    vault = DropboxVault(dropbox, "/exports", now=clock, retention_days=180)
    vault.store("d-1.sealed", pieces(b"one"), 3)
    vault.delete("d-1.sealed")
    found = vault.look("d-1.sealed")
    assert (found.state, found.until) == (CopyState.SOFT_DELETED, date(2027, 5, 20))


def test_dropbox_deletes_for_good_what_was_deleted_softly(dropbox: Dropbox, clock: Clock) -> None:
    """A permanent delete reaches the revisions of an earlier soft delete as well."""
    soft = DropboxVault(dropbox, "/exports", now=clock)
    soft.store("d-1.sealed", pieces(b"one"), 3)
    soft.delete("d-1.sealed")
    hard = DropboxVault(dropbox, "/exports", now=clock, permanent=True)
    hard.delete("d-1.sealed")
    assert hard.look("d-1.sealed").state is CopyState.ABSENT


def test_s3_deletes_versions_markers_and_parts(s3: S3, bucket: str, clock: Clock) -> None:
    """Nothing of an object stays: no version, no delete marker, no part of an unfinished upload."""
    vault = S3Vault(s3, bucket, "vault", now=clock)
    vault.store("d-1.sealed", pieces(b"one"), 3)
    client = s3._client
    client.delete_object(Bucket=bucket, Key="vault/d-1.sealed")
    client.create_multipart_upload(Bucket=bucket, Key="vault/d-1.sealed")
    assert vault.look("d-1.sealed").state is CopyState.BLOCKED
    assert vault.delete("d-1.sealed")
    assert vault.look("d-1.sealed").state is CopyState.ABSENT
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_onedrive_gives_the_requests_that_deleted(onedrive: OneDrive, clock: Clock) -> None:
    """The evidence has the vendor's own id of the request that deleted for good, once."""
    vault = OneDriveVault(onedrive, "/exports", now=clock)
    vault.store("d-1.sealed", pieces(b"one"), 3)
    (request_id,) = vault.delete("d-1.sealed")
    assert len(request_id) == 36
    assert vault.delete("d-1.sealed") == ()
    assert vault.look("d-1.sealed").detail == "the drive answers itemNotFound"


def test_onedrive_without_its_drive_proves_nothing(onedrive: OneDrive, world: World, clock: Clock) -> None:
    """Where the drive itself is not found, an item that is not found is not called absent."""
    vault = OneDriveVault(onedrive, "/exports", now=clock)
    world.state["credentials"]["onedrive_drive"] = "b!another"
    with pytest.raises(Misconfigured, match="the drive is not there"):
        vault.look("d-1.sealed")


def test_onedrive_keeps_no_older_version(onedrive: OneDrive, world: World, clock: Clock) -> None:
    """What was replaced goes with the item: no content of it stays in the drive."""
    vault = OneDriveVault(onedrive, "/exports", now=clock)
    vault.store("d-1.sealed", pieces(b"one"), 3)
    vault.store("d-1.sealed", pieces(b"two"), 3)
    assert len(list((world.folder / "blobs").iterdir())) == 2
    vault.delete("d-1.sealed")
    assert list((world.folder / "blobs").iterdir()) == []


# -- by hand


@pytest.mark.parametrize(
    ("end", "state", "detail", "left"),
    [
        (ByHand("staff-41", destroyed=True), CopyState.BY_HAND, "said by staff-41; ", Result.BY_HAND),
        (ByHand("staff-41"), CopyState.BLOCKED, "cannot be destroyed, said by staff-41; ", Result.NOT_DESTROYED),
        (ByHand(), CopyState.BLOCKED, "nobody has said that it was destroyed; ", Result.NOT_DESTROYED),
        (ByHand(destroyed=True), CopyState.BLOCKED, "nobody has said that it was destroyed; ", Result.NOT_DESTROYED),
    ],
)
def test_by_hand_is_never_called_absent(clock: Clock, end: ByHand, state: CopyState, detail: str, left: Result) -> None:
    """A transfer by hand is a copy too: deleting twice is harmless, and looking gives what was said, no more."""
    copy: Copy = TransferByHand(end, now=clock)
    assert (copy.delete(), copy.delete()) == ((), ())
    found = copy.look()
    assert (found.copy, found.sealed, found.state) == ("manual-transfer", False, state)
    assert found.detail == f"{detail}the single download was not enforced"
    assert result([found]) is left
