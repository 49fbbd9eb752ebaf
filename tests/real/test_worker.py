"""The warm worker on a real Prefect server: what it does with runs, with processes that die, and at its own end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from casework.worker import LOOK_SECONDS
from tests.real import toys
from tests.real.site import Site, descendants, until

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]

SOON_SECONDS = 60.0


class Pool:
    """The toys, deployed on the site's work pool."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._ids = {name: self.deploy(name, f"tests.real.toys.{name}") for name in toys.names()}

    def deploy(self, flow_name: str, entrypoint: str, /, **more: Any) -> str:
        """A deployment; its id."""
        flow = self.site.prefect.post("/flows/", {"name": flow_name})["id"]
        deployed = {"name": "toys", "flow_id": flow, "entrypoint": entrypoint, "work_pool_name": "casework"}
        return str(self.site.prefect.post("/deployments/", deployed | more)["id"])

    def start(self, name: str, **parameters: Any) -> str:
        """A run of a toy; its id."""
        return self.start_deployment(self._ids[name], parameters=parameters)

    def start_deployment(self, deployment: str, **wanted: Any) -> str:
        return str(self.site.prefect.post(f"/deployments/{deployment}/create_flow_run", wanted)["id"])

    def until(self, run: str, state: str, seconds: float = SOON_SECONDS) -> dict[str, Any]:
        """The state of a run, once it has this name."""

        def look() -> dict[str, Any] | None:
            with suppress(httpx.HTTPError):
                seen: dict[str, Any] = self.site.prefect.run(run)["state"]
                return seen if seen["name"] == state else None
            return None

        return until(f"{state} of run {run}", look, seconds, every=0.05)

    def preloaders(self) -> list[int]:
        """The worker's preloaders, by their pids."""
        worker = self.site.pid("worker")
        assert worker is not None
        return [pid for pid in descendants(worker) if "casework.warm.preload" in _line(pid) and _parent(pid) == worker]


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def lines(place: Path) -> list[str]:
    return place.read_text().split("\n")[:-1] if place.exists() else []


def begun(place: Path) -> int:
    """The process of a slow toy, once it has begun."""
    return int(until("begin", lambda: lines(place), SOON_SECONDS, every=0.02)[-1].split()[1])


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked how it ended is still listed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture(scope="module")
def pool(site: Site) -> Pool:
    """The toys on the pool, once their worker has run one of them."""
    pool = Pool(site)
    pool.until(pool.start("note", place=os.devnull), "Completed", 60)
    return pool


def test_a_run_has_its_own_process(pool: Pool, tmp_path: Path) -> None:
    """A run is in a process of its own, a child of the preloader, which has one thread and no socket but the worker's;
    the run's id is in its environment."""
    place = tmp_path / "note"
    run = pool.start("note", place=str(place))
    pool.until(run, "Completed")
    pid, parent, id_ = place.read_text().split()
    assert id_ == run
    preloader = int(parent)
    assert preloader in pool.preloaders()
    assert preloader != int(pid)
    assert len(list(Path(f"/proc/{preloader}/task").iterdir())) == 1
    open_ones = [os.readlink(one) for one in Path(f"/proc/{preloader}/fd").iterdir() if one.exists()]
    assert sum(one.startswith("socket:") for one in open_ones) == 1


def test_an_asynchronous_flow_and_one_in_a_file(pool: Pool, tmp_path: Path) -> None:
    """A coroutine runs, and a flow that is named by its file is loaded by its own process."""
    place = tmp_path / "async"
    pool.until(pool.start("asynchronous", place=str(place)), "Completed")
    assert place.read_text() == "done"
    other = tmp_path / "filed.py"
    other.write_text("from prefect import flow\n\n@flow\ndef filed(place: str):\n    open(place, 'w').write('filed')\n")
    deployment = pool.deploy("filed", f"{other}:filed")
    place = tmp_path / "filed"
    pool.until(pool.start_deployment(deployment, parameters={"place": str(place)}), "Completed")
    assert place.read_text() == "filed"


def test_a_command_is_refused(pool: Pool) -> None:
    """A deployment with the job variable `command` is not run as something else: its run says what to do."""
    deployment = pool.deploy("note", "tests.real.toys.note", name="commanded", job_variables={"command": "true"})
    run = pool.start_deployment(deployment, parameters={"place": os.devnull})
    assert "`command`" in pool.until(run, "Crashed")["message"]


def test_a_job_variable_holds_from_the_next_run(pool: Pool, tmp_path: Path) -> None:
    """Environment of the deployment reaches the run; a change of it, the next one."""
    reader = tmp_path / "reader.py"
    reader.write_text(
        "import os\nfrom prefect import flow\n\n@flow\ndef reader(place: str):\n"
        "    open(place, 'w').write(os.environ['COLOUR'])\n"
    )
    for colour in ("red", "green"):
        variables = {"env": {"COLOUR": colour}}
        deployment = pool.deploy("reader", f"{reader}:reader", job_variables=variables)
        place = tmp_path / colour
        pool.until(pool.start_deployment(deployment, parameters={"place": str(place)}), "Completed", 60)
        assert place.read_text() == colour


def test_a_run_for_later_begins_on_time(pool: Pool, tmp_path: Path) -> None:
    """A run that is scheduled for a moment begins then, though nobody polls for it."""
    place = tmp_path / "later"
    due = datetime.now(UTC) + timedelta(seconds=4)
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due.isoformat()}}
    run = pool.start_deployment(pool._ids["note"], parameters={"place": str(place)}, state=state)
    pool.until(run, "Completed")
    began = datetime.fromisoformat(pool.site.prefect.run(run)["start_time"])
    assert timedelta(0) <= began - due < timedelta(seconds=LOOK_SECONDS / 2)


