"""The offboarding: a table of what comes next, and whole cases played at random with what must hold at every step."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import data_export
from policies import offboarding as policy
from policies.numbers import NumbersError, load
from policies.offboarding import (
    NUMBERS,
    Ask,
    AskWhichDeal,
    BackToEngineering,
    Change,
    Deal,
    Decision,
    Do,
    End,
    Engineering,
    Export,
    ExportMeaning,
    Facts,
    Interview,
    Look,
    Property,
    PutBack,
    Question,
    Step,
    UseDeal,
    Wait,
    Waiting,
    Wish,
    Write,
)
from policies.offboarding_numbers import OffboardingNumbers

LAST = date(2026, 3, 31)
AFTER = datetime(2026, 4, 1, 3, tzinfo=UTC)
BEFORE = datetime(2026, 3, 20, 12, tzinfo=UTC)
STATUS, END = Property

SET = Change(property=STATUS, before="Active", after="Offboarding")
DEAL = Deal(id="d-1", won=True, status="Offboarding", earlier_status="Active")
WRITTEN = Facts(deal=DEAL, changes=(SET,))
ASKED = WRITTEN.model_copy(update={"last_day": LAST, "invited": True, "offered": True})
NO_DATA = ASKED.model_copy(update={"wish": Wish.NOT_WANTED, "interview": Interview.HELD})
ORDERED = NO_DATA.model_copy(update={"engineering": Engineering(task="t-1")})
CONFIRMED = NO_DATA.model_copy(update={"engineering": Engineering(task="t-1", confirmed=AFTER)})
LOOKED = CONFIRMED.model_copy(update={"look": Look(at=AFTER, active_users=0, live_sessions=0)})
ENDED = LOOKED.model_copy(
    update={
        "deal": DEAL.model_copy(update={"contract_end": LAST}),
        "changes": (SET, Change(property=END, before=None, after="2026-03-31")),
    }
)


def facts(base: Facts, **changes: Any) -> Facts:
    return base.model_copy(update=changes)


def deal(base: Facts, **changes: Any) -> Facts:
    return facts(base, deal=base.deal.model_copy(update=changes))


def export(ending: str | None, go_on: bool = False) -> dict[str, Any]:
    return {"wish": Wish.WANTED, "export": Export(case="case-2", ending=ending, go_on=go_on)}


def short(decision: Decision) -> str:
    """The decision in a word or two."""
    match decision:
        case Write(changes):
            return "write " + ", ".join(f"{one.property}={one.after}" for one in changes)
        case Do(step):
            return f"do {step}"
        case Ask(question):
            return f"ask {question}"
        case BackToEngineering(times, _, _, escalate):
            return f"back {times}{' escalated' if escalate else ''}"
        case Wait(waiting):
            return f"wait {', '.join(waiting)}"
        case End(ending):
            return f"end {ending}"


# -- which deal

ACTIVE = Deal(id="d-1", won=True, status="Active")
TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("deals", "chosen", "found"),
    [
        ([ACTIVE], None, "d-1"),
        ([ACTIVE, Deal(id="d-2", won=False, status="Active")], None, "d-1"),
        ([ACTIVE, Deal(id="d-2", won=True, status="churned")], None, "d-1"),
        ([ACTIVE, Deal(id="d-2", won=True, status="Active", contract_end=date(2026, 2, 28))], None, "d-1"),
        ([Deal(id="d-2", won=True, status=None, contract_end=TODAY)], None, "d-2"),
        ([Deal(id="d-2", won=True, status="Offboarding")], None, "d-2"),
        ([ACTIVE, Deal(id="d-2", won=True)], None, ["d-1", "d-2"]),
        ([ACTIVE, Deal(id="d-2", won=True)], "d-2", "d-2"),
        ([ACTIVE, Deal(id="d-2", won=True)], "d-9", ["d-1", "d-2"]),
        ([Deal(id="d-2", won=False)], None, ["d-2"]),
        ([], None, []),
    ],
)
def test_which_deal(deals: list[Deal], chosen: str | None, found: str | list[str]) -> None:
    """The only won deal that has not ended and is not of a former customer; several or none: a person says."""
    decision = policy.choose_deal(deals, TODAY, chosen)
    if isinstance(found, str):
        assert isinstance(decision, UseDeal)
        assert decision.id == found
    else:
        assert isinstance(decision, AskWhichDeal)
        assert list(decision.ids) == found
    assert decision.why
    assert policy.choose_deal(reversed(deals), TODAY, chosen) == decision


@pytest.mark.parametrize(
    ("status", "by_us", "asks"),
    [
        ("Offboarding requested", False, True),
        ("offboarding  requested", False, True),
        ("Offboarding", False, True),
        ("Offboarding", True, False),
        ("Active", False, False),
        (None, False, False),
    ],
)
def test_what_asks_for_a_case(status: str | None, by_us: bool, asks: bool) -> None:
    """A person who sets one of the asking statuses; never what our own integration wrote or put back."""
    assert policy.asks_to_offboard(status, set_by_us=by_us) is asks


# -- what comes next


@pytest.mark.parametrize(
    ("known", "now", "decision"),
    [
        (Facts(deal=ACTIVE), BEFORE, "write status=Offboarding"),
        (Facts(deal=DEAL), BEFORE, "ask last-day"),
        (WRITTEN, BEFORE, "ask last-day"),
        (deal(WRITTEN, contract_end=date(2027, 1, 1)), BEFORE, "ask last-day"),
        (facts(WRITTEN, last_day=LAST), BEFORE, "do invite"),
        (facts(WRITTEN, last_day=LAST, invited=True), BEFORE, "do offer_data"),
        (ASKED, BEFORE, "wait data, interview"),
        (ASKED, AFTER, "wait data, interview"),
        (facts(ASKED, interview=Interview.DECLINED), AFTER, "wait data"),
        (facts(ASKED, wish=Wish.SILENT), AFTER, "ask data-silence"),
        (facts(ASKED, wish=Wish.WANTED), BEFORE, "do open_export"),
        (facts(ASKED, **export(None)), AFTER, "wait export, interview"),
        (facts(ASKED, **export("delivered")), BEFORE, "wait last_day, interview"),
        (facts(ASKED, **export("withdrawn")), AFTER, "do order_deactivation"),
        (facts(ASKED, **export("expired")), AFTER, "ask export-ended"),
        (facts(ASKED, **export("expired", go_on=True)), AFTER, "do order_deactivation"),
        (facts(ASKED, wish=Wish.NOT_WANTED, export=Export(case="case-2")), AFTER, "wait export, interview"),
        (NO_DATA, BEFORE, "wait last_day"),
        (NO_DATA, AFTER, "do order_deactivation"),
        (ORDERED, AFTER, "wait engineering"),
        (CONFIRMED, AFTER, "do look"),
        (facts(LOOKED, look=Look(at=AFTER - timedelta(1), active_users=0, live_sessions=0)), AFTER, "do look"),
        (facts(LOOKED, look=Look(at=AFTER, active_users=1, live_sessions=0)), AFTER, "back 1"),
        (facts(LOOKED, look=Look(at=AFTER, active_users=0, live_sessions=1)), AFTER, "back 1"),
        (
            facts(
                LOOKED,
                engineering=Engineering(task="t-1", confirmed=AFTER, sent_back=1),
                look=Look(at=AFTER, round=1, active_users=0, live_sessions=1),
            ),
            AFTER,
            "back 2 escalated",
        ),
        (facts(LOOKED, engineering=Engineering(task="t-1", confirmed=AFTER, sent_back=1)), AFTER, "do look"),
        (facts(LOOKED, look=Look(at=AFTER)), AFTER, "ask access-by-hand"),
        (facts(LOOKED, look=Look(at=AFTER, active_users=0)), AFTER, "ask access-by-hand"),
        (facts(LOOKED, look=Look(at=AFTER, seen_gone=False)), AFTER, "back 1"),
        (facts(LOOKED, look=Look(at=AFTER, live_sessions=1, seen_gone=True)), AFTER, "back 1"),
        (facts(LOOKED, look=Look(at=AFTER, seen_gone=True)), AFTER, "write contract_end=2026-03-31"),
        (LOOKED, AFTER, "write contract_end=2026-03-31"),
        (deal(LOOKED, contract_end=LAST), AFTER, "do tell_offboarded"),
        (ENDED, AFTER, "do tell_offboarded"),
        (facts(ENDED, told=True), AFTER, "ask housekeeping"),
        (facts(ENDED, told=True, housekeeping=True, interview=None), AFTER, "wait interview"),
        (facts(ENDED, told=True, housekeeping=True), AFTER, "end offboarded: held"),
        (deal(ENDED, status="Active"), AFTER, "ask deal-changed"),
        (deal(ENDED, contract_end=None), AFTER, "ask deal-changed"),
        (facts(deal(ENDED, status="Paused"), kept=frozenset({STATUS})), AFTER, "do tell_offboarded"),
        (facts(deal(ENDED, contract_end=TODAY), kept=frozenset({END})), AFTER, "do tell_offboarded"),
    ],
)
def test_what_comes_next(known: Facts, now: datetime, decision: str) -> None:
    """Each row of the process, in its order, with what must be so before access goes and the contract ends."""
    found = policy.decide(known, now)
    assert short(found) == decision
    assert found.why


@pytest.mark.parametrize(
    ("known", "decision"),
    [
        (Facts(deal=ACTIVE), "do tell_stayed"),
        (WRITTEN, "write status=Active"),
        (ORDERED, "do call_off"),
        (facts(ORDERED, called_off=True), "write status=Active"),
        (CONFIRMED, "ask give-access-back"),
        (facts(CONFIRMED, called_off=True), "ask give-access-back"),
        (facts(CONFIRMED, restored=True), "write status=Active"),
        (facts(ENDED, restored=True), "write status=Active, contract_end=None"),
        (Facts(deal=DEAL), "write status=Active"),
        (deal(Facts(deal=DEAL), earlier_status=None), "ask status-back"),
        (facts(deal(Facts(deal=DEAL), earlier_status=None), status_back="Renewing"), "write status=Renewing"),
        (
            facts(WRITTEN, changes=(Change(property=STATUS, before="Offboarding requested", after="Offboarding"),)),
            "write status=Active",
        ),
        (deal(WRITTEN, status="Paused"), "ask deal-changed"),
        (facts(deal(WRITTEN, status="Paused"), kept=frozenset({STATUS})), "do tell_stayed"),
        (facts(ENDED, told=True), "ask give-access-back"),
        (facts(Facts(deal=ACTIVE), told=True), "do tell_stayed"),
        (facts(Facts(deal=ACTIVE), told_stayed=True), "end stayed"),
    ],
)
def test_the_customer_stays(known: Facts, decision: str) -> None:
    """Engineering is stopped or gives access back first; then the deal gets what stood there before anybody asked."""
    assert short(policy.decide(facts(known, stays=True), AFTER)) == decision


def test_a_wait_knows_the_last_day() -> None:
    """Until the last day there is a moment to wait for: 17:00 in the zone of the working days, summer or winter."""
    found = policy.decide(NO_DATA, BEFORE)
    assert isinstance(found, Wait)
    assert found.until == policy.deactivation_at(LAST) == datetime(2026, 4, 1, 0, tzinfo=UTC)
    assert policy.deactivation_at(date(2026, 1, 15)) == datetime(2026, 1, 16, 1, tzinfo=UTC)
    assert short(policy.decide(NO_DATA, found.until - timedelta(seconds=1))) == "wait last_day"
    assert short(policy.decide(NO_DATA, found.until)) == "do order_deactivation"


@pytest.mark.parametrize("ending", data_export.Ending)
def test_every_ending_of_an_export(ending: data_export.Ending) -> None:
    """Only a delivery or the customer's own no lets access go; all others, with whatever reason, are asked about."""
    meaning = policy.export_meaning(ending)
    assert policy.export_meaning(f"{ending}: {data_export.RefusalReason.SELF_SERVE}") is meaning
    expected = {
        data_export.Ending.DELIVERED: ExportMeaning.HAS_IT,
        data_export.Ending.WITHDRAWN: ExportMeaning.WANTS_IT_NO_MORE,
    }
    assert meaning is expected.get(ending, ExportMeaning.ASK)


