"""What runs: the whole site on one machine, each of its parts, and the settings that they run by."""

from __future__ import annotations

import json as json_module
import logging
import signal
import threading
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from casework import __version__, clock, wiring
from casework.commands import rota
from casework.commands.shown import AsJson, Stop, as_json, complain, say, table
from casework.commands.site import plan
from casework.settings import Settings, load
from casework.standins import advance as put_forward
from casework.standins import sandbox_time
from casework.supervisor import Supervisor

__all__ = ["COMMANDS"]

logger = logging.getLogger(__name__)


def up(
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Stand-ins in place of all systems.")] = False,
    once_ready: Annotated[
        bool, typer.Option("--once-ready", help="Print the addresses as one line of JSON when all is ready.")
    ] = False,
) -> None:
    """Run everything on this machine until Ctrl-C: Prefect server, worker, gateway, and the sandbox if asked.

    Example: `casework up --sandbox`
    """
    site = plan(load(running=False), sandbox=sandbox)
    complain("Starting " + ", ".join(child.name for child in site.children) + " …")
    supervisor = Supervisor(site.children, folder=site.home / "run", logs=site.home / "logs", say=complain)
    with supervisor.signals(), supervisor.running():
        if not supervisor.stopped:
            if once_ready:
                say(json_module.dumps(site.addresses))
            else:
                width = max(map(len, site.addresses))
                for name, address in site.addresses.items():
                    say(f"{name:<{width}}  {address}")
                say("Ready. Ctrl-C ends everything; what waits goes on at the next start.")
        supervisor.watch()
    complain("Ended.")


def gateway() -> None:
    """Run the gateway alone: hooks, decisions, downloads, and the clock.

    Example: `casework gateway`
    """
    settings = load().settings
    _log(settings)
    with wiring.connected() as wired:
        from casework.gateway import answer_soon, server

        served = server(wiring.gateway(wired), settings.gateway.host, settings.gateway.port)
        answer_soon()
        served.run()
        if not served.started:
            raise Stop(f"The gateway could not listen on {settings.gateway.host}:{settings.gateway.port}.")


def sandbox(
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 0,
    aws_port: Annotated[int, typer.Option(help="For S3 and mail; 0 takes a free one.", min=0, max=65535)] = 0,
) -> None:
    """Serve stand-ins of the outside systems on loopback until Ctrl-C. Hooks go to `gateway.public_url`.

    Example: `casework sandbox --port 4300 --aws-port 4301`
    """
    settings = load().settings
    _log(settings)
    try:
        from casework.sandbox import World, aws, product, server
    except ImportError as error:
        raise Stop(f"The sandbox needs {error.name}: install casework[sandbox].") from None
    folder = settings.home / "sandbox"
    clock.keep(sandbox_time(settings.home.absolute()))
    world = World(clock.present, folder=folder)
    world.seed()
    product.create(folder / "product.db", world)
    with aws.running(port=aws_port) as amazon:
        served = server.serve(world, port=port, gateway_url=settings.gateway.public_url, aws=amazon)
        try:
            say(json_module.dumps({"url": served.url, "aws_url": amazon.url}))
            _until_told()
        finally:
            served.stop()


def advance(
    days: Annotated[float, typer.Option(help="How far; parts of a day are fine.", min=0)],
) -> None:
    """Put the sandbox's clock forward, to see deadlines and reminders come due. Only with the sandbox.

    Example: `casework advance --days 7`
    """
    settings = load().settings
    if settings.sandbox.url is None:
        raise Stop("Time can be put forward in the sandbox only: start `casework up --sandbox`.")
    moment = put_forward(settings.home.absolute(), timedelta(days=days))
    say(f"The sandbox's clock shows {moment:%A, %d %B %Y, %H:%M} UTC.")


def deploy(
    worker: Annotated[str | None, typer.Option(help="The work pool's type, in place of prefect.worker.")] = None,
    json: AsJson = False,
) -> None:
    """Make the Prefect server know the work pool and every process. Again brings both up to date.

    Example: `casework deploy`
    """
    settings = wiring.check(load().settings)
    wiring.be_patient()
    wiring.prepare_prefect(settings)
    from casework.engine.prefect_deployments import WrongWorker, register
    from deployments import deployed

    chosen = settings.prefect
    where = {"name": chosen.deployment, "work_pool": chosen.work_pool, "worker": worker or chosen.worker}
    try:
        names = register(deployed(settings.reps), **where, version=__version__)
    except WrongWorker as error:
        raise Stop(str(error)) from None
    if json:
        as_json({"deployments": names, "work_pool": chosen.work_pool})
    else:
        say(f"Deployed to the work pool {chosen.work_pool}: {', '.join(names)}.")


def config(json: AsJson = False) -> None:
    """The settings in force and where each comes from. Secrets are masked.

    Example: `casework config --json`
    """
    loaded = load()
    rows = list(loaded.rows())
    if json:
        as_json([asdict(row) for row in rows])
        return
    say(f"File: {loaded.file or 'none'}\n")
    table(
        ["setting", "value", "from"],
        [[row.name, _in_short(row.value), row.origin] for row in rows],
    )
    if reps := loaded.settings.reps:
        say("")
        table(rota.COLUMNS, rota.lines(reps))


def _in_short(value: object) -> str:
    """A value as it stands in a table; of tables the ids, because a table of its own has the rest."""
    if isinstance(value, list):
        return ", ".join(str(one["id"] if isinstance(one, dict) else one) for one in value) or "–"
    return "–" if value is None else str(value)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play one case to its end, then stop.")] = False,
    play: Annotated[str | None, typer.Option(help="`me`: you answer the questions yourself.")] = None,
    process: Annotated[
        str,
        typer.Option(help="`data-export`, `document-change`, `privacy-request`, `offboarding` or `sales-transfer`."),
    ] = "data-export",
) -> None:
    """One case from its first event to its end, on stand-ins.

    Example: `casework demo --once`
    """
    if play not in (None, "me"):
        raise typer.BadParameter("--play takes `me`")
    from casework.demo import PLAYS, DemoFailed, run

    if process not in PLAYS:
        raise typer.BadParameter(f"--process takes {' or '.join(PLAYS)}")
    try:
        run(once=once, play=play, process=process)
    except DemoFailed as error:
        raise Stop(str(error)) from None


COMMANDS = (up, demo, deploy, gateway, sandbox, advance, config)


def _log(settings: Settings) -> None:
    logging.getLogger().setLevel(settings.log_level.upper())
    if settings.log_level != "debug":
        for chatty in ("httpx", "werkzeug"):
            logging.getLogger(chatty).setLevel(logging.WARNING)


def _until_told() -> None:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    told.wait()
