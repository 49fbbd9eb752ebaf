"""The check of a drop: everything wrong is found, nothing right is refused."""

from __future__ import annotations

import hashlib
import io
import json
import random
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.delivery.deliverable import Accepted, Limits, Problem, ProblemKind, Rejected, check
from casework.delivery.manifest import Entity
from tests.delivery.drops import (
    OTHER_TEAM,
    TEAM,
    MemoryDrop,
    csv_of,
    drop_of,
    entry,
    jsonl_of,
    manifest,
    one_file,
    zip_of,
    zipped,
)

ALL = frozenset(Entity)
NOTE = 'Planted-Marlowe\nsaid "quoted, twice" – ünï\r\nend'


def problems(drop: MemoryDrop, limits: Limits | None = None) -> tuple[Problem, ...]:
    found = check(drop, TEAM, ALL, limits)
    return found.problems if isinstance(found, Rejected) else ()


def kinds(drop: MemoryDrop, limits: Limits | None = None) -> set[ProblemKind]:
    return {problem.kind for problem in problems(drop, limits)}


rows_of_teams = st.integers(1, 60)
formats = st.sampled_from(["csv", "jsonl", "zip/csv", "zip/jsonl"])


def made(kind: str, teams: list[str], note: str) -> MemoryDrop:
    inner = kind.rpartition("/")[2]
    data = csv_of(teams, note) if inner == "csv" else jsonl_of(teams, note)
    if kind.startswith("zip"):
        clean = jsonl_of([TEAM])
        return zipped({"first.jsonl": (clean, 1), f"rows.{inner}": (data, len(teams))})
    return one_file(f"rows.{inner}", data, len(teams))


