"""The benchmarks can be run: at small sizes, for what they check rather than for what they measure."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bench_delivery import MB, Sizes, measure
from benchmarks.browser import fetch
from benchmarks.delivery_site import write_plain
from benchmarks.filling import Stencil
from benchmarks.nginx import nginx
from benchmarks.processes import trees
from benchmarks.report import Spread
from tests.real.world import World, do, was_done


@pytest.mark.slow
def test_delivery() -> None:
    """Files go through every vault and the gateway, links are claimed at once, and all that is claimed is measured."""
    told = measure(Sizes({"folder": 3 * MB, "dropbox": 3 * MB, "s3": 3 * MB}, links=4, each=100_000, alone_mib=4))
    assert all(one.value > 0 for one in told)
    names = [one.what for one in told]
    assert len(set(names)) == len(names)
    for what in ("downloaded", "sealed and uploaded", "memory at most", "landing page, p99", "to certificate"):
        assert any(what in name for name in names), what


def test_nginx_serves_a_folder(tmp_path: Path) -> None:
    """What downloads are compared with is nginx itself, where it is installed."""
    with nginx(tmp_path) as address:
        if address is None:
            pytest.skip("nginx is not installed: apt-get install nginx-light")
        plain = write_plain(tmp_path / "plain", 100_000)
        assert fetch(address, "/plain", plain) == plain.size


def test_the_world_counts() -> None:
    """What was done twice for the same number is noticed; what was done for another is another thing."""
    with World().serving() as world:
        assert was_done(world.place, "case", 0) is None
        do(world.place, "case", 0, step=1.5)
        do(world.place, "case", 1)
        assert world.effect("case", 0).stamps == {"step": 1.5}
        assert was_done(world.place, "case", 0) == "done"
        world.assert_once()
        do(world.place, "case", 1)
        with pytest.raises(RuntimeError, match="2 times"):
            world.effect("case", 1)
        with pytest.raises(RuntimeError, match="more than once"):
            world.assert_once()
        with pytest.raises(RuntimeError, match="did not do"):
            world.effect("other", 0, within=0.01)


def test_trees_count_children_that_have_ended() -> None:
    """The CPU seconds of a process hold those of a child that it has waited for; living children are counted."""
    before = trees([os.getpid()])
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert trees([os.getpid()]).cpu_seconds >= before.cpu_seconds + 0.3
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert trees([os.getpid()]).count == before.count + 1
        assert trees([child.pid]).count == 1
        child.communicate(b"\n")
    assert trees([child.pid]).count == 0


def test_a_spread_of_one_and_of_many() -> None:
    """The median is the field's, the ends are the ends, and one value is its own spread."""
    many = [float(number) for number in range(101)]
    spread = Spread.of(many)
    assert (spread.least, spread.lower, spread.median, spread.upper, spread.p95, spread.most) == (
        0,
        25,
        50,
        75,
        95,
        100,
    )
    assert spread.median == statistics.median(many)
    assert Spread.of([2.5]) == Spread(*[2.5] * 7)


def test_a_stencil_changes_whole_numbers_only() -> None:
    """Every occurrence of a word is put in anew; a longer number that begins with it is another word."""
    stencil = Stencil('{"of": "case:4", "and": "case:41", "again": "case:4"}', ["case:4"])
    assert stencil.cut({"case:4": "case:7"}) == '{"of": "case:7", "and": "case:41", "again": "case:7"}'
