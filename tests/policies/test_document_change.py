"""Who may have documents changed, what is missing, who configures them: tables and properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies import document_change as policy
from policies.document_change import NUMBERS, Ask, Change, Facts, Given, Missing, Role, State, Subscription, Workload
from policies.document_change_facts import Account
from policies.document_change_numbers import DocumentChangeNumbers
from policies.messages import CATALOGUES
from policies.numbers import NumbersError, load

MESSAGES = CATALOGUES["document_change"]
REQUESTER, DOCUMENTS, SUBSCRIPTION, ONE, ROLE = Missing


def account(subscription: Subscription = Subscription.PRO, documents: int = 0, role: Role = Role.ADMIN) -> Account:
    """An account of a dealer of org-1."""
    return Account(
        user="user-1",
        organization="org-2",
        organization_type="dealer",
        upstream="org-1",
        role=role,
        subscription=subscription,
        documents=documents,
    )


def add(documents: int) -> Ask:
    return Ask(change=Change.ADD, documents=documents)


def edit(documents: int) -> Ask:
    return Ask(change=Change.EDIT, documents=documents)


PREMIUM, PRO, OTHER = Subscription


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (Facts(account=account(PRO, 0), ask=add(1)), ()),
        (Facts(account=account(PRO, 7), ask=add(9)), ()),
        (Facts(account=account(PREMIUM, 0), ask=add(1)), ()),
        (Facts(account=account(PREMIUM, 1), ask=edit(1)), ()),
        (Facts(account=account(PREMIUM, 0), ask=edit(1)), ()),
        (Facts(account=account(PREMIUM, 1), ask=add(1)), (ONE,)),
        (Facts(account=account(PREMIUM, 0), ask=add(2)), (ONE,)),
        (Facts(account=account(PREMIUM, 2), ask=edit(1)), (ONE,)),
        (Facts(account=account(OTHER, 0), ask=add(1)), (SUBSCRIPTION,)),
        (Facts(account=account(OTHER, 0), ask=add(9)), (SUBSCRIPTION,)),
        (Facts(account=account(role=Role.MANAGER), ask=add(1)), ()),
        (Facts(account=account(role=Role.OTHER), ask=add(1)), (ROLE,)),
        (Facts(account=account(OTHER, 0, Role.OTHER), ask=add(1)), (SUBSCRIPTION, ROLE)),
        (Facts(account=account(PREMIUM, 1, Role.OTHER), ask=add(1)), (ONE, ROLE)),
        (Facts(account=account()), (DOCUMENTS,)),
        (Facts(account=account(PREMIUM, 5)), (DOCUMENTS,)),
        (Facts(account=None, ask=add(1)), (REQUESTER,)),
        (Facts(account=None), (REQUESTER, DOCUMENTS)),
    ],
)
def test_what_is_missing(facts: Facts, missing: tuple[Missing, ...]) -> None:
    """All that is missing is named, in one order, and nothing else; with nothing missing the request is eligible."""
    decision = policy.decide(facts)
    if missing:
        assert isinstance(decision, policy.Incomplete)
        assert decision.missing == missing
    else:
        assert isinstance(decision, policy.Eligible)
    assert decision.why


ACCOUNTS = st.none() | st.builds(account, st.sampled_from(Subscription), st.integers(0, 9), st.sampled_from(Role))
ASKS = st.just(Ask()) | st.builds(Ask, change=st.sampled_from(Change), documents=st.integers(1, 9))
FACTS = st.builds(Facts, account=ACCOUNTS, ask=ASKS)


@given(FACTS)
def test_eligible_only_with_everything(facts: Facts) -> None:
    """Whoever is eligible has Premium or Pro, is admin or manager, and keeps within Premium's one document."""
    decision = policy.decide(facts)
    if isinstance(decision, policy.Eligible):
        assert facts.account is not None
        assert facts.account.subscription is not OTHER
        assert facts.account.role is not Role.OTHER
        after = facts.ask.after(facts.account.documents)
        assert after is not None
        assert facts.account.subscription is PRO or after <= 1


@given(FACTS, st.sampled_from(["role", "subscription"]))
def test_more_rights_never_lack_more(facts: Facts, what: str) -> None:
    """To become an admin, or to change to Pro, never makes anything missing that was not."""
    better = facts
    if facts.account is not None:
        gained = {"role": Role.ADMIN} if what == "role" else {"subscription": PRO}
        better = Facts(account=facts.account.model_copy(update=gained), ask=facts.ask)
    before, after = policy.decide(facts), policy.decide(better)
    lacking = set(before.missing) if isinstance(before, policy.Incomplete) else set()
    assert set(after.missing if isinstance(after, policy.Incomplete) else ()) <= lacking


