"""Sales hands somebody over to support by mail: whose conversation is opened, what stands in it, and who has it."""

from __future__ import annotations

from typing import Any

import pytest

from casework.engine.simulated import Run
from casework.sandbox import intercom_records, mailing
from flows.sales_transfer_mail_forms import Agent, Meant, Taking
from tests.scenarios.endings import assert_closed
from tests.scenarios.sales import AGENT, OPERATOR, OTHER_SDR, SDR, Showroom

OTHER_AGENT = "staff-62"
WORDS = "The importer stops at row 200, says Winterbourne"
ASIDE = "Handle with care: Peverell is in a hurry"
STRANGER = "tamsin@gooseberry-4f2e.example"
HANDED_OVER = "handed_over: support"


def copied(room: Showroom, visitor: str = "visitor-1", **more: Any) -> Run:
    """An SDR writes to a customer, with support in copy."""
    room.mail(visitor, cc=[mailing.SUPPORT], text=WORDS, **more)
    return room.run()


def forwarded(room: Showroom, address: str | None, sender: str = SDR) -> Run:
    """An SDR forwards what somebody wrote; without an address it does not show who."""
    header = "" if address is None else f"---------- Forwarded message ---------\nFrom: Somebody <{address}>\n"
    room.mail(mailing.SUPPORT, sender, f"{ASIDE}\n\n{header}{WORDS}")
    return room.run()


def opened(room: Showroom) -> str:
    """The conversation that was opened last."""
    return str(max(room.world.state["intercom"]["conversations"], key=int))


def text_of(room: Showroom, number: str) -> str:
    """What stands in a customer's name in a conversation."""
    return str(room.conversation(number)["source"]["body"])


def take(room: Showroom, run: Run, staff: str = AGENT) -> None:
    """An agent answers that they take it."""
    room.say(run, "support-take", staff, decision=Taking.MINE.value)


def test_copied(showroom: Showroom) -> None:
    """The customer's own contact, the mail's words in the customer's name, a note, the SDR in it and told; then an
    agent takes it."""
    before = len(showroom.world.state["intercom"]["contacts"])
    run = copied(showroom)
    number = opened(showroom)
    conversation = showroom.conversation(number)
    assert showroom.contact_of(number)["email"] == showroom.address("visitor-1")
    assert WORDS in text_of(showroom, number)
    (note,) = showroom.ours(number, "note")
    assert SDR in note
    assert "stays involved" in note
    assert showroom.about(run) in note
    assert len(conversation["contacts"]) == 2
    assert len(showroom.world.state["intercom"]["contacts"]) == before + 1  # the SDR's own
    assert showroom.ours(number, "comment") == []
    assert any(number in text and "take part" in text for text in showroom.slack(SDR))
    take(showroom, run)
    assert_closed(showroom, run, HANDED_OVER)
    assert showroom.state(number) == "open"


def test_forwarded(showroom: Showroom) -> None:
    """Only what the customer wrote stands in the customer's name; what sales added is a note, and sales is out."""
    run = forwarded(showroom, showroom.address("visitor-4"))
    number = opened(showroom)
    assert showroom.contact_of(number)["email"] == showroom.address("visitor-4")
    assert WORDS in text_of(showroom, number)
    assert ASIDE not in text_of(showroom, number)
    (note,) = showroom.ours(number, "note")
    assert ASIDE in note
    assert len(showroom.conversation(number)["contacts"]) == 1
    assert any("not needed" in text for text in showroom.slack(SDR))
    take(showroom, run)
    assert_closed(showroom, run, HANDED_OVER)


