"""A member asks for their data or its deletion: from the first mail to the closed case with the request's number."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from casework.answer import Accepted, Refusal, Refused
from casework.engine.simulated import Run
from flows.privacy_request_forms import Agreed, Asked, Counts, MailLooked, Patience
from policies.privacy_request import NUMBERS
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency

PROCESS = "privacy-request"
FIRST, SECOND, THIRD, OPERATOR = "staff-81", "staff-82", "staff-83", "staff-41"
REQUEST = "Privacy_Request__c"
REQUESTED, FAILED = NUMBERS.request_statuses.requested, NUMBERS.request_statuses.verification_failure
TEXT = "Since the quarrel about the Hollowbrook piano I would like to know what you have."


def begin(agency: Agency, member: str | None, text: str = TEXT, **more: str) -> tuple[str, Run]:
    """A member asks; the case and its run."""
    case = agency.open(member, "DSAR", text, **more)
    return case, agency.run(case, PROCESS)


def closed(agency: Agency, case: str, run: Run, ending: str, *requests: tuple[str, str]) -> None:
    """The case is over, with these privacy requests (type, status), and closed with the number of the last."""
    assert_closed(agency, run, ending)
    made = [one for one in agency.records(REQUEST) if one["Case__c"] == case]
    assert [(one["Request_Type__c"], one["Request_Status__c"]) for one in made] == list(requests)
    record = agency.record(case)
    closing = NUMBERS.closing
    assert (record["Status"], record["Reason"]) == ("Closed", closing.reason)
    assert record["Secondary_Reason__c"] == (closing.secondary_reason if made else None)
    if made:
        assert any(text.startswith(f"Created privacy request: {made[-1]['Name']}\n") for text in agency.comments(case))


def open_question(agency: Agency, run: Run) -> str:
    """The text of the one open question."""
    assert len(agency.waiting(run)) == 1
    assert run.pause is not None
    return run.pause.question


@pytest.mark.parametrize(
    ("answer", "made"), [(Asked.ACCESS_DATA, "Access Data"), (Asked.DATA_CATEGORIES, "Data Categories")]
)
def test_asked_for_by_somebody_we_know(agency: Agency, answer: Asked, made: str) -> None:
    """An agent reads it, the request is made for the contact, Salesforce writes to the member, the case is closed."""
    case, run = begin(agency, "member-1")
    assert agency.waiting(run) == ["request-type/1"]
    assert isinstance(agency.answer(run, FIRST, asked=answer.value), Accepted)
    closed(agency, case, run, "requested", (made, REQUESTED))
    (request,) = agency.records(REQUEST)
    assert request["Contact__c"] == agency.world.state["roster"]["members"]["member-1"]["contact_id"]
    assert agency.kinds(case, PROCESS) == []


@pytest.mark.parametrize("member", ["member-2", "member-3"])
def test_a_social_login_needs_a_password_first(agency: Agency, member: str) -> None:
    """The steps are sent and nobody is asked anything; as soon as the account has a password it goes on by itself."""
    case, run = begin(agency, member)
    assert (agency.waiting(run), agency.kinds(case, PROCESS)) == (["password/1"], ["set-password"])
    steps = next(text for text in agency.sent(case) if "Forgot password" in text)
    assert ("Google" in steps, "Apple" in steps) == (member == "member-2", member == "member-3")
    agency.advance(hours=1)
    assert agency.records(REQUEST) == []
    agency.set_password(member)
    assert agency.waiting(run) == ["request-type/1"]
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))
    assert agency.kinds(case, PROCESS) == ["set-password"]


def test_a_social_login_beside_a_password(agency: Agency) -> None:
    """Whoever has a password already is not asked for one."""
    _, run = begin(agency, "member-4")
    assert agency.waiting(run) == ["request-type/1"]


def test_a_password_that_no_callout_told_of(agency: Agency) -> None:
    """The account is looked at as well: a lost callout costs hours, not the case."""
    _, run = begin(agency, "member-2")
    agency.people.member.set_password("member-2")
    agency.world.take_deliveries()
    agency.advance(days=1)
    assert agency.waiting(run) == ["request-type/1"]


def test_reminded_of_the_password(agency: Agency) -> None:
    """On the policy's days, with the same deadline; then an agent is asked, not the member punished."""
    case, run = begin(agency, "member-3")
    agency.advance(days=NUMBERS.password_wait_days + 0.1)
    reminders = ["password-reminder"] * len(NUMBERS.password_reminder_days)
    assert agency.kinds(case, PROCESS) == ["set-password", *reminders]
    assert agency.waiting(run) == ["silence/1"]
    assert "to set a password" in open_question(agency, run)
    agency.answer(run, SECOND, decision=Patience.ASK_AGAIN.value)
    assert agency.waiting(run) == ["password/2"]
    agency.advance(days=NUMBERS.password_reminder_days[0] + 0.1)
    assert agency.kinds(case, PROCESS) == ["set-password", *reminders, "password-reminder", "password-reminder"]
    agency.set_password("member-3")
    assert agency.waiting(run) == ["request-type/1"]


