"""Refund escalations: which are for Tier 2, when a second agent agrees, and that none is asked twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies import refund_escalation as policy
from policies.messages import CATALOGUES
from policies.numbers import NumbersError, load
from policies.refund_escalation import (
    NUMBERS,
    AskAgent,
    AskedBefore,
    BackToTier1,
    Ending,
    Facts,
    Ground,
    Kind,
    PastRefund,
    Refund,
)
from policies.refund_escalation_numbers import RefundEscalationNumbers

MESSAGES = CATALOGUES["refund_escalation"]


def refund(kind: Kind = Kind.BOOKING, cents: int = 5000, currency: str = "USD", reason: str = "no-show") -> Refund:
    return Refund(member="m-1", booking="b-9", kind=kind, reason=reason, cents=cents, currency=currency)


def past(
    number: int, reason: str = "no-show", *, paid: bool = True, kind: Kind = Kind.BOOKING, booking: str | None = None
) -> PastRefund:
    return PastRefund(id=f"r-{number}", booking=booking or f"b-{number}", kind=kind, reason=reason, paid=paid)


THREE = (past(1), past(2), past(3))
FEE = Kind.CANCELLATION_FEE


@pytest.mark.parametrize(
    ("history", "kind", "offline", "grounds"),
    [
        (THREE, Kind.BOOKING, False, (Ground.SAME_REASON,)),
        ((*THREE, past(4)), Kind.BOOKING, False, (Ground.SAME_REASON,)),
        (THREE[:2], Kind.BOOKING, False, ()),
        ((past(1), past(2), past(2)), Kind.BOOKING, False, ()),
        ((past(1), past(2), past(3, paid=False)), Kind.BOOKING, False, ()),
        ((past(1), past(2), past(3, "late")), Kind.BOOKING, False, ()),
        ((past(1), past(2), past(3, kind=FEE)), Kind.BOOKING, False, ()),
        ((), FEE, True, (Ground.OFFLINE,)),
        ((), FEE, False, ()),
        ((), Kind.BOOKING, True, ()),
        (THREE, FEE, False, ()),
        (THREE, FEE, True, (Ground.OFFLINE,)),
    ],
)
def test_the_two_grounds(
    history: tuple[PastRefund, ...], kind: Kind, offline: bool, grounds: tuple[Ground, ...]
) -> None:
    """Three paid booking refunds for the same reason, or a fee after an offline refund; all else is for Tier 1."""
    decision = policy.decide(Facts(refund=refund(kind), history=history, provider_refunded_offline=offline))
    if grounds:
        assert isinstance(decision, AskAgent)
        assert decision.grounds == grounds
    else:
        assert isinstance(decision, BackToTier1)
    assert decision.times == policy.same_reason(history, "no-show")


@pytest.mark.parametrize(
    ("cents", "currency", "second"),
    [(1, "USD", False), (10000, "USD", False), (10001, "USD", True), (1, "EUR", True), (10001, "EUR", True)],
)
def test_a_second_agent(cents: int, currency: str, second: bool) -> None:
    """Above the limit, and in any currency that the limit is not in."""
    decision = policy.decide(Facts(refund=refund(cents=cents, currency=currency), history=THREE))
    assert isinstance(decision, AskAgent)
    assert decision.second_agent is second


def test_asked_before() -> None:
    """Another case for the same money, or its refund, is found first, whatever reason or amount is given now."""
    again = Facts(refund=refund(), history=THREE, earlier_case="case-1")
    assert policy.decide(again) == AskedBefore("case-1", None)
    paid = policy.decide(Facts(refund=refund(reason="late", cents=1), history=(*THREE, past(7, booking="b-9"))))
    assert isinstance(paid, AskedBefore)
    assert paid.refund == "r-7"
    declined = policy.decide(Facts(refund=refund(), history=(*THREE, past(7, booking="b-9", paid=False))))
    assert isinstance(declined, AskAgent)
    other_kind = policy.decide(Facts(refund=refund(), history=(*THREE, past(7, booking="b-9", kind=FEE))))
    assert isinstance(other_kind, AskAgent)


def test_what_is_the_same_refund() -> None:
    """Member, booking and kind; not the amount and not the reason."""
    assert refund().key == refund(cents=1, reason="late").key
    assert refund().key != refund(FEE).key
    assert refund().key != refund().model_copy(update={"booking": "b-1"}).key
    assert refund().key != refund().model_copy(update={"member": "m-2"}).key


@given(st.from_regex(policy.BOOKING, fullmatch=True), st.from_regex(policy.BOOKING, fullmatch=True))
def test_keys_are_external_ids(one: str, other: str) -> None:
    """A key is one segment of an address with at most 80 characters, and two bookings have one key only when they
    differ by letter case alone."""
    member = "003RM0000000001YAA"
    keys = [
        Refund(member=member, booking=booking, kind=kind, reason="x", cents=1, currency="USD").key
        for booking in (one, other)
        for kind in Kind
    ]
    assert all(len(key) <= 80 and not set(key) & set("/\\% ") for key in keys)
    assert len({key.casefold() for key in keys}) == (2 if one.casefold() == other.casefold() else 4)


HISTORY = st.lists(
    st.builds(
        PastRefund,
        id=st.integers(0, 6).map(lambda n: f"r-{n}"),
        booking=st.sampled_from(["b-1", "b-2", "b-9"]),
        kind=st.sampled_from(Kind),
        reason=st.sampled_from(["no-show", "late"]),
        paid=st.booleans(),
    ),
    max_size=8,
).map(tuple)
REFUNDS = st.builds(refund, st.sampled_from(Kind), st.integers(1, 20_000), st.sampled_from(["USD", "EUR"]))


@given(REFUNDS, HISTORY, st.booleans())
def test_nothing_is_paid_twice_or_without_a_ground(
    asked: Refund, history: tuple[PastRefund, ...], offline: bool
) -> None:
    """An agent is asked only for what was not paid before, on a ground that the facts have."""
    decision = policy.decide(Facts(refund=asked, history=history, provider_refunded_offline=offline))
    paid = any(one.paid and (one.booking, one.kind) == (asked.booking, asked.kind) for one in history)
    assert isinstance(decision, AskedBefore) is paid
    if isinstance(decision, AskAgent):
        times = policy.same_reason(history, asked.reason)
        assert decision.times == times
        assert times >= NUMBERS.refunds_for_same_reason or (offline and asked.kind is FEE)
        assert decision.second_agent or (asked.currency, asked.cents <= 10_000) == ("USD", True)


@given(HISTORY, st.randoms())
def test_counts_do_not_depend_on_order(history: tuple[PastRefund, ...], random: object) -> None:
    """Listed in another order or twice, the same refunds count the same."""
    shuffled = list(history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert policy.same_reason(history, "late") == policy.same_reason([*shuffled, *shuffled], "late")


@pytest.mark.parametrize(("cents", "currency"), [(0, "USD"), (-1, "USD"), (1, "usd"), (1, "")])
def test_half_a_refund_cannot_be_written_down(cents: int, currency: str) -> None:
    """An amount is at least a cent of a named currency."""
    with pytest.raises(ValidationError):
        refund(cents=cents, currency=currency)


def test_each_text_is_there() -> None:
    """What decisions and endings name exists, for its reader."""
    for name in ("already-asked", "back-to-tier-1", "question-details", "question-refund", "question-second-agent"):
        assert MESSAGES[name].audience == "staff"
    assert {policy.comment_of(ending) for ending in Ending} == {None, "comment-refunded", "comment-declined"}
    replies = {policy.reply_of(ending) for ending in Ending} - {None}
    assert replies == {name for name, template in MESSAGES.items() if template.audience == "customer"}


def test_amounts_are_written_as_money() -> None:
    """Cents reach the member as units with two digits."""
    assert "1,234.05 USD" in MESSAGES.render("reply-refunded", cents=123_405, currency="USD").body


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("agent_escalation_working_days = 2 ", "agent_escalation_working_days = 1 ", "must come after the reminder"),
        ('currency = "USD"', 'currency = "dollars"', "currency"),
        ("refunds_for_same_reason = 3 ", "refunds_for_same_reason = 0 ", "refunds_for_same_reason"),
        ("second_agent_limit_cents = 10000 ", "second_agent_limit_cents = 100.0 ", "second_agent_limit_cents"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each value that cannot be is told by name."""
    text = Path(policy.__file__).with_name("refund_escalation.toml").read_text()
    assert old in text
    path = tmp_path / "refund_escalation.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NumbersError) as caught:
        load(RefundEscalationNumbers, path)
    assert problem in str(caught.value)


def test_the_page_says_three_times() -> None:
    """The number that the policy page names."""
    assert NUMBERS.refunds_for_same_reason == 3
