"""Two hundred signed hooks a second to a real gateway, which is then killed and started again: none lost, none doubled.

    python benchmarks/bench_hooks.py          a minute of it on SQLite, and a minute on PostgreSQL
    python benchmarks/bench_hooks.py --quick  seconds of it: shows only that all of this works

The hooks are about tickets of a running site with its stand-ins behind; some of the tickets ask for a data export, and
each such ticket is to have one case, however many hooks tell of it. After some seconds, in which a site that has just
started comes to rest, a minute is measured in which one of them is told of; then a while in which the cases of all
others begin; then, while the hooks go on, the gateway is killed with -9 and started again by its supervisor. Everything
runs on the same cores: sender, gateway, stand-ins, Prefect's server, and the worker with the cases that are opened. The
sender, which would have a machine of its own, goes before the others where it may, or its own waits for a core would
count as the gateway's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import func, select

from benchmarks.live import Live, live
from benchmarks.postgresql import postgres
from benchmarks.processes import trees
from benchmarks.report import Measure, Spread, asked_quick, report, show
from benchmarks.vendor import Acknowledged, Vendor
from casework.schema import hooks
from tests.real.site import until

MOST_MS = 50.0
CUSTOMER = "user-88"
OTHERS = 40
REPEATED = 50
GIVE_UP_SECONDS = 300.0
DRAIN_SECONDS = 900.0
FIRST = -10


@dataclass(frozen=True)
class Plan:
    """Hooks a second; for how many seconds before it is measured, while it is, while cases begin, and around the kill;
    and tickets that ask for an export."""

    rate: float
    warm_up: float
    seconds: float
    busy: float
    around: float
    exports: int


def stored(site: Live, like: str) -> tuple[int, int]:
    """How many of the hooks whose id begins so are written down, and how many of them are handled."""
    ours = hooks.c.delivery.startswith(like, autoescape=True)
    with site.site.files.reading() as connection:
        row = connection.execute(select(func.count(), func.count(hooks.c.handled_at)).where(ours)).one()
    return int(row[0]), int(row[1])


def killed(site: Live, vendor: Vendor, tickets: Sequence[int], plan: Plan) -> tuple[list[Acknowledged], float]:
    """Kill the gateway while hooks come; what was taken, and after how many seconds the first one was again."""
    with ThreadPoolExecutor(1) as apart:
        sending = apart.submit(vendor.send, tickets, plan.rate, GIVE_UP_SECONDS, "around")
        time.sleep(plan.around / 2)
        site.site.kill("gateway")
        dead = time.time()
        until("gateway that is back", lambda: _is_ready(site), every=0.1)
        time.sleep(plan.around / 2)
        vendor.stop()
        taken = sending.result()
    return taken, min(one.answered for one in taken if one.sent > dead) - dead


def waited_for_a_core(pid: int) -> float:
    """For how many seconds the first thread of a process has been ready to go on while others had the cores (proc(5)).

    A gateway answers in that thread, so this is what a crowded machine adds to the answers of all hooks together.
    """
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


@contextmanager
def served_first() -> Iterator[None]:
    """While the block runs, this thread, those that it starts and their session go before all others, if they may."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    _set_niceness(FIRST)
    try:
        yield
    finally:
        _set_niceness(usual)


