"""What processes cost: CPU seconds and number of whole process trees, from proc(5).

A process's own account holds those of its children that have ended and were waited for, so the sum over a tree that
lives counts its short-lived children too.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Trees", "busy", "trees"]


@dataclass(frozen=True, slots=True)
class Trees:
    """Processes with all that descends from them: how many live, and the CPU seconds used so far."""

    count: int
    cpu_seconds: float


def trees(roots: Iterable[int]) -> Trees:
    """Look at processes and all that descends from them; a process that has ended counts nothing."""
    used: dict[int, int] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        used[int(entry.name)] = sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
        children[int(fields[1])].append(int(entry.name))
    found: set[int] = set()
    rest = [root for root in roots if root in used]
    while rest:
        process = rest.pop()
        if process not in found:
            found.add(process)
            rest += children[process]
    return Trees(len(found), sum(used[process] for process in found) / os.sysconf("SC_CLK_TCK"))


def busy() -> float:
    """CPU seconds that the whole machine has spent on work since it was started."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
