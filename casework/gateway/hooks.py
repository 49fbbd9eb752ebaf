"""Hooks of Zendesk, Asana, Jira, Typeform, Salesforce, HubSpot, Intercom, Outreach and of mail: signed, written down,
handled later.

The signature is checked over the raw bytes before anything is parsed. A hook without one leaves a line in the
log and nothing else. Sources: Zendesk "Verifying webhooks" and its event schema, Asana "Webhooks guide", Jira
"Webhooks", Typeform "Webhooks", HubSpot "Webhooks", Intercom "Webhooks", Outreach "Webhooks". Salesforce's are callouts
that the org's administrator makes in our own form.

Nothing here waits for the database in a thread of its own: many hooks at once wait together for the inbox's writer.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from asyncio import wrap_future
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, JsonValue, RootModel, ValidationError
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from casework.case import digest
from casework.gateway.inbox import Hook, Inbox
from casework.gateway.mail_hooks import mail_hook
from casework.gateway.parts import Gateway
from casework.gateway.security import raw_body
from casework.runtime import Runtime
from casework.schema import asana_hooks
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
Id = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
Word = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


class ZendeskDetail(BaseModel):
    """Of what an event says about its ticket: who caused it."""

    actor_id: Id | None = None


class ZendeskEvent(BaseModel):
    """Of Zendesk's event envelope, what we keep."""

    id: str = Field(pattern=r"^[!-~]{1,120}$")
    type: str = Field(pattern=r"^zen:event-type:[a-z_.]{1,100}$")
    subject: str = Field(pattern=r"^zen:[a-z_]{1,40}:[0-9]{1,20}$")
    detail: ZendeskDetail = ZendeskDetail()

    def hook(self) -> Hook:
        """The event's id is signed, the invocation's is not; so repetitions are known by the first."""
        event = self.type.removeprefix("zen:event-type:")
        return Hook("zendesk", self.id, event, self.subject.replace("zen:", "zendesk:", 1))


class AsanaResource(BaseModel):
    """What an event is about."""

    gid: Id
    resource_type: Word


class AsanaEvent(BaseModel):
    """One of the events of a delivery."""

    action: Word
    created_at: str = Field(max_length=40)
    resource: AsanaResource
    parent: AsanaResource | None = None
    change: dict[str, JsonValue] | None = None

    def hook(self, name: str) -> Hook:
        """Asana gives events no id: it is made of what tells them apart. A comment is news of its task."""
        about = self.resource
        if about.resource_type == "story" and self.parent is not None:
            about = self.parent
        told = [self.resource.resource_type, self.resource.gid, self.action, self.created_at, self.change]
        event = f"{self.resource.resource_type}.{self.action}"
        return Hook("asana", f"{name[:100]}:{digest(told)}", event, f"asana:{about.resource_type}:{about.gid}")


class AsanaDelivery(BaseModel):
    """The body of a delivery; no events at all is a heartbeat."""

    events: list[AsanaEvent]


class JiraUser(BaseModel):
    """A person, of whom only the account counts."""

    accountId: str | None = Field(None, max_length=128)


class JiraIssue(BaseModel):
    """The issue that something happened to."""

    key: str = Field(pattern=r"^[A-Z][A-Z0-9_]{1,40}-[0-9]{1,12}$")


class JiraComment(BaseModel):
    """A comment, of which only its author counts."""

    author: JiraUser = JiraUser()


class JiraEvent(BaseModel):
    """Of the body of a webhook, what we keep: `jira:issue_updated`, `comment_created`, …"""

    webhookEvent: str = Field(pattern=r"^(jira:)?[a-z_]{1,60}$")
    issue: JiraIssue
    user: JiraUser = JiraUser()
    comment: JiraComment | None = None

    def actor(self) -> str | None:
        """Who caused it; a comment's own event names nobody but its author."""
        return self.user.accountId or (self.comment.author.accountId if self.comment else None)

    def hook(self, body: bytes) -> Hook:
        """The header that names a delivery is not signed; so repetitions are known by the signed body."""
        event = self.webhookEvent.removeprefix("jira:")
        return Hook("jira", hashlib.sha256(body).hexdigest(), event, f"jira:issue:{self.issue.key}")


class TypeformResponse(BaseModel):
    """The response that was sent."""

    form_id: str = Field(pattern=r"^[A-Za-z0-9]{1,40}$")
    token: str = Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")


class TypeformEvent(BaseModel):
    """Of the body of a webhook, what we keep."""

    event_id: str = Field(min_length=1, max_length=120)
    event_type: Word
    form_response: TypeformResponse

    def hook(self) -> Hook:
        """The response by its form and token, which the Responses API takes."""
        of = self.form_response
        return Hook("typeform", self.event_id, self.event_type, f"typeform:response:{of.form_id}/{of.token}")


class SalesforceEvent(BaseModel):
    """The body of a callout: what happened to which case, and by whom (`event` such as `case.changed`)."""

    id: str = Field(pattern=r"^[A-Za-z0-9-]{8,120}$")
    event: str = Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$")
    case: str = Field(pattern=r"^500[A-Za-z0-9]{15}$")
    actor: str | None = Field(None, pattern=r"^005[A-Za-z0-9]{15}$")

    def hook(self) -> Hook:
        """The callout's id is signed, and the same when the org repeats it."""
        return Hook("salesforce", self.id, self.event, f"salesforce:case:{self.case}")


_HUBSPOT_KINDS = {"0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-27": "task", "0-46": "note"}
"""HubSpot's own objects by the ids of their types, which events of the newer kind have in place of a name."""


