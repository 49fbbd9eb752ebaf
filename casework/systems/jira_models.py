"""What Jira's answers are to us: issues, comments, people; texts and names kept out of `repr`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from casework.systems import adf

FIELDS = (
    "summary",
    "description",
    "status",
    "resolution",
    "issuetype",
    "project",
    "reporter",
    "assignee",
    "labels",
    "components",
    "created",
    "updated",
    "issuelinks",
)
"""What is asked of every issue."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Linked(_Model):
    """An issue that another is linked with, by a type of link such as `Relates`."""

    key: str
    project: str
    type: str
    status: str


class Issue(_Model):
    """An issue as its project has it now. People are account ids; times are UTC.

    `done` is Jira's own judgement: the status belongs to the category Done. `components` and texts may name
    companies and people. `custom` has the fields that were asked for by id, in Jira's own shapes.
    """

    id: int
    key: str
    project: str
    issue_type: str
    status: str
    done: bool
    resolution: str | None
    reporter: str | None
    assignee: str | None
    created: datetime
    updated: datetime
    labels: tuple[str, ...]
    links: tuple[Linked, ...]
    components: tuple[str, ...] = Field(repr=False)
    summary: str = Field(repr=False)
    text: str = Field(repr=False)
    custom: Mapping[str, Any] = Field(repr=False)


class Comment(_Model):
    """A comment; `public` ones are read by the customer. `text` is personal data: in no log and no result."""

    id: int
    author: str | None
    public: bool
    created: datetime
    text: str = Field(repr=False)


class User(_Model):
    """A person: `kind` is `atlassian` for colleagues, `customer` for those who only use the portal."""

    account_id: str = Field(alias="accountId")
    kind: str = Field(default="unknown", alias="accountType")
    active: bool = True
    email: str | None = Field(default=None, alias="emailAddress", repr=False)


@dataclass(frozen=True, slots=True)
class Load:
    """How much of a project somebody has: open issues, and when one was last assigned to them (UTC)."""

    account_id: str
    open: int
    last_assigned: datetime | None


class Named(_Model):
    """Anything of which the name counts."""

    name: str = Field(repr=False)


class _Category(_Model):
    key: str


class _Status(_Model):
    name: str
    statusCategory: _Category


class _Project(_Model):
    key: str


class Account(_Model):
    """A person as other records refer to them."""

    accountId: str


class _Brief(_Model):
    status: Named


class _Other(_Model):
    key: str
    fields: _Brief


class _Link(_Model):
    type: Named
    inwardIssue: _Other | None = None
    outwardIssue: _Other | None = None


class _Fields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    summary: str = ""
    description: dict[str, Any] | None = None
    status: _Status
    resolution: Named | None = None
    issuetype: Named
    project: _Project
    reporter: Account | None = None
    assignee: Account | None = None
    labels: tuple[str, ...] = ()
    components: tuple[Named, ...] = ()
    created: AwareDatetime
    updated: AwareDatetime
    issuelinks: tuple[_Link, ...] = ()


class _Change(_Model):
    fieldId: str = ""
    to: str | None = None


class _Changes(_Model):
    created: AwareDatetime
    items: tuple[_Change, ...] = ()


class _History(_Model):
    histories: tuple[_Changes, ...] = ()


class Bean(_Model):
    """An issue as Jira answers it, with its history where that was asked for."""

    id: int
    key: str
    fields: _Fields
    changelog: _History = _History()

    def issue(self) -> Issue:
        """The issue."""
        of = self.fields
        return Issue(
            id=self.id,
            key=self.key,
            project=of.project.key,
            issue_type=of.issuetype.name,
            status=of.status.name,
            done=of.status.statusCategory.key == "done",
            resolution=of.resolution.name if of.resolution else None,
            reporter=of.reporter.accountId if of.reporter else None,
            assignee=of.assignee.accountId if of.assignee else None,
            created=of.created.astimezone(UTC),
            updated=of.updated.astimezone(UTC),
            labels=of.labels,
            links=tuple(_linked(link.type.name, other) for link in of.issuelinks for other in _ends(link)),
            components=tuple(component.name for component in of.components),
            summary=of.summary,
            text=adf.text(of.description),
            custom=dict(of.model_extra or {}),
        )

    def assigned_to(self, account_id: str) -> datetime:
        """When the issue was last given to this person (UTC): its creation, if no change says so."""
        given = [
            changes.created
            for changes in self.changelog.histories
            for change in changes.items
            if change.fieldId == "assignee" and change.to == account_id
        ]
        return max(given, default=self.fields.created).astimezone(UTC)


class CommentBean(_Model):
    """A comment as Jira answers it. Without `jsdPublic` it is as public as its project, which is Jira's default."""

    id: int
    author: Account | None = None
    jsdPublic: bool = True
    created: AwareDatetime
    body: dict[str, Any] | None = None

    def comment(self) -> Comment:
        """The comment."""
        author = self.author.accountId if self.author else None
        created = self.created.astimezone(UTC)
        return Comment(id=self.id, author=author, public=self.jsdPublic, created=created, text=adf.text(self.body))


def _ends(link: _Link) -> list[_Other]:
    return [other for other in (link.inwardIssue, link.outwardIssue) if other is not None]


def _linked(kind: str, other: _Other) -> Linked:
    return Linked(key=other.key, project=other.key.rpartition("-")[0], type=kind, status=other.fields.status.name)