def test_unknown_customer(showroom: Showroom) -> None:
    """A mail that does not show whom it is about: its sender is asked; no address and a colleague's do not count."""
    run = forwarded(showroom, None, OTHER_SDR)
    before = len(showroom.world.state["intercom"]["conversations"])
    for wrong in ("Winterbourne", showroom.world.state["roster"]["staff"][AGENT]["email"]):
        showroom.say(run, "which-customer", OTHER_SDR, decision=Meant.GIVEN.value, address=wrong)
        assert len(showroom.world.state["intercom"]["conversations"]) == before
    showroom.say(run, "which-customer", OTHER_SDR, decision=Meant.GIVEN.value, address=showroom.address("visitor-2"))
    assert showroom.contact_of(opened(showroom))["email"] == showroom.address("visitor-2")
    take(showroom, run)
    assert_closed(showroom, run, HANDED_OVER)


def test_a_mistake(showroom: Showroom) -> None:
    """Not meant for support: nothing is opened, nobody in support hears of it."""
    run = forwarded(showroom, None)
    before = showroom.world.as_dict()["intercom"]
    showroom.say(run, "which-customer", SDR, decision=Meant.MISTAKE.value)
    assert_closed(showroom, run, "cancelled")
    assert showroom.world.as_dict()["intercom"]["conversations"] == before["conversations"]
    assert showroom.heads(AGENT) == []


def test_nobody_there_yet(showroom: Showroom) -> None:
    """Who is not in Intercom is made a contact once, by the address alone, also when a second mail comes."""
    run = forwarded(showroom, STRANGER)
    take(showroom, run)
    take(showroom, forwarded(showroom, STRANGER))
    contacts = showroom.world.state["intercom"]["contacts"].values()
    (made,) = [one for one in contacts if one["email"] == STRANGER]
    assert (made["role"], made["name"]) == ("user", None)


def test_several_contacts(showroom: Showroom) -> None:
    """Two leads with one address: an agent says which counts; what is no such contact is asked again."""
    twins = [lead(showroom, STRANGER) for _ in range(2)]
    run = forwarded(showroom, STRANGER)
    other = showroom.world.state["roster"]["visitors"]["visitor-1"]["contact_id"]
    showroom.say(run, "which-contact", AGENT, decision=other)
    showroom.say(run, "which-contact", AGENT, decision=twins[1])
    assert showroom.conversation(opened(showroom))["contacts"] == [twins[1]]
    assert showroom.asked(run) == "support-take"


def test_users_go_first(showroom: Showroom) -> None:
    """Of a user and leads with one address nobody is asked: it is the user."""
    lead(showroom, showroom.address("visitor-1"))
    run = copied(showroom)
    assert showroom.contact_of(opened(showroom))["role"] == "user"
    assert showroom.told(run) == ["support-take"]


def lead(room: Showroom, address: str) -> str:
    """Intercom makes a lead of somebody's visit."""
    with room.world.changing():
        made = intercom_records.add_contact(room.world, {"role": "lead", "email": address})
    room.engine.sleep(600)  # searches lag
    return str(made["id"])


@pytest.mark.parametrize("way", ["assigned", "answered", "closed", "answered here"])
def test_taken(showroom: Showroom, way: str) -> None:
    """However support takes it up, the case sees it and is over."""
    run = copied(showroom)
    number, mate = opened(showroom), showroom.people.teammate
    match way:
        case "assigned":
            showroom.at_intercom(lambda: mate.assign(number, AGENT, OTHER_AGENT))
        case "answered":
            showroom.at_intercom(lambda: mate.reply(number, OTHER_AGENT))
        case "closed":
            showroom.at_intercom(lambda: mate.close(number, AGENT))
        case "answered here":
            take(showroom, run, OTHER_AGENT)
    assert_closed(showroom, run, HANDED_OVER)


def test_a_note_is_no_taking(showroom: Showroom) -> None:
    """A colleague who only notes something has not taken it; nor has a team to which it is given."""
    run = copied(showroom)
    number, mate = opened(showroom), showroom.people.teammate
    showroom.at_intercom(lambda: mate.note(number, AGENT, "Who knows the importer?"))
    showroom.at_intercom(lambda: mate.assign(number, AGENT, "9050001"))
    assert showroom.waiting(run) == ["support-take/1"]


