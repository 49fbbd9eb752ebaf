"""What a rep is asked in a support day, and what waits in the queues meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from casework import clock
from casework.people import Role
from casework.wait import Form
from flows.asking_reps import Text, ask_rep
from policies.rota import Rostered
from policies.support_day import NUMBERS, CheckIn, CheckInKind, DayPlan, State
from policies.support_queue import Counts, HandOver, Ticket, count, hand_over, prompt
from tasks import queues
from tasks.support_day import page_of

__all__ = [
    "Begin",
    "Checked",
    "Led",
    "Left",
    "SignOff",
    "ask_to_begin",
    "ask_to_check",
    "ask_to_sign_off",
    "greeting",
    "look",
]

START = "start"


class Now(StrEnum):
    """The one answer."""

    YES = "yes"


class Begin(Form):
    """That the rep begins the day."""

    available: Now = Field(description="Be set to Available")


class Checked(Form):
    """That the rep has looked at the queues."""

    checked: Now = Field(description="I have looked at my queues")


class SignOff(Form):
    """That the rep has done the day."""

    sign_off: Now = Field(description="Sign off")


@dataclass
class Led:
    """A day that is being led: what is known of it so far."""

    who: Rostered
    role: Role
    day: DayPlan
    in_help_desk: bool
    done: dict[CheckInKind, datetime] = field(default_factory=dict)
    unavailable: str = ""

    @property
    def states(self) -> dict[CheckInKind, State]:
        """How each check-in stands once the day is over."""
        return self.day.states(self.done, self.day.unavailable_at)

    @property
    def help_desk(self) -> list[str]:
        """The same for messages."""
        return ["yes" if self.in_help_desk else "no"]


@dataclass(frozen=True)
class Left:
    """What waits, by environment (None: it could not be counted), and the lists of the end of the day."""

    queues: Mapping[str, Counts | None]
    lists: HandOver
    at: datetime

    @property
    def our_turn(self) -> int:
        """How many tickets wait for us."""
        return len(self.lists.our_turn) + self.lists.more_our_turn

    @property
    def fringe(self) -> int:
        """How many are with engineering for long."""
        return len(self.lists.fringe) + self.lists.more_fringe

    @property
    def past_sla(self) -> int:
        """Of how many that wait for us the service level is broken."""
        return sum(one.past_sla for one in self.queues.values() if one is not None)

    @property
    def not_counted(self) -> list[str]:
        """The environments that could not be counted."""
        return [name for name, one in self.queues.items() if one is None]

    @property
    def nothing_counted(self) -> bool:
        """Whether that holds for all of them."""
        return bool(self.queues) and len(self.not_counted) == len(self.queues)


def look(led: Led) -> Left:
    """Count the rep's queues."""
    found = {one.name: queues.counted(one.tool, one.queue) for one in led.who.environments}
    now = clock.now()
    tickets = [ticket for one in found.values() for ticket in one or ()]
    counts = {name: None if one is None else count(one, now) for name, one in found.items()}
    return Left(counts, hand_over(tickets, led.who, now), now)


def greeting(led: Led) -> Text:
    """The greeting, with what waits."""
    left = look(led)
    until = led.who.wall(led.day.ends)
    given = prompt(left.queues, left.at) | {"day": led.day.day, "until": until, "help_desk": led.help_desk}
    return Text("support_day/greeting", given)


def ask_to_begin(led: Led) -> Begin | None:
    """Greet with the button that makes the rep available, until it is time to sign off."""
    until = led.day.sign_off.opens
    return ask_rep(
        Begin,
        led.role,
        START,
        question=_question(led, START, until),
        asked=greeting(led),
        buttons=((f"decide:available={Now.YES}", "Set me to Available"),),
        until=until,
        settled=lambda given: _settled(led, START, given, until),
    )


def ask_to_check(led: Led, check_in: CheckIn) -> Checked | None:
    """Ask whether the queues were looked at, until the window closes."""
    left, until = look(led), led.who.wall(check_in.closes)
    named: dict[str, Any] = {"check_in": check_in.kind, "until": until}
    return ask_rep(
        Checked,
        led.role,
        check_in.kind,
        question=_question(led, check_in.kind, check_in.closes),
        asked=Text("support_day/check-in", prompt(left.queues, left.at) | named),
        buttons=((f"decide:checked={Now.YES}", "Checked"),),
        until=check_in.closes,
        reminders=[(check_in.reminds, Text("support_day/check-in-reminder", named))],
        settled=lambda given: _settled(led, check_in.kind, given, check_in.closes),
    )


def ask_to_sign_off(led: Led) -> SignOff | None:
    """Show what is left, and ask whether the day is done, until a while after the hours."""
    sign_off, lists = led.day.sign_off, look(led).lists
    named: dict[str, Any] = {"until": led.who.wall(sign_off.closes), "help_desk": led.help_desk}
    given = named | _listed("our_turn", lists.our_turn) | _listed("fringe", lists.fringe)
    given |= {"more_our_turn": lists.more_our_turn, "more_fringe": lists.more_fringe}
    given["fringe_days"] = NUMBERS.hand_over.fringe_working_days
    return ask_rep(
        SignOff,
        led.role,
        sign_off.kind,
        question=_question(led, sign_off.kind, sign_off.closes),
        asked=Text("support_day/sign-off", given),
        buttons=((f"decide:sign_off={Now.YES}", "Sign off"),),
        until=sign_off.closes,
        reminders=[(sign_off.reminds, Text("support_day/sign-off-reminder", named))],
        settled=lambda given: _settled(led, sign_off.kind, given, sign_off.closes),
    )


def _listed(name: str, tickets: tuple[Ticket, ...]) -> dict[str, Any]:
    return {name: [one.id for one in tickets], f"{name}_links": [page_of(one) for one in tickets]}


def _question(led: Led, about: str, until: datetime) -> Text:
    given = {"rep": led.day.rep, "day": led.day.day, "about": [about], "until": led.who.wall(until)}
    return Text("support_day/question", given)


def _settled(led: Led, about: str, given: Form | None, until: datetime) -> Text:
    at = given.at if given is not None and given.at is not None else until
    answered = "no" if given is None else "yes"
    return Text("support_day/settled", {"about": [about], "answered": [answered], "at": led.who.wall(at)})
