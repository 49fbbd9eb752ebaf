"""A concern about name or gender: settled with Member Review and Safety, answered with the member's own name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework.answer import Accepted, Refused
from casework.case import Kind
from casework.engine.simulated import Run
from policies.identity_concern import Reply, Topic
from policies.messages import CATALOGUES, MessageTemplate
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency

PROCESS = "identity-concern"
SETTLED = {"decision": "settled: nothing is open for us"}
OPEN = "still open: Tier 2 has to do or to answer something"
REPLY = "ready for the reply"
RIGHT, OTHER, LATER = "the name is right: send the reply", "another name", "something else first"
MEMBER = "the member has to be asked"
BY_HAND = "I go on with this case by hand"
BOTH = "name and gender"
NAME = "Linnéa-Mai O’Tarn"


def open_concern(agency: Agency, member: str | None = "member-1", **more: Any) -> tuple[str, Run]:
    """A member writes about their name; the case waits for Member Review and Safety."""
    case = agency.open(member, "Hello", "You keep using my deadname, I am Linnéa-Mai O’Tarn.", **more)
    run = agency.run(case, PROCESS)
    assert agency.waiting(run) == ["member-review/1"], run.standing and run.standing.story
    return case, run


def say(agency: Agency, run: Run, wait: str, staff: str = "staff-81", **values: Any) -> None:
    """Somebody answers the open question of this name."""
    assert [one.rpartition("/")[0] for one in agency.waiting(run)] == [wait], run.standing and run.standing.story
    assert isinstance(agency.answer(run, staff, **values), Accepted)


def settled(agency: Agency, run: Run) -> None:
    """Member Review and Safety have nothing open."""
    say(agency, run, "member-review", "staff-91", **SETTLED)


def read(agency: Agency, run: Run, name: str = NAME, topic: Topic = Topic.NAME_SHOWN, **more: Any) -> None:
    """An agent says what the case needs for the reply."""
    say(agency, run, "concern", decision=REPLY, topic=topic.value, name=name, **more)


def confirm(agency: Agency, run: Run, name: str = NAME, staff: str = "staff-82") -> None:
    """A person types the name that the reply shows."""
    say(agency, run, "reply-name", staff, decision=RIGHT, name=name)


def contact(agency: Agency, member: str = "member-1") -> dict[str, Any]:
    """A member's account as Salesforce has it."""
    number = agency.world.state["roster"]["members"][member]["contact_id"]
    return next(one for one in agency.records("Contact") if one["Id"] == number)


def edited(monkeypatch: pytest.MonkeyPatch, reply: Reply, old: str, new: str) -> None:
    """Somebody edits an approved template badly."""
    catalogue = CATALOGUES["identity_concern"]
    source = (
        "Hello {{ name }},\n\nthank you for telling us. We have looked at how your name is shown.\n\nThe support team\n"
    ).replace(old, new)
    assert new in source
    made: MessageTemplate = replace(catalogue[reply], _body=catalogue[reply]._body.environment.from_string(source))
    monkeypatch.setitem(catalogue._templates, reply.value, made)


# -- the whole way


