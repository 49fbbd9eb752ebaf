"""Whether the code that a process has imported is still the code on disk.

Modules of our own (everything outside site-packages) are watched file by file, with the other files of their packages:
numbers in TOML and message templates are read at import too. Installed packages are watched by their site-packages
folders, which every install and upgrade changes.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Release"]

Stamp = tuple[int, int] | None
"""Modified (nanoseconds) and size of a file; None when there is none."""


class Release:
    """What lay on disk when this was made: the files of every module imported until then, and these others."""

    def __init__(self, others: Iterable[Path] = ()) -> None:
        self._stamps = {path: _stamp(path) for path in {*_watched(_module_files()), *others}}

    def take_in(self) -> None:
        """Watch the files of modules imported since, as they are now; what was watched before stays as it was."""
        self._stamps = {path: _stamp(path) for path in _watched(_module_files()) - self._stamps.keys()} | self._stamps

    def is_current(self) -> bool:
        """Whether all of it still lies there unchanged, and no file has come to it."""
        return all(_stamp(path) == stamp for path, stamp in self._stamps.items())


def _module_files() -> set[Path]:
    named = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {Path(file).absolute() for file in named if file}


def _watched(modules: Iterable[Path]) -> set[Path]:
    installed = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    installed |= {Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")}
    standard = Path(sysconfig.get_path("stdlib"))
    ours = {file for file in modules if not any(file.is_relative_to(place) for place in (*installed, standard))}
    return installed | ours | {path for root in _packages(ours) for path in _tree(root)}


def _packages(files: Iterable[Path]) -> set[Path]:
    """The folders of the top-level packages of which there are modules among the files."""
    roots = set()
    for file in files:
        folder = file.parent
        if not (folder / "__init__.py").is_file():
            continue
        while (folder.parent / "__init__.py").is_file():
            folder = folder.parent
        roots.add(folder)
    return roots


def _tree(root: Path) -> Iterable[Path]:
    """A folder, the folders below it and their files, without caches and hidden ones."""
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name != "__pycache__" and not name.startswith(".")]
        yield Path(folder)
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    # A folder's own time is kept: it changes when a file comes or goes. Caches are written below their own folder.
    return found.st_mtime_ns, found.st_size
