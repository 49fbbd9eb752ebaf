"""What a leg that was resumed by an answer asks of the Prefect server, the case database and the importer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from casework.people import Invitation
from tests.real.lean import DECIDER
from tests.real.leg import Seen
from tests.real.site import Browser, Site, until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

POOL = "lean"
BUDGET = {
    "POST /flow_runs/{id}/set_state": 2,  # Running, and Suspended
    "POST /artifacts/filter": 1,  # the page that tells the case's story: which it is,
    "PATCH /artifacts/{id}": 1,  # and what is new
    "POST /flow_runs/{id}/input": 2,  # the next question's form, and its words
    "POST /logs/": 1,  # when all is done
}
CONNECTIONS = {"sqlite": 1, "server": 3}
"""One for requests, one for the events of task runs, one for logs."""

_numbers = count(time.time_ns())


@dataclass(frozen=True)
class Stage:
    """A work pool that has no worker, and what runs its legs instead."""

    site: Site
    deployment: str
    legs: subprocess.Popen[str]
    related: dict[str, Any]

    def start(self, questions: int) -> str:
        """The id of a new case, whose first leg has run."""
        wanted = {"parameters": {"number": next(_numbers), "questions": questions}}
        case = str(self.site.prefect.post(f"/deployments/{self.deployment}/create_flow_run", wanted)["id"])
        self.leg(case)
        return case

    def leg(self, case: str) -> Seen:
        """Run the next leg of a case, as soon as it is due; what was seen of it."""
        until("run that is due", lambda: self.site.prefect.state(case)[0] == "SCHEDULED", every=0.02)
        pending = {"state": {"type": "PENDING", "name": "Pending"}}
        assert self.site.prefect.post(f"/flow_runs/{case}/set_state", pending)["status"] == "ACCEPT"
        assert self.legs.stdin is not None
        assert self.legs.stdout is not None
        environment = {"PREFECT__FLOW_RUN_ID": case, "PREFECT__FLOW_ENTRYPOINT": "tests.real.lean.lean"}
        asked = {"flow_run": self.site.prefect.run(case), "related": self.related, "environment": environment}
        self.legs.stdin.write(json.dumps(asked) + "\n")
        self.legs.stdin.flush()
        return [(at, what, about, took) for at, what, about, took in json.loads(self.legs.stdout.readline())]


@dataclass(frozen=True)
class Resumed:
    """A case whose second leg was resumed by an answer, did one step, and asked the next question."""

    case: str
    seen: Seen

    def about(self, what: str) -> list[str]:
        """What the leg did of one sort, in order; ids and addresses left out."""
        return [_general(about) for _, sort, about, _ in self.seen if sort == what]


def _general(about: str) -> str:
    if about.startswith("('127.0.0.1'"):
        return "server"
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "{id}", about).replace(" /api/", " /")


@pytest.fixture(scope="module")
def on_stage(site: Site) -> Iterator[Stage]:
    """The process deployed, and a process that runs its legs."""
    api = site.prefect
    api.post("/work_pools/", {"name": POOL, "type": "process"})
    flow = api.post("/flows/", {"name": "lean"})
    deployed = {"name": POOL, "flow_id": flow["id"], "entrypoint": "tests.real.lean.lean", "work_pool_name": POOL}
    deployment = api.post("/deployments/", deployed)
    pool = api.get(f"/work_pools/{POOL}")
    queue = api.get(f"/work_queues/{pool['default_queue_id']}")
    related = {"flow": flow, "deployment": deployment, "work-queue": queue, "work-pool": pool}
    with (site.home / "logs" / "lean.log").open("ab") as log:
        legs = subprocess.Popen(
            (sys.executable, "-m", "tests.real.leg"),
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with legs:
            yield Stage(site, deployment["id"], legs, related)


@pytest.fixture(scope="module")
def resumed(on_stage: Stage) -> Resumed:
    """The leg that an answer on the decision page has resumed."""
    case = on_stage.start(questions=2)
    answered = Invitation(case_id=case, wait="question-1/1", person=DECIDER)
    assert Browser(on_stage.site).decision_page(answered) is None
    return Resumed(case, on_stage.leg(case))


def test_the_budget(resumed: Resumed, capsys: pytest.CaptureFixture[str]) -> None:
    """A resumed leg that does one step and asks the next question sends these requests to the Prefect server and no
    others, through these connections."""
    with capsys.disabled():
        sys.stdout.write("\n")
        for at, what, about, took in resumed.seen:
            sys.stdout.write(f"{at:7.1f} ms  {what:10}  {_general(about)[:90]:90}  {took:6.1f} ms\n")
    assert Counter(resumed.about("request")) == BUDGET
    assert Counter(resumed.about("connection")) == CONNECTIONS


def test_before_the_step(resumed: Resumed) -> None:
    """Between the fork and the next step lie one request, which says that the run is running, and one query that reads
    the case file."""
    begins = next(n for n, (_, _, about, _) in enumerate(resumed.seen) if about.startswith("INSERT INTO entries"))
    before = Resumed(resumed.case, resumed.seen[:begins])
    assert before.about("request") == ["POST /flow_runs/{id}/set_state"]
    statements = [statement.split(" (")[0] for statement in before.about("sql")]
    assert [one for one in statements if one.startswith("SELECT entries")] == [statements[2]]
    assert [one.split()[0] for one in statements] == [
        "SELECT",  # whether the database is at this release's schema
        "UPDATE",  # the next epoch
        "SELECT",  # the case file
        "COMMIT",
        "SELECT",  # whether the leg is still the case's, for its first entry
    ]


def test_no_imports(resumed: Resumed) -> None:
    """All that a leg needs has been imported before it is forked."""
    assert resumed.about("import") == []


def test_nothing_is_lost(on_stage: Stage, resumed: Resumed) -> None:
    """What operators see of a leg is all there: name, tags, state, version, form, story, task run, logs, and events
    that name what they belong to."""
    api = on_stage.site.prefect
    run = api.run(resumed.case)
    assert run["name"].startswith("lean ")
    assert {"casework", "lean", "waiting:decider"} <= set(run["tags"])
    assert (run["state"]["name"], run["run_count"]) == ("Suspended", 2)
    assert run["flow_version"]
    assert on_stage.site.until_waiting(resumed.case, "question-2/1")["description"] == "May it be done?"
    (story,) = api.artifacts(resumed.case)
    assert "question-2, until" in story["data"]
    (task,) = until(
        "task run", lambda: [one for one in api.task_runs(resumed.case) if one["state_name"] == "Completed"]
    )
    assert task["name"] == "lean: act"
    told = [one["message"] for one in api.logs() if one["flow_run_id"] == resumed.case]
    assert sum("Finished in state Suspended" in line for line in told) == 2
    assert any("Finished in state Completed" in line for line in told)
    wanted = {"filter": {"resource": {"id": [f"prefect.task-run.{task['id']}"]}}}

    def completed() -> dict[str, Any] | None:
        events = api.post("/events/filter", wanted)["events"]
        return next((one for one in events if one["event"] == "prefect.task-run.Completed"), None)

    related = until("event", completed)["related"]
    assert {"flow-run", "flow", "deployment", "work-queue", "work-pool", "tag"} <= {
        one["prefect.resource.role"] for one in related
    }