def _set_niceness(niceness: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
        Path("/proc/self/autogroup").write_text(str(niceness))


def _is_ready(site: Live) -> bool:
    try:
        return site.web.get(f"{site.site.addresses['gateway']}/ready").status_code == 200
    except httpx.TransportError:
        return False


def measure_site(name: str, site: Live, plan: Plan) -> list[Measure]:
    """All of it on one site."""
    act = site.site.players.act
    exports = [act("customer", "open_ticket", user_id=CUSTOMER) for _ in range(plan.exports)]
    others = [act("customer", "open_ticket", user_id=CUSTOMER, tags=["question"]) for _ in range(OTHERS)]
    tickets = [*exports, *others]
    vendor = Vendor(site.site.addresses["gateway"])
    warm = vendor.send(others, plan.rate, plan.warm_up, "warm")
    gateway = [site.pid("gateway")]
    before, waited, began = trees(gateway).cpu_seconds, waited_for_a_core(gateway[0]), time.time()
    with served_first():
        steady = vendor.send([exports[0], *others], plan.rate, plan.seconds, "steady")
    took = time.time() - began
    cpu = (trees(gateway).cpu_seconds - before) / took
    crowded = (waited_for_a_core(gateway[0]) - waited) / took
    behind = len(steady) - stored(site, "steady")[1]
    with served_first():
        busy = vendor.send(tickets, plan.rate, plan.busy, "busy")
    around, away = killed(site, vendor, tickets, plan)

    sent = {"warm": warm, "steady": steady, "busy": busy, "around": around}
    ended = time.time()

    def handled() -> bool:
        return all(stored(site, like)[1] == len(taken) for like, taken in sent.items())

    until("inbox that is empty", handled, DRAIN_SECONDS)
    drained = time.time() - ended
    _assert_sound(site, sent, exports)
    repeated = [one.id for one in (*steady[:REPEATED], *around[-REPEATED:]) if vendor.again(one.id, tickets[0])]
    if repeated:
        raise RuntimeError(f"hooks that were known are called new: {repeated}")

    answers, crowd = (Spread.of([(one.answered - one.sent) * 1000 for one in taken]) for taken in (steady, busy))
    late = Spread.of([(one.sent - one.due) * 1000 for one in steady])
    total = sum(map(len, sent.values()))
    resent = sum(one.times > 1 for one in around)
    verdict = "within" if answers.p99 < MOST_MS else "OVER"
    return [
        Measure(f"{name}: hooks taken", len(steady) / took, "a second", f"{plan.rate:g} a second were sent"),
        Measure(f"{name}: acknowledged, p99", answers.p99, "ms", f"{verdict} {MOST_MS:g}; {answers.told(1)}"),
        Measure(f"{name}: acknowledged, p50", answers.median, "ms"),
        Measure(f"{name}: while {plan.exports - 1} cases begin, p99", crowd.p99, "ms", crowd.told(1)),
        Measure(f"{name}: sent later than due, p99", late.p99, "ms", "by the sender, which shares the cores"),
        Measure(f"{name}: the gateway's CPU", cpu * 100, "% of a core", "handling included"),
        Measure(f"{name}: kept from a core", crowded * 100, "% of the time", "the thread that answers"),
        Measure(f"{name}: not yet handled at the end", behind, "hooks", f"of {len(steady):,}"),
        Measure(f"{name}: killed, until a hook is taken again", away, "s", f"{resent} were sent again"),
        Measure(f"{name}: until all were handled", drained, "s", f"{total:,}: none lost, none doubled"),
    ]


def _assert_sound(site: Live, sent: Mapping[str, Sequence[Acknowledged]], exports: Sequence[int]) -> None:
    """Every hook that was taken is written down, none that was taken at once was known before, and each ticket that
    asks for an export has one case.

    Raises:
        RuntimeError: says what is lost or doubled.
    """
    for like, taken in sent.items():
        if stored(site, like) != (len(taken), len(taken)):
            raise RuntimeError(f"of {len(taken)} hooks there are (stored, handled): {stored(site, like)}")
        if known := [one.id for one in taken if one.times == 1 and not one.fresh]:
            raise RuntimeError(f"hooks that were sent once are called known: {known}")
    for ticket in exports:
        if (cases := len(site.site.files.find(f"zendesk:ticket:{ticket}"))) != 1:
            raise RuntimeError(f"ticket {ticket} has {cases} cases")


def measure(plan: Plan) -> list[Measure]:
    """Both kinds of database; Prefect keeps its own on SQLite in either."""
    with live() as site:
        measures = measure_site("SQLite", site, plan)
    with postgres("cases") as (cases,), live(cases.url) as site:
        return measures + measure_site("PostgreSQL", site, plan)


def main() -> None:
    """Measure and report."""
    if asked_quick(__doc__):
        show("hooks, only tried out", measure(Plan(rate=50, warm_up=1, seconds=3, busy=1, around=2, exports=2)))
    else:
        report("hooks", measure(Plan(rate=200, warm_up=15, seconds=60, busy=20, around=10, exports=5)))


if __name__ == "__main__":
    main()
