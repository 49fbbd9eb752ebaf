"""The world behind one loopback port: every vendor under its prefix, and a small control API.

    /zendesk/api/v2/…   /slack/api/…   /asana/api/1.0/…   /dropbox/api/2/…   /dropbox/content/2/…
    /onedrive/v1.0/…   /onedrive/TENANT/oauth2/v2.0/token
    /jira/rest/api/3/…   /jira/rest/servicedeskapi/…   /typeform/forms/…
    /salesforce/services/data/v64.0/…   /salesforce/services/oauth2/token   /hubspot/crm/v3/…
    /intercom/conversations/…   /outreach/api/v2/…   /outreach/oauth/token   /qualified/v2/…
    /sns/SimpleNotificationService-….pem   /sns/?Action=ConfirmSubscription
    GET  /sandbox/health                        is it up
    GET  /sandbox/state                         the whole world as JSON
    GET  /sandbox/describe                      the same for people, as text
    POST /sandbox/misbehave                     {"vendor", "fault", "times"?, "match"?, "retry_after"?}
    POST /sandbox/people/{role}/{act}           the act's arguments, for example {"ticket": 5001, "text": "…"}

The control API answers errors as `{"error": "…"}` with 400, 404 or 409. It has no credentials: loopback only.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from casework.sandbox import hubspot, outreach
from casework.sandbox.deliverer import HOOKS, Deliverer
from casework.sandbox.http import Refusal, Request, Response
from casework.sandbox.misbehave import AnswerLost, Fault, TimedOut
from casework.sandbox.people import People

if TYPE_CHECKING:
    from casework.sandbox.aws import Aws
    from casework.sandbox.world import World

PREFIXES: Mapping[str, str] = {
    "/zendesk": "zendesk",
    "/slack": "slack",
    "/asana": "asana",
    "/dropbox/api": "dropbox",
    "/dropbox/content": "dropbox",
    "/onedrive": "onedrive",
    "/jira": "jira",
    "/typeform": "typeform",
    "/salesforce": "salesforce",
    "/hubspot": "hubspot",
    "/intercom": "intercom",
    "/outreach": "outreach",
    "/qualified": "qualified",
    "/sns": "sns",
}
HANG_SECONDS = 30.0
"""How long a planned time-out holds a connection before it is cut."""

_ACTS = {
    "customer": ("open_ticket", "reply", "answer_survey", "file_survey", "comment_issue"),
    "agent": (
        *("internal_note", "set_status", "take", "close", "merge"),
        *("comment_issue", "move_issue", "edit_issue", "schedule_hours", "delete_issue"),
    ),
    "csm": ("press", "submit_modal"),
    "engineer": ("complete", "deactivate", "place_deliverable"),
    "member": ("open_case", "write", "set_password"),
    "tier2": ("comment", "edit", "request_privacy"),
    "rep": (
        *("edit_deal", "delete_deal", "open_ticket", "edit_ticket"),
        *("edit_task", "complete_task", "set_available"),
    ),
    "visitor": ("write", "reply"),
    "teammate": (
        *("tag", "untag", "reply", "note", "close", "reopen"),
        *("assign", "set_topic", "miss_sla", "delete"),
    ),
    "sales": (
        *("add_prospect", "edit_prospect", "set_stage", "add_to_sequence", "send_step"),
        *("reply", "opt_out", "chat", "book_meeting", "edit_lead"),
    ),
    "sdr": ("add_lead", "sync_lead", "edit_lead", "convert_lead", "delete_lead", "send_mail"),
}


class _Vendors:
    """An ASGI app that gives vendors' requests to the world and all others to the control API."""

    def __init__(self, world: World, control: Starlette) -> None:
        self._world, self._control = world, control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        prefix = next((known for known in PREFIXES if path.startswith(known + "/")), None)
        if scope["type"] != "http" or prefix is None:
            await self._control(scope, receive, send)
            return
        asked = HttpRequest(scope, receive)
        request = Request.build(
            asked.method,
            path.removeprefix(prefix),
            query=asked.url.query,
            headers=asked.headers,
            body=await asked.body(),
            base=f"{asked.url.scheme}://{asked.url.netloc}{prefix}",
        )
        try:
            response = await run_in_threadpool(self._world.handle, PREFIXES[prefix], request)
        except TimedOut:
            await _cut(receive, after=HANG_SECONDS)
        except AnswerLost:
            await _cut(receive, after=0)
        else:
            await _as_http(response)(scope, receive, send)


async def _cut(receive: Receive, *, after: float) -> None:
    """Breaks the connection without an answer, at the latest after that many seconds."""
    with anyio.move_on_after(after):
        while (await receive())["type"] != "http.disconnect":
            pass
    # ASGI has no way to say this; uvicorn's `receive` is a method of the cycle that owns the socket.
    cycle: Any = getattr(receive, "__self__", None)
    if cycle is None or not hasattr(cycle, "transport"):
        raise TypeError("planned connection loss needs uvicorn as the server")
    cycle.transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _as_http(response: Response) -> HttpResponse:
    # The Dropbox SDK wants `application/json` without a charset, so headers go out exactly as given.
    headers = dict(response.headers)
    if isinstance(response.body, bytes):
        return HttpResponse(response.body, response.status, headers)
    return StreamingResponse(response.body, response.status, headers)


