"""Delivery of large files and of many at once, over loopback stand-ins: speed, memory, and what gets lost.

    python benchmarks/bench_delivery.py                 1 GB, through S3 200 MB, and 200 links
    python benchmarks/bench_delivery.py --gigabytes 10  the same with 10 GB
    python benchmarks/bench_delivery.py --quick         small sizes, in seconds: shows only that all of this works

The gateway, the worker and the stand-ins are processes of their own; nginx serves the same plain file. A file is
downloaded by a client that only reads, so that the server is what takes the time, and by one that compares every byte
and takes most of the time itself. What is wanted of the first: half of nginx's speed, or that of opening the file from
its vault and sending it nowhere, if that is slower. What opening leaves of cores that also send and read
is told by a thread that sends the opened file over a bare socket. Processor time is told too: it depends less on what
else runs.
Sizes are in 10^6 bytes. moto reads the whole of an S3 object into memory for every request, so S3 is asked for 200 MB
only, and its speed is moto's. On two cores the stand-ins and the browser take from the same processor as what is
measured; the vault "folder" is a file on this disk and shows our own work alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.browser import Browser, drain, fetch, pour
from benchmarks.delivery_site import (
    MIB,
    Opened,
    Plain,
    Ready,
    forget_peak,
    memory,
    processor,
    started,
    work,
    write_plain,
)
from benchmarks.nginx import nginx
from benchmarks.report import Measure, report, show
from casework.delivery.digests import Tally
from casework.delivery.sealing import Opener, seal

MB = 1_000_000
MEMORY_MB = 200.0
TIMES = 3
"""How often what a client only reads is downloaded: the median counts."""

PIECE = 8 * MIB
"""What the page's script asks for at once."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured: bytes through each vault, links at once with their bytes, and MiB for what is alone."""

    through: Mapping[str, int]
    links: int
    each: int
    alone_mib: int


@dataclass(frozen=True)
class Site:
    """Everything that runs; `plain` is nginx's address, if it is installed."""

    folder: Path
    gateway: str
    gateway_pid: int
    plain: str | None


@contextmanager
def running() -> Iterator[Site]:
    """Stand-ins, gateway and nginx, on one temporary folder."""
    with TemporaryDirectory(prefix="casework-delivery-") as name, ExitStack() as stack:
        folder = Path(name)
        _, standins = stack.enter_context(started("standins", name))
        (folder / "standins.json").write_text(json.dumps(standins))
        process, gateway = stack.enter_context(started("gateway", name))
        yield Site(folder, gateway["url"], process.pid, stack.enter_context(nginx(folder)))


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    began = perf_counter()
    act()
    return perf_counter() - began


def alone(mib: int) -> dict[str, float]:
    """MB a second of AES-GCM, of SHA-256 and of opening what is sealed, each by itself in memory."""
    cipher, key, block = AESGCM(AESGCM.generate_key(256)), os.urandom(32), os.urandom(MIB)
    header, first, *others = seal((block for _ in range(mib)), key, b"alone")

    def blocks() -> Iterator[bytes]:
        for _ in range(mib):
            yield block

    sealed = [header + first, *others]

    def stored(_start: int, _end: int) -> Iterator[bytes]:
        yield from sealed

    def gcm() -> None:
        for number, one in enumerate(blocks()):
            cipher.encrypt(number.to_bytes(12, "big"), one, None)

    acts: dict[str, Callable[[], object]] = {
        "AES-256-GCM alone": gcm,
        "SHA-256 alone": lambda: deque(Tally().watch(blocks()), maxlen=0),
        "opening alone": lambda: deque(Opener(key, b"alone", mib * MIB, stored).read(), maxlen=0),
    }
    return {what: mib * MIB / MB / min(timed(act) for _ in range(3)) for what, act in acts.items()}


def one_file(site: Site, vault: str, plain: Plain, limits: Mapping[str, float]) -> list[Measure]:
    """Seal one file into a vault; download it with a client that only reads, then with one that compares every byte."""
    size, name = plain.size / MB, f"{plain.size / MB:,.0f} MB, {vault}"
    link = Opened(**work(site.folder, "deliver", vault, json.dumps(asdict(plain))))
    slower = min(limits["AES-256-GCM alone"], limits["SHA-256 alone"])
    stored = size / link.seal_seconds
    idle, _ = memory(site.gateway_pid)
    forget_peak(site.gateway_pid)
    last, read = _read(site, name, plain, link)
    compared = _compared(site, name, plain, last)
    _, peak = memory(site.gateway_pid)
    return [
        Measure(f"{name}: sealed and uploaded", stored, "MB/s", f"{stored / slower:.0%} of the slower one alone"),
        Measure(f"{name}: read back and compared", size / link.verify_seconds, "MB/s"),
        _peak(f"{name}: the worker's memory at most", link.idle_mb, link.peak_mb),
        *read,
        *compared,
        _peak(f"{name}: the gateway's memory at most", idle, peak),
    ]


