"""Serving: the right status and bytes for every request, and streams that stop when they must."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.delivery.download import AT_ONCE, MOST_AT_ONCE, SOON_SECONDS, Counting, StreamStopped, plan, stream
from casework.delivery.links import ClaimToken, Links, Refusal
from casework.delivery.sealing import SEGMENT_BYTES, Opener, seal
from tests.delivery.conftest import Clock, sealed_file

SHA = "a" * 64
TAG = f'"{SHA}"'


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        (None, 200, 0, 1000),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=0-999", 206, 0, 1000),
        ("bytes=10-", 206, 10, 1000),
        ("bytes=10-5000", 206, 10, 1000),
        ("bytes=-5", 206, 995, 1000),
        ("bytes=-5000", 206, 0, 1000),
        ("Bytes=1-2", 206, 1, 3),
        ("bytes=1000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=0-1,5-6", 416, 0, 0),
        ("bytes=5-4", 200, 0, 1000),
        ("bytes=-", 200, 0, 1000),
        ("bytes=a-b", 200, 0, 1000),
        ("items=0-1", 200, 0, 1000),
        ("bytes=1-2x", 200, 0, 1000),
        ("bytes=" + "9" * 30 + "-", 200, 0, 1000),
    ],
)
def test_ranges(asked: str | None, status: int, start: int, end: int) -> None:
    """One range is served, several are refused, nonsense is ignored (RFC 9110, section 14)."""
    found = plan(1000, SHA, asked)
    assert (found.status, found.start, found.end) == (status, start, end)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [(TAG, 206), (f"W/{TAG}", 200), ('"other"', 200), ("Sat, 21 Nov 2026 12:00:00 GMT", 200), (None, 206)],
)
def test_if_range(if_range: str | None, status: int) -> None:
    """Only the exact strong tag lets a range through; otherwise the whole file comes."""
    assert plan(1000, SHA, "bytes=1-2", if_range).status == status


def test_headers() -> None:
    """Length, tag and range follow from the plan."""
    assert plan(1000, SHA, "bytes=1-2").headers() == {
        "accept-ranges": "bytes",
        "etag": TAG,
        "content-length": "2",
        "content-range": "bytes 1-2/1000",
    }
    assert plan(1000, SHA, "bytes=1000-").headers()["content-range"] == "bytes */1000"
    assert plan(0, SHA, "bytes=0-").status == 416
    assert plan(0, SHA).headers()["content-length"] == "0"


@given(st.text(max_size=40), st.integers(0, 100))
def test_no_header_breaks_the_plan(header: str, size: int) -> None:
    """Whatever a client sends, the plan is within the file."""
    for asked in (header, f"bytes={header}"):
        found = plan(size, SHA, asked)
        assert 0 <= found.start <= found.end <= size
        assert found.status in (200, 206, 416)


SIZES = [SEGMENT_BYTES] * 40 + [5]


class Recorder:
    """Takes note of what is counted, and by which thread."""

    def __init__(self) -> None:
        self.total = 0
        self.threads: list[str] = []

    def __call__(self, size: int) -> None:
        self.total += size
        self.threads.append(threading.current_thread().name)


def paced(mib: int, seconds: Callable[[int], float]) -> tuple[Recorder, int]:
    """A stream of so many MiB, each sent in so many seconds: what was counted, and how much in advance at most."""
    recorder, sent, at, ahead = Recorder(), 0, [0.0], 0
    with closing(Counting(recorder, mib * SEGMENT_BYTES, lambda: at[0])) as counting:
        for number in range(mib):
            counting.spend(SEGMENT_BYTES)
            assert sent + SEGMENT_BYTES <= recorder.total
            _settle(counting)
            assert recorder.total <= max(2 * sent, SEGMENT_BYTES)
            ahead = max(ahead, recorder.total - sent - SEGMENT_BYTES)
            sent += SEGMENT_BYTES
            at[0] += seconds(number)
    assert recorder.total == sent == mib * SEGMENT_BYTES
    return recorder, ahead


@pytest.mark.parametrize(
    ("mib", "seconds", "most"),
    [
        (40, 0.1, AT_ONCE),
        (2000, 0.1, AT_ONCE),
        (40, 0.0, AT_ONCE),
        (300, 0.0, 300 * SEGMENT_BYTES // 32),
        (1024, 0.0, 32 * SEGMENT_BYTES),
        (4096, 0.0, MOST_AT_ONCE),
    ],
)
def test_what_is_sent_was_counted(mib: int, seconds: float, most: int) -> None:
    """No byte is sent before it is counted; counted are at most twice what was sent, and 8 MiB in advance.

    On a fast line it is a thirty-second of the stream and 64 MiB at most.
    """
    recorder, ahead = paced(mib, lambda _: seconds)
    assert ahead <= most
    assert seconds or mib < 512 or len(recorder.threads) < mib // 16


@given(st.integers(9, 600), st.lists(st.floats(0, 2 * SOON_SECONDS), min_size=1, max_size=8))
@settings(max_examples=30)
def test_a_line_that_slows_down(mib: int, seconds: list[float]) -> None:
    """However the speed changes, what is counted was bounded as for a fast line, and is the stream in the end."""
    _, ahead = paced(mib, lambda number: seconds[number * len(seconds) // mib])
    assert ahead <= max(AT_ONCE, mib * SEGMENT_BYTES // 32)


def test_counting_goes_on_beside_the_sending() -> None:
    """In a long stream the next bytes are counted by another thread, and those already counted go out meanwhile."""
    recorder, asked, go = Recorder(), threading.Event(), threading.Event()

    def count(size: int) -> None:
        if threading.current_thread().name.startswith("count"):
            asked.set()
            assert go.wait(10)
        recorder(size)

    with closing(Counting(count, 40 * SEGMENT_BYTES)) as counting:
        for _ in range(14):
            counting.spend(SEGMENT_BYTES)
        assert asked.wait(10)
        before = recorder.total
        counting.spend(SEGMENT_BYTES)
        counting.spend(SEGMENT_BYTES)
        assert recorder.total == before == 16 * SEGMENT_BYTES
        go.set()
        counting.spend(SEGMENT_BYTES)
        assert recorder.total == 22 * SEGMENT_BYTES


def test_counting_that_fails_beside_stops_the_stream() -> None:
    """A refusal or a database that is away is raised before the first byte that it did not count."""

    def count(_size: int) -> None:
        if threading.current_thread().name.startswith("count"):
            raise StreamStopped("l-1", Refusal.ENDED)

    with closing(Counting(count, 40 * SEGMENT_BYTES)) as counting:
        for _ in range(16):
            counting.spend(SEGMENT_BYTES)
        with pytest.raises(StreamStopped):
            counting.spend(SEGMENT_BYTES)


@given(st.lists(st.integers(1, SEGMENT_BYTES), max_size=60))
def test_every_byte_is_counted_once(sizes: list[int]) -> None:
    """Whatever the blocks' sizes, the bytes that were counted at a stream's end are the bytes of the stream."""
    recorder = Recorder()
    with closing(Counting(recorder, sum(sizes))) as counting:
        for size in sizes:
            counting.spend(size)
    assert recorder.total == sum(sizes)


def _settle(counting: Counting) -> None:
    """Wait for what is being counted beside the sending."""
    if counting._begun is not None:
        counting._begun[0].result(10)


TEXT = bytes(range(256)) * 12_000
KEY = bytes(32)


def serving(links: Links, clock: Clock) -> tuple[str, ClaimToken, Opener]:
    link = links.create(sealed_file(plain_size=len(TEXT)), clock() + timedelta(days=7))
    links.make_ready(link.link_id)
    code = links.issue_code(link.link_id)
    assert not isinstance(code, Refusal)
    won = links.claim(links.token(link.link_id), code)
    assert isinstance(won, ClaimToken)
    data = b"".join(seal([TEXT], KEY, b"ad"))
    return link.link_id, won, Opener(KEY, b"ad", len(TEXT), lambda start, end: iter([data[start:end]]))


def opened_stream(links: Links, link_id: str, claim: str) -> str:
    stream_id = links.open_stream(link_id, claim)
    assert not isinstance(stream_id, Refusal)
    return stream_id


def test_a_broken_download_goes_on(links: Links, clock: Clock) -> None:
    """The same claim resumes where it was cut; together the pieces are the file, and all are counted."""
    link_id, won, opener = serving(links, clock)
    first = stream(plan(len(TEXT), SHA), opener, links, link_id, opened_stream(links, link_id, won.value))
    got = bytes(next(first))
    first.close()
    rest = plan(len(TEXT), SHA, f"bytes={len(got)}-", TAG)
    got += b"".join(stream(rest, opener, links, link_id, opened_stream(links, link_id, won.value)))
    assert got == TEXT
    assert links.get(link_id).bytes_sent == len(TEXT)


def test_revocation_stops_a_running_stream(links: Links, clock: Clock) -> None:
    """After the link is revoked not one more block is handed out."""
    link_id, won, opener = serving(links, clock)
    running = stream(plan(len(TEXT), SHA), opener, links, link_id, opened_stream(links, link_id, won.value))
    next(running)
    links.revoke(link_id)
    with pytest.raises(StreamStopped) as stopped:
        next(running)
    assert stopped.value.refusal is Refusal.ENDED


def test_one_stream_at_a_time(links: Links, clock: Clock) -> None:
    """A second stream of the same claim ends the first one."""
    link_id, won, opener = serving(links, clock)
    running = stream(plan(len(TEXT), SHA), opener, links, link_id, opened_stream(links, link_id, won.value))
    next(running)
    opened_stream(links, link_id, won.value)
    with pytest.raises(StreamStopped):
        next(running)


def test_the_cap_stops_endless_downloads(links: Links, clock: Clock) -> None:
    """A claim that fetches the file again and again is stopped at 1.5 times its size plus 8 MiB."""
    link_id, won, opener = serving(links, clock)

    def fetch_for_ever() -> None:
        while True:
            stream_id = opened_stream(links, link_id, won.value)
            list(stream(plan(len(TEXT), SHA), opener, links, link_id, stream_id))

    with pytest.raises(StreamStopped) as stopped:
        fetch_for_ever()
    assert stopped.value.refusal is Refusal.CAP_REACHED
    assert len(TEXT) < links.get(link_id).bytes_sent <= len(TEXT) * 3 / 2 + 8 * 2**20