@pytest.mark.parametrize("topic", Topic)
def test_answered_by_the_member_s_own_name(agency: Agency, topic: Topic) -> None:
    """Safety has settled it, an agent gives the name, another confirms what the draft shows: one mail, with that name
    and no other, and the case is closed."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run, topic=topic)
    assert agency.sent(case) == []
    assert f"Hello {NAME}," in agency.comments(case)[-1]
    confirm(agency, run)
    assert_closed(agency, run, "resolved")
    (mail,) = agency.sent(case)
    assert mail.startswith(f"Hello {NAME},\n")
    assert not any(other in mail for other in ("Clementina", "Wrenfield"))
    assert agency.record(case)["Status"] == "Closed"
    assert agency.record(case)["Reason"] == "Gender Identity"
    assert agency.record(case).get("Secondary_Reason__c") is None
    assert "confirmed by staff-82" in agency.comments(case)[-1]


def test_the_subject_is_ours(agency: Agency) -> None:
    """What the member wrote in the subject, an old name perhaps, is not sent back to them with the reply."""
    case = agency.open("member-1", "Not Clementina any more: display name", "Please.")
    run = agency.run(case, PROCESS)
    settled(agency, run)
    read(agency, run)
    confirm(agency, run)
    (sent,) = [one for one in agency.records("EmailMessage") if one.get("ParentId") == case and not one["Incoming"]]
    assert sent["Subject"].startswith("Your message to us")
    assert "Clementina" not in sent["Subject"]


# -- with Member Review and Safety


def test_as_many_rounds_as_needed(agency: Agency) -> None:
    """What Safety need is noted on the case for Tier 2, whose answer is noted for Safety, who are asked again."""
    case, run = open_concern(agency)
    for number in (1, 2):
        say(agency, run, "member-review", "staff-91", decision=OPEN, needed=f"Which profile, part {number}?")
        assert f"Which profile, part {number}?" in agency.comments(case)[-2] + agency.comments(case)[-1]
        say(agency, run, "safety-needs", decision="answered: they are asked again", answer=f"The newest, {number}.")
        assert any(f"The newest, {number}." in one for one in agency.comments(case))
    assert agency.waiting(run) == ["member-review/3"]
    settled(agency, run)
    read(agency, run)
    confirm(agency, run)
    assert_closed(agency, run, "resolved")


def test_safety_looks_again(agency: Agency) -> None:
    """Tier 2 can have Safety look again, and say what for."""
    case, run = open_concern(agency)
    settled(agency, run)
    again = {"decision": "Member Review and Safety have to look again", "task": "There is a second profile."}
    say(agency, run, "concern", **again)
    assert any("There is a second profile." in one for one in agency.comments(case))
    assert agency.waiting(run) == ["member-review/2"]
    settled(agency, run)
    assert agency.waiting(run) == ["concern/2"]


def test_only_safety_answers_for_safety(agency: Agency) -> None:
    """An agent of Tier 2 can't settle what is put to Member Review and Safety; after days the operators can."""
    _, run = open_concern(agency)
    assert isinstance(agency.answer(run, "staff-81", **SETTLED), Refused)
    assert isinstance(agency.answer(run, "staff-41", **SETTLED), Refused)
    agency.advance(days=5)
    assert any("member-review" in text for text in agency.slack("staff-41"))
    assert isinstance(agency.answer(run, "staff-41", **SETTLED), Accepted)


@pytest.mark.parametrize("at", ["safety-needs", "concern"])
def test_an_agent_takes_it_over(agency: Agency, at: str) -> None:
    """An agent who goes on by hand has the case: it stays open, nothing is sent, and ours does not come back."""
    case, run = open_concern(agency)
    if at == "safety-needs":
        say(agency, run, "member-review", "staff-91", decision=OPEN, needed="A telephone call.")
    else:
        settled(agency, run)
    say(agency, run, at, decision=BY_HAND)
    assert_closed(agency, run, "by_hand")
    assert agency.record(case)["Status"] != "Closed"
    assert agency.sent(case) == []
    agency.mail(case, "Hello?")
    assert len(agency.runs(case, PROCESS)) == 1


def test_called_off(agency: Agency) -> None:
    """Closed in Salesforce by an agent: nobody is asked any more, and nothing is sent."""
    case, run = open_concern(agency)
    settled(agency, run)
    agency.edit(case, "staff-82", Status="Closed")
    assert_closed(agency, run, "cancelled")
    assert agency.sent(case) == []


# -- with the member


