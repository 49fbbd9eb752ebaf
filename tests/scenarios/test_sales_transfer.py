"""Support hands a conversation to sales: who is eligible, who takes it, and when the conversation is closed."""

from __future__ import annotations

import pytest

from casework.engine.simulated import Run
from casework.sandbox import mailing, seed_transfer
from flows.sales_transfer_forms import Classified, Custody, Moved, Owner, Sent, StillForSales, Taken
from policies.sales_transfer import NUMBERS
from policies.sales_transfer_facts import Topic, Who
from tests.scenarios.endings import assert_closed
from tests.scenarios.sales import AGENT, MANAGER, OPERATOR, OTHER_SDR, SDR, Showroom

EXECUTIVE, CSM = "staff-68", "staff-11"
WRITERS = {Who.PAYING: "visitor-1", Who.TRIAL: "visitor-2", Who.LEAD: "visitor-4"}
TAKEN = {Who.LEAD: NUMBERS.eligible.lead, Who.TRIAL: NUMBERS.eligible.customer, Who.PAYING: NUMBERS.eligible.customer}
NAMED = [topic for topic in Topic if topic is not Topic.OTHER]


def label(topic: Topic) -> str:
    """What Intercom's topic field says for a topic."""
    return str(getattr(NUMBERS.topics, topic.value)[0])


def on_trial(room: Showroom) -> None:
    """The team of `visitor-2` has no contract."""
    room.product_says("UPDATE teams SET contract_end = NULL WHERE id = 'team-104'")


def customer(room: Showroom, topic: Topic = Topic.SEATS, visitor: str = "visitor-1") -> Run:
    """A customer's question went to sales."""
    return room.ask_sales(visitor, label(topic))


def with_sdr(room: Showroom) -> Run:
    """An SDR has taken a customer."""
    run = customer(room)
    room.take(run)
    return run


def closed(room: Showroom, run: Run) -> bool:
    """Whether the conversation of a run is closed."""
    return room.state(room.about(run)) == "closed"


def untouched(room: Showroom, run: Run) -> bool:
    """Whether nobody was told that sales would come: neither the customer nor sales."""
    number = room.about(run)
    return room.ours(number, "comment") == [] and not room.with_sales(number) and room.heads(SDR) == []


# -- who is eligible


@pytest.mark.parametrize("who", list(Who))
def test_every_row(showroom: Showroom, who: Who) -> None:
    """What sales takes from whom is introduced to it; with anything else support is told why it keeps it."""
    on_trial(showroom)
    # Until the first that is taken sales has heard nothing.
    for topic in sorted(NAMED, key=lambda topic: topic in TAKEN[who]):
        run = customer(showroom, topic, WRITERS[who])
        number = showroom.about(run)
        (note,) = showroom.ours(number, "note")
        assert f"{who}, topic {topic}" in note
        if topic in TAKEN[who]:
            assert showroom.waiting(run) == ["take/1"]
            assert showroom.with_sales(number)
            (introduction,) = showroom.ours(number, "comment")
            assert "sales team" in introduction
        else:
            assert_closed(showroom, run, "kept_by_support: not_eligible")
            assert untouched(showroom, run)
        assert showroom.state(number) == "open"
    assert len(showroom.runs()) == len(NAMED)


@pytest.mark.parametrize("topic", [None, "Bug"])
def test_unknown_topic(showroom: Showroom, topic: str | None) -> None:
    """No topic, or one that means nothing to us: an agent says it, or that it is something else."""
    run = customer_with(showroom, topic)
    showroom.say(run, "classify", AGENT, decision=Classified.SAID.value, topic=Topic.BILLING.value)
    assert showroom.asked(run) == "take"
    other = customer_with(showroom, topic)
    showroom.say(other, "classify", AGENT, decision=Classified.SAID.value, topic=Topic.OTHER.value)
    assert_closed(showroom, other, "kept_by_support: not_eligible")
    assert "other" in showroom.ours(showroom.about(other), "note")[-1]


def customer_with(room: Showroom, topic: str | None) -> Run:
    """A conversation of a customer is tagged, whatever its topic field says."""
    return room.tag(room.write("visitor-1"), topic)


