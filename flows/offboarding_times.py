"""When the times of an offboarding are over, and who is reminded before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from casework.clock import Days, Delay, Until, WorkingDays
from casework.wait import Act
from flows.asking import office
from flows.offboarding_departure import TEXTS, Departure
from flows.offboarding_steps import last_day, letter, tell_lead
from policies.data_export import NUMBERS as HOUSE
from policies.offboarding import NUMBERS, Wait, Waiting
from tasks import asana
from tasks.people import CASEWORK

__all__ = ["deadlines", "reminders"]


def deadlines(departure: Departure, decision: Wait, start: datetime) -> dict[Waiting | None, datetime]:
    """When the time of what is waited for is over; None for all else at which the representative is asked again."""
    since, ends = departure.since, dict[Waiting | None, datetime]()
    asked_again = []
    if departure.unread:
        days = NUMBERS.representative_escalation_working_days + HOUSE.operators_decision_working_days
        asked_again.append(WorkingDays(days, office).after(start))
    for what in decision.waiting:
        match what:
            case Waiting.INTERVIEW if not departure.unread:
                ends[what] = Days(NUMBERS.interview_wait_days, office).after(since[what])
            case Waiting.DATA if not departure.unread:
                ends[what] = Days(NUMBERS.data_wait_days, office).after(since[what])
            case Waiting.EXPORT:
                # An export has its own deadlines, and always ends.
                asked_again.append(Days(NUMBERS.data_wait_days, office).after(start))
            case Waiting.LAST_DAY if decision.until is not None:
                ends[what] = decision.until
            case Waiting.ENGINEERING:
                ends[what] = WorkingDays(NUMBERS.engineering_final_working_days, office).after(since[what])
    return ends | ({None: min(asked_again)} if asked_again else {})


def reminders(
    departure: Departure, decision: Wait, ends: dict[Waiting | None, datetime]
) -> Sequence[tuple[Delay, Act]]:
    """Who else hears what, and when. What comes at the same moment is one act, or only the last of it would come."""
    acts: dict[datetime, list[Callable[[], object]]] = {}

    def at(moment: datetime, act: Callable[[], object]) -> None:
        acts.setdefault(moment, []).append(act)

    since = departure.since
    if Waiting.INTERVIEW in ends:
        about: dict[str, Any] = {"form_link": NUMBERS.interview_form, "until": ends[Waiting.INTERVIEW]}
        for days in NUMBERS.interview_reminder_days:
            at(
                Days(days, office).after(since[Waiting.INTERVIEW]),
                lambda: letter(departure, "interview-reminder", **about),
            )
    if Waiting.DATA in ends:
        until = ends[Waiting.DATA]
        for days in NUMBERS.data_reminder_days:
            at(Days(days, office).after(since[Waiting.DATA]), lambda: letter(departure, "data-reminder", until=until))
    if Waiting.ENGINEERING in decision.waiting:
        task, page = departure.ordered.task, departure.task_page
        told = {"team": departure.customer.team, "last_day": last_day(departure)}
        begun = since[Waiting.ENGINEERING]
        at(
            WorkingDays(NUMBERS.engineering_reminder_working_days, office).after(begun),
            lambda: asana.comment(task, f"{TEXTS}/deactivation-reminder", **told),
        )
        at(
            WorkingDays(NUMBERS.engineering_escalation_working_days, office).after(begun),
            lambda: tell_lead(departure, **page),
        )
    return [(Until(moment), once(together)) for moment, together in acts.items()]


def once(acts: Sequence[Callable[[], object]]) -> Act:
    """All of these, once, however many are asked."""
    return lambda invitation: [act() for act in acts] if invitation.person == CASEWORK else None
