"""The people around the process, played: customers, support agents and engineers here, all others by their role.

They act as through the vendors' own user interfaces, so what they do reaches us only as a signed delivery or
when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from casework.sandbox import (
    asana_tasks,
    jira_fields,
    jira_issues,
    product,
    seed_documents,
    seed_hours,
    typeform,
    zendesk_tickets,
)
from casework.sandbox.csms import Csm
from casework.sandbox.deliverables import FaultKind, place
from casework.sandbox.http import Json
from casework.sandbox.members import Member, Tier2
from casework.sandbox.reps import Rep
from casework.sandbox.roster import known
from casework.sandbox.sales import Sales
from casework.sandbox.sdrs import Sdr
from casework.sandbox.teammates import Teammate, Visitor

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from casework.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Customer:
    """A user of the product who writes to support."""

    world: World

    def open_ticket(
        self,
        user_id: str,
        tags: list[str] | tuple[str, ...] = ("data_export",),
        subject: str = "Export of our data",
        text: str = "Please export all our data.",
    ) -> int:
        """Opens a ticket by mail; returns its number.

        Raises:
            LookupError: there is no such user.
        """
        with self.world.changing():
            author = known(self.world, "users", user_id)["zendesk_id"]
            given = {
                "subject": subject,
                "comment": {"body": text},
                "requester_id": author,
                "tags": list(tags),
            }
            number: int = zendesk_tickets.create(self.world, given, author_id=author)["id"]
            return number

    def reply(self, ticket: int, text: str, user_id: str | None = None) -> int:
        """Answers on the ticket as its requester (or as another user); opens it again unless it is new.

        Returns the comment's id.
        """
        with self.world.changing():
            found = zendesk_tickets.ticket(self.world, ticket)
            author = found["requester_id"]
            if user_id is not None:
                author = known(self.world, "users", user_id)["zendesk_id"]
            change: Json = {"comment": {"body": text, "author_id": author, "public": True}}
            if found["status"] != "new":
                change["status"] = "open"
            return _comment(self.world, found, change, author)

    def answer_survey(self, user_id: str, answers: Json | None = None) -> str:
        """Fills in the document survey and sends it; the response's token. `answers` by ref replace the usual ones.

        Raises:
            LookupError: there is no such user, or no such field.
            ValueError: an answer is of another type than its field.
        """
        with self.world.changing():
            user, roster = known(self.world, "users", user_id), self.world.state["roster"]
            member = roster["organization_members"].get(user_id)
            organization = roster["organizations"][member["organization_id"]]["name"] if member else "Unknown"
            usual: Json = {
                "requester_email": user["email"],
                "organization": organization,
                "change": "Add a document",
                "documents": 1,
                "test_on_onboard": True,
            }
            return typeform.respond(self.world, seed_documents.SURVEY, {**usual, **(answers or {})}, {})

    def file_survey(self, token: str) -> str:
        """The integration between both makes the Jira issue of a response; the issue's key.

        Raises:
            LookupError: there is no such response.
        """
        with self.world.changing():
            made = typeform.response(self.world, seed_documents.SURVEY, token)
            said = {one["field"]["ref"]: one[one["type"]] for one in made["answers"]}
            lines = [f"{ref}: {value['label'] if isinstance(value, dict) else value}" for ref, value in said.items()]
            given: Json = {
                "project": {"key": seed_documents.SUPPORT},
                "issuetype": {"name": seed_documents.SUPPORT_TYPE},
                "summary": f"Document Survey: {said['organization']}",
                "description": jira_fields.plain("\n".join([*lines, f"Response: {token}"])),
                seed_documents.SURVEY_RESPONSE: token,
            }
            key: str = jira_issues.create(self.world, given, [], by=jira_issues.AUTOMATION)["key"]
            return key

    def comment_issue(self, issue: str, text: str, user_id: str | None = None) -> int:
        """Writes on a Jira issue as its reporter, or as another user, by the portal; the comment's id.

        Raises:
            LookupError: there is no such user, or they have no Jira account.
        """
        with self.world.changing():
            found = jira_issues.issue(self.world, issue)
            author = found["fields"]["reporter"] if user_id is None else _jira_account(self.world, user_id)
            return _jira_comment(self.world, found, text, public=True, by=author)


@dataclass(frozen=True, slots=True)
class Agent:
    """A colleague who works on tickets."""

    world: World

    def internal_note(self, ticket: int, staff_id: str, text: str) -> int:
        """Writes an internal note; returns the comment's id."""
        with self.world.changing():
            author = known(self.world, "staff", staff_id)["zendesk_id"]
            change = {"comment": {"body": text, "author_id": author, "public": False}}
            return _comment(self.world, zendesk_tickets.ticket(self.world, ticket), change, author)

    def set_status(self, ticket: int, status: str, staff_id: str = "staff-61") -> None:
        """Sets the ticket's status."""
        with self.world.changing():
            author = known(self.world, "staff", staff_id)["zendesk_id"]
            found = zendesk_tickets.ticket(self.world, ticket)
            zendesk_tickets.update(self.world, found, {"status": status}, author_id=author)

    def take(
        self, ticket: int, staff_id: str | None = None, group: int | None = None, due_hours: float | None = None
    ) -> None:
        """Gives a ticket to an agent, which opens a new one, or to a group; a first answer due in so many hours."""
        with self.world.changing():
            found = zendesk_tickets.ticket(self.world, ticket)
            change: Json = {} if group is None else {"group_id": group}
            if staff_id is not None:
                change["assignee_id"] = known(self.world, "staff", staff_id)["zendesk_id"]
                change |= {"status": "open"} if found["status"] == "new" else {}
            zendesk_tickets.update(
                self.world, found, change, author_id=known(self.world, "staff", "staff-61")["zendesk_id"]
            )
            if due_hours is not None:
                zendesk_tickets.promise(self.world, found, self.world.now() + timedelta(hours=due_hours))

    def close(self, ticket: int, staff_id: str = "staff-61") -> None:
        """Closes the ticket: nothing about it can be changed any more."""
        self.set_status(ticket, "closed", staff_id)

    def merge(self, ticket: int, into: int, staff_id: str = "staff-61") -> None:
        """Merges a ticket into another: it gets a note and the tag `closed_by_merge`, and is closed."""
        with self.world.changing():
            author = known(self.world, "staff", staff_id)["zendesk_id"]
            target = zendesk_tickets.ticket(self.world, into)
            found = zendesk_tickets.ticket(self.world, ticket)
            change = {
                "comment": {"body": f"This request was merged into request #{into}.", "public": False},
                "tags": [*found["tags"], "closed_by_merge"],
                "status": "closed",
            }
            zendesk_tickets.update(self.world, found, change, author_id=author)
            event = {"target_ticket_id": str(target["id"])}
            zendesk_tickets.notify(self.world, found, "ticket.merged", event, author)

    def comment_issue(self, issue: str, staff_id: str, text: str, public: bool = False) -> int:
        """Comments on a Jira issue, for colleagues or for the customer; the comment's id."""
        with self.world.changing():
            author = known(self.world, "staff", staff_id)["jira_id"]
            found = jira_issues.issue(self.world, issue)
            return _jira_comment(self.world, found, text, public=public, by=author)

    def move_issue(self, issue: str, status: str, staff_id: str) -> None:
        """Brings a Jira issue to a status, by the transitions that its workflow has.

        Raises:
            LookupError: no transition leads there from where it stands.
        """
        with self.world.changing():
            found = jira_issues.issue(self.world, issue)
            way = next((one for one in jira_issues.transitions(self.world, found) if one["to"] == status), None)
            if way is None:
                raise LookupError(f"no transition leads {issue} from {found['fields']['status']} to {status}")
            by = known(self.world, "staff", staff_id)["jira_id"]
            jira_issues.transit(self.world, found, way["id"], {}, by=by)
            jira_issues.run_rules(self.world)

    def edit_issue(self, issue: str, fields: Json, staff_id: str) -> None:
        """Sets fields of a Jira issue, written as its API takes them."""
        with self.world.changing():
            by = known(self.world, "staff", staff_id)["jira_id"]
            jira_issues.edit(self.world, jira_issues.issue(self.world, issue), fields, by=by)
            jira_issues.run_rules(self.world)

    def schedule_hours(self, rep: str, hours: float, day: str | None = None, staff_id: str = "staff-18") -> str:
        """Puts a rep's hours onto the revenue board, of a date (`2026-03-02`) or of each week; the issue's key."""
        with self.world.changing():
            by = known(self.world, "staff", staff_id)["jira_id"]
            return seed_hours.schedule(self.world, known(self.world, "staff", rep)["jira_id"], hours, day, by)

    def delete_issue(self, issue: str, staff_id: str = "staff-61") -> None:
        """Deletes a Jira issue."""
        with self.world.changing():
            by = known(self.world, "staff", staff_id)["jira_id"]
            jira_issues.delete(self.world, jira_issues.issue(self.world, issue), by=by)