@given(formats, rows_of_teams, st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
@settings(max_examples=120, deadline=None)
def test_a_right_deliverable_is_accepted(kind: str, rows: int, note: str) -> None:
    """Whatever stands in its cells, a deliverable that is as agreed is accepted, and counted right."""
    drop = made(kind, [TEAM] * rows, note)
    found = check(drop, TEAM, ALL)
    assert isinstance(found, Accepted), found
    assert found.rows == rows + kind.startswith("zip")
    assert found.total_bytes == sum(len(data) for name, data in drop.files.items() if name != "manifest.json")


@given(
    formats,
    rows_of_teams,
    st.data(),
    st.sampled_from([OTHER_TEAM, "", TEAM.upper(), f" {TEAM}", "team-1040"]),
)
@settings(max_examples=150, deadline=None)
def test_one_wrong_row_is_always_found(kind: str, rows: int, data: st.DataObject, team: str) -> None:
    """One row that is not exactly this team's, anywhere, in any format, is found with its number."""
    at = data.draw(st.integers(0, rows - 1))
    teams = [TEAM] * rows
    teams[at] = team
    found = check(made(kind, teams, NOTE), TEAM, ALL)
    assert isinstance(found, Rejected)
    assert found.wrong_team
    assert [problem.row for problem in found.problems] == [at + 1]


def test_problems_hold_no_content() -> None:
    """A problem names file and row, never what stands there, nor the other team."""
    text = str(problems(one_file("rows.csv", csv_of([TEAM, OTHER_TEAM], NOTE) + b'"x"y\n', 9)))
    assert "Planted" not in text
    assert OTHER_TEAM not in text
    bad = {"Planted-key": 1, "version": 1, "files": [{"name": "../Planted"}]}
    assert "Planted" not in str(problems(MemoryDrop({"manifest.json": json.dumps(bad).encode()})))


def csv_drop(text: str, rows: int) -> MemoryDrop:
    return one_file("rows.csv", text.encode(), rows)


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        (csv_drop(f"\ufeffteam_id\n{TEAM}\n", 1), set()),
        (csv_drop(f"\ufeffteam_id\n{OTHER_TEAM}\n", 1), {ProblemKind.WRONG_TEAM}),
        (csv_drop(f"ID,Team_ID\n1,{OTHER_TEAM}\n", 1), {ProblemKind.WRONG_TEAM}),
        (csv_drop(f"ID,Team_ID\n1,{TEAM}\n", 1), set()),
        (csv_drop(f"\n\nid,team_id\r\n\r\n1,{TEAM}\r\n", 1), set()),
        (csv_drop(f"id,team\n1,{TEAM}\n", 1), {ProblemKind.MALFORMED_ROW}),
        (csv_drop(f"team_id,TEAM_ID\n{TEAM},{OTHER_TEAM}\n", 1), {ProblemKind.MALFORMED_ROW}),
        (csv_drop(f"id,team_id\n1,{TEAM}\n2\n", 2), {ProblemKind.MALFORMED_ROW}),
        (csv_drop(f"id,team_id\n1,{TEAM},{OTHER_TEAM}\n", 1), {ProblemKind.MALFORMED_ROW}),
        (csv_drop(f'id,team_id\n"1,{TEAM}\n2,{OTHER_TEAM}\n', 1), {ProblemKind.MALFORMED_ROW}),
        (csv_drop(f'team_id,x\n{TEAM},"open\n{OTHER_TEAM},y\n', 1), {ProblemKind.MALFORMED_ROW}),
        (csv_drop(f'team_id,x\n{TEAM},"open"\n{OTHER_TEAM},y"\n', 2), {ProblemKind.WRONG_TEAM}),
        (csv_drop(f"id,team_id\n1,{TEAM}\n", 2), {ProblemKind.WRONG_ROW_COUNT}),
        (csv_drop("id,team_id\n", 0), {ProblemKind.EMPTY}),
        (one_file("r.jsonl", b'{"team_id":"team-104"}\nnot json\n', 2), {ProblemKind.MALFORMED_ROW}),
        (one_file("r.jsonl", b'["team_id","team-104"]\n', 1), {ProblemKind.MALFORMED_ROW}),
        (one_file("r.jsonl", b'{"id":1}\n', 1), {ProblemKind.MALFORMED_ROW}),
        (one_file("r.jsonl", b"[" * 200_000 + b"\n", 1), {ProblemKind.MALFORMED_ROW}),
        (one_file("r.jsonl", b'{"team_id":"team-105","team_id":"team-104"}\n', 1), {ProblemKind.WRONG_TEAM}),
        (
            one_file("r.jsonl", b'{"team_id":"team-104","x":{"team_id":"team-9"}}\n', 1),
            {ProblemKind.WRONG_TEAM},
        ),
        (
            one_file("r.jsonl", b'{"team\\u005fid":"team-9","team_id":"team-104"}\n', 1),
            {ProblemKind.WRONG_TEAM},
        ),
        (one_file("r.jsonl", '{"team_id":"team-104","x":"a\u2028b"}\n'.encode(), 1), set()),
        (one_file("r.jsonl", b'{"team_id":"team-104","x":"\xff"}\n', 1), {ProblemKind.NOT_UTF8}),
        (one_file("r.csv", b"team_id,x\nteam-104,\xe9\n", 1), {ProblemKind.NOT_UTF8}),
        (one_file("r.csv", b"", 0), {ProblemKind.EMPTY, ProblemKind.MALFORMED_ROW}),
    ],
)
def test_rows(drop: MemoryDrop, expected: set[ProblemKind]) -> None:
    """Odd but right files pass; odd and wrong ones are refused for what is wrong with them."""
    assert kinds(drop) == expected


def test_a_long_cell_is_read_and_an_endless_row_is_not() -> None:
    """A note of 1 MiB is legitimate; a row beyond 8 MiB stops the check of that file, not the machine."""
    assert kinds(one_file("r.csv", csv_of([TEAM], "x" * 2**20), 1)) == set()
    assert kinds(one_file("r.csv", csv_of([TEAM], "x" * 9 * 2**20), 1)) == {ProblemKind.MALFORMED_ROW}
    lines = b'team_id,x\nteam-104,"' + b"x\n" * (5 * 2**20) + b'"\n'
    assert kinds(one_file("r.csv", lines, 1)) == {ProblemKind.MALFORMED_ROW}


GOOD = csv_of([TEAM] * 5)


