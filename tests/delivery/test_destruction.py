"""From the drop to the certificate: killed and repeated anywhere, nothing readable is left."""

from __future__ import annotations

import base64
import copy as copying
import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.delivery.certificate import (
    Certificate,
    CertificateInvalid,
    Ciphertext,
    Outcome,
    Run,
    Signer,
    canonical,
    issue,
    verify,
)
from casework.delivery.deliverable import Accepted, CheckedFile, ProblemKind, Rejected, check
from casework.delivery.destruction import Destruction, destroy
from casework.delivery.drop import S3Drop
from casework.delivery.evidence import Copy, CopyState, Evidence
from casework.delivery.handover import open_sealed, seal_into
from casework.delivery.handover import verify as verify_sealed
from casework.delivery.keys import KeyDestroyed, KeyStore
from casework.delivery.links import ClaimToken, Links, LinkState, Refusal, SealedFile
from casework.delivery.manifest import Entity, Format
from casework.delivery.package import package
from casework.delivery.sealing import SealBroken
from casework.delivery.vaults import DropboxVault, S3Vault, Vault, VaultCopy
from casework.sandbox.deliverables import FAULTS, FaultKind, place
from casework.systems.dropbox import Dropbox
from casework.systems.errors import NotFound, Temporary
from casework.systems.s3 import S3
from tests.delivery.conftest import Clock

TEAM = "team-104"
PREFIX = "cases/case-1/"
ENTITIES = ("candidates", "projects", "sequences")
RUN = Run(actor="casework", run_id="case-1", code_version="test")


def placed(s3: S3, bucket: str, clock: Clock, fault: FaultKind | None = None) -> S3Drop:
    place(s3._client, bucket, PREFIX, TEAM, "2026-11-21T12:00:00Z", 30_000, fault, ENTITIES)
    return S3Drop(s3, bucket, PREFIX, now=clock)


@pytest.fixture
def drop(s3: S3, bucket: str, clock: Clock) -> S3Drop:
    return placed(s3, bucket, clock)


@pytest.fixture(params=["dropbox", "s3"])
def vault(request: pytest.FixtureRequest, s3: S3, bucket: str, dropbox: Dropbox, clock: Clock) -> Vault:
    if request.param == "s3":
        return S3Vault(s3, bucket, "vault", now=clock)
    return DropboxVault(dropbox, "/exports", now=clock)


def into(vault: Vault, drop: S3Drop, keys: KeyStore) -> SealedFile:
    accepted = check(drop, TEAM, frozenset(Entity))
    assert isinstance(accepted, Accepted)
    return seal_into(
        vault,
        package(drop, accepted, "export-case1"),
        keys,
        case_id="case-1",
        deliverable_id="d-1",
        ticket="4711",
        object_name="d-1.sealed",
    )


def delivered(vault: Vault, drop: S3Drop, keys: KeyStore, links: Links, clock: Clock) -> tuple[SealedFile, str]:
    file = into(vault, drop, keys)
    link = links.create(file, clock() + timedelta(days=7))
    return file, links.make_ready(link.link_id).link_id