def test_topic_put_right(showroom: Showroom) -> None:
    """Setting the topic in Intercom settles the question for it."""
    run = customer_with(showroom, "Bug")
    showroom.people.teammate.set_topic(showroom.about(run), label(Topic.SEATS))
    showroom.look()
    assert showroom.asked(run) == "take"


def test_unknown_who(showroom: Showroom) -> None:
    """Somebody whose team has left us is neither customer nor lead by themselves: an agent says who it is."""
    showroom.product_says("UPDATE teams SET status = 'churned' WHERE id = 'team-103'")
    run = customer(showroom, Topic.PRICING)
    assert "paying customer" in showroom.question(run)
    assert "demo" not in showroom.question(run)
    showroom.say(run, "classify", AGENT, decision=Classified.SAID.value, who=Who.LEAD.value)
    assert showroom.asked(run) == "take"


def test_topic_alone(showroom: Showroom) -> None:
    """A topic field that is for sales asks for the transfer without any tag, and starts one case."""
    conversation = showroom.write("visitor-1", topic=label(Topic.UPGRADE))
    run = showroom.run()
    assert showroom.asked(run) == "take"
    showroom.tag(conversation)
    assert showroom.runs() == [run]


def test_closed_early(showroom: Showroom) -> None:
    """Closed before anything was said: an agent decides whether it still goes to sales."""
    for says, question in ((StillForSales.GO_ON, "take"), (StillForSales.LEAVE, "")):
        conversation = showroom.write("visitor-1")
        showroom.people.teammate.close(conversation, AGENT)
        run = showroom.tag(conversation, label(Topic.SEATS))
        showroom.say(run, "closed-early", AGENT, decision=says.value)
        assert showroom.asked(run) == question
    assert showroom.ending(run) == "kept_by_support: closed"
    assert not showroom.with_sales(conversation)


def test_withdrawn_at_once(showroom: Showroom) -> None:
    """Untagged while the topic is asked: nothing was said to anybody, so that is the end."""
    run = customer_with(showroom, None)
    showroom.people.teammate.untag(showroom.about(run))
    showroom.look()
    assert_closed(showroom, run, "kept_by_support: withdrawn")
    assert untouched(showroom, run)


@pytest.mark.parametrize("says", list(StillForSales))
def test_untagged(showroom: Showroom, says: StillForSales) -> None:
    """Tag and topic taken back after the introduction: an agent is asked, and the SDR who had it hears of it."""
    run = with_sdr(showroom)
    number = showroom.about(run)
    showroom.people.teammate.untag(number)
    showroom.people.teammate.set_topic(number, "Bug")
    showroom.look()
    showroom.say(run, "untagged", AGENT, decision=says.value)
    called_off = [one for one in showroom.heads(SDR) if one.startswith("Not yours any more")]
    if says is StillForSales.GO_ON:
        assert showroom.asked(run) == "new-thread"
        assert called_off == []
    else:
        assert_closed(showroom, run, "kept_by_support: withdrawn")
        assert len(called_off) == 1
        assert "was told that sales would write" in showroom.ours(number, "note")[-1]
    assert showroom.state(number) == "open"


def test_deleted(showroom: Showroom) -> None:
    """Deleted before: support keeps nothing. Deleted afterwards: sales has it in its own inbox and goes on."""
    run = customer_with(showroom, None)
    showroom.people.teammate.delete(showroom.about(run))
    showroom.look()
    assert_closed(showroom, run, "kept_by_support: gone")
    run = with_sdr(showroom)
    showroom.people.teammate.delete(showroom.about(run))
    showroom.look()
    showroom.say(run, "new-thread", SDR, decision=Sent.SENT.value)
    assert showroom.asked(run) == "outcome"


# -- who takes it


def test_a_customer(showroom: Showroom) -> None:
    """Taken, the executive told, the thread confirmed, the conversation closed after that, and the executive has it."""
    run = customer(showroom)
    number = showroom.about(run)
    assert any("take" in text for text in showroom.slack(SDR))
    assert any("take" in text for text in showroom.slack(OTHER_SDR))
    assert showroom.heads(EXECUTIVE) == []
    showroom.take(run)
    assert any(head.startswith("A question from") for head in showroom.heads(EXECUTIVE))
    assert showroom.heads(CSM) == []
    assert EXECUTIVE in showroom.question(run)
    assert showroom.asked(run) == "new-thread"
    assert not closed(showroom, run)
    showroom.sent(run)
    assert closed(showroom, run)
    assert showroom.ours(number, "close") == [""]
    assert "I have it" in showroom.question(run)
    showroom.say(run, "outcome", EXECUTIVE, decision=Custody.MINE.value)
    assert_closed(showroom, run, "handed_over: customer")
    assert closed(showroom, run)
    assert showroom.told(run) == ["take", "new-thread", "outcome"]