def changed(**change: object) -> MemoryDrop:
    return drop_of({"rows.csv": GOOD}, [{**entry("rows.csv", GOOD, 5), **change}])


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        (changed(size=len(GOOD) + 1), {ProblemKind.TRUNCATED}),
        (changed(size=len(GOOD) - 1), {ProblemKind.WRONG_SIZE}),
        (changed(sha256="0" * 64), {ProblemKind.WRONG_HASH}),
        (changed(rows=6), {ProblemKind.WRONG_ROW_COUNT}),
        (drop_of({"rows.csv": GOOD}, [entry("rows.csv", GOOD, 5)], OTHER_TEAM), {ProblemKind.WRONG_TEAM}),
        (drop_of({}, [entry("rows.csv", GOOD, 5)]), {ProblemKind.MISSING_FILE}),
        (MemoryDrop({"rows.csv": GOOD}), {ProblemKind.MISSING_FILE}),
        (drop_of({"rows.csv": GOOD, "b.csv": GOOD}, [entry("rows.csv", GOOD, 5)]), {ProblemKind.EXTRA_FILE}),
        (drop_of({"rows.csv": GOOD, "a/../b": b""}, [entry("rows.csv", GOOD, 5)]), {ProblemKind.EXTRA_FILE}),
        (MemoryDrop({"manifest.json": b""}), {ProblemKind.MANIFEST}),
        (MemoryDrop({"manifest.json": b"{"}), {ProblemKind.MANIFEST}),
        (MemoryDrop({"manifest.json": b"\xff"}), {ProblemKind.MANIFEST}),
        (MemoryDrop({"manifest.json": b"[" * 100_000}), {ProblemKind.MANIFEST}),
        (MemoryDrop({"manifest.json": b" " * (2**20 + 1)}), {ProblemKind.MANIFEST}),
        (MemoryDrop({"manifest.json": b'{"version":1,"version":1}'}), {ProblemKind.MANIFEST}),
        (changed(extra=1), {ProblemKind.MANIFEST}),
        (changed(rows="5"), {ProblemKind.MANIFEST}),
        (changed(rows=-1), {ProblemKind.MANIFEST}),
        (changed(format="zip"), {ProblemKind.MANIFEST}),
        (changed(members=[{"name": "a.csv", "entity": "candidates", "rows": 5}]), {ProblemKind.MANIFEST}),
        (drop_of({"rows.csv": GOOD}, [entry("rows.csv", GOOD, 5)] * 2), {ProblemKind.MANIFEST}),
        (drop_of({}, [entry(f"f-{n}.csv", GOOD, 5) for n in range(101)]), {ProblemKind.TOO_LARGE}),
    ],
)
def test_the_manifest_and_the_files_must_agree(drop: MemoryDrop, expected: set[ProblemKind]) -> None:
    """Each way in which a drop and its manifest disagree is told as what it is."""
    assert kinds(drop) == expected


@pytest.mark.parametrize("name", ["../rows.csv", "/etc/rows.csv", "a\\b.csv", "a/b.csv", "..", ".x", "a\n.csv", ""])
def test_unsafe_names(name: str) -> None:
    """A name that could lead out of a folder is refused wherever it stands, and is not repeated."""
    found = problems(changed(name=name))
    assert [problem.kind for problem in found] == [ProblemKind.UNSAFE_NAME]
    assert all(problem.file == "manifest.json" for problem in found)
    if name and "\n" not in name:
        info = zipfile.ZipInfo("x")
        info.filename = name
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("rows.csv", GOOD)
            archive.writestr(info, GOOD)
        assert ProblemKind.UNSAFE_NAME in kinds(zipped({"rows.csv": (GOOD, 5)}, target.getvalue()))


def test_only_what_was_asked_for() -> None:
    """An entity that was not asked for is refused, inside a ZIP too."""
    drop = one_file("rows.csv", GOOD, 5, entity="sequences")
    assert isinstance(check(drop, TEAM, ALL), Accepted)
    found = check(drop, TEAM, [Entity.CANDIDATES])
    assert isinstance(found, Rejected)
    assert [problem.kind for problem in found.problems] == [ProblemKind.ENTITY_NOT_ASKED]
    inside = [{"name": "p.csv", "entity": "projects", "rows": 5}]
    packed = one_file("all.zip", zip_of({"p.csv": GOOD}), 5, members=inside)
    assert isinstance(check(packed, TEAM, [Entity.CANDIDATES]), Rejected)


