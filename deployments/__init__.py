"""How it runs: which processes are deployed, and what starts them.

`casework deploy` registers this list; `prefect.yaml` says the same for `prefect deploy` (a test compares).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEPLOYMENTS", "Deployment"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One process on the work pool. `entrypoint` is a module path, so that it works from any directory."""

    process: str
    entrypoint: str
    tags: tuple[str, ...] = ()


DEPLOYMENTS = (Deployment("data-export", "flows.data_export.data_export", ("casework", "customer")),)