def test_nothing_comes_of_it(showroom: Showroom) -> None:
    """The executive says so; that is an end too."""
    run = with_sdr(showroom)
    showroom.sent(run)
    showroom.say(run, "outcome", EXECUTIVE, decision=Custody.NOTHING.value)
    assert_closed(showroom, run, "handed_over: customer")


def test_reminded(showroom: Showroom) -> None:
    """Reminded after 2 working hours, the manager after 4, after 12 it is the operators' to decide."""
    run = customer(showroom)
    reminders = []
    for hours in (1.9, 0.2, 1.7, 0.4):
        showroom.advance(hours=hours)
        reminders.append((len(showroom.heads(SDR)), len(showroom.heads(MANAGER))))
    assert reminders == [(1, 0), (2, 0), (2, 0), (2, 1)]
    showroom.advance(hours=18)
    assert (showroom.asked(run), showroom.heads(OPERATOR)) == ("take", [])
    showroom.advance(hours=6.5)
    assert showroom.asked(run) == "stuck"
    assert len(showroom.heads(OPERATOR)) == 1


def test_working_hours(showroom: Showroom) -> None:
    """What comes on Friday evening is not overdue on Monday morning."""
    showroom.advance(days=4, hours=7.5)
    run = customer(showroom)
    showroom.advance(days=2, hours=12)
    assert [len(showroom.heads(one)) for one in (SDR, MANAGER)] == [1, 0]
    showroom.advance(hours=9)
    assert [len(showroom.heads(one)) for one in (SDR, MANAGER)] == [2, 1]
    assert showroom.asked(run) == "take"


def test_the_manager_takes_it(showroom: Showroom) -> None:
    """Who was added by the escalation may take it too."""
    run = customer(showroom)
    showroom.advance(hours=5)
    showroom.take(run, MANAGER)
    assert showroom.asked(run) == "new-thread"
    assert any("new-thread" in text for text in showroom.slack(MANAGER))


@pytest.mark.parametrize("says", list(Moved))
def test_nobody_takes_it(showroom: Showroom, says: Moved) -> None:
    """The operators name somebody, have it asked again with the same times, or give it back to support."""
    run = customer(showroom)
    showroom.advance(days=2)
    showroom.say(run, "stuck", OPERATOR, decision=Moved.NAMED.value, sdr="staff-999")  # nobody of this name
    named = {"sdr": OTHER_SDR} if says is Moved.NAMED else {}
    showroom.say(run, "stuck", OPERATOR, decision=says.value, **named)
    number = showroom.about(run)
    match says:
        case Moved.NAMED:
            assert showroom.asked(run) == "new-thread"
            showroom.sent(run, OTHER_SDR)
            assert closed(showroom, run)
        case Moved.ASK_AGAIN:
            assert showroom.waiting(run) == ["take/2"]
            showroom.advance(days=2)
            assert showroom.waiting(run) == ["stuck/3"]
        case Moved.KEEP:
            assert_closed(showroom, run, "kept_by_support: not_taken")
            assert "was told that sales would write" in showroom.ours(number, "note")[-1]
    assert (showroom.state(number) == "closed") is (says is Moved.NAMED)


def test_nobody_writes(showroom: Showroom) -> None:
    """Taken, and no thread: reminded, the manager, the operators, who may give it to somebody else."""
    run = with_sdr(showroom)
    begun = len(showroom.heads(SDR))
    showroom.advance(hours=4.1)
    assert len(showroom.heads(SDR)) == begun + 1
    showroom.advance(days=3)
    assert any("new-thread" in text for text in showroom.slack(MANAGER))
    assert SDR in showroom.question(run)
    showroom.say(run, "stuck", OPERATOR, decision=Moved.NAMED.value, sdr=OTHER_SDR)
    assert showroom.asked(run) == "new-thread"
    assert not closed(showroom, run)
    showroom.sent(run, OTHER_SDR)
    assert closed(showroom, run)