def test_silent_and_withdrawn(agency: Agency) -> None:
    """An agent ends what a member does not go on with: they are told why, and nothing was made."""
    case, run = begin(agency, "member-2")
    agency.advance(days=NUMBERS.password_wait_days + 0.1)
    agency.answer(run, FIRST, decision=Patience.WITHDRAWN.value)
    closed(agency, case, run, "withdrawn")
    assert "did not hear from you" in agency.sent(case)[-1]


def test_what_comes_while_an_agent_decides_about_silence(agency: Agency) -> None:
    """A password set in the meantime counts, whatever the agent answers then."""
    _, run = begin(agency, "member-2")
    agency.advance(days=NUMBERS.password_wait_days + 0.1)
    agency.set_password("member-2")
    agency.answer(run, FIRST, decision=Patience.WITHDRAWN.value)
    assert agency.waiting(run) == ["request-type/1"]


def test_a_mail_instead_of_a_password(agency: Agency) -> None:
    """An agent reads it at once; the steps are not sent again, and the wait goes on with its old deadline."""
    case, run = begin(agency, "member-2")
    agency.advance(days=4)
    agency.mail(case, "I do not have a Google account any more")
    assert agency.waiting(run) == ["request-type/1"]
    agency.answer(run, FIRST, asked=Asked.UNCLEAR.value)
    assert agency.waiting(run) == ["password/2"]
    agency.advance(days=NUMBERS.password_wait_days - 4 + 0.1)
    assert agency.kinds(case, PROCESS) == ["set-password", "password-reminder", "password-reminder"]
    assert agency.waiting(run) == ["silence/1"]


def test_not_clear_what_is_asked_for(agency: Agency) -> None:
    """The member is asked and reminded, answers by mail, and an agent reads that."""
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.UNCLEAR.value)
    assert (agency.waiting(run), agency.kinds(case, PROCESS)) == (["type/1"], ["ask-type"])
    agency.advance(days=NUMBERS.type_reminder_days[0] + 0.1)
    agency.mail(case, "A copy of it all, please")
    assert (agency.waiting(run), agency.kinds(case, PROCESS)) == (["request-type/2"], ["ask-type", "type-reminder"])
    assert "access-data" in open_question(agency, run)
    agency.answer(run, SECOND, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))


def test_not_clear_twice(agency: Agency) -> None:
    """Each time the member is asked anew."""
    case, run = begin(agency, "member-1")
    for _ in range(2):
        agency.answer(run, FIRST, asked=Asked.UNCLEAR.value)
        agency.mail(case, "What can I have?")
    assert agency.kinds(case, PROCESS) == ["ask-type", "ask-type"]
    assert agency.waiting(run) == ["request-type/3"]


def test_no_answer_to_what_is_asked_for(agency: Agency) -> None:
    """After the reminders an agent says what happens; by hand, the case is left to them as it is."""
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.UNCLEAR.value)
    agency.advance(days=NUMBERS.type_wait_days + 0.1)
    assert agency.kinds(case, PROCESS) == ["ask-type", "type-reminder", "type-reminder"]
    assert "to say what they want" in open_question(agency, run)
    agency.answer(run, THIRD, decision=Patience.BY_HAND.value)
    assert_closed(agency, run, "by_hand")
    assert not agency.record(case)["IsClosed"]
    assert any(f"{THIRD} works on this privacy request by hand" in text for text in agency.comments(case))
    agency.mail(case, "Hello?")
    assert len(agency.runs(case, PROCESS)) == 1


