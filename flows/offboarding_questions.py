"""What people are asked in an offboarding, and what their answers mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from casework import clock
from casework.clock import Days, WorkingDays
from flows import offboarding_forms as forms
from flows.asking import ask_operators, office
from flows.offboarding_departure import TEXTS, Departure
from flows.offboarding_steps import last_day, write_to
from policies import offboarding as policy
from policies.data_export import NUMBERS as HOUSE
from policies.offboarding import NUMBERS, Change, Property, Question, Waiting, Wish
from tasks import asana, hubspot

__all__ = ["QUESTIONS", "ask_overdue"]


def ask_last_day(departure: Departure) -> None:
    """Have the last day of service said."""
    end = departure.known.deal.value(Property.CONTRACT_END)
    departure.note(last_day=departure.ask(forms.LastDay, Question.LAST_DAY, contract_end=end or "none").day)


def ask_silence(departure: Departure) -> None:
    """Have it said whether a silent customer wants its data; it may be asked once more."""
    answer = departure.ask(forms.DataSilence, Question.DATA_SILENCE, days=NUMBERS.data_wait_days)
    if answer.decision is not forms.Wished.ASK_AGAIN:
        departure.note(wish=Wish.WANTED if answer.decision is forms.Wished.YES else Wish.NOT_WANTED)
        return
    departure.note(wish=None)
    departure.since[Waiting.DATA] = clock.now()
    until = Days(NUMBERS.data_wait_days, office).after(departure.since[Waiting.DATA])
    write_to(departure, "data-reminder", until=until)


def ask_export_ended(departure: Departure) -> None:
    """Have it said what happens after an export that ended without the data."""
    export = departure.known.export
    if export is None or export.ending is None:
        raise ValueError("the policy asks about an export that has not ended")
    ending = "-".join(re.findall(r"[\w.]+", export.ending))
    answer = departure.ask(forms.ExportEnded, Question.EXPORT_ENDED, export=export.case, ending=ending)
    if answer.decision is forms.Again.AGAIN:
        departure.note(export=None, wish=Wish.WANTED)
    else:
        departure.note(export=export.model_copy(update={"go_on": True}))


def ask_access(departure: Departure) -> None:
    """Have somebody try to get in, where the product's database cannot be asked."""
    answer = departure.ask(forms.AccessByHand, Question.ACCESS_BY_HAND, **departure.task_page)
    look = departure.known.look
    if look is None:
        raise ValueError("the policy asks for a look by hand before ours")
    departure.note(look=look.model_copy(update={"seen_gone": answer.decision is forms.Access.GONE}))


def ask_deal_changed(departure: Departure) -> None:
    """Have it said what a change means that others made; what they changed back meanwhile means nothing."""
    names = [policy.property_name(one) for one in _changed_by_others(departure)]
    answer = departure.ask(forms.DealChanged, Question.DEAL_CHANGED, properties=names)
    departure.facts()
    changed = _changed_by_others(departure)
    if answer.decision is forms.Changed.WRITE_AGAIN:
        departure.write(_changes(departure, changed))
    elif answer.decision is forms.Changed.KEEP:
        departure.note(kept=departure.known.kept | set(changed))
    else:
        # From here on it is as if we had seen it come so: staying puts back what stood there before all of it.
        seen = tuple(
            Change(property=one.property, before=one.after, after=one.before) for one in _changes(departure, changed)
        )
        departure.note(stays=True, changes=departure.known.changes + seen)


def _changed_by_others(departure: Departure) -> dict[Property, str | None]:
    """The properties that do not hold what we wrote, with that."""
    known = departure.known
    ours = {one.property: one.after for one in known.changes}
    return {name: value for name, value in ours.items() if name not in known.kept and known.deal.value(name) != value}


def _changes(departure: Departure, to: Mapping[Property, str | None]) -> tuple[Change, ...]:
    deal = departure.known.deal
    return tuple(Change(property=name, before=deal.value(name), after=value) for name, value in to.items())


def ask_housekeeping(departure: Departure) -> None:
    """Have the password vault put in order."""
    names = NUMBERS.housekeeping
    departure.ask(forms.Housekeeping, Question.HOUSEKEEPING, prefix=names.former_prefix, folder=names.archive_folder)
    departure.note(housekeeping=True)


def ask_status_back(departure: Departure) -> None:
    """Have it said which status the deal of a customer who stays gets; what HubSpot does not have does not count."""
    answer = departure.ask(forms.StatusBack, Question.STATUS_BACK)
    if answer.decision is forms.Status.KEEP:
        departure.note(kept=departure.known.kept | {Property.STATUS})
    elif answer.status in hubspot.statuses():
        departure.note(status_back=answer.status)


def ask_access_back(departure: Departure) -> None:
    """Have access given back to a customer who stays."""
    departure.ask(forms.GiveAccessBack, Question.GIVE_ACCESS_BACK, **departure.task_page)
    departure.note(restored=True)


def ask_overdue(departure: Departure) -> None:
    """Have the operators find out about engineering's task; it may be completed while they do."""
    task = departure.ordered.task
    done = {"decision": forms.Overdue.DONE.value}
    answer = ask_operators(
        forms.EngineeringOverdue,
        departure.deal,
        Question.ENGINEERING_OVERDUE.value,
        WorkingDays(HOUSE.operators_decision_working_days, office),
        settled_by=(asana.ASANA, f"asana:task:{task}"),
        look=lambda _: (replace(one, values=done) for one in asana.completed(task)),
        texts=TEXTS,
        last_day=last_day(departure),
        **departure.page,
        **departure.task_page,
    )
    departure.since[Waiting.ENGINEERING] = clock.now()
    known = departure.known.engineering
    if answer is not None and answer.decision is forms.Overdue.DONE and known is not None:
        departure.note(engineering=known.model_copy(update={"confirmed": clock.now()}))


QUESTIONS: Mapping[Question, Callable[[Departure], None]] = {
    Question.LAST_DAY: ask_last_day,
    Question.DATA_SILENCE: ask_silence,
    Question.EXPORT_ENDED: ask_export_ended,
    Question.ACCESS_BY_HAND: ask_access,
    Question.DEAL_CHANGED: ask_deal_changed,
    Question.HOUSEKEEPING: ask_housekeeping,
    Question.STATUS_BACK: ask_status_back,
    Question.GIVE_ACCESS_BACK: ask_access_back,
}
"""By the policy's questions; which deal it is, is asked before (`choose_deal`), what the customer has said, where it is
waited for (`await_news`)."""
