"""What is heard on a ticket: commands of colleagues and replies of the customer."""

from __future__ import annotations

import pytest

from tasks import zendesk
from tests.scenarios.office import START, Office

ASKED_FOR_COMMANDS = (
    ("#approve", {"verdict": "approve"}),
    ("  #APPROVE  ", {"verdict": "approve"}),
    ("#approve Read and agreed", {"verdict": "approve", "reason": "Read and agreed"}),
    ("#deny", {"verdict": "deny"}),
    ("#deny The dispute is open", {"verdict": "deny", "reason": "The dispute is open"}),
    ("#deny\nThe dispute\nis open", {"verdict": "deny", "reason": "The dispute\nis open"}),
    ("#deny\tOpen", {"verdict": "deny", "reason": "Open"}),
    ("#approved", None),
    ("I would #approve", None),
    ("approve", None),
    ("#", None),
)


@pytest.mark.parametrize(("text", "values"), ASKED_FOR_COMMANDS)
def test_commands(office: Office, text: str, values: dict[str, str] | None) -> None:
    """A command stands at the beginning of an internal note; what follows it is the reason."""
    ticket = office.people.customer.open_ticket("user-88", [])
    office.people.agent.internal_note(ticket, "staff-13", text)
    heard = [one.values for one in zendesk.commands(ticket, START)]
    assert heard == ([values] if values else [])


def test_a_command_names_its_author_and_its_comment(office: Office) -> None:
    """Who commands is who wrote the note, and each note counts by its own id."""
    ticket = office.people.customer.open_ticket("user-88", [])
    comment = office.people.agent.internal_note(ticket, "staff-13", "#approve")
    (heard,) = zendesk.commands(ticket, START)
    assert (heard.identity.kind, heard.identity.value) == ("zendesk", "7005")
    assert heard.reference == f"ticket:comment-{comment}"


def test_unreachable(office: Office) -> None:
    """`#unreachable` at the beginning of an internal note after ours is heard, in any case of letters; else nothing."""
    ticket = office.people.customer.open_ticket("user-88", [])
    office.people.agent.internal_note(ticket, "staff-41", "#unreachable")
    told = office.people.agent.internal_note(ticket, "staff-61", "We decide now")
    heard = office.people.agent.internal_note(ticket, "staff-41", " #Unreachable their proxy says no")
    for text in ("It is #unreachable", "#approve", "#unreachable."):
        office.people.agent.internal_note(ticket, "staff-41", text)
    office.people.customer.reply(ticket, "#unreachable")
    assert [(one.reference, one.values) for one in zendesk.unreachable(ticket, told)] == [
        (f"ticket:comment-{heard}", {"outcome": "unreachable"})
    ]


def test_replies(office: Office) -> None:
    """Only public comments of the requester after ours are replies to it."""
    ticket = office.people.customer.open_ticket("user-88", [])
    office.people.customer.reply(ticket, "Early")
    told = office.people.agent.internal_note(ticket, "staff-61", "We ask now")
    office.people.customer.reply(ticket, "From a colleague", "user-89")
    answer = office.people.customer.reply(ticket, "Here it is")
    assert [heard.values for heard in zendesk.replies(ticket, told)] == [{"comment": answer}]


def test_gone(office: Office) -> None:
    """A ticket that was closed, merged or deleted is no ground for a case; a solved one still is."""
    tickets = [office.people.customer.open_ticket("user-88", []) for _ in range(5)]
    office.people.agent.set_status(tickets[1], "solved")
    office.people.agent.close(tickets[2])
    office.people.agent.merge(tickets[3], tickets[0])
    del office.world.state["zendesk"]["tickets"][str(tickets[4])]
    assert [zendesk.gone(ticket) for ticket in tickets] == [
        None,
        None,
        "the ticket was closed",
        "the ticket was merged into another",
        "the ticket was deleted",
    ]
