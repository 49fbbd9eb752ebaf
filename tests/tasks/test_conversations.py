"""Conversations of Intercom: who writes and about what, what counts as the customer's word, what is written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from casework import step, systems
from casework.sandbox import Fault, aws
from casework.sandbox import intercom_records as records
from casework.sandbox.seed_transfer import SALES, TO_SALES
from casework.systems.errors import Temporary
from policies.sales_transfer_facts import Owners, State, Topic, Who
from tasks import conversations, owners
from tests.scenarios.conftest import open_place
from tests.scenarios.sales import AGENT, SDR, Showroom

FAULTS = [Fault.answer_lost(), Fault.timeout(), Fault.server_error(502)]


@pytest.fixture
def floor(tmp_path: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Showroom]:
    """An office with the systems of sales."""
    with open_place(Showroom, tmp_path / "floor", cloud, monkeypatch) as showroom:
        yield showroom


def once(one: step.Step[..., Any], *given: Any, **values: Any) -> Any:
    """What a step does in a case of its own: after a lost answer it is found before it is done again."""
    with step.acting("case-1", f"{one.name}/1"):
        while True:
            try:
                found = one.find(*given, **values) if one.find is not None else None
                return one.fn(*given, **values) if found is None else found
            except Temporary:
                continue


def set_team(floor: Showroom, sql: str) -> None:
    """The team of visitor-1 in the product is otherwise."""
    floor.product_says(
        f"UPDATE teams SET {sql} WHERE id IN (SELECT team_id FROM memberships WHERE user_id = 'user-83')"
    )


def contact(floor: Showroom, visitor: str) -> dict[str, Any]:
    """A visitor's contact, to be changed."""
    found: dict[str, Any] = floor.world.state["intercom"]["contacts"][
        floor.world.state["roster"]["visitors"][visitor]["contact_id"]
    ]
    return found


@pytest.mark.parametrize(
    ("visitor", "sql", "who"),
    [
        ("visitor-1", None, Who.PAYING),
        ("visitor-1", "contract_end = NULL", Who.TRIAL),
        ("visitor-1", "status = 'churned'", None),
        ("visitor-4", None, Who.LEAD),
    ],
)
def test_who_writes(floor: Showroom, visitor: str, sql: str | None, who: Who | None) -> None:
    """In contract, on trial, not any more, or nobody whom the product knows; by the id that Intercom has of them."""
    if sql is not None:
        set_team(floor, sql)
    number = floor.people.visitor.write(visitor, topic="Billing")
    assert conversations.asker_now(number) == conversations.Asker(who=who, topic=Topic.BILLING)


def test_who_cannot_be_told(floor: Showroom) -> None:
    """Somebody of several teams, and an account that the product does not know: nothing is guessed."""
    number = floor.people.visitor.write("visitor-1")
    floor.product_says("INSERT INTO memberships (user_id, team_id, admin) VALUES ('user-83', 'team-105', 0)")
    assert conversations.asker_now(number) == conversations.Asker()
    contact(floor, "visitor-1")["external_id"] = "user-unknown"
    assert conversations.asker_now(number).who is None


def test_a_customer_by_address(floor: Showroom) -> None:
    """Who is not signed in where they write is known by the address; no address at all is a lead's."""
    known = contact(floor, "visitor-4")
    known["email"] = floor.address("visitor-1").upper()
    number = floor.people.visitor.write("visitor-4")
    assert conversations.asker_now(number).who is Who.PAYING
    known["email"] = None
    assert conversations.asker_now(number).who is Who.LEAD


def test_what_asks_for_sales(floor: Showroom) -> None:
    """The tag or a topic of sales; another topic or tag does not."""
    number = floor.people.visitor.write("visitor-1", topic="Bug")
    assert not conversations.stands_now(number).asked
    floor.people.teammate.tag(number, AGENT, "urgent")
    assert not conversations.stands_now(number).asked
    floor.people.teammate.tag(number, AGENT)
    assert conversations.stands_now(number).asked
    floor.people.teammate.untag(number, TO_SALES)
    floor.people.teammate.set_topic(number, "Pricing")
    assert conversations.stands_now(number).asked