@pytest.mark.parametrize(
    ("about", "asked", "not_asked"),
    [
        ("the name that they use", "the name that you use", "gender"),
        ("the gender that the account should show", "gender", "the name that you use"),
        ("both, name and gender", "gender", "a little more"),
        ("where they saw it", "where you saw", "gender"),
        ("what happened and what they need", "a little more", "gender"),
    ],
)
def test_the_member_is_asked(agency: Agency, about: str, asked: str, not_asked: str) -> None:
    """Asked by mail without any name; the answer is read by an agent, who is told that it is there."""
    case, run = open_concern(agency)
    settled(agency, run)
    say(agency, run, "concern", decision=MEMBER, asks=about)
    (mail,) = agency.sent(case)
    assert mail.startswith("Hello,\n")
    assert asked in mail
    assert not_asked not in mail
    assert agency.waiting(run) == ["member-answer/1"]
    agency.mail(case, f"I am {NAME}.")
    assert agency.waiting(run) == ["concern/2"]
    assert run.pause is not None
    assert "The member has written" in run.pause.question
    read(agency, run)
    confirm(agency, run)
    assert_closed(agency, run, "resolved")
    assert agency.kinds(case, PROCESS) == ["ask-member"]


@pytest.mark.parametrize(("at", "then"), [("concern", "concern/2"), ("safety-needs", "member-review/2")])
def test_the_member_has_written_already(agency: Agency, at: str, then: str) -> None:
    """A mail that came while an agent decided to ask is read first, and the member is not asked past it."""
    case, run = open_concern(agency)
    if at == "concern":
        settled(agency, run)
    else:
        say(agency, run, "member-review", "staff-91", decision=OPEN, needed="The page.")
    agency.mail(case, "It was on my profile.")
    say(agency, run, at, decision=MEMBER, asks="where they saw it")
    assert agency.waiting(run) == [then]
    assert agency.sent(case) == []


def test_the_member_is_asked_for_safety(agency: Agency) -> None:
    """What Safety need of the member is asked for, and then Safety look again."""
    case, run = open_concern(agency)
    say(agency, run, "member-review", "staff-91", decision=OPEN, needed="The page.")
    say(agency, run, "safety-needs", decision=MEMBER, asks="where they saw it")
    agency.mail(case, "On my profile.")
    assert agency.waiting(run) == ["member-review/2"]


def test_the_member_is_reminded(agency: Agency) -> None:
    """Two reminders, then an agent is asked; asked again, the member has as long again."""
    case, run = open_concern(agency)
    settled(agency, run)
    say(agency, run, "concern", decision=MEMBER, asks="where they saw it")
    agency.advance(days=15)
    assert agency.kinds(case, PROCESS) == ["ask-member", "member-reminder", "member-reminder"]
    say(agency, run, "member-silent", decision="ask again")
    assert agency.kinds(case, PROCESS)[-1] == "ask-member"
    agency.mail(case, "Sorry, on my profile.")
    assert agency.waiting(run) == ["concern/2"]
    assert all(mail.startswith("Hello,\n") for mail in agency.sent(case))


@pytest.mark.parametrize(("by", "ending"), [("concern", "withdrawn"), ("safety-needs", "withdrawn")])
def test_the_member_is_silent(agency: Agency, by: str, ending: str) -> None:
    """An agent closes the case of a member who does not answer; the member is told, without a name."""
    case, run = open_concern(agency)
    if by == "concern":
        settled(agency, run)
    else:
        say(agency, run, "member-review", "staff-91", decision=OPEN, needed="The page.")
    say(agency, run, by, decision=MEMBER, asks="where they saw it")
    agency.advance(days=15)
    say(agency, run, "member-silent", decision="close the case")
    assert_closed(agency, run, ending)
    assert agency.kinds(case, PROCESS)[-1] == "closed-unanswered"
    assert agency.sent(case)[-1].startswith("Hello,\n")
    assert agency.record(case)["Status"] == "Closed"


