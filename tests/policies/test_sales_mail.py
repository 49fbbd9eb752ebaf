"""From sales to support: a table of what a mail asks for and what comes next, and whole cases played at random."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import sales_mail as policy
from policies.sales_mail import (
    AskWhichContact,
    Contact,
    ContactRole,
    Ignore,
    Known,
    Mail,
    MailFacts,
    MakeContact,
    Mode,
    Start,
    UseContact,
)
from policies.sales_transfer_facts import State
from policies.sales_transfer_words import Ask, Decision, Do, End, Question, Step

SALES = Mail(id="mail-1", by_sales=True)
COPIED = SALES.model_copy(update={"customer_on_it": True})


@pytest.mark.parametrize(
    ("mail", "found"),
    [
        (SALES, Start(Mode.FORWARD, None, "")),
        (COPIED, Start(Mode.CC, None, "")),
        (COPIED.model_copy(update={"transfer": "case-1"}), Start(Mode.CC, "case-1", "")),
        (SALES.model_copy(update={"transfer": "case-1"}), Start(Mode.FORWARD, None, "")),
        (COPIED.model_copy(update={"case": "case-2"}), Known("case-2", "")),
        (SALES.model_copy(update={"case": "case-2"}), Known("case-2", "")),
        (Mail(id="mail-1", by_sales=False, customer_on_it=True, case="case-2"), Known("case-2", "")),
        (Mail(id="mail-1", by_sales=False, customer_on_it=True), Ignore("")),
        (Mail(id="mail-1", by_sales=False), Ignore("")),
        (COPIED.model_copy(update={"automatic": True}), Ignore("")),
        (COPIED.model_copy(update={"by_us": True}), Ignore("")),
        (COPIED.model_copy(update={"automatic": True, "case": "case-2"}), Ignore("")),
    ],
)
def test_what_a_mail_asks_for(mail: Mail, found: Start | Known | Ignore) -> None:
    """A copy or a forward of sales starts a case once for its thread; machines, customers and our own start none."""
    decision = policy.inbound(mail)
    assert decision.why
    assert type(decision) is type(found)
    match decision, found:
        case Start(mode, confirms), Start(expected, confirmed):
            assert (mode, confirms) == (expected, confirmed)
        case Known(case), Known(expected_case):
            assert case == expected_case


USER, OTHER = Contact(id="c-1"), Contact(id="c-2")
VISIT, SECOND = Contact(id="c-3", role=ContactRole.LEAD), Contact(id="c-4", role=ContactRole.LEAD)


@pytest.mark.parametrize(
    ("contacts", "chosen", "found"),
    [
        ([], None, "make"),
        ([], "c-1", "make"),
        ([USER], None, "c-1"),
        ([VISIT], None, "c-3"),
        ([USER, VISIT, SECOND], None, "c-1"),
        ([USER, OTHER, VISIT], None, ["c-1", "c-2"]),
        ([VISIT, SECOND], None, ["c-3", "c-4"]),
        ([USER, OTHER], "c-2", "c-2"),
        ([USER, OTHER], "c-9", ["c-1", "c-2"]),
        ([USER, VISIT], "c-3", "c-3"),
    ],
)
def test_which_contact(contacts: list[Contact], chosen: str | None, found: str | list[str]) -> None:
    """The only user, else the only lead; nobody: one is made; several: an agent says, in whatever order they come."""
    decision = policy.choose_contact(contacts, chosen)
    match decision:
        case UseContact(contact):
            assert contact == found
        case AskWhichContact(ids):
            assert list(ids) == found
        case MakeContact():
            assert found == "make"
    assert decision.why
    assert policy.choose_contact(reversed(contacts), chosen) == decision


FORWARDED = MailFacts(mode=Mode.FORWARD, sdr="staff-11")
OPENED = FORWARDED.model_copy(update={"contacts": (USER,), "conversation": "77"})
LINKED = OPENED.model_copy(update={"noted": True, "sdr_told": True})


def facts(base: MailFacts, **changes: Any) -> MailFacts:
    return base.model_copy(update=changes)


def short(decision: Decision) -> str:
    """The decision in a word or two."""
    match decision:
        case Do(step):
            return f"do {step}"
        case Ask(question, _, of, about):
            return " ".join(filter(None, (f"ask {question}", of, *about)))
        case End(ending, _, to):
            return " ".join(filter(None, (f"end {ending}", to)))
        case _:
            raise AssertionError(f"not of this direction: {decision}")


@pytest.mark.parametrize(
    ("known", "decision"),
    [
        (FORWARDED, "do find_contacts"),
        (facts(FORWARDED, address_known=False), "ask which-customer staff-11"),
        (facts(FORWARDED, address_known=False, mistake=True), "end cancelled staff-11"),
        (facts(FORWARDED, contacts=()), "do create_contact"),
        (facts(FORWARDED, contacts=(USER, OTHER)), "ask which-contact c-1 c-2"),
        (facts(FORWARDED, contacts=(USER, OTHER), chosen="c-2"), "do open_conversation"),
        (facts(FORWARDED, contacts=(USER,)), "do open_conversation"),
        (OPENED, "do note_mail"),
        (facts(OPENED, noted=True), "do tell_sdr"),
        (facts(OPENED, noted=True, mode=Mode.CC), "do add_sdr"),
        (facts(OPENED, noted=True, mode=Mode.CC, sdr_added=True), "do tell_sdr"),
        (LINKED, "ask support-take"),
        (facts(LINKED, silent=True), "ask stuck support-take"),
        (facts(LINKED, taken="staff-61"), "end handed_over: support staff-61"),
        (facts(LINKED, taken="staff-61", silent=True), "end handed_over: support staff-61"),
        (facts(OPENED, taken="staff-61"), "do note_mail"),
        (facts(LINKED, state=State.CLOSED), "end handed_over: support"),
        (facts(LINKED, state=State.SNOOZED), "ask support-take"),
        (facts(LINKED, state=State.GONE), "end cancelled"),
        (facts(OPENED, state=State.GONE), "end cancelled"),
    ],
)
def test_what_comes_next(known: MailFacts, decision: str) -> None:
    """One conversation with its context, both sides linked, and an agent who has it."""
    found = policy.decide_mail(known)
    assert short(found) == decision
    assert found.why


def play(random: Random, start: MailFacts) -> tuple[list[Step], MailFacts, str]:
    """A case with colleagues who answer in their own way: what was done, the facts at the end, and the ending."""
    known, done = start, list[Step]()
    for _ in range(60):
        decision = policy.decide_mail(known)
        if isinstance(decision, Do):
            done.append(decision.step)
        match decision:
            case End(ending):
                return done, known, ending
            case Do(Step.FIND_CONTACTS):
                known = facts(known, contacts=tuple(random.sample([USER, OTHER, VISIT, SECOND], random.randrange(5))))
            case Do(Step.CREATE_CONTACT):
                known = facts(known, contacts=(USER,))
            case Do(Step.OPEN_CONVERSATION):
                known = facts(known, conversation="77")
            case Do(step):
                name = {Step.NOTE_MAIL: "noted", Step.ADD_SDR: "sdr_added", Step.TELL_SDR: "sdr_told"}[step]
                known = facts(known, **{name: True})
            case Ask(Question.WHICH_CUSTOMER):
                known = facts(known, **{random.choice(["address_known", "mistake"]): True})
            case Ask(Question.WHICH_CONTACT, _, _, about):
                known = facts(known, chosen=random.choice(about))
            case Ask(Question.SUPPORT_TAKE):
                answers: list[dict[str, Any]] = [{"silent": True}, {"taken": "staff-61"}]
                known = facts(known, **random.choice(answers))
            case Ask(Question.STUCK):
                known = facts(known, silent=False, taken=random.choice([None, "staff-62"]))
        if known.conversation and random.random() < 0.1:
            known = facts(known, state=random.choice(list(State)))
    raise AssertionError(f"does not end: {short(policy.decide_mail(known))}")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6).map(Random), st.sampled_from(Mode), st.booleans())
def test_what_must_hold_of_every_case(random: Random, mode: Mode, address_known: bool) -> None:
    """A case ends; nothing is done twice; handed over is only what is linked on both sides, and sales takes part where
    it stays involved."""
    done, known, ending = play(random, MailFacts(mode=mode, sdr="staff-11", address_known=address_known))
    assert len(set(done)) == len(done)
    if ending == "handed_over: support":
        assert known.noted
        assert known.sdr_told
        assert known.sdr_added is (mode is Mode.CC)
        assert known.taken is not None or known.state is State.CLOSED
    else:
        assert ending == "cancelled"
        assert known.mistake or known.state is State.GONE
