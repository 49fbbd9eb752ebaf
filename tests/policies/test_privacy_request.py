"""Privacy requests: the order of the page, type and status, one object for a case, and what closes it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import privacy_request as policy
from policies.messages import CATALOGUES
from policies.numbers import NumbersError, load
from policies.privacy_request import (
    NUMBERS,
    AskAgent,
    AskType,
    AskWhichObject,
    Create,
    Decision,
    Facts,
    Found,
    Login,
    Member,
    RequestStatus,
    RequestType,
    SetPassword,
    UseExisting,
)
from policies.privacy_request_numbers import PrivacyRequestNumbers

MESSAGES = CATALOGUES["privacy_request"]
KNOWN = Member(contacts=1, address_matches=True, has_password=True)
SOCIAL = Member(contacts=1, address_matches=True, logins=frozenset({Login.GOOGLE}))
ACCESS, DELETE = RequestType.ACCESS_DATA, RequestType.DELETE_DATA
FAILED = RequestStatus.VERIFICATION_FAILURE


def kind(decision: Decision) -> str:
    return type(decision).__name__


@pytest.mark.parametrize(
    ("member", "asked", "next_step"),
    [
        (SOCIAL, ACCESS, "SetPassword"),
        (SOCIAL, None, "SetPassword"),
        (SOCIAL.model_copy(update={"logins": frozenset(Login)}), DELETE, "SetPassword"),
        (SOCIAL.model_copy(update={"has_password": True}), ACCESS, "Create"),
        (KNOWN, None, "AskAgent"),
        (KNOWN, ACCESS, "Create"),
        (KNOWN.model_copy(update={"has_password": False}), ACCESS, "Create"),
        (Member(contacts=0), None, "AskAgent"),
        (Member(contacts=0), ACCESS, "Create"),
        (Member(contacts=2, logins=frozenset(Login)), ACCESS, "Create"),
    ],
)
def test_the_order_of_the_page(member: Member, asked: RequestType | None, next_step: str) -> None:
    """A social login without a password first, then what is asked for, then the object."""
    decision = policy.decide(Facts(member=member, asked=asked))
    assert kind(decision) == next_step
    assert decision.why


def test_the_member_is_asked_what_an_agent_could_not_tell() -> None:
    """Not before an agent read it, and after the password."""
    assert isinstance(policy.decide(Facts(member=KNOWN, unclear=True)), AskType)
    assert isinstance(policy.decide(Facts(member=SOCIAL, unclear=True)), SetPassword)


def test_a_second_agent_agrees_once() -> None:
    """After that the object is made; nobody has to agree to the other types."""
    decision = policy.decide(Facts(member=KNOWN, asked=DELETE, agreed=True))
    assert isinstance(decision, Create)
    assert not decision.second_agent


@pytest.mark.parametrize(
    ("member", "status"),
    [
        (KNOWN, RequestStatus.REQUESTED),
        (Member(contacts=0), FAILED),
        (Member(contacts=1), FAILED),
        (Member(contacts=2, address_matches=True), FAILED),
        (Member(contacts=0, address_matches=True), FAILED),
    ],
)
@pytest.mark.parametrize("asked", RequestType)
def test_type_and_status(member: Member, status: RequestStatus, asked: RequestType) -> None:
    """Verified is exactly one contact by its own address; Delete Data needs a second agent, the others none."""
    decision = policy.decide(Facts(member=member, asked=asked))
    assert isinstance(decision, Create)
    assert (decision.type, decision.status) == (asked, status)
    assert decision.second_agent is (asked is DELETE)


FITS = Found(id="o-1", type="Access Data", status="Requested")


@pytest.mark.parametrize(
    ("found", "next_step"),
    [
        ((FITS,), UseExisting),
        ((Found(id="o-1", type="Access Data", status="Completed – Failed – Verification Failure"),), UseExisting),
        ((Found(id="o-1", type="Delete Data", status="Requested"),), AskWhichObject),
        ((Found(id="o-1", type="Access Data", status="Completed"),), AskWhichObject),
        ((FITS, Found(id="o-2", type="Access Data", status="Requested")), AskWhichObject),
    ],
)
def test_one_object_for_a_case(found: tuple[Found, ...], next_step: type) -> None:
    """What is there is used; what does not fit, or is there twice, a person looks at; nothing is made beside it."""
    decision = policy.decide(Facts(member=KNOWN, asked=ACCESS, found=found))
    assert isinstance(decision, next_step)


def test_an_object_that_is_there_is_used_before_anything_is_asked() -> None:
    """After a lost answer the object is found, whether or not the type is still known or a password is there."""
    assert isinstance(policy.decide(Facts(member=SOCIAL, found=(FITS,))), UseExisting)


@pytest.mark.parametrize(
    "found", [(FITS,), (FITS, Found(id="o-2", type="Delete Data", status="In Progress"))], ids=["one", "several"]
)
def test_the_one_that_an_agent_named_counts(found: tuple[Found, ...]) -> None:
    """Whatever the others are; one that is not there any more does not."""
    named = found[-1]
    facts = Facts(member=KNOWN, asked=ACCESS, found=found, chosen=named.id)
    assert policy.decide(facts) == UseExisting(named.id, "An agent said that this one counts.")
    gone = policy.decide(facts.model_copy(update={"chosen": "o-9"}))
    assert gone == policy.decide(facts.model_copy(update={"chosen": None}))


MEMBERS = st.builds(
    Member,
    contacts=st.integers(0, 3),
    address_matches=st.booleans(),
    logins=st.frozensets(st.sampled_from(Login)),
    has_password=st.booleans(),
)
FOUND = st.lists(
    st.builds(
        Found,
        id=st.integers(0, 9).map(str),
        type=st.sampled_from(["Access Data", "Delete Data", "Data Categories", "Other"]),
        status=st.sampled_from(["Requested", "Completed", NUMBERS.request_statuses.verification_failure]),
    ),
    max_size=3,
).map(tuple)


FACTS = st.builds(
    Facts,
    member=MEMBERS,
    unread=st.booleans(),
    asked=st.none() | st.sampled_from(RequestType),
    unclear=st.booleans(),
    agreed=st.booleans(),
    found=FOUND,
    chosen=st.none() | st.integers(0, 9).map(str),
)


@given(FACTS)
def test_never_made_by_mistake(facts: Facts) -> None:
    """An object is made only where there is none, for what was asked, as Requested only for somebody we know; after a
    second agent where that is Delete Data."""
    decision, member = policy.decide(facts), facts.member
    if isinstance(decision, Create):
        assert not facts.found
        assert decision.type is facts.asked
        assert (decision.status is RequestStatus.REQUESTED) is member.verified
        assert not (member.verified and member.logins and not member.has_password)
        assert decision.second_agent or facts.agreed or facts.asked is not DELETE
    if isinstance(decision, SetPassword):
        assert not facts.found
    if isinstance(decision, AskType):
        assert facts.unclear
    if isinstance(decision, UseExisting):
        assert decision.id in {one.id for one in facts.found}


@given(FACTS)
def test_what_the_member_wrote_is_read_first(facts: Facts) -> None:
    """Whatever else is so, an agent reads what came before anything is done."""
    assert isinstance(policy.decide(facts), AskAgent) or not facts.unread


@given(MEMBERS, st.none() | st.sampled_from(RequestType))
def test_a_password_ends_that_wait(member: Member, asked: RequestType | None) -> None:
    """Once the account has a password it is not asked for again."""
    later = member.model_copy(update={"has_password": True})
    assert not isinstance(policy.decide(Facts(member=later, asked=asked)), SetPassword)


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("Please delete my account data", DELETE),
        ("I want a copy of my data", ACCESS),
        ("Which categories of data do you have?", RequestType.DATA_CATEGORIES),
        ("Send me a copy and then delete it", None),
        ("Privacy request", None),
        ("The deletions page is broken", None),
        ("", None),
    ],
)
def test_what_it_sounds_like(text: str, sounds: RequestType | None) -> None:
    """One type is suggested where words of only that one are there."""
    assert policy.sounds_like(text) is sounds


@pytest.mark.parametrize(
    ("subject", "status", "its_own"),
    [
        ("Privacy CCPA –Request Link", RequestStatus.REQUESTED, True),
        ("Sandbox: Privacy CCPA - Request Link", RequestStatus.REQUESTED, True),
        ("Privacy CCPA – User Verification", FAILED, True),
        ("Privacy CCPA – User Verification", RequestStatus.REQUESTED, False),
        ("Privacy CCPA – Request Link expired", RequestStatus.REQUESTED, False),
        ("", FAILED, False),
    ],
)
def test_salesforces_own_mail(subject: str, status: RequestStatus, its_own: bool) -> None:
    """By the subject that the page gives for the status, however the dash is written."""
    assert policy.is_its_mail(subject, status) is its_own


def test_the_comment_is_that_of_the_page() -> None:
    """The number is quoted exactly, and the text around it is the page's."""
    assert MESSAGES.render("comment-created", number=policy.pr_number("PR-00012")).body == (
        "Created privacy request: PR-00012\n"
    )