def test_going_on_without_an_answer(agency: Agency) -> None:
    """An agent can decide that the answer is not needed."""
    _, run = open_concern(agency)
    settled(agency, run)
    say(agency, run, "concern", decision=MEMBER, asks="where they saw it")
    agency.advance(days=15)
    say(agency, run, "member-silent", decision="go on without an answer")
    assert agency.waiting(run) == ["concern/2"]


@pytest.mark.parametrize("decision", ["close the case", "ask again"])
def test_an_answer_after_all(agency: Agency, decision: str) -> None:
    """A member who writes while an agent decides about their silence is heard: nothing is closed or asked again."""
    case, run = open_concern(agency)
    settled(agency, run)
    say(agency, run, "concern", decision=MEMBER, asks="where they saw it")
    agency.advance(days=15)
    before = len(agency.sent(case))
    agency.mail(case, "I was away.")
    say(agency, run, "member-silent", decision=decision)
    assert agency.waiting(run) == ["concern/2"]
    assert len(agency.sent(case)) == before


def test_what_the_member_writes_meanwhile(agency: Agency) -> None:
    """A mail that comes while the name is confirmed is read by an agent before anything is changed or sent."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run, change="the name")
    agency.mail(case, "Please wait, I am not sure yet.")
    confirm(agency, run)
    assert agency.waiting(run) == ["concern/2"]
    assert agency.sent(case) == []
    assert contact(agency)["Display_Name__c"] is None


# -- the account


@pytest.mark.parametrize(
    ("change", "reply", "display", "gender"),
    [
        ("the name", "the name on your account", NAME, None),
        ("the gender", "the gender on your account", None, "Non-binary"),
        (BOTH, "the name and the gender on your account", NAME, "Non-binary"),
    ],
)
def test_the_account_is_changed(
    agency: Agency, change: str, reply: str, display: str | None, gender: str | None
) -> None:
    """After the confirmation what was asked for is changed, nothing else, and the reply says so."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run, topic=Topic.ACCOUNT_CHANGE, change=change, **({"gender": gender} if gender else {}))
    assert contact(agency)["Display_Name__c"] is None
    confirm(agency, run)
    assert_closed(agency, run, "resolved")
    assert contact(agency)["Display_Name__c"] == display
    assert contact(agency)["Gender__c"] == gender
    assert contact(agency)["FirstName"] == "Clementina"
    (mail,) = agency.sent(case)
    assert f"changed {reply} as you asked" in mail
    assert agency.record(case).get("Secondary_Reason__c") == ("Name Change" if display else None)


def test_a_change_that_salesforce_refuses(agency: Agency) -> None:
    """A gender that the account's list does not have: nothing is changed or sent, and an agent is asked why."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run, change=BOTH, gender="Zorbonian")
    confirm(agency, run)
    assert run.pause is not None
    assert "Salesforce refused it" in run.pause.question
    assert contact(agency)["Display_Name__c"] is None
    assert agency.sent(case) == []
    say(agency, run, "change-account", decision=LATER)
    read(agency, run, change=BOTH, gender="Self-described")
    confirm(agency, run)
    assert_closed(agency, run, "resolved")
    assert contact(agency)["Gender__c"] == "Self-described"


def test_a_change_that_does_not_show(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an org's own rule turns back at once is noticed; an agent makes it by hand and says that it shows."""
    case, run = open_concern(agency)
    settled(agency, run)
    monkeypatch.setattr(type(agency.salesforce.members), "edit", lambda *_args, **_values: None)
    read(agency, run, change="the name")
    confirm(agency, run)
    assert run.pause is not None
    assert "does not show it" in run.pause.question
    assert agency.sent(case) == []
    say(agency, run, "change-account", decision="it shows")
    assert_closed(agency, run, "resolved")
    assert len(agency.sent(case)) == 1


