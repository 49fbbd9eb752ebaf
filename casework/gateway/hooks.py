"""Hooks of vendors, and of mail that comes in: signed, written down, handled later.

The signature is checked over the raw bytes before anything is parsed. A hook without one leaves a line in the
log and nothing else. Sources: Zendesk "Verifying webhooks" and its event schema, Asana "Webhooks guide", Jira
"Webhooks", Typeform "Webhooks", HubSpot "Webhooks", Intercom "Webhooks", Outreach "Webhooks". Salesforce's are callouts
that the org's administrator makes in our own form.

`hook_events` has what is kept of each, `mail_hooks` that of mail. Nothing here waits for the database in a thread of
its own: many hooks at once wait together for the inbox's writer.
"""

from __future__ import annotations

import hmac
import logging
from asyncio import wrap_future
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ValidationError
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from casework.gateway.hook_events import (
    AsanaDelivery,
    HubSpotDelivery,
    IntercomEvent,
    JiraEvent,
    OutreachEvent,
    SalesforceEvent,
    TypeformEvent,
    ZendeskEvent,
)
from casework.gateway.inbox import Hook, Inbox
from casework.gateway.mail_hooks import mail_hook
from casework.gateway.parts import Gateway
from casework.gateway.security import raw_body
from casework.runtime import Runtime
from casework.schema import hook_secrets
from casework.systems.signatures import (
    BadSignature,
    verify_asana,
    verify_hubspot,
    verify_intercom,
    verify_jira,
    verify_outreach,
    verify_salesforce,
    verify_typeform,
    verify_zendesk,
)

__all__ = ["demand_signature", "router"]

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)
Body = Annotated[bytes, Depends(raw_body)]


def demand_signature(vendor: str, check: Callable[[], None]) -> None:
    """Run a signature check.

    Raises:
        HTTPException: 401, the delivery is not authentic or too old.
    """
    try:
        check()
    except BadSignature as bad:
        logger.warning("A hook that claims to be from %s was refused: %s", vendor, bad.reason)
        raise HTTPException(
            401, f"This is not an authentic delivery of {vendor}: {bad.reason}. Nothing was stored."
        ) from bad


