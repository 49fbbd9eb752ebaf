"""The application: its routes, what runs beside them, and how its errors are told.

Beside the requests run threads: the clock, which looks every few seconds what is due, the inbox's worker, the one
that keeps the engine's page of open questions current, which so never keeps the clock waiting, and one each that looks
for what HubSpot, Outreach, Salesforce and mail that comes in did not tell, where they are set up. All are safe to run
in several copies of the gateway at once.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from sqlalchemy import exists, select
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from casework import database, runtime, tick
from casework.board import Board
from casework.delivery.links import CODE_TRIES, LinkState
from casework.delivery.links import links as link_table
from casework.gateway import buttons, certificates, decisions, downloads, health, hooks
from casework.gateway.connections import Lending
from casework.gateway.faults import fault, told
from casework.gateway.inbox import Hook, Inbox
from casework.gateway.loops import Loop
from casework.gateway.parts import Gateway
from casework.gateway.polling import Poller
from casework.gateway.rests import Rests
from casework.gateway.security import Guard
from casework.schema import hooks as hook_table

__all__ = ["answer_soon", "create_app", "expire_links", "handle", "report_locks", "server"]

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
WORKER_SECONDS = 5.0
RESTING_SECONDS = 1.0
"""So much later than its rest is over a hint is followed, when there is no news meanwhile."""


def create_app(gateway: Gateway) -> FastAPI:
    """The gateway as an ASGI application; its lifespan puts the runtime in force and runs the threads."""
    around = gateway.runtime
    rests = Rests()
    inbox = Inbox(around.files, lambda event, subject: handle(gateway, event, subject), rests)
    worker = Loop(
        "hooks", lambda: RESTING_SECONDS if rests.any_kept(around.files.now()) else WORKER_SECONDS, inbox.work
    )
    clock = Loop("clock", gateway.tick_seconds, lambda: _round(gateway, inbox, worker.wake))
    board = Loop("board", gateway.tick_seconds, Board(around, gateway.subject_page).refresh)
    looks = []
    for vendor, changes in (
        ("hubspot", gateway.hubspot_changes),
        ("intercom", gateway.intercom_changes),
        ("mail", gateway.mail_changes),
        ("outreach", gateway.outreach_changes),
        ("salesforce", gateway.salesforce_changes),
    ):
        if changes is not None:
            poller = Poller(vendor, around.files, inbox, changes, worker.wake)
            looks.append(Loop(vendor, gateway.poll_seconds, poller.look))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with runtime.use(around):
            loops = (worker, clock, board, *looks)
            for loop in loops:
                loop.start()
            try:
                yield
            finally:
                for loop in reversed(loops):
                    await run_in_threadpool(loop.stop)

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(Guard)
    app.add_exception_handler(HTTPException, _http_fault)
    for away in database.AWAY:
        app.add_exception_handler(away, _database_away)
    app.include_router(health.router(gateway))
    app.include_router(hooks.router(gateway, inbox, worker.wake))
    app.include_router(buttons.router(gateway, inbox))
    app.include_router(decisions.router(gateway))
    app.include_router(downloads.router(gateway, inbox, worker.wake))
    app.include_router(certificates.router(gateway))
    return app


def server(gateway: Gateway, host: str, port: int) -> uvicorn.Server:
    """The server to run. Its own access log is off, because it would hold tokens; ours names routes only."""
    config = uvicorn.Config(
        create_app(gateway),
        host=host,
        port=port,
        http=Lending,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def answer_soon() -> None:
    """Have this process's garbage collector and its other threads keep requests waiting for a short time only."""
    # What is there now stays; to look through it all for garbage takes a third of a second.
    gc.collect()
    gc.freeze()
    # Whoever waits for the interpreter while another thread computes has it sooner than after the usual 5 ms.
    sys.setswitchinterval(SWITCH_SECONDS)


def handle(gateway: Gateway, event: str, subject: str) -> None:
    """Handle one hook: let the cases look that listen to its subject, then let the hint be followed."""
    tick.wake(gateway.runtime, subject)
    gateway.on_hint(event, subject)


def expire_links(gateway: Gateway, inbox: Inbox) -> int:
    """End the links whose time is over, and leave word of each in the inbox; how many links."""
    moved = gateway.delivery.links.expire_due(gateway.runtime.files.now())
    word = [
        Hook("casework", f"{link.link_id}:{link.state}", f"link.{link.state}", f"link:{link.link_id}") for link in moved
    ]
    return len(inbox.store(word)) if word else 0


def report_locks(gateway: Gateway, inbox: Inbox) -> int:
    """Leave word of locked links of which there is none, because a gateway was killed in between; how many."""
    known = exists().where(hook_table.c.vendor == "link", hook_table.c.delivery == link_table.c.link_id + ":locked")
    shut = (link_table.c.state == LinkState.READY, link_table.c.code_tries >= CODE_TRIES)
    with gateway.runtime.files.reading() as connection:
        found = connection.execute(select(link_table.c.link_id).where(*shut, ~known)).scalars().all()
    return len(inbox.store([downloads.locked(link_id) for link_id in found])) if found else 0


def _round(gateway: Gateway, inbox: Inbox, news: Callable[[], None]) -> None:
    """One round of the clock; what fails in one part does not keep the others from their turn."""

    def links() -> None:
        if report_locks(gateway, inbox) + expire_links(gateway, inbox):
            news()

    for act in (lambda: tick.tick(gateway.runtime), links, inbox.forget):
        try:
            act()
        except Exception as error:  # noqa: BLE001 - logged; the next round tries again
            logger.error("The clock goes on after an error: %s", told(error))


async def _http_fault(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    sentences = {
        404: "There is nothing at this address. Open it from the message again.",
        405: "This address is not used in this way. Open the page and use what it shows.",
    }
    default = error.detail in ("Not Found", "Method Not Allowed")
    response = fault(request.url.path, error.status_code, sentences[error.status_code] if default else error.detail)
    response.headers.update(error.headers or {})
    return response


async def _database_away(request: Request, error: Exception) -> Response:
    logger.error("The case database did not answer in time: %s", told(error))
    sentence = "Our records cannot be reached just now, so nothing was done. Please try again in a moment."
    return fault(request.url.path, 503, sentence, retry_after=5)
