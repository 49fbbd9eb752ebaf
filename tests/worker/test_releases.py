"""Whether the code that was imported is the code on disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from casework.warm.releases import Release


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An imported package with a module, a file of numbers and a folder of templates."""
    room = tmp_path / "someroom"
    (room / "texts").mkdir(parents=True)
    for name in ("__init__.py", "numbers.toml", "texts/reply.md", "part.py"):
        (room / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("someroom.part")
    yield room
    for name in ("someroom", "someroom.part"):
        del sys.modules[name]


def grow(file: Path) -> None:
    file.write_text("#")


def touch(file: Path) -> None:
    os.utime(file, (1, 1))


@pytest.mark.parametrize("name", ["__init__.py", "part.py", "numbers.toml", "texts/reply.md"])
@pytest.mark.parametrize("change", [grow, touch, Path.unlink])
def test_a_change_is_seen(room: Path, name: str, change: Callable[[Path], object]) -> None:
    """A module, a number or a template that was changed, rewritten at another time, or taken away makes it old."""
    release = Release()
    assert release.is_current()
    change(room / name)
    assert not release.is_current()


def test_a_new_file_is_seen(room: Path) -> None:
    """So does a file that comes to a room."""
    release = Release()
    (room / "texts" / "new.md").write_text("")
    assert not release.is_current()


def test_caches_are_not_looked_at(room: Path) -> None:
    """What Python keeps of compiled modules is no change."""
    (room / "__pycache__").mkdir(exist_ok=True)
    release = Release()
    (room / "__pycache__" / "other.pyc").write_bytes(b"")
    assert release.is_current()


def test_an_upgrade_of_a_package_is_seen(room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing into a folder of packages makes it old; its modules are not looked at one by one."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(packages)
    release = Release()
    (packages / "thing-2.dist-info").mkdir()
    assert not release.is_current()


def test_what_is_imported_later_is_taken_in(room: Path, tmp_path: Path) -> None:
    """A module that was imported since is watched from then on; what changed before is not forgotten by that."""
    release = Release()
    later = tmp_path / "someroom_later.py"
    later.write_text("")
    __import__("someroom_later")
    try:
        release.take_in()
        assert release.is_current()
        grow(later)
        assert not release.is_current()
        touch(room / "part.py")
        changed = Release()
        later.write_text("")
        changed.take_in()
        assert not changed.is_current()
    finally:
        del sys.modules["someroom_later"]
