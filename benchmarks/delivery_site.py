"""The delivery parts of one deployment as processes of their own, each of which can be measured alone.

`standins` serves the sandbox's Dropbox and S3, `gateway` the real gateway on a case database in SQLite that waits for
the disk; `worker` seals what lies in a folder into a vault and opens a link, as the export's step does; `passer-by`
looks at landing pages. The gateway's engine is the simulated one, so Prefect is not loaded: what is measured is the
delivery.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import clock_gettime, perf_counter, process_time
from typing import Any

MIB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[1]
TEAM_BLOCKS = 16


@dataclass(frozen=True)
class Plain:
    """A plain file, and its digests."""

    path: str
    size: int
    sha256: str
    crc32: int


@dataclass(frozen=True)
class Ready:
    """A link that is ready."""

    token: str
    code: str
    link_id: str


@dataclass(frozen=True)
class Opened(Ready):
    """A link that is ready, and what making it took: seconds, and memory in MB before and at most."""

    seal_seconds: float
    verify_seconds: float
    idle_mb: float
    peak_mb: float


def write_plain(path: Path, size: int) -> Plain:
    """A file of so many bytes that do not repeat within 16 MiB."""
    blocks = [os.urandom(MIB) for _ in range(TEAM_BLOCKS)]
    digest, crc, left, number = hashlib.sha256(), 0, size, 0
    with path.open("wb") as file:
        while left:
            block = memoryview(blocks[number % TEAM_BLOCKS])[:left]
            digest.update(block)
            crc = zlib.crc32(block, crc)
            left -= file.write(block)
            number += 1
    return Plain(str(path), size, digest.hexdigest(), crc)


def memory(pid: int | str = "self") -> tuple[float, float]:
    """Resident memory of a process in MB (of 10^6 bytes): now, and the most it ever was."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(told[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used (clock_getcpuclockid(3), as glibc makes it for Linux)."""
    return clock_gettime(~pid << 3 | 2)