@pytest.mark.parametrize("ending", ["", "parked", "deliveredish", "not delivered"])
def test_an_unknown_ending_is_asked_about(ending: str) -> None:
    """What a data export will be called one day is not taken for a delivery."""
    assert policy.export_meaning(ending) is ExportMeaning.ASK


@pytest.mark.parametrize("question", Question)
def test_who_is_asked(question: Question) -> None:
    """The customer's representative; only engineering can give access back, and the operators go after engineering."""
    others = {Question.GIVE_ACCESS_BACK: "engineering-lead", Question.ENGINEERING_OVERDUE: "operators"}
    assert question.role() == others.get(question, "cs-representative")


# -- putting back


def changed(name: Property, before: str | None, after: str | None) -> Change:
    return Change(property=name, before=before, after=after)


@pytest.mark.parametrize(
    ("changes", "now", "back", "left"),
    [
        ([], {}, [], []),
        ([changed(STATUS, "Active", "Offboarding")], {"status": "Offboarding"}, [(STATUS, "Active")], []),
        ([changed(STATUS, None, "Offboarding")], {"status": "Offboarding"}, [(STATUS, None)], []),
        ([changed(STATUS, "Active", "Offboarding")], {"status": "Active"}, [], []),
        ([changed(STATUS, "Active", "Offboarding")], {"status": "Paused"}, [], [STATUS]),
        (
            [changed(STATUS, "Active", "Offboarding"), changed(END, "2026-12-31", "2026-03-31")],
            {"status": "Offboarding", "contract_end": LAST},
            [(STATUS, "Active"), (END, "2026-12-31")],
            [],
        ),
        (
            [changed(STATUS, "Active", "Offboarding"), changed(STATUS, "Paused", "Offboarding")],
            {"status": "Offboarding"},
            [(STATUS, "Active")],
            [],
        ),
        (
            [changed(STATUS, "Active", "Offboarding"), changed(END, None, "2026-03-31")],
            {"status": "Paused", "contract_end": LAST},
            [(END, None)],
            [STATUS],
        ),
    ],
)
def test_putting_back(
    changes: list[Change], now: dict[str, Any], back: list[tuple[Property, str | None]], left: list[Property]
) -> None:
    """What stood there before our first write comes back; what others wrote since is theirs, and is named."""
    found = policy.put_back(changes, Deal(id="d-1", won=True, **now))
    assert [(one.property, one.after) for one in found.changes] == back
    assert list(found.left) == left