def test_without_an_account(agency: Agency) -> None:
    """A case from an unknown address has no account: an agent is asked, and the reply goes to that address."""
    _, run = open_concern(agency, None, email="somebody@elsewhere-31.example")
    settled(agency, run)
    read(agency, run, change="the name")
    confirm(agency, run)
    assert run.pause is not None
    assert "no account" in run.pause.question
    say(agency, run, "change-account", decision="it shows")
    assert_closed(agency, run, "resolved")
    assert agency.world.state["salesforce"]["sent"][-1]["to"] == "somebody@elsewhere-31.example"


# -- the name in the reply


@pytest.mark.parametrize("typed", ["Linnea-Mai O’Tarn", "linnéa-mai o’tarn", "Linnéa-Mai O'Tarn", "Clementina"])
def test_a_name_that_is_not_the_one_shown(agency: Agency, typed: str) -> None:
    """Letter by letter: an accent, a capital, an apostrophe, and nothing is sent; a person is asked again."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run)
    confirm(agency, run, typed)
    assert agency.waiting(run) == ["reply-name/2"]
    assert run.pause is not None
    assert "name-confirmed-differs" in run.pause.question
    assert agency.sent(case) == []
    confirm(agency, run)
    assert_closed(agency, run, "resolved")


def test_the_same_letters_made_otherwise(agency: Agency) -> None:
    """An accent typed apart from its letter is the same name, which nobody could see."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run)
    confirm(agency, run, f"  {NAME.replace('é', 'e' + chr(0x301))}")
    assert_closed(agency, run, "resolved")
    assert len(agency.sent(case)) == 1


def test_another_name(agency: Agency) -> None:
    """Who sees a wrong name in the draft gives the right one, and it is shown and confirmed anew."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run, "Clementina", change="the name")
    say(agency, run, "reply-name", decision=OTHER, name=NAME)
    assert f"Hello {NAME}," in agency.comments(case)[-1] + agency.comments(case)[-2]
    confirm(agency, run)
    assert_closed(agency, run, "resolved")
    assert [mail.splitlines()[0] for mail in agency.sent(case)] == [f"Hello {NAME},"]
    assert contact(agency)["Display_Name__c"] == NAME


def test_something_else_first(agency: Agency) -> None:
    """Who sees that the reply is too early sends nothing."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run)
    say(agency, run, "reply-name", decision=LATER)
    assert agency.waiting(run) == ["concern/2"]
    assert agency.sent(case) == []