def forget_peak(pid: int) -> None:
    """From here on the most that a process needed counts anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextmanager
def started(role: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """One of this module's servers as a process, and what it says when it is ready."""
    command = [sys.executable, "-m", "benchmarks.delivery_site", role, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        try:
            line = running.stdout.readline() if running.stdout else ""
            if not line:
                raise RuntimeError(f"{role} did not start; its words are above")
            yield running, json.loads(line)
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()


def work(folder: Path, act: str, *arguments: str) -> Any:
    """One act of the worker in a process of its own, and what it says."""
    command = [sys.executable, "-m", "benchmarks.delivery_site", "worker", str(folder), act, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


# -- what the processes are


def _standins(folder: str) -> None:
    from casework.sandbox import World, aws, server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    world = World(lambda: datetime.now(UTC), folder=Path(folder) / "world")
    with aws.running() as amazon:
        served = server.serve(world)
        _say({"dropbox": f"{served.url}/dropbox", "aws": amazon.url})
        _until_told()
        served.stop()
    world.close()


def _gateway(folder: str) -> None:
    from casework.gateway import Gateway, answer_soon, server
    from tests.desk import Desk

    place = Path(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening, Desk(_database(place), datetime.now(UTC)) as desk:
        # As on a socket that the server opens itself.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        gateway = Gateway(
            runtime=desk.runtime,
            delivery=replace(_delivery(place), public_url=url),
            on_hint=lambda _event, _subject: None,
            code_sender=lambda _link, _code: None,
        )
        running = server(gateway, "127.0.0.1", port)
        answer_soon()
        _say({"url": url})
        running.run(sockets=[listening])


def _delivery(place: Path) -> Any:
    from casework.database import connect
    from casework.delivery import Delivery
    from casework.delivery.certificate import Signer
    from casework.delivery.certificates import Certificates
    from casework.delivery.keys import KeyFile, KeyStore
    from casework.delivery.links import Links, metadata
    from casework.delivery.vaults import DropboxVault, S3Vault
    from casework.sandbox.world import CREDENTIALS
    from casework.standins import AWS, dropbox_adapters
    from casework.systems import s3
    from casework.systems.dropbox import Dropbox

    def now() -> datetime:
        return datetime.now(UTC)

    at = json.loads((place / "standins.json").read_text())
    database = connect(_database(place))
    metadata.create_all(database)
    dropbox = Dropbox(CREDENTIALS["dropbox_token"], adapters=dropbox_adapters(at["dropbox"]))
    client = s3.connect(at["aws"], str(AWS["region"]), str(AWS["access_key"]), "sandbox")
    return Delivery(
        links=Links(database, b"a secret for benchmarks, 32 bytes", now),
        keys=KeyStore(place / "keys.db", KeyFile(place / "kek")),
        vaults={
            "dropbox": DropboxVault(dropbox, "/casework", now=now),
            "s3": S3Vault(client, str(AWS["vault_bucket"]), "sealed", now=now),
            "folder": FolderVault(place / "vault"),
        },
        signer=Signer(place / "signer"),
        certificates=Certificates(database),
        drop_bucket=str(AWS["drop_bucket"]),
        public_url="http://127.0.0.1",
    )


def _worker(folder: str, act: str, *arguments: str) -> None:
    acts: dict[str, Callable[..., object]] = {
        "deliver": _deliver,
        "many": _many,
        "open": _open,
        "received": _received,
        "reissue": _reissue,
        "send": _send,
    }
    _say(acts[act](_delivery(Path(folder)), *arguments))


def _passer_by(url: str, told: str) -> None:
    from benchmarks.browser import Browser

    tokens, seconds, over = json.loads(told), [], threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    _say("ready")
    for token in itertools.cycle(tokens):
        if over.is_set():
            break
        began = perf_counter()
        Browser(url, token).look()
        seconds.append(perf_counter() - began)
    _say(seconds)


def _deliver(delivery: Any, vault: str, told: str) -> object:
    return asdict(_open_link(delivery, vault, Plain(**json.loads(told)), f"one-{perf_counter()}"))


def _many(delivery: Any, vault: str, told: str) -> object:
    return [
        asdict(_open_link(delivery, vault, Plain(**one), f"many-{number}"))
        for number, one in enumerate(json.loads(told))
    ]


def _open(delivery: Any, link_id: str) -> object:
    """Open all of a sealed file, read from its vault, and do nothing with it: seconds, and processor time."""
    from casework.delivery.handover import open_sealed

    file = delivery.links.get(link_id).file
    began, used = perf_counter(), process_time()
    for _ in open_sealed(file, delivery.keys, delivery.vaults[file.vault]).read():
        pass
    return {"seconds": perf_counter() - began, "processor": process_time() - used}


def _send(delivery: Any, link_id: str) -> object:
    """Open all of a sealed file for each who connects to the port that is said, and send it; ends when terminated."""
    from casework.delivery.handover import open_sealed

    file = delivery.links.get(link_id).file
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _say({"port": listening.getsockname()[1]})
        while True:
            line, _ = listening.accept()
            with line:
                for block in open_sealed(file, delivery.keys, delivery.vaults[file.vault]).read():
                    line.sendall(block)


def _reissue(delivery: Any, link_id: str) -> object:
    """Another link to the same sealed file, which may be downloaded once more."""
    links, until = delivery.links, datetime.now(UTC) + timedelta(days=7)
    return asdict(_ready(delivery, links.reissue(link_id, links.get(link_id).file, until, by="70", reason="again")))


def _received(delivery: Any, told: str) -> object:
    from sqlalchemy import select

    from casework.delivery.links import link_events

    ids = json.loads(told)
    states = [str(delivery.links.get(link_id).state) for link_id in ids]
    with delivery.links._engine.connect() as database:
        events = database.execute(select(link_events.c.link_id, link_events.c.event)).all()
    claims = [event.link_id for event in events if event.event == "claimed" and event.link_id in ids]
    return {"received": states.count("received"), "claims": len(claims), "claimed": len(set(claims))}


def _open_link(delivery: Any, vault: str, plain: Plain, name: str) -> Opened:
    from casework.delivery.deliverable import Accepted, CheckedFile
    from casework.delivery.handover import seal_into, verify
    from casework.delivery.manifest import Entity, Format
    from casework.delivery.package import package

    checked = CheckedFile("export.csv", plain.size, plain.sha256, plain.crc32, next(iter(Entity)), 1, Format.CSV)
    wanted = package(FolderDrop(Path(plain.path)), Accepted((checked,)), "export")
    idle, _ = memory()
    forget_peak(os.getpid())
    began = perf_counter()
    sealed = seal_into(
        delivery.vaults[vault],
        wanted,
        delivery.keys,
        case_id=name,
        deliverable_id=name,
        ticket="5001",
        object_name=name,
    )
    stored = perf_counter()
    verify(sealed, delivery.keys, delivery.vaults[vault])
    verified = perf_counter()
    _, peak = memory()
    ready = _ready(delivery, delivery.links.create(sealed, datetime.now(UTC) + timedelta(days=7)))
    return Opened(
        **asdict(ready), seal_seconds=stored - began, verify_seconds=verified - stored, idle_mb=idle, peak_mb=peak
    )


def _ready(delivery: Any, link: Any) -> Ready:
    links = delivery.links
    code = links.issue_code(links.make_ready(link.link_id).link_id)
    if not isinstance(code, str):
        raise TypeError(f"no code for a link that is ready: {code}")
    return Ready(links.token(link.link_id), code, link.link_id)


class FolderVault:
    """A vault on this machine's disk: what is left is our own work, without a stand-in's."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def store(self, object_name: str, chunks: Iterable[bytes], sealed_size: int, progress: Any = None) -> Any:  # noqa: ARG002
        """Write the stream to a file."""
        from casework.delivery.vaults import Stored

        with (self._folder / object_name).open("wb") as file:
            size = sum(file.write(chunk) for chunk in chunks)
        return Stored(self.name, object_name, size, "none", "")

    def read(self, object_name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a range, in chunks of 1 MiB."""
        with (self._folder / object_name).open("rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(MIB, end - start))):
                start += len(chunk)
                yield chunk

    def delete(self, object_name: str) -> tuple[str, ...]:
        """Nothing is destroyed here: the folder goes with the benchmark."""
        raise NotImplementedError(f"{object_name} stays until the benchmark's end")

    def look(self, object_name: str) -> Any:
        """Nothing is destroyed here."""
        raise NotImplementedError(f"{object_name} stays until the benchmark's end")


@dataclass(frozen=True)
class FolderDrop:
    """The engineering drop as one file on this machine: moto's S3 would hold all of it in memory."""

    path: Path

    def names(self) -> Sequence[str]:
        """The one file."""
        return ("export.csv",)

    def size(self, name: str) -> int:  # noqa: ARG002 - there is one
        """In bytes."""
        return self.path.stat().st_size

    def read(self, name: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]:  # noqa: ARG002
        """All of it, in chunks of 1 MiB."""
        with self.path.open("rb") as file:
            while chunk := file.read(MIB):
                yield chunk


def _database(place: Path) -> str:
    return f"sqlite:///{place}/cases.db"


def _say(told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _until_told() -> None:
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    over.wait()


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    roles: dict[str, Callable[..., None]] = {
        "standins": _standins,
        "gateway": _gateway,
        "worker": _worker,
        "passer-by": _passer_by,
    }
    roles[role](*rest)
