"""What vendors' hooks say, and the little of it that is kept: who did what, and to which object.

Each vendor's event is a model of the fields that count; the rest of a body is passed over. `hook()` makes the note for
the inbox, by an id of the delivery that its signature covers.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, JsonValue, RootModel

from casework.case import digest
from casework.gateway.inbox import Hook

__all__ = [
    "AsanaDelivery",
    "HubSpotDelivery",
    "IntercomEvent",
    "JiraEvent",
    "OutreachEvent",
    "SalesforceEvent",
    "TypeformEvent",
    "ZendeskEvent",
]

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
