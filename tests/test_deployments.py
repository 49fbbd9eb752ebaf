"""What is deployed and what starts it: `prefect.yaml` and the typed lists beside it."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
import yaml
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameters_to_args_kwargs

import flows
from casework.process import processes
from casework.settings import load
from deployments import DEPLOYMENTS, Schedule, deployed
from deployments.triggers import TRIGGERS, started_by
from policies.rep_days import Hours
from policies.rota import Rostered
from tasks.transfers import Direction

ROOT = Path(__file__).parents[1]


def test_prefect_yaml_says_what_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`prefect.yaml` and the typed list agree; all that is deployed and triggered is a known process."""
    monkeypatch.chdir(tmp_path)  # where nobody has set anything
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    settings = load().settings.prefect
    assert written["pull"] is None
    assert [
        (one["name"], one["flow_name"], one["entrypoint"], tuple(one["tags"]), one["work_pool"]["name"])
        for one in written["deployments"]
    ] == [(settings.deployment, one.process, one.entrypoint, one.tags, settings.work_pool) for one in DEPLOYMENTS]
    assert [
        [(timed["cron"], timed["timezone"], timed.get("parameters", {})) for timed in one.get("schedules", [])]
        for one in written["deployments"]
    ] == [[(timed.cron, timed.zone, timed.parameters) for timed in one.schedules] for one in DEPLOYMENTS]
    ours = {name for name, one in processes.items() if one.function.__module__.startswith("flows.")}
    assert {one.process for one in DEPLOYMENTS} == ours
    assert {trigger.process for trigger in TRIGGERS} <= {one.process for one in DEPLOYMENTS}


HOURS = Hours(days=("monday", "friday"), starts=time(8, 30), ends=time(12))
AUGUST = Hours(days=("tuesday",), starts=time(7), ends=time(9))


def schedules(*reps: Rostered) -> dict[str, list[Schedule]]:
    """The schedules of each process beyond those that it has without reps."""
    with_them, without = deployed(reps), DEPLOYMENTS
    assert [one.process for one in with_them] == [one.process for one in without]
    return {
        one.process: [timed for timed in one.schedules if timed not in before.schedules]
        for one, before in zip(with_them, without, strict=True)
        if one != before
    }


@pytest.mark.parametrize("name", [one.process for one in DEPLOYMENTS])
def test_the_engine_knows_the_types_of_parameters(name: str) -> None:
    """What a process takes is checked by the engine before a leg begins, whatever module its types are from."""
    flow = getattr(flows, name.replace("-", "_"))
    given = dict.fromkeys(flow.parameters.required, "17")
    taken = flow.validate_parameters(given)
    assert set(taken) >= set(given)
    assert parameters_to_args_kwargs(flow.fn, taken) == ((), taken)


def test_a_transfer_goes_one_way_or_the_other() -> None:
    """The direction is one that there is; without one it goes to sales."""
    assert flows.sales_transfer.validate_parameters({"about": "17"})["direction"] is Direction.TO_SALES
    with pytest.raises(ParameterTypeError, match="direction"):
        flows.sales_transfer.validate_parameters({"about": "17", "direction": "sideways"})


def test_each_rep_has_schedules_of_their_own() -> None:
    """Support days and reviews of each rep, in their zone, when their hours start; all else stays as it is."""
    berlin = Rostered(id="staff-1", zone="Europe/Berlin", hours=(HOURS, AUGUST), jira_account="a-1")
    brisbane = Rostered(id="staff-2", zone="Australia/Brisbane", hours=(HOURS,), jira_account="a-2")
    found = schedules(berlin, brisbane)
    assert set(found) == {"support-day", "schedule-review"}
    assert found["schedule-review"] == [
        Schedule("0 7 * * mon", "Europe/Berlin", {"rep": "staff-1"}),
        Schedule("30 8 * * mon", "Australia/Brisbane", {"rep": "staff-2"}),
    ]
    assert {(one.zone, one.parameters["rep"]) for one in found["support-day"]} == {
        ("Europe/Berlin", "staff-1"),
        ("Australia/Brisbane", "staff-2"),
    }
    assert {one.cron.split(" * * ")[0] for one in found["support-day"] if one.zone == "Europe/Berlin"} == {
        "30 8",
        "0 7",
    }


def test_nobody_has_no_schedules() -> None:
    """Without reps, and for a rep without hours, what is deployed is the list as it stands; without an account on the
    board there are days and no reviews."""
    assert deployed(()) == DEPLOYMENTS
    assert schedules(Rostered(id="staff-1", zone="UTC", jira_account="a-1")) == {}
    assert set(schedules(Rostered(id="staff-1", zone="UTC", hours=(HOURS,)))) == {"support-day"}


def test_the_same_reps_are_deployed_the_same() -> None:
    """Deploying again changes nothing: the reps' schedules are not put onto the list itself."""
    rep = Rostered(id="staff-1", zone="UTC", hours=(HOURS,), jira_account="a-1")
    assert deployed([rep]) == deployed([rep])
    assert all(one.parameters.get("rep") is None for deployment in DEPLOYMENTS for one in deployment.schedules)


@pytest.mark.parametrize("status", ["new", "open", "pending", "hold", "solved", "closed"])
@pytest.mark.parametrize("tags", [(), ("data_export",), ("data_exports",), ("vip", "data_export")])
def test_triggers_look_at_tag_and_status(tags: tuple[str, ...], status: str) -> None:
    """Exactly the tag, on a ticket that is not ended, starts the data export."""
    pulled = [trigger.process for trigger in started_by("zendesk", tags, status)]
    assert pulled == (["data-export"] if "data_export" in tags and status not in ("solved", "closed") else [])
    assert started_by("elsewhere", tags, status) == []