def _control(world: World, aws: Aws | None) -> Starlette:
    people = People(world)

    async def health(_request: HttpRequest) -> HttpResponse:
        return JSONResponse({"ok": True})

    async def state(_request: HttpRequest) -> HttpResponse:
        return JSONResponse(await run_in_threadpool(world.as_dict))

    async def describe(_request: HttpRequest) -> HttpResponse:
        return PlainTextResponse(await run_in_threadpool(world.describe) + "\n")

    async def misbehave(request: HttpRequest) -> HttpResponse:
        asked = await _arguments(request)
        plan = {name: asked.pop(name) for name in ("times", "match") if name in asked}
        fault = Fault.named(asked.pop("fault"), **{k: v for k, v in asked.items() if k != "vendor"})
        world.misbehave(asked["vendor"], fault, **plan)
        return JSONResponse({"ok": True})

    async def mailbox(request: HttpRequest) -> HttpResponse:
        if aws is None:
            return JSONResponse({"error": "this sandbox was served without mail"}, 409)
        mails = await run_in_threadpool(aws.mailbox, request.query_params["address"])
        return JSONResponse([asdict(mail) for mail in mails])

    async def act(request: HttpRequest) -> HttpResponse:
        role, name = request.path_params["role"], request.path_params["act"]
        if name not in _ACTS.get(role, ()):
            raise LookupError(f"nobody does {role}/{name}: {_ACTS}")
        asked = await _arguments(request)
        if name in ("place_deliverable", "send_mail"):
            if aws is None:
                return JSONResponse({"error": "this sandbox was served without S3"}, 409)
            asked["s3_client"] = aws.s3()
        result = await run_in_threadpool(lambda: getattr(getattr(people, role), name)(**asked))
        return JSONResponse({"ok": True, "result": result})

    return Starlette(
        routes=[
            Route("/sandbox/health", _speaking(health)),
            Route("/sandbox/state", _speaking(state)),
            Route("/sandbox/describe", _speaking(describe)),
            Route("/sandbox/mailbox", _speaking(mailbox)),
            Route("/sandbox/misbehave", _speaking(misbehave), methods=["POST"]),
            Route("/sandbox/people/{role}/{act}", _speaking(act), methods=["POST"]),
        ]
    )


async def _arguments(request: HttpRequest) -> dict[str, Any]:
    asked = await request.json()
    if not isinstance(asked, dict):
        raise TypeError("the body must be a JSON object")
    return asked


_Endpoint = Callable[[HttpRequest], Awaitable[HttpResponse]]


def _speaking(endpoint: _Endpoint) -> _Endpoint:
    async def answer(request: HttpRequest) -> HttpResponse:
        try:
            return await endpoint(request)
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        except Refusal as refusal:
            return JSONResponse({"error": refusal.response.content.decode()}, 409)

    return answer


class Running:
    """A served sandbox; `url` has no trailing slash."""

    def __init__(self, server: uvicorn.Server, bound: socket.socket, deliverer: Deliverer | None) -> None:
        host, port = bound.getsockname()[:2]
        self.url = f"http://{host}:{port}"
        self._server, self._deliverer = server, deliverer
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [bound]}, name="sandbox-server", daemon=True
        )

    def start(self) -> None:
        """Begins serving; the socket already listens, so callers need not wait."""
        self._thread.start()
        if self._deliverer is not None:
            self._deliverer.start()

    def stop(self) -> None:
        """Ends deliveries and serving; open requests have a second to finish."""
        if self._deliverer is not None:
            self._deliverer.stop()
        self._server.should_exit = True
        self._thread.join(timeout=10)


def serve(
    world: World,
    host: str = "127.0.0.1",
    port: int = 0,
    gateway_url: str | None = None,
    *,
    hooks: Mapping[str, str] = HOOKS,
    aws: Aws | None = None,
) -> Running:
    """Serves the world in a thread and, with a gateway, delivers its signed hooks there.

    Args:
        port: 0 takes a free one.
        gateway_url: the address that the paths in `hooks` are below; without one the outbox only fills.
        hooks: path for each "vendor.kind" of delivery.
        aws: lets the control API play `engineer/place_deliverable` and `sdr/send_mail`, and look into mailboxes.

    Raises:
        OSError: the port is taken.
    """
    bound = socket.create_server((host, port))
    # asyncio does this only for sockets it opened itself; without it a head waits 40 ms for its short body.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        _Vendors(world, _control(world, aws)),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    deliverer = None
    if gateway_url is not None:
        base = gateway_url.rstrip("/")
        deliverer = Deliverer(world, {kind: base + path for kind, path in hooks.items()})
        if "hubspot.events" in hooks:
            hubspot.point(world, base + hooks["hubspot.events"])
        if "outreach.events" in hooks:
            outreach.point(world, base + hooks["outreach.events"])
    running = Running(uvicorn.Server(config), bound, deliverer)
    running.start()
    return running
