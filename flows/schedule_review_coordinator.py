"""What the rep and the board do not settle: the coordinator changes schedule or board, or keeps the hours.

That they were changed is believed after both were read again; what is not right then is asked about again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any

from casework.clock import WorkingDays
from casework.wait import wait_for
from flows.asking import every_so_often, in_slack, office
from flows.schedule_review_forms import Ruled
from policies import messages
from policies.data_export import NUMBERS as HOUSE
from policies.schedule_review import (
    NUMBERS,
    AskCoordinator,
    Ended,
    Ending,
    Hours,
    Message,
    after_coordinator,
    compare,
    listed,
)
from tasks import accounts, people, reps
from tasks import schedule_review as board

__all__ = ["TEXTS", "look", "settle"]

TEXTS = "schedule_review"
BUTTONS = (("decide:ruling=changed", "Changed"), ("decide:ruling=keep", "Keep"))


def look(rep: str, monday: date, known: tuple[str, ...] = ()) -> Hours:
    """The hours as settings and board have them now; `known` are issues of the board that were seen before."""
    person = reps.rep(rep)
    return compare(person, monday, board.on_board(rep, person.jira_account, monday, known))


def settle(rep: str, monday: date, asked: AskCoordinator, hours: Hours) -> Ending:
    """Ask the coordinator until schedule and board are right or the hours are kept; how the review ends."""
    again = False
    while True:
        ruled = _ask(rep, monday, asked, hours, again)
        if ruled is None:
            continue
        hours = look(rep, monday, hours.issues)
        found = after_coordinator(ruled.ruling, asked, hours)
        if isinstance(found, Ended):
            return found.ending
        asked, again = found, True


def _ask(rep: str, monday: date, asked: AskCoordinator, hours: Hours, again: bool) -> Ruled | None:
    about: dict[str, Any] = {"rep": rep, "week": monday}
    why = {"grounds": [one.value for one in asked.grounds], "again": "yes" if again else "no"}
    shown = about | why | listed(asked.corrections)
    links = [board.link_to(issue) for issue in hours.issues]
    escalates = NUMBERS.coordinator_escalation_working_days
    within = WorkingDays(escalates + HOUSE.operators_decision_working_days, office)
    remind = in_slack(f"{TEXTS}/{Message.COORDINATOR_REMINDER}", about, BUTTONS)
    return wait_for(
        Ruled,
        key="coordinator",
        question=messages.render(f"{TEXTS}/{asked.question}", **shown, board_links=links).body,
        who=accounts.role(NUMBERS.roles.coordinator),
        within=within,
        announce=in_slack(f"{TEXTS}/{Message.COORDINATOR}", shown, BUTTONS),
        remind=[(delay, remind) for delay in every_so_often(NUMBERS.coordinator_reminder_working_days, within)],
        escalate=[(WorkingDays(escalates, office), accounts.role(NUMBERS.roles.operators))],
        settled=partial(_show, about),
    )


def _show(about: dict[str, Any], given: Ruled | None, told: Sequence[object]) -> None:
    """Say in Slack, where it was asked, what became of it."""
    for message in people.asked_in_slack(told):
        if given is None:
            people.show_outcome(message, f"{TEXTS}/{Message.COORDINATOR_UNANSWERED}", **about)
        else:
            ruled = {"ruling": given.ruling.value, "staff": given.by, "at": given.at}
            people.show_outcome(message, f"{TEXTS}/{Message.COORDINATOR_ANSWERED}", **about, **ruled)
