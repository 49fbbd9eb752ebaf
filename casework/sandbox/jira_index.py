"""Jira's search index: what a search knows of an issue, which may be what it was a moment ago.

Atlassian documents that searches may not see the latest changes ("Search and reconcile"), and answers estimates where
one counts. Here the index is as far behind as `lag` says, at once unless a test or a player sets it; an issue read by
its key is always as it is.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from casework.sandbox.http import Json

if TYPE_CHECKING:
    from casework.sandbox.world import World


def empty() -> Json:
    """An index that is never behind. `known` has, by key, what an issue was since when."""
    return {"lag_seconds": 0, "known": {}}


def lag(world: World, seconds: float) -> None:
    """From now on searches see what was so many seconds ago."""
    world.state["jira"]["index"] = {"lag_seconds": seconds, "known": {}}


def changing(world: World, issue: Json) -> None:
    """To be told before an issue changes: until the index follows, it has what is so now."""
    index = world.state["jira"]["index"]
    if index["lag_seconds"]:
        index["known"].setdefault(issue["key"], [[None, deepcopy(issue["fields"])]])


def changed(world: World, issue: Json) -> None:
    """To be told when an issue was made or has changed."""
    index = world.state["jira"]["index"]
    if index["lag_seconds"]:
        index["known"].setdefault(issue["key"], []).append([world.now().isoformat(), deepcopy(issue["fields"])])


def searched(world: World) -> list[tuple[Json, Json]]:
    """Every issue that a search knows of, with its fields as it knows them."""
    jira = world.state["jira"]
    index = jira["index"]
    until = world.now() - timedelta(seconds=index["lag_seconds"])
    found = []
    for key, issue in jira["issues"].items():
        versions = index["known"].get(key)
        if versions is None:
            found.append((issue, issue["fields"]))
            continue
        known = [fields for since, fields in versions if since is None or datetime.fromisoformat(since) <= until]
        if known:
            found.append((issue, known[-1]))
    return found