@pytest.mark.parametrize("name", ["", "PR-", "PR-12 ", "XPR-12", "PR-12\n", "pr-12", "PR-12a", "PR-١٢", "somebody"])
def test_what_is_no_number(name: str) -> None:
    """Any other name is refused without being repeated."""
    with pytest.raises(ValueError, match="look at the object") as caught:
        policy.pr_number(name)
    assert "somebody" not in str(caught.value)


def test_the_values_of_the_page() -> None:
    """Types, statuses and reasons as the page has them."""
    assert [one.label() for one in RequestType] == ["Data Categories", "Access Data", "Delete Data"]
    assert [one.label() for one in RequestStatus] == ["Requested", "Completed - Failed - Verification Failure"]
    assert (NUMBERS.closing.reason, NUMBERS.closing.secondary_reason) == ("Account Management", "Data Deletion")


def test_each_text_is_there() -> None:
    """What the decisions name exists, for its reader."""
    customer = {"set-password", "password-reminder", "ask-type", "type-reminder", "withdrawn"}
    assert customer == {name for name, template in MESSAGES.items() if template.audience == "customer"}
    for decision in (AskAgent, Create, AskWhichObject):
        question = decision.__dataclass_fields__["question"].default
        assert MESSAGES[f"question-{question}"].audience == "staff"