def test_silent(showroom: Showroom) -> None:
    """Reminded after 2 working hours, the operators after 4, who decide after 12: asked again, or somebody named."""
    run = copied(showroom)
    begun = showroom.engine.now()
    showroom.advance(hours=1.9)
    assert len(showroom.heads(AGENT)) == 1
    showroom.advance(hours=0.2)
    assert len(showroom.heads(AGENT)) == 2
    showroom.advance(hours=1.8)
    assert showroom.heads(OPERATOR) == []
    showroom.advance(hours=0.2)
    assert len(showroom.heads(OPERATOR)) == 1
    showroom.advance(hours=18)
    assert showroom.asked(run) == "support-take"
    showroom.advance(hours=6)
    assert (showroom.engine.now() - begun).days == 1
    showroom.say(run, "stuck", OPERATOR, decision=Agent.ASK_AGAIN.value)
    assert showroom.asked(run) == "support-take"
    showroom.advance(days=3)
    showroom.say(run, "stuck", OPERATOR, decision=Agent.NAMED.value, staff=OTHER_AGENT)
    take(showroom, run, OTHER_AGENT)
    assert_closed(showroom, run, HANDED_OVER)


def test_taken_while_operators_are_asked(showroom: Showroom) -> None:
    """Support answers at last: what was put to the operators is settled by that."""
    run = copied(showroom)
    showroom.advance(days=3)
    assert showroom.asked(run) == "stuck"
    showroom.at_intercom(lambda: showroom.people.teammate.reply(opened(showroom), AGENT))
    assert_closed(showroom, run, HANDED_OVER)


def test_deleted(showroom: Showroom) -> None:
    """Somebody deletes the conversation: the case is called off, and no other is opened."""
    run = copied(showroom)
    number = opened(showroom)
    showroom.people.teammate.delete(number)
    showroom.look()
    assert_closed(showroom, run, "cancelled")
    assert opened(showroom) == number


# -- what starts it


def test_one_thread(showroom: Showroom) -> None:
    """Later mails of the thread, also by another colleague in sales and after the case, open nothing more."""
    first = showroom.mail("visitor-1", cc=[mailing.SUPPORT])
    run = showroom.run()
    showroom.mail("visitor-1", OTHER_SDR, cc=[mailing.SUPPORT], answers=[first])
    take(showroom, run)
    second = showroom.mail("visitor-1", cc=[mailing.SUPPORT], answers=[first])
    showroom.mail("visitor-1", cc=[mailing.SUPPORT], answers=[first, second])
    assert showroom.runs() == [run]
    copied(showroom)
    assert len(showroom.runs()) == 2


def test_told_twice(showroom: Showroom) -> None:
    """The same mail seen again by looking starts nothing again, neither meanwhile nor afterwards."""
    run = copied(showroom)
    subject = f"mail:message:{showroom.about(run)}"
    showroom.follow("mail.changed", subject)
    take(showroom, run)
    showroom.follow("mail.changed", subject)
    showroom.settle()
    assert showroom.runs() == [run]


@pytest.mark.parametrize(
    ("sender", "more"),
    [
        (AGENT, {}),
        ("visitor-1", {}),
        (SDR, {"authentic": False}),
        (SDR, {"headers": {"Auto-Submitted": "auto-replied"}}),
    ],
)
def test_not_from_sales(showroom: Showroom, sender: str, more: dict[str, Any]) -> None:
    """What another colleague, a customer, a forger or a machine sends is nothing that we hand over."""
    before = showroom.world.as_dict()["intercom"]["conversations"]
    showroom.mail("visitor-2", sender, cc=[mailing.SUPPORT], **more)
    assert showroom.runs() == []
    assert showroom.world.as_dict()["intercom"]["conversations"] == before


def test_an_executive_is_of_sales(showroom: Showroom) -> None:
    """An account executive hands over as an SDR does."""
    run = copied(showroom, sender="staff-68")
    assert any("Support has your mail" in head for head in showroom.heads("staff-68"))
    take(showroom, run)
    assert_closed(showroom, run, HANDED_OVER)