EXPECTED: dict[FaultKind, ProblemKind] = {
    "wrong-team-row": ProblemKind.WRONG_TEAM,
    "truncated": ProblemKind.TRUNCATED,
    "wrong-hash": ProblemKind.WRONG_HASH,
    "wrong-size": ProblemKind.TRUNCATED,
    "missing-file": ProblemKind.MISSING_FILE,
    "empty": ProblemKind.EMPTY,
    "path-climbing": ProblemKind.UNSAFE_NAME,
    "bomb": ProblemKind.BOMB,
    "wrong-manifest-team": ProblemKind.WRONG_TEAM,
    "extra-entity": ProblemKind.ENTITY_NOT_ASKED,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_wrong_drop_is_refused(fault: FaultKind, s3: S3, bucket: str, clock: Clock) -> None:
    """Each way in which engineering can get a drop wrong is found over S3, and nothing personal is told."""
    if fault == "extra-entity":
        place(s3._client, bucket, PREFIX, TEAM, "2026-11-21T12:00:00Z", 30_000, fault, ("candidates",))
        found = check(S3Drop(s3, bucket, PREFIX, now=clock), TEAM, [Entity.CANDIDATES])
    else:
        found = check(placed(s3, bucket, clock, fault), TEAM, frozenset(Entity))
    assert isinstance(found, Rejected)
    assert EXPECTED[fault] in {problem.kind for problem in found.problems}
    assert "uillfeather" not in str(found)


def test_the_whole_journey(
    vault: Vault,
    drop: S3Drop,
    keys: KeyStore,
    links: Links,
    clock: Clock,
    s3: S3,
    bucket: str,
    tmp_path: Path,
) -> None:
    """Checked, sealed, claimed, read, received, destroyed, certified; afterwards nothing opens it."""
    file, link_id = delivered(vault, drop, keys, links, clock)
    verify_sealed(file, keys, vault)
    held = b"".join(vault.read(file.object_name, 0, file.sealed_size))
    assert b"uillfeather" not in held

    code = links.issue_code(link_id)
    assert not isinstance(code, Refusal)
    won = links.claim(links.token(link_id), code)
    assert isinstance(won, ClaimToken)
    text = b"".join(open_sealed(file, keys, vault).read())
    assert text.startswith(b"PK")
    links.acknowledge(link_id, won.value, 0, file.plain_size)
    links.receive(link_id, won.value, file.plain_sha256)

    copies: list[Copy] = [VaultCopy(vault, file.object_name), drop]
    done = destroy(file.deliverable_id, file.key_id, copies, links=links, keys=keys, now=clock)
    assert done.complete
    assert links.get(link_id).state is LinkState.DESTROYED
    assert links.get(link_id).ended_as == "received"
    assert s3.versions(bucket, PREFIX) == []
    with pytest.raises(KeyDestroyed):
        open_sealed(file, keys, vault)

    signer = Signer(tmp_path / "signing" / "key")
    document = issue(
        signer,
        done,
        case_id="case-1",
        outcome=Outcome.RECEIVED,
        run=RUN,
        issued_at=clock(),
        ciphertext=Ciphertext(sha256=file.sealed_sha256, size=file.sealed_size),
    )
    checked = verify(json.loads(json.dumps(document)), signer.public_key)
    assert checked.trusted
    assert checked.certificate.result == "destroyed"
    soft = vault.name == "dropbox"
    assert [one.state for one in checked.certificate.copies] == [
        CopyState.SOFT_DELETED if soft else CopyState.ABSENT,
        CopyState.ABSENT,
    ]


def test_sealing_again_replaces(vault: Vault, drop: S3Drop, keys: KeyStore, links: Links, clock: Clock) -> None:
    """A step that was killed after its upload may run again: same key, same plaintext, still opens."""
    first, second = into(vault, drop, keys), into(vault, drop, keys)
    assert first.plain_sha256 == second.plain_sha256
    assert first.sealed_sha256 != second.sealed_sha256
    verify_sealed(second, keys, vault)
    assert links.create(first, clock() + timedelta(days=7)).file == first
    assert links.create(second, clock() + timedelta(days=7)).file == second


def test_one_file_that_changed_after_its_check_is_noticed(vault: Vault, drop: S3Drop, keys: KeyStore) -> None:
    """A single file is not hashed while it is sealed; that it is another one than was checked shows when it is read
    back, before a link to it is made ready."""
    checked = Accepted((CheckedFile("candidates.csv", 4, "0" * 64, 0, Entity.CANDIDATES, 1, Format.CSV),))
    other = dataclasses.replace(package(drop, checked, "export"), chunks=lambda: iter([b"a\nb\n"]))
    file = seal_into(
        vault, other, keys, case_id="case-1", deliverable_id="d-1", ticket="4711", object_name="d-1.sealed"
    )
    with pytest.raises(SealBroken, match="another file than was checked"):
        verify_sealed(file, keys, vault)


def test_another_object_in_the_vault_is_noticed(vault: Vault, drop: S3Drop, keys: KeyStore) -> None:
    """What someone else puts in place of the sealed file does not verify."""
    file = into(vault, drop, keys)
    vault.store(file.object_name, iter([bytes(file.sealed_size)]), file.sealed_size)
    with pytest.raises(SealBroken):
        verify_sealed(file, keys, vault)


T = TypeVar("T")


class Killed(BaseException):
    """The process dies here."""


class Dying:
    """Lets a number of calls happen, then dies just after (or before) the next one took effect."""

    def __init__(self, after: int) -> None:
        self.left = after

    def step(self, act: Callable[[], T]) -> T:
        if self.left == 0:
            raise Killed
        self.left -= 1
        result = act()
        if self.left == 0:
            raise Killed
        return result


class DyingCopy:
    def __init__(self, copy: Copy, dying: Dying) -> None:
        self._copy, self._dying = copy, dying
        self.name, self.sealed = copy.name, copy.sealed

    def delete(self) -> tuple[str, ...]:
        return self._dying.step(self._copy.delete)

    def look(self) -> Evidence:
        return self._dying.step(self._copy.look)


@pytest.mark.parametrize("stage", range(1, 9))
def test_killed_after_every_stage(
    stage: int,
    vault: Vault,
    drop: S3Drop,
    keys: KeyStore,
    links: Links,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed after any stage, destruction run again ends as if it had never been killed."""
    file, link_id = delivered(vault, drop, keys, links, clock)
    copies: list[Copy] = [VaultCopy(vault, file.object_name), drop]
    dying = Dying(stage)
    with monkeypatch.context() as patch:
        for owner, name in ((links, "revoke"), (keys, "destroy"), (links, "mark_destroyed")):
            act = getattr(owner, name)
            patch.setattr(owner, name, lambda *args, act=act: dying.step(lambda: act(*args)))
        dying_copies = [DyingCopy(copy, dying) for copy in copies]
        if stage <= 7:
            with pytest.raises(Killed):
                destroy("d-1", file.key_id, dying_copies, links=links, keys=keys, now=clock, ended_as="cancelled")
        else:
            destroy("d-1", file.key_id, dying_copies, links=links, keys=keys, now=clock, ended_as="cancelled")
    killed_at = clock()
    clock.pass_time(hours=1)
    done = destroy("d-1", file.key_id, copies, links=links, keys=keys, now=clock)
    assert done.complete
    assert done.key_destroyed_at == (killed_at if stage > 1 else clock())
    link = links.get(link_id)
    assert (link.state, link.ended_as) == (LinkState.DESTROYED, "cancelled")


def test_an_order_that_cannot_leak(vault: Vault, drop: S3Drop, keys: KeyStore, links: Links, clock: Clock) -> None:
    """When the vault cannot be reached the link has ended and the key is gone already."""
    file, link_id = delivered(vault, drop, keys, links, clock)

    class Unreachable(VaultCopy):
        def delete(self) -> tuple[str, ...]:
            raise Temporary("Vault", "delete", "no answer")

    with pytest.raises(Temporary):
        destroy("d-1", file.key_id, [Unreachable(vault, file.object_name)], links=links, keys=keys, now=clock)
    assert links.get(link_id).state is LinkState.REVOKED
    assert keys.destroyed_at(file.key_id) == clock()


def test_a_locked_drop_is_blocked_and_not_called_destroyed(
    s3: S3, bucket: str, drop: S3Drop, keys: KeyStore, links: Links, clock: Clock, tmp_path: Path
) -> None:
    """A legal hold on the plaintext is reported as such; link and certificate do not say destroyed."""
    vault = S3Vault(s3, bucket, "vault", now=clock)
    file, link_id = delivered(vault, drop, keys, links, clock)
    s3._client.put_object_legal_hold(Bucket=bucket, Key=PREFIX + "candidates.csv", LegalHold={"Status": "ON"})
    copies: list[Copy] = [drop, VaultCopy(vault, file.object_name)]
    done = destroy("d-1", file.key_id, copies, links=links, keys=keys, now=clock)
    assert [found.state for found in done.evidence] == [CopyState.BLOCKED, CopyState.ABSENT]
    assert "AccessDenied" in done.evidence[0].detail
    assert not done.complete
    assert links.get(link_id).state is LinkState.REVOKED
    document = issue(
        Signer(tmp_path / "key"),
        done,
        case_id="case-1",
        outcome=Outcome.REVOKED,
        run=RUN,
        issued_at=clock(),
        ciphertext=None,
    )
    assert document["result"] == "not destroyed"
    verify(document)


def test_nothing_was_made_yet(keys: KeyStore, links: Links, clock: Clock, drop: S3Drop) -> None:
    """A case that ends before sealing is destroyed the same way, and its key can never be made."""
    done = destroy("d-1", "d-1", [drop], links=links, keys=keys, now=clock)
    assert done.complete
    with pytest.raises(KeyDestroyed):
        keys.create("d-1")
    with pytest.raises(NotFound):
        drop.size("candidates.csv")


def test_a_drop_is_a_folder_of_its_own(s3: S3, bucket: str, clock: Clock) -> None:
    """A prefix that would reach into another case's drop is refused."""
    for prefix in ("", "/", "cases/case-1"):
        with pytest.raises(ValueError, match="prefix"):
            S3Drop(s3, bucket, prefix, now=clock)


@pytest.fixture
def signed(clock: Clock, tmp_path: Path) -> tuple[Signer, dict[str, Any]]:
    signer = Signer(tmp_path / "key")
    evidence = (
        Evidence("s3:d-1", True, CopyState.SOFT_DELETED, "kept", clock(), clock().date(), ("request-1",)),
        Evidence("drop:x/", False, CopyState.ABSENT, "0 versions", clock()),
    )
    done = Destruction("d-1", "d-1", clock(), evidence)
    document = issue(
        signer,
        done,
        case_id="case-1",
        outcome=Outcome.EXPIRED,
        run=RUN,
        issued_at=clock(),
        ciphertext=Ciphertext(sha256="b" * 64, size=9),
    )
    return signer, document


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = False
    for name, part in items:
        found = True
        yield from leaves(part, (*place, name))
    if not found:
        yield place


def test_every_field_is_signed(signed: tuple[Signer, dict[str, Any]]) -> None:
    """Altering, removing or adding any field makes the certificate invalid, and the error says where."""
    signer, document = signed
    assert verify(document, signer.public_key).trusted
    assert not verify(document).trusted
    for path in leaves(document):
        for change in ("other", None, 7, ""):
            altered = copying.deepcopy(document)
            target = altered
            for name in path[:-1]:
                target = target[name]
            if target[path[-1]] == change:
                continue
            target[path[-1]] = change
            with pytest.raises(CertificateInvalid) as invalid:
                verify(altered, signer.public_key)
            assert invalid.value.field
    for name in document:
        with pytest.raises(CertificateInvalid):
            verify({key: value for key, value in document.items() if key != name})
    with pytest.raises(CertificateInvalid, match="more"):
        verify({**document, "more": 1})


def test_another_signer_is_not_trusted(signed: tuple[Signer, dict[str, Any]], tmp_path: Path) -> None:
    """A certificate of another key does not pass for ours."""
    _, document = signed
    with pytest.raises(CertificateInvalid) as invalid:
        verify(document, Signer(tmp_path / "another").public_key)
    assert invalid.value.field == "signed.public_key"


def test_the_signer_cannot_call_a_readable_copy_destroyed(
    signed: tuple[Signer, dict[str, Any]], tmp_path: Path
) -> None:
    """Even a rightly signed document is invalid when its result does not follow from its copies."""
    _, document = signed
    document["copies"][1]["state"] = "soft-deleted"
    key = Ed25519PrivateKey.from_private_bytes((tmp_path / "key").read_bytes())
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    document["signature"] = base64.b64encode(key.sign(canonical(unsigned))).decode()
    with pytest.raises(CertificateInvalid) as invalid:
        verify(document)
    assert invalid.value.field == "result"
    assert Certificate.model_validate(unsigned).result == "destroyed"


def test_the_signing_key_stays(tmp_path: Path) -> None:
    """The key file is made once, for its owner only, and gives the same public key ever after."""
    path = tmp_path / "key"
    assert Signer(path).public_key == Signer(path).public_key
    assert path.stat().st_mode & 0o777 == 0o600