@pytest.mark.parametrize(
    ("missing", "ending"),
    [
        ((REQUESTER,), "withdrawn"),
        ((REQUESTER, DOCUMENTS), "withdrawn"),
        ((SUBSCRIPTION,), "not_eligible: subscription"),
        ((DOCUMENTS, ONE, ROLE), "not_eligible: one-document, requester-role"),
    ],
)
def test_after_silence(missing: tuple[Missing, ...], ending: str) -> None:
    """Silence ends a request by what was not met; where only an answer lacked, as withdrawn."""
    assert policy.after_silence(missing) == ending


@pytest.mark.parametrize(("change", "documents"), [(Change.ADD, None), (None, 2), (Change.EDIT, 0), (Change.EDIT, -1)])
def test_half_a_wish_cannot_be_written_down(change: Change | None, documents: int | None) -> None:
    """What is asked for is known whole or not at all, and is at least one document."""
    with pytest.raises(ValidationError):
        Ask(change=change, documents=documents)


# -- who gets it

NOW = datetime(2026, 3, 2, 17, tzinfo=UTC)
LOADS = st.lists(
    st.builds(
        Workload,
        agent=st.text("abc", min_size=1, max_size=3),
        open_tickets=st.integers(0, 3),
        last_assigned=st.none() | st.integers(0, 3).map(lambda days: NOW - timedelta(days=days)),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.agent,
)


@pytest.mark.parametrize(
    ("loads", "chosen"),
    [
        ([("a", 2, 1), ("b", 1, 0)], "b"),
        ([("a", 1, 1), ("b", 1, 2)], "b"),
        ([("b", 1, 1), ("a", 1, 1)], "a"),
        ([("a", 1, 9), ("b", 1, None)], "b"),
        ([("a", 0, 0), ("b", 1, None)], "a"),
    ],
    ids=["fewest", "longest ago", "by id", "never before anybody", "fewest before never"],
)
def test_least_loaded(loads: list[tuple[str, int, int | None]], chosen: str) -> None:
    """The fewest open tickets; then whoever was given one longest ago; then by id."""
    workloads = [
        Workload(agent=agent, open_tickets=many, last_assigned=None if ago is None else NOW - timedelta(days=ago))
        for agent, many, ago in loads
    ]
    assert policy.least_loaded(workloads) == chosen


UNLIKE = LOADS.map(lambda loads: list({one.agent: one for one in loads}.values()))


@given(LOADS, st.randoms())
def test_the_choice_does_not_depend_on_order(loads: list[Workload], random: Random) -> None:
    """Whoever lists them in another order chooses the same one, and nobody has less to do than the one chosen."""
    shuffled = list(loads)
    random.shuffle(shuffled)
    chosen = policy.least_loaded(loads)
    assert policy.least_loaded(shuffled) == chosen
    (of,) = [one for one in loads if one.agent == chosen]
    assert all(of.open_tickets <= one.open_tickets for one in loads)


@given(UNLIKE, st.lists(st.booleans(), max_size=8))
def test_at_one_instant_as_one_after_the_other(loads: list[Workload], given_already: list[bool]) -> None:
    """However many of the tickets made before its own are given out yet, a case chooses as if each had had its turn."""
    in_turn: list[Given] = []
    for number in range(len(given_already)):
        agent = policy.least_loaded(policy.with_given(loads, in_turn))
        in_turn.append(Given(agent=agent, at=NOW + timedelta(seconds=number)))
    seen = [one if already else Given(at=one.at) for one, already in zip(in_turn, given_already, strict=True)]
    after = policy.with_given(loads, in_turn)
    assert policy.with_given(loads, seen) == after
    assert sum(one.open_tickets for one in after) == sum(one.open_tickets for one in loads) + len(in_turn)
    assert policy.with_given(loads, [Given(agent="has left", at=NOW)]) == tuple(loads)


def test_nobody_to_choose_from() -> None:
    """Without anybody to give it to, that is said."""
    with pytest.raises(ValueError, match="nobody can be given the ticket"):
        policy.least_loaded([])


# -- what CS has done, and what sounds like a yes


@pytest.mark.parametrize(
    ("status", "done", "state"),
    [
        ("To Do", False, State.WORKING),
        ("In Progress", False, State.WORKING),
        ("Something new", False, State.WORKING),
        ("On Hold", False, State.READY),
        ("on hold", False, State.READY),
        ("Published on Engine", True, State.PUBLISHED),
        ("Published on Engine", False, State.PUBLISHED),
        ("Canceled", True, State.DROPPED),
        ("Canceled", False, State.DROPPED),
        ("Won't do", True, State.DROPPED),
    ],
)
def test_what_a_status_means(status: str, done: bool, state: State) -> None:
    """Published and on hold by name; done in any other way is dropped; all else is being worked on."""
    assert policy.state(status, done) is state


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("Yes, looks good!", True),
        ("Looks good to us, thank you.", True),
        ("OK", True),
        ("It's perfect, please publish it", True),
        ("Yes, but the logo is wrong", False),
        ("Not good", False),
        ("Looks good?", False),
        ("Looks good. Change the footer please", False),
        ("Thank you", False),
        ("", False),
        ("yes 2", False),
        ("да, yes", False),
    ],
)
def test_what_sounds_like_yes(text: str, yes: bool) -> None:
    """Only a plain yes is suggested as one: a word more, and nothing is."""
    assert policy.sounds_like_yes(text) is yes


