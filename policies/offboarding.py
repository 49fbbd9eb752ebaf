"""The offboarding: which deal it is about, what comes next, when access may go, and how the deal is put back.

Source: "Customer policies", part "Offboarding Steps": Client Activity Status of the current active deal, exit
interview, and, once engineering has confirmed that access is gone, the Contract End Date. Two things are never guessed:
that a customer does not want its data, and that access is gone. Silence about the first is asked about; the second is
believed after a look that is later than engineering's word.

The interview holds up only the end of the case, the data only the deactivation; `Wait` names all that is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from policies import data_export
from policies.offboarding_facts import Change, Deal, Engineering, Export, Facts, Interview, Look, Property, Wish
from policies.offboarding_numbers import NUMBERS, OffboardingNumbers
from policies.rep_days import moment
from policies.words import plain

__all__ = [
    "NUMBERS",
    "Ask",
    "AskWhichDeal",
    "BackToEngineering",
    "Change",
    "Deal",
    "Decision",
    "Do",
    "End",
    "Ending",
    "Engineering",
    "Export",
    "ExportMeaning",
    "Facts",
    "Interview",
    "Look",
    "Message",
    "Property",
    "PutBack",
    "Question",
    "Step",
    "UseDeal",
    "Wait",
    "Waiting",
    "Wish",
    "Write",
    "asks_to_offboard",
    "choose_deal",
    "deactivation_at",
    "decide",
    "export_meaning",
    "property_name",
    "put_back",
]


class Ending(StrEnum):
    """How a case ends; `OFFBOARDED` is followed by what became of the interview."""

    OFFBOARDED = "offboarded"
    STAYED = "stayed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """Something that is done now, and once."""

    INVITE = "invite"
    OFFER_DATA = "offer_data"
    OPEN_EXPORT = "open_export"
    ORDER_DEACTIVATION = "order_deactivation"
    LOOK = "look"
    TELL_OFFBOARDED = "tell_offboarded"
    CALL_OFF = "call_off"
    TELL_STAYED = "tell_stayed"


class Question(StrEnum):
    """What a person is asked, by the key of the question; its message is `question-<key>`."""

    WHICH_DEAL = "which-deal"
    LAST_DAY = "last-day"
    CUSTOMER = "customer"
    DATA_SILENCE = "data-silence"
    EXPORT_ENDED = "export-ended"
    ACCESS_BY_HAND = "access-by-hand"
    DEAL_CHANGED = "deal-changed"
    HOUSEKEEPING = "housekeeping"
    STATUS_BACK = "status-back"
    GIVE_ACCESS_BACK = "give-access-back"
    ENGINEERING_OVERDUE = "engineering-overdue"

    def role(self, numbers: OffboardingNumbers = NUMBERS) -> str:
        """Who is asked first: the customer's representative, but for access, which only engineering can give back, and
        for engineering itself, when neither it nor its lead has done what was asked."""
        roles = numbers.roles
        asked = {Question.GIVE_ACCESS_BACK: roles.engineering_lead, Question.ENGINEERING_OVERDUE: roles.operators}
        return asked.get(self, roles.representative)


class Waiting(StrEnum):
    """What is waited for."""

    INTERVIEW = "interview"
    DATA = "data"
    EXPORT = "export"
    LAST_DAY = "last_day"
    ENGINEERING = "engineering"


class Message(StrEnum):
    """What is sent or written, by the names of the messages. `INVITATION` up to `EXPORT_REQUEST` go to the customer."""

    INVITATION = "invitation"
    INTERVIEW_REMINDER = "interview-reminder"
    DATA_OFFER = "data-offer"
    DATA_REMINDER = "data-reminder"
    OFFBOARDED = "offboarded"
    STAYED = "stayed"
    CANCELLED = "cancelled"
    EXPORT_REQUEST = "export-request"
    INTERVIEW_TASK = "interview-task"
    DEACTIVATION_TASK = "deactivation-task"
    DEACTIVATION_REMINDER = "deactivation-reminder"
    DEACTIVATION_ESCALATED = "deactivation-escalated"
    STILL_THERE = "still-there"
    CALLED_OFF = "called-off"
    NOTE_STARTED = "note-started"
    NOTE_INTERVIEW = "note-interview"
    NOTE_PUT_BACK = "note-put-back"


class ExportMeaning(StrEnum):
    """What the ending of a data export means for the deactivation."""

    HAS_IT = "has_it"
    WANTS_IT_NO_MORE = "wants_it_no_more"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class UseDeal:
    """This is the customer's current active deal."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class AskWhichDeal:
    """No deal is active, or several are: the representative says which one counts, or that it was a mistake."""

    ids: tuple[str, ...]
    why: str
    question: Question = Question.WHICH_DEAL


