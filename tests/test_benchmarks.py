"""The benchmarks can be run: at small sizes, for what they check rather than for what they measure."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import bench_answers, bench_hooks, bench_scale, bench_throughput
from benchmarks.bench_delivery import MB, Sizes, measure
from benchmarks.browser import fetch
from benchmarks.delivery_site import write_plain
from benchmarks.filling import Stencil
from benchmarks.nginx import nginx
from benchmarks.processes import trees
from benchmarks.report import Spread
from benchmarks.world import World, do, was_done


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


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(900)
class TestWholeSites:
    """Few of everything, on real sites: each benchmark checks that nothing is lost or done twice."""

    def test_answers(self) -> None:
        """Every peer is answered, costs something, and the way of our answer is told without a gap."""
        began = time.time()
        told = {one.what: one.value for one in bench_answers.measure(bench_answers.Plan(2, 1, 2, idle=0.5))}
        peers = ("ours", "Prefect, process worker", "Prefect, serve", "DBOS, SQLite", "DBOS, PostgreSQL")
        for peer in peers:
            assert 0 < told[f"{peer}: answer → next step, p50"] < (time.time() - began) * 1000
        stages = [one for one in told if one.startswith("ours: ") and "→" in one and "next step" not in one]
        assert stages[0].startswith("ours: button pressed → ")
        assert stages[-1].endswith(" → effect seen")

    def test_scale(self) -> None:
        """Copies wait, hold no process, take room in the database, and go on when they are answered."""
        plan = bench_scale.Plan(kill=5, waiting=30, kills=1, answers=1, queries=3, idle=0.5)
        with bench_scale.postgresql() as place:
            told = {one.what: one.value for one in bench_scale.measure_place(place, plan)}
        assert told["PostgreSQL, 30 waiting: processes held"] <= 0
        assert told["PostgreSQL, 30 waiting: case database, each"] > 1

    def test_throughput(self) -> None:
        """Cases come to their end. No flame graph is drawn: not everybody may trace processes."""
        told = bench_throughput.measure(bench_throughput.Plan((1, 2), cases=2, pictures=None))
        assert all(one.value > 0 for one in told if "stood still" not in one.what)

    def test_hooks(self) -> None:
        """Hooks are taken before and after the gateway is killed; the benchmark itself checks that none is lost."""
        told = bench_hooks.measure(bench_hooks.Plan(rate=20, seconds=2, around=1, exports=1))
        assert all(one.value > 0 for one in told if "hooks taken" in one.what or "acknowledged" in one.what)