def _read(site: Site, name: str, plain: Plain, link: Ready) -> tuple[Ready, list[Measure]]:
    """The medians of downloads by a client that only reads, each by a link of its own; and a link that is left."""
    size = plain.size / MB
    opened = [work(site.folder, "open", link.link_id) for _ in range(TIMES)]
    bare = _bare(site, plain, link)
    seconds, used, served = [], [], []
    for _ in range(TIMES):
        browser, before = _claimed(site, link), processor(site.gateway_pid)
        seconds.append(timed(lambda: _whole(plain, browser.pour())))  # noqa: B023 - called at once
        used.append(processor(site.gateway_pid) - before)
        if site.plain is not None:
            served.append(timed(lambda: _whole(plain, pour(str(site.plain), f"/{Path(plain.path).name}"))))
        link = Ready(**work(site.folder, "reissue", link.link_id))
    came = size / statistics.median(seconds)
    opened_only = size / statistics.median(one["seconds"] for one in opened)
    limit = size / statistics.median(bare)
    measures = [
        Measure(f"{name}: opened from the vault and not sent", opened_only, "MB/s"),
        Measure(
            f"{name}: the same, processor time",
            statistics.median(one["processor"] for one in opened) / size * 1000,
            "s a GB",
        ),
        Measure(
            f"{name}: opened and sent over a bare socket",
            limit,
            "MB/s",
            "the encryption's own limit: no HTTP, nothing counted",
        ),
    ]
    ours = f"{came / opened_only:.2f} of opened and not sent, {came / limit:.2f} of sent over a bare socket"
    against = f"{ours}; nginx is not installed"
    if served:
        nginx = size / statistics.median(served)
        wanted = min(nginx / 2, limit)
        verdict = "reached" if came >= wanted else f"MISSED by {1 - came / wanted:.0%}"
        against = f"{came / nginx:.2f} of nginx, {ours}; {wanted:,.0f} is {verdict}"
        measures.append(Measure(f"{name}: nginx, to a client that only reads", nginx, "MB/s"))
    return link, [
        *measures,
        Measure(f"{name}: downloaded by a client that only reads", came, "MB/s", against),
        Measure(f"{name}: the same, the gateway's processor time", statistics.median(used) / size * 1000, "s a GB"),
    ]


def _bare(site: Site, plain: Plain, link: Ready) -> list[float]:
    """Seconds from a worker that opens the file and sends it as it is, to the client that only reads."""
    with started("worker", str(site.folder), "send", link.link_id) as (_, told):
        return [timed(lambda: _whole(plain, drain(told["port"]))) for _ in range(TIMES)]