# -- whole cases


class World:
    """A customer, engineering and HubSpot, who do what they are asked to in their own way and order."""

    def __init__(self, random: Random, start: Deal, stays_after: int | None, by_hand: bool) -> None:
        self.random, self.start, self.stays_after, self.by_hand = random, start, stays_after, by_hand
        self.facts, self.now, self.done = Facts(deal=start), BEFORE, list[Step]()
        self.access = True

    def play(self) -> tuple[list[tuple[datetime, Facts, Decision]], End]:
        """All decisions up to the end of the case; a case that does not end is a failure."""
        seen: list[tuple[datetime, Facts, Decision]] = []
        for turn in range(200):
            if turn == self.stays_after:
                self.facts = facts(self.facts, stays=True)
            decision = policy.decide(self.facts, self.now)
            seen.append((self.now, self.facts, decision))
            if isinstance(decision, End):
                return seen, decision
            self.follow(decision)
            self.now += timedelta(hours=self.random.choice([0, 1, 30]))
        raise AssertionError(f"does not end: {[short(one) for _, _, one in seen[-4:]]}")

    def follow(self, decision: Decision) -> None:
        match decision:
            case Write(changes):
                self.write(changes)
            case Do(step):
                self.done.append(step)
                self.do(step)
            case Ask(question):
                self.answer(question)
            case BackToEngineering(times):
                self.facts = facts(self.facts, engineering=Engineering(task="t-1", sent_back=times))
            case Wait(waiting, _, until):
                self.move(self.random.choice(waiting), until)

    def rounds(self) -> int:
        return self.facts.engineering.sent_back if self.facts.engineering is not None else 0

    def write(self, changes: tuple[Change, ...]) -> None:
        values = {one.property: one.after for one in changes}
        updates: dict[str, Any] = {}
        if STATUS in values:
            updates["status"] = values[STATUS]
        if END in values:
            end = values[END]
            updates["contract_end"] = None if end is None else date.fromisoformat(end)
        self.facts = facts(deal(self.facts, **updates), changes=self.facts.changes + changes)

    def do(self, step: Step) -> None:
        match step:
            case Step.INVITE:
                self.facts = facts(self.facts, invited=True)
            case Step.OFFER_DATA:
                self.facts = facts(self.facts, offered=True)
            case Step.OPEN_EXPORT:
                self.facts = facts(self.facts, export=Export(case="case-2"))
            case Step.ORDER_DEACTIVATION:
                self.facts = facts(self.facts, engineering=Engineering(task="t-1"))
            case Step.CALL_OFF:
                self.facts = facts(self.facts, called_off=True)
            case Step.LOOK if self.by_hand:
                self.facts = facts(self.facts, look=Look(at=self.now, round=self.rounds()))
            case Step.LOOK:
                count = self.random.choice([0, 3]) if self.access else 0
                self.facts = facts(
                    self.facts,
                    look=Look(at=self.now, round=self.rounds(), active_users=count, live_sessions=int(self.access)),
                )
            case Step.TELL_OFFBOARDED:
                self.facts = facts(self.facts, told=True)
            case Step.TELL_STAYED:
                self.facts = facts(self.facts, told_stayed=True)

    def answer(self, question: Question) -> None:
        export = self.facts.export
        match question:
            case Question.LAST_DAY:
                self.facts = facts(self.facts, last_day=LAST)
            case Question.DATA_SILENCE:
                self.facts = facts(self.facts, wish=self.random.choice([None, Wish.WANTED, Wish.NOT_WANTED]))
            case Question.EXPORT_ENDED if export is not None and self.random.random() < 0.5:
                self.facts = facts(self.facts, export=export.model_copy(update={"go_on": True}))
            case Question.EXPORT_ENDED:
                self.facts = facts(self.facts, export=None, wish=Wish.WANTED)
            case Question.ACCESS_BY_HAND:
                self.facts = facts(self.facts, look=Look(at=self.now, round=self.rounds(), seen_gone=not self.access))
            case Question.HOUSEKEEPING:
                self.facts = facts(self.facts, housekeeping=True)
            case Question.STATUS_BACK:
                self.facts = facts(self.facts, status_back="Active")
            case Question.GIVE_ACCESS_BACK:
                self.access = True
                self.facts = facts(self.facts, restored=True)
            case _:
                raise AssertionError(f"nobody should be asked {question}")

    def move(self, waiting: Waiting, until: datetime | None) -> None:
        task, export = self.facts.engineering, self.facts.export
        match waiting:
            case Waiting.INTERVIEW:
                self.facts = facts(self.facts, interview=self.random.choice(list(Interview)))
            case Waiting.DATA:
                self.facts = facts(self.facts, wish=self.random.choice(list(Wish)))
            case Waiting.EXPORT if export is not None:
                ending = self.random.choice(list(data_export.Ending))
                self.facts = facts(self.facts, export=export.model_copy(update={"ending": ending.value}))
            case Waiting.LAST_DAY if until is not None:
                self.now = until
            case Waiting.ENGINEERING if task is not None:
                self.access = self.access and self.random.random() < 0.4
                self.facts = facts(self.facts, engineering=task.model_copy(update={"confirmed": self.now}))
            case _:
                raise AssertionError(f"there is nothing to wait for: {waiting}")


