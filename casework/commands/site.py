"""The plan of a whole site on one machine: which children, in which order, with which addresses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casework import wiring
from casework.settings import ADDRESSES, CONFIG, PREFIX, Loaded, variable
from casework.supervisor import Child, choose_ports
from casework.warm import TYPE

__all__ = ["Site", "plan"]

LOOPBACK = "127.0.0.1"
SERVER = {"PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false"}
"""Every five seconds that service (Prefect 3.8.8) reads every suspended run whole, for a time limit that ours never
have: with ten thousand cases waiting it keeps half a core busy, and answers wait for it."""

WORKER_SECONDS = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_PREFETCH_SECONDS": "5"}


@dataclass(frozen=True)
class Site:
    """What `casework up` runs, and the addresses to tell people."""

    home: Path
    children: tuple[Child, ...]
    addresses: Mapping[str, str]


def plan(loaded: Loaded, *, sandbox: bool) -> Site:
    """Choose the ports that are not set, write them where other commands find them, and list the children.

    Raises:
        SettingsWrong: something that is needed is not set.
        OSError: a port that is set is taken.
    """
    settings = loaded.settings
    home = settings.home.absolute()
    kept = home / ADDRESSES
    wanted = {"gateway": settings.gateway.port, "worker": 0}
    if settings.prefect.api_url is None:
        wanted["prefect"] = 0
    if sandbox:
        wanted |= {"sandbox": 0, "aws": 0}
    ports = choose_ports(wanted, kept)
    at = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()}

    chosen: dict[str, Any] = {"gateway": {"port": ports["gateway"]}}
    if settings.gateway.public_url is None:
        chosen["gateway"]["public_url"] = at["gateway"]
    if "prefect" in at:
        chosen["prefect"] = {"api_url": f"{at['prefect']}/api"}
    if sandbox:
        chosen["sandbox"] = {"url": at["sandbox"], "aws_url": at["aws"]}
    in_force = settings.model_copy(
        update={section: getattr(settings, section).model_copy(update=values) for section, values in chosen.items()}
    )
    wiring.check(in_force)
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(".draft")
    draft.write_text(json.dumps({"settings": chosen, "ports": ports}, indent=2))
    draft.replace(kept)

    api_url = in_force.prefect.api_url or ""
    environment = _environment(loaded, home, chosen, api_url)
    python = (sys.executable, "-m")
    children = []
    if "prefect" in ports:
        listens = ("--host", LOOPBACK, "--port", str(ports["prefect"]))
        serve = (*python, "casework.engine.prefect_server", "server", "start", *listens)
        children.append(Child("prefect", serve, f"{at['prefect']}/api/health", environment | SERVER))
    if sandbox:
        play = ("casework", "sandbox", "--port", str(ports["sandbox"]), "--aws-port", str(ports["aws"]))
        children.append(Child("sandbox", (*python, *play), f"{at['sandbox']}/sandbox/health", environment))
    children.append(Child("deploy", (*python, "casework", "deploy"), None, environment, once=True))
    children.append(Child("gateway", (*python, "casework", "gateway"), f"{at['gateway']}/ready", environment))
    kind = in_force.prefect.worker
    start = ("casework.warm",) if kind == TYPE else ("prefect", "worker", "start", "--type", kind)
    work = (*start, "--name", "casework", "--pool", in_force.prefect.work_pool)
    health = {
        "PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK,
        "PREFECT_WORKER_WEBSERVER_PORT": str(ports["worker"]),
    }
    children.append(
        Child(
            "worker",
            (*python, *work, "--install-policy", "never", "--with-healthcheck"),
            f"{at['worker']}/health",
            environment | WORKER_SECONDS | health,
            # Prefect's own workers that outlive their server no longer hear of cancelled runs (Prefect 3.8.8). The
            # warm one connects again and looks for what it missed; it goes on, and so do the legs that it has.
            needs="prefect" if "prefect" in ports and kind != TYPE else None,
        )
    )
    addresses = {
        "gateway": in_force.gateway.public_url or at["gateway"],
        "prefect": api_url.removesuffix("/api"),
    }
    addresses |= {name: at[name] for name in ("sandbox", "aws") if name in at}
    return Site(home, tuple(children), addresses)


def _environment(loaded: Loaded, home: Path, chosen: Mapping[str, Mapping[str, Any]], api_url: str) -> dict[str, str]:
    """What the children are told; what was chosen here wins over a file that says 0."""
    named = {
        variable(f"{section}.{name}"): str(value)
        for section, values in chosen.items()
        for name, value in values.items()
    }
    if loaded.file is not None:
        named[CONFIG] = str(loaded.file.absolute())
    unproxied = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    local = f"{unproxied},{LOOPBACK}" if unproxied else LOOPBACK
    return named | {
        f"{PREFIX}HOME": str(home),
        "PREFECT_API_URL": api_url,
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": local,
        "no_proxy": local,
    }
