"""What is deployed and what starts it: `prefect.yaml` and the typed lists beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import flows  # noqa: F401 - registers the processes
from casework.process import processes
from casework.settings import load
from deployments import DEPLOYMENTS
from deployments.triggers import TRIGGERS, started_by

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


@pytest.mark.parametrize("status", ["new", "open", "pending", "hold", "solved", "closed"])
@pytest.mark.parametrize("tags", [(), ("data_export",), ("data_exports",), ("vip", "data_export")])
def test_triggers_look_at_tag_and_status(tags: tuple[str, ...], status: str) -> None:
    """Exactly the tag, on a ticket that is not ended, starts the data export."""
    pulled = [trigger.process for trigger in started_by("zendesk", tags, status)]
    assert pulled == (["data-export"] if "data_export" in tags and status not in ("solved", "closed") else [])
    assert started_by("elsewhere", tags, status) == []