@dataclass(frozen=True, slots=True)
class Engineer:
    """Whoever works on the export task."""

    world: World

    def complete(self, task: str, staff_id: str = "staff-52") -> None:
        """Marks the Asana task complete."""
        with self.world.changing():
            user = known(self.world, "staff", staff_id)["asana_id"]
            found = asana_tasks.named(self.world, "tasks", task)
            asana_tasks.update(self.world, found, {"completed": True}, user_gid=user)

    def deactivate(self, team_id: str) -> None:
        """Takes all access to the product away from a team: its users, and the sessions in which they are signed in."""
        known(self.world, "teams", team_id)
        product.deactivate(self.world.folder / "product.db", team_id, self.world.stamp())

    def place_deliverable(
        self,
        s3_client: S3Client,
        bucket: str,
        prefix: str,
        team_id: str,
        size_bytes: int = 20_000,
        fault: FaultKind | None = None,
        entities: tuple[str, ...] = ("candidates", "projects", "sequences"),
    ) -> Json:
        """Uploads a deliverable below the prefix, its manifest last; returns the manifest."""
        created_at = self.world.stamp()
        return place(s3_client, bucket, prefix, team_id, created_at, size_bytes, fault, tuple(entities))


@dataclass(frozen=True, slots=True)
class People:
    """Everyone, by role."""

    world: World

    @property
    def customer(self) -> Customer:
        """A customer."""
        return Customer(self.world)

    @property
    def agent(self) -> Agent:
        """A support agent."""
        return Agent(self.world)

    @property
    def csm(self) -> Csm:
        """A customer success manager."""
        return Csm(self.world)

    @property
    def engineer(self) -> Engineer:
        """An engineer."""
        return Engineer(self.world)

    @property
    def member(self) -> Member:
        """A member who writes to Salesforce."""
        return Member(self.world)

    @property
    def tier2(self) -> Tier2:
        """An agent who works in Salesforce."""
        return Tier2(self.world)

    @property
    def rep(self) -> Rep:
        """A colleague who works in HubSpot."""
        return Rep(self.world)

    @property
    def visitor(self) -> Visitor:
        """Somebody from outside who writes in Intercom."""
        return Visitor(self.world)

    @property
    def teammate(self) -> Teammate:
        """A colleague who works in Intercom."""
        return Teammate(self.world)

    @property
    def sales(self) -> Sales:
        """A sales representative, and whom sales writes to."""
        return Sales(self.world)

    @property
    def sdr(self) -> Sdr:
        """Somebody in sales, in Salesforce and by mail."""
        return Sdr(self.world)


def _jira_account(world: World, user_id: str) -> str:
    email = known(world, "users", user_id)["email"]
    for account, user in world.state["jira"]["users"].items():
        if user.get("emailAddress") == email:
            return str(account)
    raise LookupError(f"{user_id} has no Jira account")


def _jira_comment(world: World, issue: Json, text: str, *, public: bool, by: str) -> int:
    made = jira_issues.comment(world, issue, jira_fields.plain(text), public=public, by=by)
    return int(made["id"])


def _comment(world: World, ticket: Json, change: dict[str, Any], author: int) -> int:
    zendesk_tickets.update(world, ticket, change, author_id=author)
    number: int = world.state["zendesk"]["comments"][str(ticket["id"])][-1]["id"]
    return number