@dataclass(frozen=True, slots=True)
class Write:
    """Write these properties of the deal, and keep the changes in the case file."""

    changes: tuple[Change, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Do:
    """Do this, then decide again."""

    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a person, then decide again."""

    question: Question
    why: str


@dataclass(frozen=True, slots=True)
class BackToEngineering:
    """Access is still there: the task is open again, with what was seen; `escalate`: the engineering lead hears."""

    sent_back: int
    active_users: int | None
    live_sessions: int | None
    escalate: bool
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done until one of these has moved, or until a moment (UTC)."""

    waiting: tuple[Waiting, ...]
    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The case is over."""

    ending: str
    why: str


Decision = Write | Do | Ask | BackToEngineering | Wait | End


def asks_to_offboard(status: str | None, *, set_by_us: bool, numbers: OffboardingNumbers = NUMBERS) -> bool:
    """Whether a deal's status asks for a case; what our own integration wrote or put back never does."""
    return not set_by_us and _is_one_of(status, numbers.deal.asking_statuses)


def choose_deal(
    deals: Iterable[Deal], today: date, chosen: str | None = None, numbers: OffboardingNumbers = NUMBERS
) -> UseDeal | AskWhichDeal:
    """Which of a customer's deals is its current active one; `chosen` is the id that a person has named.

    Active is a won deal that is not of a former customer and has not ended. The one that the case was started with has
    no other rights: it may be an old one.
    """
    known = sorted(deals, key=lambda deal: deal.id)
    if chosen is not None and chosen in {deal.id for deal in known}:
        return UseDeal(chosen, "A person said that this one counts.")
    active = [deal for deal in known if _is_active(deal, today, numbers)]
    if len(active) == 1:
        return UseDeal(active[0].id, "It is the only active deal of this customer.")
    if active:
        return AskWhichDeal(tuple(deal.id for deal in active), "The customer has several active deals.")
    return AskWhichDeal(tuple(deal.id for deal in known), "The customer has no active deal.")


def decide(facts: Facts, now: datetime, numbers: OffboardingNumbers = NUMBERS) -> Decision:
    """What comes next, at a moment (aware)."""
    if _changed_by_others(facts):
        return Ask(Question.DEAL_CHANGED, "Somebody else has changed what we wrote into the deal.")
    if facts.stays:
        return _stay(facts, numbers)
    written = {change.property for change in facts.changes}
    if Property.STATUS not in written | facts.kept and facts.deal.status != numbers.deal.offboarding:
        return Write((_change(facts.deal, Property.STATUS, numbers.deal.offboarding),), "The customer leaves.")
    if facts.last_day is None:
        return Ask(Question.LAST_DAY, "The last day of service is not known.")
    if not facts.invited:
        return Do(Step.INVITE, "The customer is asked why it leaves.")
    if not facts.offered:
        return Do(Step.OFFER_DATA, "A customer who leaves may take its data along.")
    return _data(facts) or _access(facts, facts.last_day, now, numbers) or _finish(facts, facts.last_day, written)


def _data(facts: Facts) -> Decision | None:
    export = facts.export
    # An export that runs or failed counts whatever was said to the offer: the customer asked for it.
    if export is None:
        if facts.wish is None:
            return _wait(facts, Waiting.DATA, "The customer may still say that it wants its data.")
        if facts.wish is Wish.SILENT:
            return Ask(Question.DATA_SILENCE, "The customer has not said whether it wants its data.")
        return Do(Step.OPEN_EXPORT, "The customer wants its data.") if facts.wish is Wish.WANTED else None
    if export.ending is None:
        return _wait(facts, Waiting.EXPORT, "The customer's data export is not over.")
    if export_meaning(export.ending) is ExportMeaning.ASK and not export.go_on:
        return Ask(Question.EXPORT_ENDED, "The customer's data export has ended without its data.")
    return None


def _access(facts: Facts, last_day: date, now: datetime, numbers: OffboardingNumbers) -> Decision | None:
    task = facts.engineering
    if task is None:
        at = deactivation_at(last_day, numbers)
        if now < at:
            return _wait(facts, Waiting.LAST_DAY, "The customer still has service.", at)
        return Do(Step.ORDER_DEACTIVATION, "The last day of service is here.")
    if task.confirmed is None:
        return _wait(facts, Waiting.ENGINEERING, "Engineering has not said that access is gone.")
    look = facts.look
    if look is None or look.at < task.confirmed or look.round != task.sent_back:
        return Do(Step.LOOK, "Engineering says that access is gone, and nobody has looked since.")
    if look.gone is None:
        return Ask(Question.ACCESS_BY_HAND, "The product's database cannot be asked whether access is gone.")
    if look.gone:
        return None
    times = task.sent_back + 1
    return BackToEngineering(
        times,
        look.active_users,
        look.live_sessions,
        times >= numbers.sent_back_before_escalation,
        "Engineering says that access is gone, and it is not.",
    )


def _finish(facts: Facts, last_day: date, written: set[Property]) -> Decision:
    if (
        Property.CONTRACT_END not in written | facts.kept
        and facts.deal.value(Property.CONTRACT_END) != last_day.isoformat()
    ):
        return Write((_change(facts.deal, Property.CONTRACT_END, last_day.isoformat()),), "Access is gone.")
    if not facts.told:
        return Do(Step.TELL_OFFBOARDED, "Access is gone, and the contract has its end.")
    if not facts.housekeeping:
        return Ask(Question.HOUSEKEEPING, "The password vault still has the customer among the active ones.")
    if facts.interview is None:
        return _wait(facts, None, "The exit interview is not settled.")
    return End(f"{Ending.OFFBOARDED}: {facts.interview}", "Access is gone, and all is settled.")


def _stay(facts: Facts, numbers: OffboardingNumbers) -> Decision:
    task, look = facts.engineering, facts.look
    # Access may be gone as soon as engineering has said so; who stays must not find the door locked.
    if task is not None and not facts.restored and (task.confirmed is not None or (look and look.gone)):
        return Ask(Question.GIVE_ACCESS_BACK, "The customer stays, and its access was taken away.")
    if task is not None and not facts.called_off and not facts.restored:
        return Do(Step.CALL_OFF, "The customer stays.")
    deal = facts.deal
    before = {Property.STATUS: deal.status} | {one.property: one.before for one in reversed(facts.changes)}
    if _is_one_of(before[Property.STATUS], numbers.deal.asking_statuses):
        # It was the asking that stood there before us: what counts is what stood there before that.
        before[Property.STATUS] = facts.status_back or deal.earlier_status
        if before[Property.STATUS] is None and Property.STATUS not in facts.kept:
            return Ask(Question.STATUS_BACK, "It is not known which status the deal had before.")
    changes = tuple(
        _change(deal, name, value)
        for name, value in before.items()
        if name not in facts.kept and deal.value(name) != value
    )
    if changes:
        return Write(changes, "The customer stays.")
    if not facts.told_stayed:
        return Do(Step.TELL_STAYED, "The customer stays.")
    return End(Ending.STAYED, "The customer has changed its mind.")


@dataclass(frozen=True, slots=True)
class PutBack:
    """How a deal becomes what it was. `left` was changed by others since, so that it is theirs: they are told."""

    changes: tuple[Change, ...]
    left: tuple[Property, ...]


def put_back(changes: Iterable[Change], deal: Deal) -> PutBack:
    """What undoes changes, given in the order in which they were made, on a deal as it is now.

    Where it is as it was already, nothing is written; so doing it twice is doing it once.
    """
    first: dict[Property, Change] = {}
    last: dict[Property, Change] = {}
    for one in changes:
        first.setdefault(one.property, one)
        last[one.property] = one
    back: list[Change] = []
    left: list[Property] = []
    for name, change in first.items():
        now = deal.value(name)
        if now == change.before:
            continue
        if now == last[name].after:
            back.append(Change(property=name, before=now, after=change.before))
        else:
            left.append(name)
    return PutBack(tuple(back), tuple(left))


def export_meaning(ending: str) -> ExportMeaning:
    """What the ending of a data export's case means; one that is not known is asked about.

    Refused with self-serve is asked about as well: the team can export only while it has access.
    """
    kind = ending.partition(":")[0].strip()
    if kind == data_export.Ending.DELIVERED:
        return ExportMeaning.HAS_IT
    return ExportMeaning.WANTS_IT_NO_MORE if kind == data_export.Ending.WITHDRAWN else ExportMeaning.ASK


def deactivation_at(last_day: date, numbers: OffboardingNumbers = NUMBERS) -> datetime:
    """From when on access is taken away, in UTC: on the last day of service, in the zone of the working days."""
    return moment(last_day, numbers.deactivation_time_of_day, ZoneInfo(data_export.NUMBERS.business.zone))


def property_name(name: Property, numbers: OffboardingNumbers = NUMBERS) -> str:
    """HubSpot's name of the property."""
    return str(getattr(numbers.deal, name.value))


def _wait(facts: Facts, what: Waiting | None, why: str, until: datetime | None = None) -> Wait:
    interview = (Waiting.INTERVIEW,) if facts.interview is None else ()
    return Wait((*((what,) if what else ()), *interview), why, until)


def _changed_by_others(facts: Facts) -> bool:
    last = {change.property: change.after for change in facts.changes}
    return any(name not in facts.kept and facts.deal.value(name) != after for name, after in last.items())


def _change(deal: Deal, name: Property, value: str | None) -> Change:
    return Change(property=name, before=deal.value(name), after=value)


def _is_active(deal: Deal, today: date, numbers: OffboardingNumbers) -> bool:
    former = _is_one_of(deal.status, numbers.deal.former_statuses)
    return deal.won and not former and (deal.contract_end is None or deal.contract_end >= today)


def _is_one_of(status: str | None, names: Iterable[str]) -> bool:
    return status is not None and plain(status) in map(plain, names)
