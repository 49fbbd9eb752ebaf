"""How fast a deliverable is sealed, against AES-GCM and SHA-256 alone in the same run: 256 MiB.

One file that was checked is hashed once more, as ciphertext; a ZIP that is put together on the way is hashed on either
side of the seal. The table says how near they come to the slower of the two alone. The vault here takes everything and
keeps nothing.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.report import Measure, report
from casework.delivery.evidence import Evidence
from casework.delivery.handover import seal_into
from casework.delivery.keys import KeyFile, KeyStore
from casework.delivery.package import Package
from casework.delivery.sealing import Opener, binding, seal
from casework.delivery.vaults import Progress, Stored

MIB = 1024 * 1024
SIZE_MIB = 256
BLOCK = os.urandom(MIB)
FILE, SEVERAL = "one file into a vault (seal, hash)", "a ZIP into a vault (hash, seal, hash)"
RANGE_BYTES = 64 * 1024


class Sink:
    """A vault that takes everything and keeps nothing."""

    name = "sink"

    def store(  # the seam's signature
        self,
        object_name: str,
        chunks: Iterable[bytes],
        sealed_size: int,  # noqa: ARG002
        progress: Progress | None = None,  # noqa: ARG002
    ) -> Stored:
        """Let all chunks pass."""
        size = sum(len(chunk) for chunk in chunks)
        return Stored(self.name, object_name, size, "none", "")

    def read(self, object_name: str, start: int, end: int) -> Iterator[bytes]:
        """Nothing was kept."""
        raise NotImplementedError(f"{object_name} was not kept")

    def delete(self, object_name: str) -> tuple[str, ...]:  # noqa: ARG002
        """Nothing was kept."""
        return ()

    def look(self, object_name: str) -> Evidence:
        """Nothing was kept."""
        raise NotImplementedError(f"{object_name} was not kept")


def blocks() -> Iterator[bytes]:
    """The deliverable, block by block."""
    for _ in range(SIZE_MIB):
        yield BLOCK


def best(act: Callable[[], object], times: int = 3) -> float:
    """The shortest of several runs, in seconds: what else runs on the machine only adds."""
    took = []
    for _ in range(times):
        began = perf_counter()
        act()
        took.append(perf_counter() - began)
    return min(took)


def main() -> None:
    """Measure and report."""
    cipher, key = AESGCM(AESGCM.generate_key(256)), os.urandom(32)
    bound = binding("case", "deliverable", SIZE_MIB * MIB)

    def gcm() -> None:
        for number, block in enumerate(blocks()):
            cipher.encrypt(number.to_bytes(12, "big"), block, None)

    def sha256() -> None:
        digest = hashlib.sha256()
        for block in blocks():
            digest.update(block)

    whole = b"".join(seal(blocks(), key, bound))

    def stored(start: int, end: int) -> Iterator[bytes]:
        for place in range(start, end, MIB):
            yield whole[place : min(place + MIB, end)]

    def opener() -> Opener:
        return Opener(key, bound, SIZE_MIB * MIB, stored)

    with TemporaryDirectory() as folder:
        keys = KeyStore(Path(folder) / "keys.db", KeyFile(Path(folder) / "kek"))
        several = Package("export.zip", SIZE_MIB * MIB, blocks)
        one_file = Package("export.csv", SIZE_MIB * MIB, blocks, hashlib.sha256(BLOCK * SIZE_MIB).hexdigest())

        def into(package: Package) -> None:
            seal_into(Sink(), package, keys, case_id="c", deliverable_id="d", ticket="1", object_name="d")

        seconds = {
            "AES-256-GCM alone": best(gcm),
            "SHA-256 alone": best(sha256),
            "sealing": best(lambda: deque(seal(blocks(), key, bound), maxlen=0)),
            FILE: best(lambda: into(one_file)),
            SEVERAL: best(lambda: into(several)),
            "opening": best(lambda: deque(opener().read(), maxlen=0)),
        }
    slower = max(seconds["AES-256-GCM alone"], seconds["SHA-256 alone"])
    compared = {
        "sealing": f"{seconds['AES-256-GCM alone'] / seconds['sealing']:.0%} of AES-GCM alone",
        FILE: f"{slower / seconds[FILE]:.0%} of the slower one alone",
        SEVERAL: f"{slower / seconds[SEVERAL]:.0%} of the slower one alone",
        "opening": f"{seconds['AES-256-GCM alone'] / seconds['opening']:.0%} of AES-GCM alone",
    }
    measures = [Measure(what, SIZE_MIB / took, "MiB/s", compared.get(what, "")) for what, took in seconds.items()]
    chosen = random.Random(4711)  # noqa: S311 - places to read, not secrets
    places = [chosen.randrange(SIZE_MIB * MIB - RANGE_BYTES) for _ in range(200)]
    one = opener()
    began = perf_counter()
    for start in places:
        deque(one.read(start, start + RANGE_BYTES), maxlen=0)
    measures.append(Measure("a range of 64 KiB", (perf_counter() - began) / len(places) * 1000, "ms"))
    report("seal", measures)


if __name__ == "__main__":
    main()