def test_delete_data_needs_a_second_agent(agency: Agency) -> None:
    """Another one than who read it; until then nothing is made."""
    case, run = begin(agency, "member-1", "Please delete my account data")
    agency.answer(run, FIRST, asked=Asked.DELETE_DATA.value)
    assert agency.waiting(run) == ["delete-data/1"]
    assert FIRST in open_question(agency, run)
    refused = agency.answer(run, FIRST, decision=Agreed.DELETE.value)
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.FOUR_EYES
    assert agency.records(REQUEST) == []
    agency.answer(run, SECOND, decision=Agreed.DELETE.value)
    closed(agency, case, run, "requested", ("Delete Data", REQUESTED))


def test_the_second_agent_reads_something_else(agency: Agency) -> None:
    """Then the member is asked what they want."""
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.DELETE_DATA.value)
    agency.answer(run, SECOND, decision=Agreed.SOMETHING_ELSE.value)
    assert (agency.waiting(run), agency.kinds(case, PROCESS)) == (["type/1"], ["ask-type"])
    agency.mail(case, "Delete it all")
    agency.answer(run, SECOND, asked=Asked.DELETE_DATA.value)
    assert isinstance(agency.answer(run, SECOND, decision=Agreed.DELETE.value), Refused)
    agency.answer(run, FIRST, decision=Agreed.DELETE.value)
    closed(agency, case, run, "requested", ("Delete Data", REQUESTED))


def test_nobody_agrees(agency: Agency) -> None:
    """It is asked again, the operators may agree after some days, and until somebody does nothing is made."""
    _, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.DELETE_DATA.value)
    agency.advance(days=14)
    assert (agency.waiting(run), agency.records(REQUEST)) == (["delete-data/2"], [])
    agency.answer(run, OPERATOR, decision=Agreed.DELETE.value)
    assert len(agency.records(REQUEST)) == 1


@pytest.mark.parametrize("between", ["request-type", "delete-data"])
def test_a_mail_just_before_the_request_is_made(agency: Agency, between: str) -> None:
    """What the member writes while agents are asked is read before anything is made."""
    case, run = begin(agency, "member-1", "Delete my data")
    if between == "delete-data":
        agency.answer(run, FIRST, asked=Asked.DELETE_DATA.value)
    agency.mail(case, "Stop! Do not delete it, I only want a copy")
    if between == "delete-data":
        agency.answer(run, SECOND, decision=Agreed.DELETE.value)
    else:
        agency.answer(run, FIRST, asked=Asked.DELETE_DATA.value)
    assert (agency.waiting(run), agency.records(REQUEST)) == (["request-type/2"], [])
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))


@pytest.mark.parametrize(
    ("member", "address"), [(None, "somebody@elsewhere-77aa.example"), ("member-1", "somebody@elsewhere-77aa.example")]
)
def test_we_cannot_be_sure_who_asks(agency: Agency, member: str | None, address: str) -> None:
    """Nobody has the address, or the contact has another one: made as a verification failure, of which Salesforce tells
    the address; the agent knew."""
    with_contact = member is not None
    case = agency.people.member.open_case(member, "DSAR", "A copy, please", email=address)
    if with_contact:
        agency.world.state["salesforce"]["records"]["Case"][case]["SuppliedEmail"] = address
    agency.hooks()
    run = agency.run(case, PROCESS)
    assert "verification failure" in open_question(agency, run)
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "not_verified", ("Access Data", FAILED))


def test_two_with_one_address(agency: Agency) -> None:
    """Two contacts have it: whose data it is nobody can say. Put right in Salesforce before the answer, we know."""
    contacts = agency.world.state["salesforce"]["records"]["Contact"]
    one, other = (
        contacts[agency.world.state["roster"]["members"][name]["contact_id"]] for name in ("member-1", "member-4")
    )
    other["Email"], was = one["Email"].upper(), other["Email"]
    case, run = begin(agency, "member-1")
    assert "verification failure" in open_question(agency, run)
    other["Email"] = was
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))


def test_an_unknown_address_of_one_contact(agency: Agency) -> None:
    """A case without its contact, from an address that one contact has: it is theirs, social login and all."""
    member = agency.world.state["roster"]["members"]["member-2"]
    case, run = begin(agency, None, email=member["email"])
    assert agency.waiting(run) == ["password/1"]
    agency.set_password("member-2")
    agency.advance(days=1)
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))
    assert agency.records(REQUEST)[0]["Contact__c"] == member["contact_id"]


def test_withdrawn_by_the_member(agency: Agency) -> None:
    """They wrote that they want nothing any more: told so, closed, nothing made."""
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.WITHDRAWN.value)
    closed(agency, case, run, "withdrawn")
    assert "as you wished" in agency.sent(case)[-1]


