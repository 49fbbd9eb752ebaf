"""The Monday review of a rep's hours: as they are scheduled, next to those of the revenue board.

Source: the organisation's policy page "Customer policies", part "Schedules". The rep says in Slack that they are right
or gives others. What differs, and silence, is for the coordinator; neither schedule nor board is changed by us.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from casework import clock
from casework.process import process
from casework.until import sleep_until
from flows.asking_reps import Text, as_rep, ask_rep, tell_rep
from flows.schedule_review_coordinator import TEXTS, look, settle
from flows.schedule_review_forms import Reply
from policies.rota import Rostered
from policies.schedule_review import (
    AskAgain,
    AskCoordinator,
    Confirmed,
    Ending,
    Hours,
    Message,
    NotAsked,
    decide,
    plan,
    said,
    table,
)
from tasks import reps
from tasks import schedule_review as board

BUTTONS = (("decide:answer=right", "Right"), ("ask:answer=changes", "Give changes"))


@process("schedule-review", subject=reps.week_of)
def schedule_review(rep: str) -> str:
    """Have a rep (a staff id) confirm the hours of this week."""
    planned = plan(reps.rep(rep), clock.now())
    if isinstance(planned, NotAsked):
        return Ending.NOT_ASKED
    sleep_until(planned.asks, "hours-start")
    shown, again = look(rep, planned.monday), False
    while True:
        given = ask(rep, planned.monday, shown, again)
        current = look(rep, planned.monday, shown.issues)
        changes = given.changes(planned.monday) if given is not None else {}
        match decide(shown, current, given.answer if given is not None else None, changes):
            case AskAgain(hours=hours):
                shown, again = hours, True
            case Confirmed() as confirmed:
                return confirm(rep, planned.monday, current, confirmed)
            case AskCoordinator() as asked:
                ending = settle(rep, planned.monday, asked, current)
                tell_rep(as_rep(rep), Text(f"{TEXTS}/{Message.RULED}", {"week": planned.monday, "ending": [ending]}))
                return ending


def ask(rep: str, monday: date, shown: Hours, again: bool) -> Reply | None:
    """Show the hours to the rep until the policy waits no longer; None when there is no answer by then."""
    person = reps.rep(rep)
    planned = plan(person, clock.now())
    if isinstance(planned, NotAsked) or planned.monday != monday:
        # The week is over, and the next one has a review of its own.
        return None
    hours = table(shown)
    until = _local(person, planned.silent)
    sums = {name: hours[name] for name in ("scheduled_total", "board_total")}
    everything: dict[str, Any] = {"rep": rep, "week": monday, "again": "yes" if again else "no", **hours}
    reminder = Text(f"{TEXTS}/{Message.REMINDER}", {"week": monday, **sums, **until})
    return ask_rep(
        Reply,
        as_rep(rep),
        "hours",
        question=Text(f"{TEXTS}/{Message.QUESTION_HOURS}", everything),
        asked=Text(f"{TEXTS}/{Message.HOURS}", everything | until),
        buttons=BUTTONS,
        until=planned.silent,
        reminders=[(planned.reminds, reminder)] if planned.reminds is not None else [],
        settled=lambda given: _outcome(monday, given),
    )


def confirm(rep: str, monday: date, hours: Hours, confirmed: Confirmed) -> Ending:
    """Say on the board's issues which hours were confirmed."""
    for issue in confirmed.issues:
        board.comment(issue, f"{TEXTS}/{confirmed.comment}", rep=rep, week=monday, total=said(hours.scheduled))
    return confirmed.ending


def _outcome(monday: date, given: Reply | None) -> Text:
    if given is None:
        return Text(f"{TEXTS}/{Message.UNANSWERED}", {"week": monday})
    answered = {"week": monday, "answer": given.answer.value, "staff": given.by, "at": given.at}
    return Text(f"{TEXTS}/{Message.ANSWERED}", answered)


def _local(person: Rostered, moment: datetime) -> dict[str, Any]:
    """A moment by the calendar and clock of a rep."""
    there = moment.astimezone(ZoneInfo(person.zone))
    return {"until_day": there.date(), "until_time": there.time().replace(tzinfo=None)}