STARTS = st.builds(
    Deal,
    id=st.just("d-1"),
    won=st.just(True),
    status=st.sampled_from([None, "Active", "Offboarding requested", "Offboarding"]),
    earlier_status=st.sampled_from([None, "Active", "Renewing"]),
    contract_end=st.sampled_from([None, LAST, date(2027, 1, 1)]),
)
# Seeds, because hypothesis' own randoms would find the engineer who never does it.
RANDOMS = st.integers(0, 10**6).map(Random)
WORLDS = st.builds(World, RANDOMS, STARTS, st.none() | st.integers(0, 30), st.booleans())


@settings(max_examples=300, deadline=None)
@given(WORLDS)
def test_what_must_hold_at_every_step(world: World) -> None:
    """Access is ordered away only on the last day and with the data settled, the contract ends only after a look that
    is later than engineering's word, nobody is told before, and nothing is done twice."""
    seen, end = world.play()
    for at, known, decision in seen:
        if decision == Do(Step.ORDER_DEACTIVATION, decision.why):
            assert policy.deactivation_at(LAST) <= at
            assert known.export is not None or known.wish is Wish.NOT_WANTED
            assert known.export is None or known.export.ending in ("delivered", "withdrawn") or known.export.go_on
        ends_contract = isinstance(decision, Write) and any(
            one.property is END and one.after == LAST.isoformat() for one in decision.changes
        )
        if (ends_contract and not known.stays) or decision == Do(Step.TELL_OFFBOARDED, decision.why):
            assert known.engineering is not None
            assert known.engineering.confirmed is not None
            assert known.look is not None
            assert known.look.at >= known.engineering.confirmed
            assert known.look.gone is True
    again = {Step.LOOK, Step.OPEN_EXPORT}
    once = [step for step in world.done if step not in again]
    assert len(set(once)) == len(once)
    if end.ending == "stayed":
        assert world.access
    else:
        assert not world.access
        assert world.facts.deal.contract_end == LAST
        assert world.facts.deal.status == "Offboarding"