def test_a_killed_process_is_a_crashed_run(pool: Pool) -> None:
    """A process that is killed leaves a Crashed run with a sentence an operator understands."""
    run = pool.start("killed")
    assert "no memory left" in pool.until(run, "Crashed")["message"]


def test_a_killed_preloader(pool: Pool, tmp_path: Path) -> None:
    """With the preloader its runs' processes end and the runs are Crashed; the next run has a new one."""
    place = tmp_path / "slow"
    run = pool.start("slow", place=str(place), seconds=60)
    process = begun(place)
    preloader = _parent(process)
    os.kill(preloader, signal.SIGKILL)
    assert "killed" in pool.until(run, "Crashed")["message"]
    until("end of the process", partial(is_gone, process), SOON_SECONDS)
    pool.until(pool.start("note", place=os.devnull), "Completed", 60)
    assert preloader not in pool.preloaders()


def test_cancelled_in_the_ui(pool: Pool, tmp_path: Path) -> None:
    """A running run that is cancelled ends as Cancelled and its process is gone."""
    place = tmp_path / "slow"
    run = pool.start("slow", place=str(place), seconds=60)
    process = begun(place)
    pool.site.prefect.cancel(run)
    pool.until(run, "Cancelled")
    until("end of the process", partial(is_gone, process), SOON_SECONDS)
    assert lines(place) == [f"begun {process}"]


@pytest.mark.slow
def test_limits_hold(pool: Pool, tmp_path: Path) -> None:
    """On a pool that takes one run at a time the second begins when the first is through, and soon."""
    queue = {"concurrency_limit": 1}
    pool.site.prefect.post("/work_pools/casework/queues", {"name": "single", **queue})
    deployment = pool.deploy("slow", "tests.real.toys.slow", name="single", work_queue_name="single")
    place = tmp_path / "slow"
    pool.site.kill("worker")  # a new one knows the queue's limit
    wanted = {"parameters": {"place": str(place), "seconds": 2}}
    runs = [pool.start_deployment(deployment, **wanted) for _ in range(2)]
    for run in runs:
        pool.until(run, "Completed", 60)
    assert [line.split()[0] for line in lines(place)] == ["begun", "done", "begun", "done"]
    first, second = sorted((pool.site.prefect.run(run) for run in runs), key=lambda run: run["start_time"])
    waited = datetime.fromisoformat(second["start_time"]) - datetime.fromisoformat(first["end_time"])
    assert waited < timedelta(seconds=LOOK_SECONDS)


@pytest.mark.slow
def test_new_code_is_taken_up(pool: Pool, tmp_path: Path) -> None:
    """When a module has changed on disk the next run has another preloader; a running one goes on with its own, which
    ends with it."""
    place, slow = tmp_path / "note", tmp_path / "slow"
    pool.until(pool.start("note", place=str(place)), "Completed", 60)
    old = int(place.read_text().split()[1])
    run = pool.start("slow", place=str(slow), seconds=8)
    begun(slow)
    time.sleep(1.1)  # the release is looked at once a second
    os.utime(toys.__file__)
    pool.until(pool.start("note", place=str(place)), "Completed", 60)
    assert int(place.read_text().split()[1]) != old
    assert not is_gone(old) or lines(slow)[-1].startswith("done")
    pool.until(run, "Completed", 30)
    until("end of the old preloader", partial(is_gone, old), SOON_SECONDS)


@pytest.mark.slow
def test_a_killed_worker(pool: Pool, tmp_path: Path) -> None:
    """A worker that is killed with -9 leaves its runs' processes to finish; what was asked for meanwhile begins within
    five seconds of the next worker's start."""
    place = tmp_path / "slow"
    before = pool.site.pid("worker")
    assert before is not None
    run = pool.start("slow", place=str(place), seconds=6)
    process = begun(place)
    os.kill(before, signal.SIGKILL)
    meanwhile = pool.start("note", place=os.devnull)
    pool.until(run, "Completed", 30)
    assert lines(place)[-1] == f"done {process}"
    pool.until(meanwhile, "Completed", 60)
    assert pool.site.pid("worker") != before


@pytest.mark.slow
def test_the_end_of_a_worker(pool: Pool, tmp_path: Path) -> None:
    """A worker that is asked to end lets a run get done; one that takes too long is ended and goes on with the next
    worker."""
    short, long = tmp_path / "short", tmp_path / "long"
    before = pool.site.pid("worker")
    assert before is not None
    done = pool.start("slow", place=str(short), seconds=4)
    released = pool.start("slow", place=str(long), seconds=20)
    begun(short)
    process = begun(long)
    os.kill(before, signal.SIGTERM)
    pool.until(done, "Completed")
    until("end of the process", partial(is_gone, process), 15)
    assert pool.site.prefect.run(done)["run_count"] == 1
    pool.until(released, "Completed", 60)
    assert [line.split()[0] for line in lines(long)] == ["begun", "begun", "done"]


@pytest.mark.slow
def test_cancelled_after_the_server_was_restarted(pool: Pool, tmp_path: Path) -> None:
    """A worker that outlives its server hears of cancelled runs as before, and of new ones."""
    place = tmp_path / "slow"
    run = pool.start("slow", place=str(place), seconds=120)
    process = begun(place)
    worker = pool.site.pid("worker")
    pool.site.kill("prefect")

    def back() -> bool:
        with suppress(httpx.HTTPError):
            return bool(pool.site.prefect.run(run))
        return False

    until("Prefect server", back, 60)
    pool.site.prefect.cancel(run)
    pool.until(run, "Cancelled", 30)
    until("end of the process", partial(is_gone, process), SOON_SECONDS)
    pool.until(pool.start("note", place=os.devnull), "Completed", 30)
    assert pool.site.pid("worker") == worker