@pytest.mark.parametrize("when", ["take", "new-thread"])
def test_not_for_sales(showroom: Showroom, when: str) -> None:
    """Sales says that it is support's: support is told, and tells the customer; the conversation stays open."""
    run = customer(showroom)
    if when == "take":
        showroom.take(run, decision=Taken.NOT_FOR_SALES.value)
    else:
        showroom.take(run)
        showroom.sent(run, decision=Sent.NOT_FOR_SALES.value)
    assert_closed(showroom, run, "kept_by_support: declined")
    assert "was told that sales would write" in showroom.ours(showroom.about(run), "note")[-1]
    assert not closed(showroom, run)


# -- the new thread


def test_confirmed_by_mail(showroom: Showroom) -> None:
    """A mail of sales to this customer with support in copy is the new thread; nobody has to say so."""
    run = with_sdr(showroom)
    showroom.mail("visitor-2", cc=[mailing.SUPPORT])
    showroom.mail("visitor-1", "staff-61", cc=[mailing.SUPPORT])
    showroom.mail("visitor-1", cc=[mailing.SUPPORT], authentic=False)
    assert showroom.asked(run) == "new-thread"
    assert not closed(showroom, run)
    showroom.mail("visitor-1", cc=[mailing.SUPPORT])
    assert showroom.asked(run) == "outcome"
    assert closed(showroom, run)
    assert showroom.told(run)[-2:] == ["new-thread", "outcome"]


def test_mail_before_taking(showroom: Showroom) -> None:
    """A mail from before the introduction is none of this transfer's; one after it counts once somebody takes it."""
    showroom.mail("visitor-1", cc=[mailing.SUPPORT])
    showroom.advance(minutes=5)
    run = customer(showroom)
    showroom.take(run, OTHER_SDR)
    assert showroom.asked(run) == "new-thread"
    second = customer(showroom, visitor="visitor-2")
    showroom.mail("visitor-2", cc=[mailing.SUPPORT])
    assert (showroom.asked(second), closed(showroom, second)) == ("take", False)
    showroom.take(second)
    assert (showroom.asked(second), closed(showroom, second)) == ("outcome", True)
    assert any(head.startswith("A question from") for head in showroom.heads("staff-69"))
    assert (showroom.asked(run), closed(showroom, run)) == ("new-thread", False)


def test_support_reads_whence_it_comes(showroom: Showroom) -> None:
    """The mail that confirms the thread is support's too: the note in its conversation names the transfer."""
    run = with_sdr(showroom)
    showroom.mail("visitor-1", cc=[mailing.SUPPORT])
    opened = max(showroom.world.state["intercom"]["conversations"], key=int)
    (note,) = showroom.ours(opened, "note")
    assert f"case {run.case_id[:8]}" in note
    assert showroom.state(opened) == "open"


def test_written_meanwhile(showroom: Showroom) -> None:
    """What the customer writes into the old conversation reaches the SDR, each time once, and settles nothing."""
    run = customer(showroom)
    showroom.again(run, "Who takes care of me?")
    assert showroom.asked(run) == "take"
    showroom.take(run)
    for times in (1, 2):
        assert [head.startswith("Your customer has written again") for head in showroom.heads(SDR)].count(True) == times
        assert showroom.asked(run) == "new-thread"
        showroom.again(run, "Hello?")
    assert not closed(showroom, run)


def test_written_after_closing(showroom: Showroom) -> None:
    """Who writes once more opens the conversation for support: the SDR hears of it, and it is not closed again."""
    run = with_sdr(showroom)
    showroom.sent(run)
    showroom.again(run, "The importer is broken")
    assert not closed(showroom, run)
    assert any(head.startswith("Your customer has written again") for head in showroom.heads(SDR))
    showroom.say(run, "outcome", EXECUTIVE, decision=Custody.MINE.value)
    assert_closed(showroom, run, "handed_over: customer")
    assert not closed(showroom, run)
    assert len(showroom.ours(showroom.about(run), "close")) == 1