@pytest.mark.parametrize("reasons", [["complexity"], ["number"], ["complexity", "number"]])
def test_the_extension_gives_its_reasons(reasons: list[str]) -> None:
    """Each reason that the law knows (GDPR Art. 12(3)) has its line, and there is none without one."""
    body = CATALOGUES["legal_clock"].render("extension", reasons=reasons, last_day=date(2026, 8, 4)).body
    assert sum(line.startswith("- ") for line in body.splitlines()) == len(reasons)
    assert "by 4 August 2026" in body


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("password_reminder_days = [3, 7]", "password_reminder_days = [3, 20]", "must come after the one before"),
        ("type_reminder_days = [3, 7]", "type_reminder_days = [3, 20]", "must come after the one before"),
        ("agent_escalation_working_days = 2 ", "agent_escalation_working_days = 1 ", "must come after the one before"),
        ('access_data = "Access Data"', 'access_data = "Delete  data"', "each must be another one"),
        ('requested = "Requested"', "", "request_statuses.requested: is missing"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each value that cannot be is told by name."""
    text = Path(policy.__file__).with_name("privacy_request.toml").read_text()
    assert old in text
    path = tmp_path / "privacy_request.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NumbersError) as caught:
        load(PrivacyRequestNumbers, path)
    assert problem in str(caught.value)