def _compared(site: Site, name: str, plain: Plain, link: Ready) -> list[Measure]:
    """A download whose every byte is compared, as a whole and in the pieces that the page's script asks for."""
    browser = _claimed(site, link)
    came = plain.size / MB / timed(lambda: _whole(plain, browser.fetch(plain)))
    against = "nginx is not installed"
    if site.plain is not None:
        address = site.plain
        served = timed(lambda: _whole(plain, fetch(address, f"/{Path(plain.path).name}", plain)))
        nginx = plain.size / MB / served
        against = f"{came / nginx:.2f} of nginx ({nginx:,.0f}) to this client, which takes most of the time"
    measures = [Measure(f"{name}: downloaded and compared", came, "MB/s", against)]
    if pieces := min(plain.size // (5 * PIECE), 20):
        took = timed(lambda: [browser.fetch(plain, at * PIECE, (at + 1) * PIECE) for at in range(pieces)])
        measures.append(Measure(f"{name}: in pieces of 8 MiB", pieces * PIECE / MB / took, "MB/s"))
    browser.acknowledge(start=0, end=plain.size)
    if browser.acknowledge(sha256=plain.sha256)["state"] != "received":
        raise RuntimeError("the whole file arrived and was not received")
    return measures


def _claimed(site: Site, link: Ready) -> Browser:
    browser = Browser(site.gateway, link.token)
    browser.look()
    if not browser.claim(link.code):
        raise RuntimeError("the code of a link that is ready did not claim it")
    return browser


def _whole(plain: Plain, came: int) -> None:
    if came != plain.size:
        raise RuntimeError(f"{came} of {plain.size} bytes came")


def _peak(what: str, idle: float, peak: float) -> Measure:
    verdict = "under" if peak < MEMORY_MB else "OVER"
    return Measure(what, peak, "MB", f"{verdict} {MEMORY_MB:.0f}; {peak - idle:.0f} more than before")


def many_links(site: Site, count: int, each: int) -> list[Measure]:
    """Links claimed and downloaded at the same moment, by two browsers each, while somebody looks at landing pages."""
    plains = [write_plain(site.folder / f"small-{number}", each) for number in range(count)]
    links = [Opened(**one) for one in work(site.folder, "many", "dropbox", json.dumps([asdict(one) for one in plains]))]
    idle, _ = memory(site.gateway_pid)
    forget_peak(site.gateway_pid)
    ready = threading.Barrier(2 * count + 1)

    def customer(link: Opened, plain: Plain) -> int:
        browser = Browser(site.gateway, link.token)
        browser.look()
        ready.wait()
        if not browser.claim(link.code):
            return 0
        came = browser.fetch(plain)
        browser.acknowledge(start=0, end=came)
        return int(browser.acknowledge(sha256=plain.sha256)["state"] == "received")

    tokens = json.dumps([link.token for link in links])
    with (
        started("passer-by", site.gateway, tokens) as (passing, _),
        ThreadPoolExecutor(2 * count) as people,
    ):
        won = [people.submit(customer, *one) for one in zip(links, plains, strict=True) for _ in range(2)]
        ready.wait()
        began = perf_counter()
        received = sum(one.result() for one in won)
        took = perf_counter() - began
        passing.terminate()
        looked: list[float] = json.loads(passing.stdout.readline() if passing.stdout else "[]")
    _, peak = memory(site.gateway_pid)
    told = work(site.folder, "received", json.dumps([link.link_id for link in links]))
    if (received, told) != (count, {"received": count, "claims": count, "claimed": count}):
        raise RuntimeError(f"{count} links, {received} downloads were received; the records say {told}")
    p99 = statistics.quantiles(looked, n=100)[98] if len(looked) > 1 else looked[0]
    return [
        Measure(f"{count} links at once: claimed and received", count / took, "a second", "none lost, none doubled"),
        Measure(f"{count} links at once: landing page, p99", p99 * 1000, "ms", f"{len(looked)} looked at meanwhile"),
        Measure(
            f"{count} links at once: the gateway's memory at most", peak, "MB", f"{peak - idle:.0f} more than before"
        ),
    ]


def certified() -> Measure:
    """From the last acknowledgement to the certificate, on the simulated engine and stand-ins in this process."""
    from sqlalchemy import event

    import flows  # noqa: F401 - registers the data export
    from casework.sandbox import aws
    from tests.scenarios.office import Office

    kept: list[float] = []

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO certificates"):
            kept.append(perf_counter())

    with TemporaryDirectory() as folder, aws.running() as cloud, Office(Path(folder), cloud) as office:
        event.listen(office.database, "after_cursor_execute", look)
        ticket, run = office.ask("user-81")
        office.reply(ticket)
        office.make(run, "team-102")
        won = office.claim(run)
        began = perf_counter()
        office.receive(won)
        office.world.close()
    if len(kept) != 1:
        raise RuntimeError(f"{len(kept)} certificates of one download")
    return Measure("last byte acknowledged to certificate", (kept[0] - began) * 1000, "ms", "simulated engine's legs")


def measure(sizes: Sizes) -> list[Measure]:
    """All of it."""
    case = certified()
    limits = alone(sizes.alone_mib)
    measures = [Measure(what, speed, "MB/s") for what, speed in limits.items()]
    with running() as site:
        for vault, size in sizes.through.items():
            plain = write_plain(site.folder / "plain", size)
            measures += one_file(site, vault, plain, limits)
        measures += many_links(site, sizes.links, sizes.each)
    return [*measures, case]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0, help="how large the file is (1)")
    parser.add_argument("--quick", action="store_true", help="small sizes; the numbers mean nothing and are not kept")
    asked = parser.parse_args()
    for talkative in ("werkzeug", "casework"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    if asked.quick:
        sizes = Sizes({"folder": 3 * MB, "dropbox": 3 * MB, "s3": 3 * MB}, links=3, each=100_000, alone_mib=4)
        show("delivery, only tried out", measure(sizes))
        return
    size = int(asked.gigabytes * 1000) * MB
    through = {"folder": size, "dropbox": size, "s3": 200 * MB}
    name = "delivery" if asked.gigabytes == 1 else f"delivery-{asked.gigabytes:g}-gb"
    report(name, measure(Sizes(through, links=200, each=MB, alone_mib=256)))


if __name__ == "__main__":
    main()
