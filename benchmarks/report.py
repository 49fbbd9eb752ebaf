"""How a benchmark tells what it measured: a small table for people and JSON under `results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.table import Table

__all__ = ["RESULTS", "Measure", "Spread", "asked_quick", "report", "show"]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, its unit, and how it stands to what it is compared with."""

    what: str
    value: float
    unit: str
    compared: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """How several measurements of the same lie."""

    least: float
    lower: float
    median: float
    upper: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The quartiles and ends of at least one value."""
        cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
        return cls(min(values), cuts[24], cuts[49], cuts[74], cuts[94], cuts[98], max(values))

    def told(self, scale: float) -> str:
        """The spread in words, in another unit."""
        ends, middle = (self.least, self.most), (self.lower, self.upper)
        between = [f"{one * scale:,.0f}–{other * scale:,.0f}" for one, other in (middle, ends)]
        return f"half of them {between[0]}, all {between[1]}"


def asked_quick(about: str | None) -> bool:
    """Whether the command line has `--quick`; `about` is the module's docstring."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="little of it; the numbers mean nothing and are not kept")
    return bool(parser.parse_args().quick)


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