def test_closed_by_hand(showroom: Showroom) -> None:
    """An agent closes it before the thread is there: nothing else is said for that, and it is not closed twice."""
    run = with_sdr(showroom)
    number = showroom.about(run)
    showroom.at_intercom(lambda: showroom.people.teammate.close(number, AGENT))
    assert showroom.asked(run) == "new-thread"
    showroom.sent(run)
    assert showroom.ours(number, "close") == []
    assert closed(showroom, run)


def test_sales_answers_in_the_conversation(showroom: Showroom) -> None:
    """What sales writes there itself, by its address, is no news of the customer."""
    run = with_sdr(showroom)
    number = showroom.about(run)
    sales = next(
        one for one in showroom.world.state["intercom"]["contacts"].values() if one["email"] == seed_transfer.SALES
    )
    showroom.world.state["roster"]["visitors"]["sales"] = {"id": "sales", "contact_id": sales["id"]}
    showroom.at_intercom(lambda: showroom.people.visitor.reply(number, "sales", "We take it from here"))
    showroom.look()
    assert showroom.waiting(run) == ["new-thread/1"]
    assert not any("written again" in head for head in showroom.heads(SDR))


# -- who has the account


def test_without_an_executive(showroom: Showroom) -> None:
    """The executive is no colleague of ours any more: the CSM hears of it."""
    showroom.product_says("UPDATE staff SET email = 'away@elsewhere.example' WHERE id = ?", EXECUTIVE)
    run = with_sdr(showroom)
    assert any(head.startswith("A question from") for head in showroom.heads(CSM))
    showroom.sent(run)
    showroom.say(run, "outcome", CSM, decision=Custody.MINE.value)
    assert_closed(showroom, run, "handed_over: customer")


def test_without_owners(showroom: Showroom) -> None:
    """A paying customer whom Salesforce does not know: the manager names who takes it."""
    run = customer(showroom, visitor="visitor-3")
    showroom.take(run)
    showroom.say(run, "account-owner", MANAGER, decision=Owner.NAMED.value, owner="staff-67")
    assert any(head.startswith("A question from") for head in showroom.heads("staff-67"))
    assert showroom.asked(run) == "new-thread"


@pytest.mark.parametrize("owned", [True, False])
def test_on_trial(showroom: Showroom, owned: bool) -> None:
    """Somebody on trial goes to the executive where there is one, and is otherwise followed as a lead."""
    showroom.product_says("UPDATE teams SET contract_end = NULL")
    run = customer(showroom, visitor="visitor-1" if owned else "visitor-3")
    showroom.take(run)
    told = [head for head in showroom.heads(EXECUTIVE) if head.startswith("A question from")]
    assert len(told) == (1 if owned else 0)
    assert showroom.asked(run) == "new-thread"
    assert (EXECUTIVE in showroom.question(run)) is owned
    assert ("technical" in showroom.question(run)) is not owned


# -- what became of it


def test_stalled(showroom: Showroom) -> None:
    """The owner is reminded on day 5 and 10; after 14 days the SDR's manager hears of it, and that is the end."""
    run = with_sdr(showroom)
    showroom.sent(run)
    begun = len(showroom.heads(EXECUTIVE))
    for days, reminders in ((4.9, 0), (0.2, 1), (4.8, 1), (0.2, 2)):
        showroom.advance(days=days)
        assert len(showroom.heads(EXECUTIVE)) == begun + reminders
    assert not any("stands still" in head for head in showroom.heads(MANAGER))
    showroom.advance(days=3.8)
    assert showroom.ending(run) is None
    showroom.advance(days=0.3)
    assert_closed(showroom, run, "stalled: customer")
    assert [("stands still" in head) for head in showroom.heads(MANAGER)].count(True) == 1


def test_asked_again_later(showroom: Showroom) -> None:
    """The tag stays; taken off and attached again after the end it asks for another transfer."""
    run = with_sdr(showroom)
    showroom.sent(run)
    showroom.say(run, "outcome", EXECUTIVE, decision=Custody.MINE.value)
    number = showroom.about(run)
    showroom.again(run, "And ten more seats")
    assert showroom.runs() == [run]
    showroom.advance(hours=1)
    showroom.people.teammate.untag(number)
    second = showroom.tag(number)
    assert second is not run
    assert showroom.asked(second) == "take"
    assert len(showroom.ours(number, "comment")) == 2
