"""The support day of one rep: look at the queues three times, be available in the hours, and hand over at their end.

Source: the organisation's policy page "Customer policies", parts "Support Check-in Cadence" and "Your Support
Workflow". Nothing that is down stops a day: what a rep is not told of is missed, and what cannot be counted is
said to be so.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from casework import clock
from casework.process import process
from casework.together import together
from casework.until import sleep_until
from flows import support_day_questions as questions
from flows.asking_reps import Text, as_rep, tell_rep
from flows.support_day_questions import Led
from policies import support_day as policy
from policies.support_day import NUMBERS, CheckInKind, DayOff, Ending, Event, Keep, State
from policies.support_week import DayRecord
from tasks import accounts, people, reps
from tasks import support_day as tasks


@process("support-day", subject=reps.today_of)
def support_day(rep: str) -> str:
    """Lead a rep (a staff id) through today: started by its schedule, or by a person; a day is led once."""
    who = reps.rep(rep)
    day = policy.plan(who, who.today(clock.now()))
    if tasks.is_repeated():
        return Ending.REPEATED
    if isinstance(day, DayOff):
        tasks.record(DayRecord(rep=rep, day=day.day, off=day.why))
        return policy.ending(day, {})
    role = as_rep(rep)
    tasks.begin(day, role.people[0])
    led = Led(who, role, day, in_help_desk=tasks.status_of(rep) is not None)
    sleep_until(day.starts, "hours-begin")
    together(greeting=lambda: begin(led), windows=lambda: look_and_sign_off(led))
    sum_up(led)
    return policy.ending(day, led.done)


def begin(led: Led) -> None:
    """Greet; the button makes the rep available. It is there until it is time to sign off."""
    if clock.now() >= led.day.sign_off.opens:
        return
    if not led.in_help_desk:
        tell_rep(led.role, questions.greeting(led))
    elif questions.ask_to_begin(led) is not None and set_availability(led, Event.START_PRESSED) is False:
        tell_rep(led.role, Text("support_day/by-hand", {"availability": ["available"]}))


def look_and_sign_off(led: Led) -> None:
    """Ask in each window whether the queues were looked at, and at the end whether the day is done.

    A window that is over when its turn comes, because nothing of ours was running, is missed and not asked about.
    """
    for check_in in led.day.check_ins:
        sleep_until(check_in.opens, f"{check_in.kind}-opens")
        if check_in.state(None, clock.now()) is State.OPEN:
            signs_off = check_in.kind is CheckInKind.SIGN_OFF
            answer = questions.ask_to_sign_off(led) if signs_off else questions.ask_to_check(led, check_in)
            if answer is not None and answer.at is not None:
                led.done[check_in.kind] = answer.at
    led.unavailable = end_availability(led)


def end_availability(led: Led) -> str:
    """Set the rep to unavailable, and tell them where they have not signed off; in a word how it went.

    While that fails it is tried again; in the end the rep and the coordinator are told to do it by hand.
    """
    signed_off = led.states[CheckInKind.SIGN_OFF] is State.DONE
    if not signed_off:
        sleep_until(led.day.unavailable_at, "hours-are-over")
    event = Event.SIGN_OFF_PRESSED if signed_off else Event.NOT_SIGNED_OFF
    first = clock.now()
    for minutes in (0, *NUMBERS.availability.again_minutes):
        sleep_until(first + timedelta(minutes=minutes), f"again-after-{minutes}")
        changed = set_availability(led, event)
        if changed is not False:
            break
    else:
        tell_rep(led.role, Text("support_day/by-hand", {"availability": ["unavailable"]}))
        return "failed"
    if signed_off:
        return "signed-off"
    if changed is None:
        return "kept"
    tell_rep(led.role, Text("support_day/set-unavailable", {"why": ["not-signed-off"]}))
    return "by-us"


def set_availability(led: Led, event: Event) -> bool | None:
    """Whether it could be set, by looking; None: nothing was to be set."""
    rep = led.day.rep
    decided = policy.availability(event, led.day, clock.now(), tasks.status_of(rep))
    return None if isinstance(decided, Keep) else tasks.set_availability(rep, decided.value)


def sum_up(led: Led) -> None:
    """Keep how the day went, for its week, and tell the coordinator."""
    left = questions.look(led)
    states = led.states
    done = [kind for kind, state in states.items() if state is State.DONE]
    missed = [kind for kind in states if kind not in done]
    sums = {"our_turn": left.our_turn, "past_sla": left.past_sla, "fringe": left.fringe}
    known = None if left.not_counted else left.our_turn
    tasks.record(
        DayRecord(rep=led.day.rep, day=led.day.day, done=frozenset(done), missed=frozenset(missed), our_turn=known)
    )
    given: dict[str, Any] = {"rep": led.day.rep, "day": led.day.day, "unavailable": led.unavailable}
    given |= {"done": done, "missed": missed, "left_out": list(led.day.left_out), "not_counted": left.not_counted}
    given |= {name: "unknown" if left.nothing_counted else count for name, count in sums.items()}
    given["attention"] = policy.attention(led.day, led.done, **sums, not_counted=len(left.not_counted))
    for person in accounts.role(NUMBERS.roles.coordinator).people:
        people.tell_in_slack(person, "support_day/summary", **given)
