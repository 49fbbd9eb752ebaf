"""How a benchmark tells what it measured: a small table for people and JSON under `results/`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

__all__ = ["Measure", "report", "show"]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, its unit, and how it stands to what it is compared with."""

    what: str
    value: float
    unit: str
    compared: str = ""


def show(name: str, measures: Sequence[Measure]) -> None:
    """Show the measures as a table."""
    console = Console()
    shown = Table("what", "value", "unit", "compared", box=None, pad_edge=False, title=name, title_justify="left")
    for one in measures:
        shown.add_row(one.what, f"{one.value:,.2f}", one.unit, one.compared)
    console.print(shown)


def report(name: str, measures: Sequence[Measure]) -> None:
    """Show the measures and write `results/<name>.json`."""
    show(name, measures)
    RESULTS.mkdir(exist_ok=True)
    written = {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "measures": [asdict(one) for one in measures],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(written, indent=2) + "\n")
