"""Every vault keeps the same promises; Dropbox over its official SDK, S3 over moto."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

import pytest

from casework.delivery.evidence import CopyState
from casework.delivery.vaults import DropboxVault, S3Vault, StoredShort, Vault, VaultCopy
from casework.systems.dropbox import Dropbox
from casework.systems.errors import NotFound
from casework.systems.s3 import S3
from tests.delivery.conftest import Clock

DATA = random.Random(1).randbytes(9 * 2**20 + 17)


def pieces(data: bytes = DATA) -> Iterator[bytes]:
    for at in range(0, len(data), 1_000_003):
        yield data[at : at + 1_000_003]


@pytest.fixture(params=["dropbox", "dropbox-permanent", "s3"])
def vault(request: pytest.FixtureRequest, clock: Clock) -> Vault:
    if request.param == "s3":
        return S3Vault(request.getfixturevalue("s3"), request.getfixturevalue("bucket"), "vault", now=clock)
    client = request.getfixturevalue("dropbox")
    return DropboxVault(client, "/exports/", now=clock, permanent=request.param == "dropbox-permanent")


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