def test_what_the_customer_wrote(floor: Showroom) -> None:
    """The customer's words count, and those of others from outside; not ours, not sales', not a colleague's by mail."""
    number = floor.people.visitor.write("visitor-1")
    assert conversations.stands_now(number).wrote is None
    once(conversations.add_sales, number)
    once(conversations.introduce, number, "sales_transfer/introduction")
    staff = floor.world.state["roster"]["staff"][SDR]["email"]
    for address in (SALES, staff):
        known = floor.world.state["intercom"]["contacts"].values()
        sender = next((one for one in known if one["email"] == address), None)
        sender = sender or records.add_contact(floor.world, {"role": "lead", "email": address})
        records.add_part(floor.world, floor.conversation(number), "comment", "contact", sender, "<p>On it</p>")
    assert conversations.stands_now(number).wrote is None
    floor.engine.sleep(60)
    floor.people.visitor.reply(number, "visitor-2")
    assert conversations.stands_now(number).wrote == floor.engine.now()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("act", "path", "kind"),
    [
        (lambda number: once(conversations.introduce, number, "sales_transfer/introduction"), "reply", "comment"),
        (lambda number: once(conversations.note_context, number, Who.LEAD, Topic.DEMO), "reply", "note"),
        (lambda number: once(conversations.add_sales, number), "customers", "participant_added"),
    ],
)
def test_written_once(floor: Showroom, act: Callable[[str], Any], path: str, kind: str, fault: Fault) -> None:
    """Whatever becomes of an answer, it stands there once, and sales takes part once."""
    number = floor.people.visitor.write("visitor-4")
    floor.world.misbehave("intercom", fault, match=f"POST /conversations/{number}/{path}")
    assert act(number)
    parts = [part["part_type"] for part in floor.conversation(number)["parts"]]
    assert parts.count(kind) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_closed_once(floor: Showroom, fault: Fault) -> None:
    """Closed whatever becomes of the answer; one that the customer has opened again meanwhile stays open."""
    number = floor.people.visitor.write("visitor-4")
    once(conversations.introduce, number, "sales_transfer/introduction")
    floor.world.misbehave("intercom", fault, match=f"POST /conversations/{number}/parts")
    with step.acting("case-1", "last/1"):
        last = conversations.last_part.fn(number)
    assert once(conversations.close, number, last)
    assert floor.state(number) == "closed"
    floor.people.visitor.reply(number, "visitor-4")
    assert once(conversations.close, number, last)
    assert floor.state(number) == "open"
    assert len(floor.ours(number, "close")) == 1


def test_gone(floor: Showroom) -> None:
    """What would write into a deleted conversation does nothing and says so; who wrote is found by the contact."""
    number = floor.people.visitor.write("visitor-1", topic="Billing")
    with step.acting("case-1", "contact/1"):
        who = conversations.contact_of.fn(number)
    floor.people.teammate.delete(number)
    assert conversations.stands_now(number).state is State.GONE
    assert conversations.asker_now(number) == conversations.Asker()
    assert once(conversations.add_sales, number) is False
    assert once(conversations.introduce, number, "sales_transfer/introduction") is None
    assert once(conversations.note_context, number, Who.PAYING, Topic.SEATS) is None
    assert once(conversations.note, number, "common/note-answered", staff=SDR, question="take", answer="x") is None
    assert once(conversations.close, number, "")
    assert conversations.customer(number) is None
    assert owners.owners.fn(number, who).owners == Owners(account_executive="staff-68", csm="staff-11")


def test_who_has_an_account(floor: Showroom) -> None:
    """By the customer's address in Salesforce, as colleagues; nobody where it names no account or several."""
    number = floor.people.visitor.write("visitor-2")
    found = owners.owners.fn(number)
    assert found.owners == Owners(account_executive="staff-69", csm="staff-13")
    assert found.account is not None
    assert found.account in owners.account_page(found.account)
    assert owners.owners.fn(floor.people.visitor.write("visitor-4")) == owners.Found()
    for one in systems.current().salesforce.contacts.by_email(floor.address("visitor-2")):
        floor.world.state["salesforce"]["records"]["User"][_owner(floor, one.account_id)]["IsActive"] = False
    assert owners.owners.fn(number).owners == Owners(csm="staff-13")


def _owner(floor: Showroom, account: str | None) -> str:
    found: str = floor.world.state["salesforce"]["records"]["Account"][account]["OwnerId"]
    return found