def test_not_withdrawn_after_all(agency: Agency) -> None:
    """What they write while the agent reads the withdrawal is read first."""
    case, run = begin(agency, "member-1")
    agency.mail(case, "No, I do want it!")
    agency.answer(run, FIRST, asked=Asked.WITHDRAWN.value)
    assert agency.waiting(run) == ["request-type/2"]
    assert not agency.record(case)["IsClosed"]


def test_by_hand(agency: Agency) -> None:
    """An agent takes the case; ours does nothing more and is not started again."""
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.BY_HAND.value)
    assert_closed(agency, run, "by_hand")
    agency.mail(case, "Another word")
    assert len(agency.runs(case, PROCESS)) == 1


@pytest.mark.parametrize("waits_for", ["password", "request-type"])
def test_made_by_hand_meanwhile(agency: Agency, waits_for: str) -> None:
    """What an agent made in Salesforce is used, and none is made beside it."""
    case, run = begin(agency, "member-2" if waits_for == "password" else "member-1")
    assert agency.waiting(run) == [f"{waits_for}/1"]
    agency.people.tier2.request_privacy(case, SECOND, "Access Data")
    agency.advance(days=1)
    if waits_for == "request-type":
        agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))


def test_one_by_hand_of_another_type(agency: Agency) -> None:
    """An agent says whether it counts; none is made."""
    case, run = begin(agency, "member-1")
    agency.people.tier2.request_privacy(case, SECOND, "Delete Data")
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    (number,) = [one["Name"] for one in agency.records(REQUEST)]
    assert agency.waiting(run) == ["which-object/1"]
    assert number in open_question(agency, run)
    agency.answer(run, FIRST, decision=Counts.NAMED.value, number="PR-999999")
    assert agency.waiting(run) == ["which-object/2"]
    agency.answer(run, FIRST, decision=Counts.NAMED.value, number=number)
    closed(agency, case, run, "requested", ("Delete Data", REQUESTED))


def test_several_by_hand(agency: Agency) -> None:
    """The one that counts is named in the comment; by hand, the case is left with what it has."""
    case, run = begin(agency, "member-1")
    for _ in range(2):
        agency.people.tier2.request_privacy(case, SECOND, "Access Data")
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    invalid = agency.answer(run, FIRST, decision=Counts.NAMED.value)
    assert isinstance(invalid, Refused)
    assert invalid.why is Refusal.INVALID
    agency.answer(run, FIRST, decision=Counts.BY_HAND.value)
    assert_closed(agency, run, "by_hand")
    numbers = [one["Name"] for one in agency.records(REQUEST)]
    assert any(", ".join(numbers) in text for text in agency.comments(case))


def test_there_already(agency: Agency) -> None:
    """A case whose request an agent made before it came to us is only closed, with that one's number."""
    case = agency.open("member-1", "DSAR", tier="Tier 1")
    agency.people.tier2.request_privacy(case, SECOND, "Data Categories")
    agency.edit(case, SECOND, Tier__c="Tier 2")
    closed(agency, case, agency.run(case, PROCESS), "requested", ("Data Categories", REQUESTED))


def test_opened_again_by_a_mail(agency: Agency) -> None:
    """What the member writes after the end is read; the same type again is the same request."""
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))
    agency.mail(case, "And the photographs?")
    agency.edit(case, SECOND, Status="New")
    again = agency.run(case, PROCESS)
    assert agency.waiting(again) == ["request-type/1"]
    agency.answer(again, SECOND, asked=Asked.ACCESS_DATA.value)
    closed(agency, case, again, "requested", ("Access Data", REQUESTED))


def silent_org(agency: Agency) -> None:
    """The org's own mail does not go out."""
    agency.world.state["salesforce"]["writes_to_members"] = False


def test_salesforce_does_not_write(agency: Agency) -> None:
    """After the policy's minutes an agent looks after it; "look again" looks again."""
    silent_org(agency)
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    assert agency.waiting(run) == ["mail/1"]
    agency.advance(hours=(NUMBERS.mail_wait_minutes + 1) / 60)
    assert agency.waiting(run) == ["mail-missing/1"]
    assert agency.records(REQUEST)[0]["Name"] in open_question(agency, run)
    agency.answer(run, FIRST, decision=MailLooked.LOOK_AGAIN.value)
    assert agency.waiting(run) == ["mail/2"]
    agency.advance(hours=(NUMBERS.mail_wait_minutes + 1) / 60)
    agency.answer(run, FIRST, decision=MailLooked.SENT.value)
    closed(agency, case, run, "requested", ("Access Data", REQUESTED))