@settings(max_examples=200, deadline=None)
@given(WORLDS)
def test_cancelled_at_every_step(world: World) -> None:
    """Wherever a case is cancelled, putting back makes the deal what it was, and twice is the same as once."""
    seen, _ = world.play()
    for _, known, _ in seen:
        found = policy.put_back(known.changes, known.deal)
        assert found.left == ()
        after = World(Random(0), world.start, None, False)
        after.facts = known
        after.write(found.changes)
        assert after.facts.deal == world.start
        assert policy.put_back(known.changes, after.facts.deal) == PutBack((), ())


@settings(max_examples=200, deadline=None)
@given(RANDOMS, STARTS, st.integers(0, 30), st.booleans())
def test_who_stays_has_the_deal_back(random: Random, start: Deal, after: int, by_hand: bool) -> None:
    """Whenever the customer changes its mind: the status is that before anybody asked, the contract untouched."""
    world = World(random, start, after, by_hand)
    _, end = world.play()
    if end.ending != "stayed":
        return
    asking = start.status is not None and start.status.startswith("Offboarding")
    expected = start.earlier_status if asking else start.status
    if asking and expected is None:
        expected = "Active"  # as the person who is asked says
    assert world.facts.deal.status == expected
    assert world.facts.deal.contract_end == start.contract_end


# -- numbers

FILE = Path(__file__).parents[2] / "policies" / "offboarding.toml"


def test_the_pages_numbers() -> None:
    """What the page and the process's description state is in the file."""
    assert (NUMBERS.interview_reminder_days, NUMBERS.interview_wait_days) == ((3, 7), 14)
    assert NUMBERS.deal.offboarding == "Offboarding"
    assert (NUMBERS.housekeeping.former_prefix, NUMBERS.housekeeping.archive_folder) == ("Z_", "Archived")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("interview_reminder_days = [3, 7]", "interview_reminder_days = [3, 14]", "interview: each must come after"),
        ("data_wait_days = 14", "data_wait_days = 7", "data: each must come after"),
        ('contract_end = "contract_end_date"', 'contract_end = "client_activity_status"', "are two properties"),
        ('"Churned"]', '"offboarding"]', "cannot both ask"),
        ('requested", "Offboarding"]', 'requested"]', "must be one of asking_statuses"),
        ('former_prefix = "Z_"', 'former_prefix = "<b>"', "former_prefix: "),
    ],
)
def test_a_wrong_value_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Each mistake is refused with what is wrong."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "offboarding.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(NumbersError, match=told):
        load(OffboardingNumbers, path)