class HubSpotEvent(BaseModel):
    """One of the events of a delivery: what happened to which object. Values of properties are not kept."""

    eventId: int
    subscriptionId: int
    portalId: int
    appId: int
    occurredAt: int
    subscriptionType: str = Field(pattern=r"^[a-z_]{1,40}\.[A-Za-z]{1,40}$")
    objectId: int = Field(ge=0, validation_alias=AliasChoices("objectId", "primaryObjectId", "fromObjectId"))
    objectTypeId: str | None = Field(None, pattern=r"^[0-9]{1,10}-[0-9]{1,20}$")
    changeSource: str | None = None
    sourceId: str | None = None

    @property
    def ours(self) -> bool:
        """Whether our own app did it, which is the one that HubSpot tells."""
        return self.changeSource == "INTEGRATION" and self.sourceId == str(self.appId)

    def hook(self) -> Hook:
        """HubSpot does not promise that an event's id is its alone: with what it is about it is."""
        kind, _, what = self.subscriptionType.partition(".")
        if kind == "object":
            kind = _HUBSPOT_KINDS.get(self.objectTypeId or "", self.objectTypeId or "object")
        told = (self.portalId, self.subscriptionId, self.eventId, self.objectId, self.occurredAt)
        return Hook("hubspot", "-".join(map(str, told)), f"{kind}.{what}", f"hubspot:{kind}:{self.objectId}")


class HubSpotDelivery(RootModel[list[HubSpotEvent]]):
    """The body of a delivery: up to a hundred events."""


class IntercomAuthor(BaseModel):
    """Who did something, of whom only the id counts."""

    type: str | None = None
    id: str | None = None


class IntercomPart(BaseModel):
    """What was said or done, of which only its author counts."""

    author: IntercomAuthor = IntercomAuthor()


class IntercomParts(BaseModel):
    """Of a conversation's parts those that are news."""

    conversation_parts: list[IntercomPart] = []


class IntercomItem(BaseModel):
    """What a notification is about; a `ping` is about nothing that has an id."""

    type: str = Field(pattern=r"^[a-z_]{1,40}$")
    id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    conversation_parts: IntercomParts = IntercomParts()


class IntercomData(BaseModel):
    """What a notification carries."""

    item: IntercomItem


class IntercomEvent(BaseModel):
    """Of a notification, what we keep: `conversation.user.replied`, `conversation_part.tag.created`, …"""

    id: str = Field(pattern=r"^[!-~]{1,120}$")
    topic: str = Field(pattern=r"^[a-z_]{1,40}(\.[a-z_]{1,40}){0,4}$")
    data: IntercomData

    def is_by(self, admin_id: str | None) -> bool:
        """Whether an admin did all of it; what a contact said in the same breath is news whoever closed it."""
        authors = [part.author for part in self.data.item.conversation_parts.conversation_parts]
        own = all(author.type == "admin" and author.id == admin_id for author in authors)
        return self.topic.startswith("conversation.admin.") and bool(authors) and own

    def hook(self) -> Hook:
        """A notification's id is signed, and the same when Intercom repeats it."""
        item = self.data.item
        return Hook("intercom", self.id, self.topic, f"intercom:{item.type}:{item.id}")


class OutreachEnd(BaseModel):
    """A resource that another one belongs to, as it is named."""

    id: int = Field(ge=0)


class OutreachRelationships(BaseModel):
    """What a resource belongs to; of that, the prospect, who is named outright or within `data`."""

    prospect: Annotated[
        OutreachEnd | None,
        BeforeValidator(lambda named: named["data"] if isinstance(named, dict) and "data" in named else named),
    ] = None


class OutreachData(BaseModel):
    """The resource that something happened to. Its attributes are not kept."""

    type: str = Field(pattern=r"^[A-Za-z]{1,40}$")
    id: int = Field(ge=0)
    relationships: OutreachRelationships = OutreachRelationships()


class OutreachMeta(BaseModel):
    """What an event is about: `prospect.updated`, `sequenceState.finished`, …"""

    eventName: str = Field(pattern=r"^[A-Za-z]{1,40}\.[A-Za-z]{1,40}$")


class OutreachEvent(BaseModel):
    """Of the body of a webhook, what we keep. What happens to a mail or in a sequence is news of its prospect."""

    data: OutreachData
    meta: OutreachMeta

    def hook(self, body: bytes) -> Hook:
        """The header that names a delivery is not signed; so repetitions are known by the signed body."""
        prospect = self.data.relationships.prospect
        kind, about = (self.data.type, self.data.id) if prospect is None else ("prospect", prospect.id)
        return Hook("outreach", hashlib.sha256(body).hexdigest(), self.meta.eventName, f"outreach:{kind}:{about}")


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
                connection.execute(insert(asana_hooks).values(vendor="asana", name=name, sealed=sealed))
        except IntegrityError:
            logger.info("Asana webhook %s shook hands twice at once; the first secret stays.", name)
    if not hmac.compare_digest((_kept(runtime, name) or "").encode(), offered.encode()):
        raise HTTPException(409, "Another Asana webhook has this name already. Register the webhook under a new name.")
    return Response(status_code=200, headers={"X-Hook-Secret": offered})


def _kept(runtime: Runtime, name: str) -> str | None:
    same = (asana_hooks.c.vendor == "asana", asana_hooks.c.name == name)
    with runtime.files.reading() as connection:
        sealed = connection.execute(select(asana_hooks.c.sealed).where(*same)).scalar_one_or_none()
    return None if sealed is None else runtime.confidential.unseal(sealed).decode()
