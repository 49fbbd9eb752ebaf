"""From the drop into a vault, and out of it again: the two ways that a deliverable travels.

In: package → seal → vault, one pass, each byte hashed once on either side of the seal; reading, sealing and storing
go on at the same time. Out: vault → open. Between the two, :func:`verify` reads the vault's copy back before a link to
it is made ready.
"""

from __future__ import annotations

from casework.delivery.ahead import ahead
from casework.delivery.digests import Tally
from casework.delivery.keys import KeyStore
from casework.delivery.links import SealedFile
from casework.delivery.package import Package
from casework.delivery.sealing import Opener, SealBroken, binding, seal, sealed_size
from casework.delivery.vaults import Progress, Vault


def seal_into(
    vault: Vault,
    package: Package,
    keys: KeyStore,
    *,
    case_id: str,
    deliverable_id: str,
    ticket: str,
    object_name: str,
    progress: Progress | None = None,
) -> SealedFile:
    """Seal a package into a vault under the deliverable's own data key; again replaces the vault's object.

    Whether the sealed bytes are those that were checked is for :func:`verify` to say.

    ``progress`` is called with the number of sealed bytes that the vault has.
    """
    key = keys.create(deliverable_id)
    plain, sealed = Tally(), Tally()
    associated_data = binding(case_id, deliverable_id, package.size)
    chunks = package.chunks() if package.sha256 else plain.watch(package.chunks())
    # Hashing is the slowest part of it, so the two passes that there may be are in threads of their own.
    with ahead(seal(chunks, key, associated_data)) as ciphertext, ahead(sealed.watch(ciphertext)) as stream:
        vault.store(object_name, stream, sealed_size(package.size), progress)
    return SealedFile(
        case_id=case_id,
        deliverable_id=deliverable_id,
        ticket=ticket,
        vault=vault.name,
        object_name=object_name,
        key_id=deliverable_id,
        display_name=package.name,
        plain_size=package.size,
        plain_sha256=package.sha256 or plain.sha256,
        sealed_size=sealed.size,
        sealed_sha256=sealed.sha256,
    )


def open_sealed(file: SealedFile, keys: KeyStore, vault: Vault) -> Opener:
    """Open a sealed file. Raises :class:`~casework.delivery.keys.KeyDestroyed` once it is destroyed."""
    key = keys.open(file.key_id)
    associated_data = binding(file.case_id, file.deliverable_id, file.plain_size)
    return Opener(key, associated_data, file.plain_size, lambda start, end: vault.read(file.object_name, start, end))


def verify(file: SealedFile, keys: KeyStore, vault: Vault) -> None:
    """Read the vault's copy back and compare the plaintext's SHA-256. Raises :class:`SealBroken`."""
    with ahead(open_sealed(file, keys, vault).read()) as opened:
        tally = Tally.of(opened)
    if tally.sha256 != file.plain_sha256:
        raise SealBroken(
            f"deliverable {file.deliverable_id}: the vault's copy is another file than was checked; the drop may have "
            "changed since: check it again, then seal it again"
        )