def router(gateway: Gateway, inbox: Inbox, news: Callable[[], None]) -> APIRouter:
    """The address of each vendor's hooks below `/hooks/`; `news` wakes whoever handles the inbox."""
    routes = APIRouter()
    runtime = gateway.runtime

    async def taken(hooks: Sequence[Hook], *, ours: bool = False) -> Response:
        fresh = await wrap_future(inbox.storing(hooks, handled=ours))
        if fresh and not ours:
            news()
        return JSONResponse({"accepted": len(fresh), "known": len(hooks) - len(fresh)}, 202 if fresh else 200)

    @routes.post("/hooks/zendesk")
    async def zendesk(request: Request, body: Body) -> Response:
        secret = _configured(gateway.zendesk_secret, "Zendesk")
        demand_signature("Zendesk", lambda: verify_zendesk(secret, body, request.headers, now=runtime.files.now()))
        event = _parsed(ZendeskEvent, body, "Zendesk")
        ours = event.detail.actor_id is not None and event.detail.actor_id == gateway.own_zendesk_id()
        return await taken([event.hook()], ours=ours)

    @routes.post("/hooks/asana/{name}")
    async def asana(name: str, request: Request, body: Body) -> Response:
        offered = request.headers.get("x-hook-secret")
        if offered is not None:
            return await run_in_threadpool(_handshake, runtime, name, offered)
        kept = await run_in_threadpool(_kept, runtime, name)
        if kept is None:
            raise HTTPException(401, "This Asana webhook has not shaken hands yet. Nothing was stored.")
        demand_signature("Asana", lambda: verify_asana(kept, body, request.headers))
        hooks = [event.hook(name) for event in _parsed(AsanaDelivery, body, "Asana").events]
        return await taken(hooks) if hooks else JSONResponse({"accepted": 0, "known": 0})

    @routes.post("/hooks/jira")
    async def jira(request: Request, body: Body) -> Response:
        secret = _configured(gateway.jira_secret, "Jira")
        demand_signature("Jira", lambda: verify_jira(secret, body, request.headers))
        event = _parsed(JiraEvent, body, "Jira")
        return await taken(
            [event.hook(body)], ours=event.actor() is not None and event.actor() == gateway.own_jira_id()
        )

    @routes.post("/hooks/typeform")
    async def typeform(request: Request, body: Body) -> Response:
        secret = _configured(gateway.typeform_secret, "Typeform")
        demand_signature("Typeform", lambda: verify_typeform(secret, body, request.headers))
        return await taken([_parsed(TypeformEvent, body, "Typeform").hook()])

    @routes.post("/hooks/salesforce")
    async def salesforce(request: Request, body: Body) -> Response:
        secret = _configured(gateway.salesforce_secret, "Salesforce")
        now = runtime.files.now()
        demand_signature("Salesforce", lambda: verify_salesforce(secret, body, request.headers, now=now))
        event = _parsed(SalesforceEvent, body, "Salesforce")
        return await taken([event.hook()], ours=event.actor is not None and event.actor == gateway.own_salesforce_id())

    @routes.post("/hooks/hubspot")
    async def hubspot(request: Request, body: Body) -> Response:
        secret = _configured(gateway.hubspot_secret, "HubSpot")
        now = runtime.files.now()
        # As HubSpot called it from outside: what stands before us may have told us another host, or none of https.
        called = f"/hooks/hubspot?{request.url.query}" if request.url.query else "/hooks/hubspot"
        uris = [f"{address}{called}" for address in gateway.delivery.addresses]
        demand_signature("HubSpot", lambda: verify_hubspot(secret, "POST", uris, body, request.headers, now=now))
        events = _parsed(HubSpotDelivery, body, "HubSpot").root
        own = [event.hook() for event in events if event.ours]
        if own:
            await wrap_future(inbox.storing(own, handled=True))
        hooks = [event.hook() for event in events if not event.ours]
        return await taken(hooks) if hooks else JSONResponse({"accepted": 0, "known": 0})

    @routes.head("/hooks/intercom")
    async def intercom_asked() -> Response:
        """Intercom asks so, unsigned, when the address is registered."""
        _configured(gateway.intercom_secret, "Intercom")
        return Response(status_code=200)

    @routes.post("/hooks/intercom")
    async def intercom(request: Request, body: Body) -> Response:
        secret = _configured(gateway.intercom_secret, "Intercom")
        demand_signature("Intercom", lambda: verify_intercom(secret, body, request.headers))
        event = _parsed(IntercomEvent, body, "Intercom")
        if event.data.item.id is None:
            return JSONResponse({"accepted": 0, "known": 0})
        return await taken([event.hook()], ours=event.is_by(gateway.own_intercom_id()))

    @routes.post("/hooks/mail")
    async def mail(body: Body) -> Response:
        # To read SNS's certificate, or to confirm to it, takes as long as SNS does.
        hook = await run_in_threadpool(mail_hook, gateway.mail_topic, body, demand_signature)
        return await taken([hook]) if hook is not None else JSONResponse({"accepted": 0, "known": 0})

    @routes.post("/hooks/outreach")
    async def outreach(request: Request, body: Body) -> Response:
        secret = _configured(gateway.outreach_secret, "Outreach")
        demand_signature("Outreach", lambda: verify_outreach(secret, body, request.headers))
        return await taken([_parsed(OutreachEvent, body, "Outreach").hook(body)])

    return routes


def _configured(secret: str | None, vendor: str) -> str:
    if secret is None:
        raise HTTPException(404, f"Hooks of {vendor} are not set up here: configure their signing secret.")
    return secret


def _parsed(shape: type[T], body: bytes, vendor: str) -> T:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        # Where and what kind only: pydantic's own text quotes the values.
        problems = [f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['type']}" for p in error.errors()[:5]]
        logger.warning("A signed hook of %s has another shape than documented: %s", vendor, "; ".join(problems))
        raise HTTPException(
            400, f"This is not an event as {vendor} documents it ({'; '.join(problems)}). Nothing was stored."
        ) from None


def _handshake(runtime: Runtime, name: str, offered: str) -> Response:
    """Keep the secret that Asana hands over, and echo it. The first one for a name stays."""
    if not 16 <= len(offered) <= 256 or len(name) > 120:
        raise HTTPException(400, "This is not a handshake as Asana documents it. Nothing was stored.")
    if _kept(runtime, name) is None:
        sealed = runtime.confidential.seal(offered.encode())
        try:
            with runtime.files.writing() as connection:
                connection.execute(insert(hook_secrets).values(vendor="asana", name=name, sealed=sealed))
        except IntegrityError:
            logger.info("Asana webhook %s shook hands twice at once; the first secret stays.", name)
    if not hmac.compare_digest((_kept(runtime, name) or "").encode(), offered.encode()):
        raise HTTPException(409, "Another Asana webhook has this name already. Register the webhook under a new name.")
    return Response(status_code=200, headers={"X-Hook-Secret": offered})


def _kept(runtime: Runtime, name: str) -> str | None:
    same = (hook_secrets.c.vendor == "asana", hook_secrets.c.name == name)
    with runtime.files.reading() as connection:
        sealed = connection.execute(select(hook_secrets.c.sealed).where(*same)).scalar_one_or_none()
    return None if sealed is None else runtime.confidential.unseal(sealed).decode()