@given(st.text())
def test_an_unknown_word_is_never_a_yes(text: str) -> None:
    """Whatever stands beside it, a word that is not known here takes the suggestion away."""
    assert not policy.sounds_like_yes(f"yes good {text} zqx")


# -- messages and numbers

CUSTOMER = sorted(name for name, template in MESSAGES.items() if template.audience == "customer")


def test_each_thing_that_is_missing_has_its_message() -> None:
    """Each canned response is there, for the customer."""
    assert {one.value for one in Missing} <= set(CUSTOMER)
    assert {"onboard-ready-first", "onboard-ready-second", "onboard-reset-tonight"} <= set(CUSTOMER)


@pytest.mark.parametrize("name", CUSTOMER)
def test_customers_texts_are_plain(name: str) -> None:
    """A customer reads no inner word of ours, no id and no link, and is told what to do."""
    template = MESSAGES[name]
    assert set(template.variables) <= {"until", "limit", "missing"}
    samples = {"until": NOW, "limit": 1, "missing": ["subscription"]}
    body = template.render(**{name: value for name, value in samples.items() if name in template.variables}).body
    assert not [inner for inner in ("Jira", "Slack", "Prefect", "operator", " CS", "casework") if inner in body]
    assert body.startswith("Hello,\n")
    assert body.endswith("The support team\n")
    assert "reply" in body


@pytest.mark.parametrize("missing", [["subscription"], ["one-document", "requester-role"], ["requester-unknown"]])
def test_the_reminder_names_exactly_what_is_missing(missing: list[str]) -> None:
    """One line for each thing, and no more."""
    body = MESSAGES.render("requirements-reminder", missing=missing, until=NOW).body
    assert sum(line.startswith("- ") for line in body.splitlines()) == len(missing)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("requirements_reminder_days = [2]", "requirements_reminder_days = [7]", "must come after the one before"),
        ("configuration_reminder_working_days = 3", "configuration_reminder_working_days = 11", "must come after"),
        ("reading_escalation_working_days = 1", "reading_escalation_working_days = 3", "must come after"),
        ('weekday = "monday"', 'weekday = "someday"', "reset.weekday"),
        ("time_of_day = 10:00:00", "time_of_day = 10:00:30", "to the minute"),
        ('ready_to_test = "On Hold"', 'ready_to_test = "to do"', "four different statuses"),
        ("premium_documents = 1 ", "premium_documents = 0 ", "premium_documents"),
        ("test_wait_days = 3", "", "test_wait_days: is missing"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each value that cannot be is told by name."""
    text = Path(policy.__file__).with_name("document_change.toml").read_text()
    assert old in text
    path = tmp_path / "document_change.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(NumbersError) as caught:
        load(DocumentChangeNumbers, path)
    assert problem in str(caught.value)


def test_the_numbers_are_those_of_the_page() -> None:
    """The days that the policy page names."""
    days = NUMBERS.test_wait_days, NUMBERS.last_call_days, NUMBERS.published_wait_hours, NUMBERS.premium_documents
    assert days == (3, 1, 24, 1)
    assert (NUMBERS.requirements_reminder_days, NUMBERS.requirements_wait_days) == ((2,), 7)
    assert (NUMBERS.configuration_reminder_working_days, NUMBERS.reset.weekday) == (3, "monday")