def odd_zip(**attributes: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        info = zipfile.ZipInfo("rows.csv")
        for name, value in attributes.items():
            setattr(info, name, value)
        archive.writestr(info, GOOD)
    return target.getvalue()


def encrypted() -> bytes:
    data = bytearray(zip_of({"rows.csv": GOOD}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def understated() -> bytes:
    """The directory and the entry's own header claim half the size, with the right CRC of that half."""
    data = bytearray(zip_of({"rows.csv": GOOD}))
    part = GOOD[: len(GOOD) // 2]
    for at in (14, data.index(b"PK\x01\x02") + 16):
        struct.pack_into("<L", data, at, zlib.crc32(part))
        struct.pack_into("<L", data, at + 8, len(part))
    return bytes(data)


def hidden_entry() -> bytes:
    """An entry that the directory does not list, between those that it does."""
    one, two = zip_of({"rows.csv": GOOD}), zip_of({"hidden.csv": csv_of([OTHER_TEAM])})
    body = two[: two.index(b"PK\x01\x02")]
    return body + one


def unlisted_entry() -> bytes:
    """Three entries, of which the directory lists the first and the last only."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in ("rows.csv", "hidden.csv", "more.csv"):
            archive.writestr(name, GOOD)
        archive.filelist.pop(1)
    return target.getvalue()


def test_an_entry_between_the_listed_ones_is_noticed() -> None:
    """Programs that read a ZIP from its start would show an entry that the directory hides."""
    drop = zipped({"rows.csv": (GOOD, 5), "more.csv": (GOOD, 5)}, unlisted_entry())
    assert kinds(drop) == {ProblemKind.UNSAFE_ARCHIVE}


RIGHT_ZIP = zip_of({"rows.csv": GOOD})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encrypted(), id="encrypted"),
        pytest.param(understated(), id="understated size"),
        pytest.param(hidden_entry(), id="hidden entry"),
        pytest.param(odd_zip(external_attr=(stat.S_IFLNK | 0o777) << 16), id="symbolic link"),
        pytest.param(odd_zip(compress_type=zipfile.ZIP_BZIP2), id="bzip2"),
        pytest.param(b"not a zip at all", id="not a ZIP"),
        pytest.param(RIGHT_ZIP[:-30], id="cut"),
        pytest.param(RIGHT_ZIP[:-2] + b"\x05\x00hello", id="comment"),
        pytest.param(b"MZ" + RIGHT_ZIP, id="something before it"),
    ],
)
def test_archives_that_mislead_are_refused(data: bytes) -> None:
    """A ZIP in which two programs could see different things, or which cannot be checked, is refused."""
    assert kinds(zipped({"rows.csv": (GOOD, 5)}, data)) == {ProblemKind.UNSAFE_ARCHIVE}


@given(st.integers(0, len(RIGHT_ZIP) - 1), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_damaged_archive_is_refused_or_reads_the_same(at: int, flip: int) -> None:
    """One wrong byte anywhere in a ZIP never crashes the check and never changes what is accepted."""
    broken = bytearray(RIGHT_ZIP)
    broken[at] ^= flip
    found = check(zipped({"rows.csv": (GOOD, 5)}, bytes(broken)), TEAM, ALL)
    assert isinstance(found, Rejected) or found.rows == 5


def test_duplicate_and_nested_members() -> None:
    """Two members of one name, and a ZIP in a ZIP, are refused."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("rows.csv", GOOD)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("rows.csv", GOOD)
    assert kinds(zipped({"rows.csv": (GOOD, 5)}, target.getvalue())) == {ProblemKind.UNSAFE_ARCHIVE}
    nested = zip_of({"rows.csv": GOOD, "more.zip": RIGHT_ZIP})
    assert kinds(zipped({"rows.csv": (GOOD, 5)}, nested)) == {ProblemKind.EXTRA_FILE}
    as_csv = zip_of({"rows.csv": RIGHT_ZIP})
    assert kinds(zipped({"rows.csv": (GOOD, 5)}, as_csv)) & {ProblemKind.NOT_UTF8, ProblemKind.MALFORMED_ROW}


def test_missing_members() -> None:
    """A member that the manifest lists and the ZIP lacks is missing."""
    drop = zipped({"rows.csv": (GOOD, 5), "more.csv": (GOOD, 5)}, RIGHT_ZIP)
    assert kinds(drop) == {ProblemKind.MISSING_FILE}


def test_bombs() -> None:
    """Growth is stopped while it happens: by ratio, by total and by the number of members."""
    rows = 40_000
    large = csv_of([TEAM] * rows, "x" * 50)
    drop = zipped({"rows.csv": (large, rows)})
    assert kinds(drop) == set()
    assert kinds(drop, Limits(ratio=3)) == {ProblemKind.BOMB}
    assert kinds(drop, Limits(unpacked_bytes=len(large) - 1)) == {ProblemKind.BOMB}
    assert kinds(zipped({f"{n}.csv": (GOOD, 5) for n in range(5)}), Limits(members=4)) == {ProblemKind.BOMB}
    assert kinds(drop, Limits(total_bytes=100)) == {ProblemKind.TOO_LARGE}


def test_zeros_do_not_fill_the_memory() -> None:
    """A member that unpacks to 200 MiB without a line end is refused within a few MiB of memory."""
    bomb = zip_of({"rows.csv": bytes(200 * 2**20)})
    drop = zipped({"rows.csv": (GOOD, 5)}, bomb)
    tracemalloc.start()
    try:
        found = kinds(drop)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found & {ProblemKind.BOMB}
    assert peak < 40 * 2**20


class _Generated(MemoryDrop):
    """A CSV that is made while it is read, so that its size in memory is not the test's."""

    LINE = f"1,{TEAM},some note of a candidate\r\n".encode()
    BLOCK = LINE * 20_000

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        digest = hashlib.sha256(b"id,team_id,note\r\n")
        for _ in range(blocks):
            digest.update(self.BLOCK)
        size = len(b"id,team_id,note\r\n") + blocks * len(self.BLOCK)
        told = {**entry("rows.csv", b"", blocks * 20_000), "size": size, "sha256": digest.hexdigest()}
        super().__init__({"rows.csv": b"", "manifest.json": manifest([told])})
        self.bytes = size

    def size(self, name: str) -> int:
        return self.bytes if name == "rows.csv" else super().size(name)

    def read(self, name: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]:
        if name != "rows.csv":
            yield from super().read(name, start, end)
            return
        yield b"id,team_id,note\r\n"
        for _ in range(self.blocks):
            yield self.BLOCK


def test_memory_is_constant() -> None:
    """Checking six times the rows takes no more memory."""
    peaks = []
    for blocks in (2, 12):
        drop = _Generated(blocks)
        tracemalloc.start()
        try:
            assert kinds(drop) == set()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2**20


def test_wrong_rows_are_found_in_files_that_are_wrong_otherwise() -> None:
    """A file whose hash is wrong is still searched for another team's rows."""
    data = csv_of([TEAM] * 3 + [OTHER_TEAM])
    drop = drop_of({"rows.csv": data}, [{**entry("rows.csv", data, 4), "sha256": "0" * 64}])
    assert kinds(drop) == {ProblemKind.WRONG_HASH, ProblemKind.WRONG_TEAM}


def test_the_file_with_the_wrong_row_is_named() -> None:
    """Several files: the wrong row is told with the file that has it."""
    rng = random.Random(3)
    files = {f"f-{n}.csv": csv_of([TEAM] * rng.randint(1, 9)) for n in range(5)}
    files["f-3.csv"] = csv_of([TEAM, OTHER_TEAM])
    entries = [entry(name, data, data.count(b"\n") - 1) for name, data in files.items()]
    found = problems(drop_of(files, entries))
    assert [(problem.kind, problem.file, problem.row) for problem in found] == [(ProblemKind.WRONG_TEAM, "f-3.csv", 2)]