@pytest.mark.parametrize("name", ["{!Contact.FirstName}", "[Name]", "{{Recipient.FirstName}}", "<first name>", "%%x%%"])
def test_a_merge_field_is_no_name(agency: Agency, name: str) -> None:
    """A merge field given as the name, and even confirmed letter by letter, is never sent."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run, name)
    assert run.pause is not None
    assert "name-cannot-be-written" in run.pause.question
    confirm(agency, run, name)
    assert agency.waiting(run) == ["reply-name/2"]
    assert agency.sent(case) == []
    say(agency, run, "reply-name", decision=OTHER, name=NAME)
    confirm(agency, run)
    assert_closed(agency, run, "resolved")


@pytest.mark.parametrize(
    ("old", "new", "hold", "shown"),
    [
        ("{{ name }}", "{% raw %}{!Contact.FirstName}{% endraw %}", "merge-field", False),
        ("thank you", "{!Contact.FirstName}, thank you", "merge-field", True),
        ("thank you", "[Name], thank you", "merge-field", True),
        ("thank you", "Clementina, thank you", "other-name-in-reply", True),
        ("thank you", "dear Wrenfield, thank you", "other-name-in-reply", False),
        ("Hello {{ name }}", "Hello", "name-not-in-reply", True),
    ],
)
def test_a_template_edited_badly(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, old: str, new: str, hold: str, shown: bool
) -> None:
    """A merge field, another name of the account or no name in the template: held back, whoever confirmed what; an
    agent is told why, and once it is mended the reply is sent."""
    case, run = open_concern(agency)
    settled(agency, run)
    with monkeypatch.context() as patch:
        if shown:
            edited(patch, Reply.NAME_SHOWN, old, new)
        read(agency, run)
        assert run.pause is not None
        assert (hold in run.pause.question) is shown
        edited(patch, Reply.NAME_SHOWN, old, new)
        confirm(agency, run)
        assert agency.waiting(run) == ["reply-name/2"]
        assert hold in run.pause.question
        assert agency.sent(case) == []
        assert agency.record(case)["Status"] != "Closed"
    confirm(agency, run)
    assert_closed(agency, run, "resolved")
    assert len(agency.sent(case)) == 1


def test_the_sending_step_itself_refuses(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was looked at before, a template that is edited in the last moment does not go out."""
    case, run = open_concern(agency)
    settled(agency, run)
    read(agency, run)
    monkeypatch.setattr("tasks.identity.why_held.fn", lambda *_args, **_values: ())
    with monkeypatch.context() as patch:
        edited(patch, Reply.NAME_SHOWN, "thank you", "{!Contact.FirstName}, thank you")
        confirm(agency, run)
    assert agency.waiting(run) == ["reply-name/2"]
    assert agency.sent(case) == []
    confirm(agency, run, "Clementina")
    assert agency.waiting(run) == ["reply-name/3"]
    assert agency.sent(case) == []


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.text(alphabet="abzåéñßΑωЖяאבגعلمकिं日本語한글", min_size=1, max_size=12).filter(
        lambda name: name[0] not in "िं"
    ),
    typed=st.text(min_size=1, max_size=12),
    same=st.booleans(),
)
def test_names_of_any_script(agency: Agency, name: str, typed: str, same: bool) -> None:
    """In any script: the reply goes out only with the name that was confirmed, and our file has nothing of it."""
    case, run = open_concern(agency, "member-2")
    settled(agency, run)
    planted = f"Q{name}"
    read(agency, run, planted)
    given_again = planted if same else f"Z{typed}"
    confirm(agency, run, given_again)
    assert [mail.splitlines()[0] for mail in agency.sent(case)] == ([f"Hello {planted},"] if same else [])
    kept = [str(entry.payload) for entry in agency.entries(run) if entry.kind is not Kind.QUESTION_ASKED]
    assert not any(planted in one for one in kept)
    assert not any(f"Z{typed}" in one for one in kept if len(typed) > 3)


# -- forms


@pytest.mark.parametrize(
    ("wait", "values"),
    [
        ("member-review", {"decision": OPEN}),
        ("safety-needs", {"decision": "answered: they are asked again"}),
        ("safety-needs", {"decision": MEMBER}),
        ("concern", {"decision": REPLY, "topic": "safety"}),
        ("concern", {"decision": REPLY, "name": NAME}),
        ("concern", {"decision": REPLY, "topic": "safety", "name": NAME, "change": "the gender"}),
        ("concern", {"decision": REPLY, "topic": "safety", "name": NAME, "gender": "Man"}),
        ("concern", {"decision": MEMBER}),
        ("concern", {"decision": "Member Review and Safety have to look again"}),
        ("concern", {"decision": REPLY, "topic": "safety", "name": "x" * 101}),
        ("reply-name", {"decision": RIGHT}),
        ("reply-name", {"decision": OTHER, "name": " "}),
    ],
)
def test_half_filled_forms(agency: Agency, wait: str, values: dict[str, str]) -> None:
    """What a decision needs has to be given with it; the sentence that says so names no value."""
    _, run = open_concern(agency)
    if wait == "safety-needs":
        say(agency, run, "member-review", "staff-91", decision=OPEN, needed="The page.")
    elif wait != "member-review":
        settled(agency, run)
    if wait == "reply-name":
        read(agency, run)
    said = agency.answer(run, "staff-91" if wait == "member-review" else "staff-81", **values)
    assert isinstance(said, Refused)
    assert NAME not in said.sentence