@pytest.mark.parametrize(
    ("answer", "requests", "ending"),
    [
        (Asked.ACCESS_DATA, ("Access Data",), "requested"),
        (Asked.WITHDRAWN, ("Access Data",), "by_hand"),
        (Asked.DELETE_DATA, ("Access Data",), None),
        (Asked.UNCLEAR, ("Access Data",), None),
    ],
)
def test_a_mail_after_the_request_was_made(
    agency: Agency, answer: Asked, requests: Sequence[str], ending: str | None
) -> None:
    """It is read before the case is closed: nothing new, withdrawn (which a person has to see to), something else, not
    clear. What became of the request in Salesforce meanwhile makes no difference."""
    silent_org(agency)
    case, run = begin(agency, "member-1")
    agency.answer(run, FIRST, asked=Asked.ACCESS_DATA.value)
    agency.records(REQUEST)[0]["Request_Status__c"] = "In Progress"
    agency.mail(case, "One more thing")
    agency.advance(hours=(NUMBERS.mail_wait_minutes + 1) / 60)
    agency.answer(run, FIRST, decision=MailLooked.SENT.value)
    assert agency.waiting(run) == ["request-type/2"]
    agency.answer(run, SECOND, asked=answer.value)
    assert [one["Request_Type__c"] for one in agency.records(REQUEST)] == list(requests)
    assert agency.ending(run) == ending
    if ending is None:
        assert agency.waiting(run) == ["type/1" if answer is Asked.UNCLEAR else "which-object/1"]


def test_not_clear_what_else_is_asked_for(agency: Agency) -> None:
    """With a request that is there the member is asked as well, and what they answer is read; silent, an agent sees to
    what is there."""
    silent_org(agency)
    case, run = begin(agency, "member-1")
    agency.people.tier2.request_privacy(case, SECOND, "Access Data")
    agency.answer(run, FIRST, asked=Asked.UNCLEAR.value)
    assert agency.waiting(run) == ["type/1"]
    agency.mail(case, "Only the copy")
    agency.answer(run, FIRST, asked=Asked.UNCLEAR.value)
    agency.advance(days=NUMBERS.type_wait_days + 0.1)
    agency.answer(run, FIRST, decision=Patience.WITHDRAWN.value)
    assert_closed(agency, run, "by_hand")
    assert agency.kinds(case, PROCESS).count("ask-type") == 2


def test_closed_by_an_agent_meanwhile(agency: Agency) -> None:
    """Nobody is needed any more, and nothing is made."""
    case, run = begin(agency, "member-2")
    agency.edit(case, SECOND, Status="Closed")
    assert_closed(agency, run, "cancelled")
    assert agency.records(REQUEST) == []


def test_who_is_asked(agency: Agency) -> None:
    """All agents of Tier 2 are asked in Slack and reminded, then the operators too; the case notes who answered."""
    case, run = begin(agency, "member-1")
    assert all(any("request-type" in text for text in agency.slack(one)) for one in (FIRST, SECOND, THIRD))
    assert not any("request-type" in text for text in agency.slack(OPERATOR))
    agency.advance(days=3)
    assert any("request-type" in text for text in agency.slack(OPERATOR))
    agency.answer(run, SECOND, asked=Asked.ACCESS_DATA.value)
    assert any(f"{SECOND} answered request-type: access-data" in text for text in agency.comments(case))


def test_nothing_of_the_member_is_kept(agency: Agency) -> None:
    """Neither words nor names nor address are in the case file or on its page."""
    case, run = begin(agency, "member-2", f"{TEXT} Yours, Lysander")
    agency.mail(case, "What is this about Hollowbrook?")
    agency.answer(run, FIRST, asked=Asked.UNCLEAR.value)
    agency.set_password("member-2")
    agency.mail(case, "Delete it: Hollowbrook is sold")
    agency.answer(run, FIRST, asked=Asked.DELETE_DATA.value)
    agency.answer(run, SECOND, decision=Agreed.DELETE.value)
    closed(agency, case, run, "requested", ("Delete Data", REQUESTED))
    assert run.standing is not None
    kept = f"{agency.entries(run)} {run.standing.name} {run.standing.tags} {run.standing.story} {run.tasks}".lower()
    assert "privacy.facts" in kept
    assert [text for text in ("hollowbrook", *agency.world.planted) if text.lower() in kept] == []
