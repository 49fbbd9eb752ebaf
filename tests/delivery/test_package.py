"""The customer's one file: as announced, the same every time, and readable by what customers have."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.delivery import package as module
from casework.delivery.deliverable import Accepted, CheckedFile, check
from casework.delivery.manifest import Entity, Format
from casework.delivery.package import DropChanged, Package, package
from tests.delivery.drops import TEAM, MemoryDrop, csv_of, drop_of, entry


def several(counts: list[int]) -> MemoryDrop:
    files = {f"f-{number}.csv": csv_of([TEAM] * count) for number, count in enumerate(counts)}
    return drop_of(files, [entry(name, data, data.count(b"\n") - 1) for name, data in files.items()])


def packed(drop: MemoryDrop) -> Package:
    accepted = check(drop, TEAM, frozenset(Entity))
    assert isinstance(accepted, Accepted)
    return package(drop, accepted, "export-case1")


def test_one_file_is_itself() -> None:
    """A drop with one data file is that file, byte by byte, under our name."""
    drop = several([5])
    found = packed(drop)
    assert (found.name, found.size) == ("export-case1.csv", len(drop.files["f-0.csv"]))
    assert b"".join(found.chunks()) == drop.files["f-0.csv"]


@given(st.lists(st.integers(1, 200), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_several_files_are_a_zip(counts: list[int]) -> None:
    """The ZIP has the announced size, all files and no manifest, passes its own test, and repeats exactly."""
    drop = several(counts)
    found = packed(drop)
    data = b"".join(found.chunks())
    assert found.name == "export-case1.zip"
    assert len(data) == found.size
    assert data == b"".join(found.chunks())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: content for name, content in drop.files.items() if name != "manifest.json"
        }


def test_our_own_zip_passes_our_own_check() -> None:
    """What we hand out is an archive that our strict reader accepts."""
    data = b"".join(packed(several([3, 4])).chunks())
    inside = [{"name": f"f-{n}.csv", "entity": "candidates", "rows": rows} for n, rows in enumerate((3, 4))]
    drop = drop_of({"all.zip": data}, [entry("all.zip", data, 7, members=inside)])
    assert isinstance(check(drop, TEAM, frozenset(Entity)), Accepted)


def test_a_file_that_changed_after_the_check_stops_the_stream() -> None:
    """Between check and sealing nobody can exchange a file, not even for one of the same length."""
    drop = several([5, 5])
    found = packed(drop)
    drop.files["f-1.csv"] = drop.files["f-1.csv"].replace(TEAM.encode(), b"team-999")
    with pytest.raises(DropChanged, match=r"f-1\.csv"):
        list(found.chunks())


def test_files_beyond_four_gib(tmp_path: Path) -> None:
    """Sizes and offsets over 32 bits are told in ZIP64, as an independent reader sees them."""
    large = 5 * 2**30
    files = tuple(
        CheckedFile(name, size, "0" * 64, zlib.crc32(bytes(size % 2**30)), Entity.CANDIDATES, 1, Format.CSV)
        for name, size in (("a.csv", 7), ("b.csv", large), ("c.csv", 9))
    )
    path = tmp_path / "sparse.zip"
    with path.open("wb") as target:
        for file in files:
            target.write(module._local_header(file))
            target.seek(file.size, io.SEEK_CUR)
        target.write(module._directory(files))
    expected = package(MemoryDrop({}), Accepted(files), "x").size
    assert path.stat().st_size == expected
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        assert [(info.filename, info.file_size) for info in infos] == [(f.name, f.size) for f in files]
        assert infos[2].header_offset > 2**32
        with archive.open("c.csv") as member:
            assert len(member.read(5)) == 5
