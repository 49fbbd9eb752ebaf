"""The support day of a rep, from the greeting to the summary, with everything that may be otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, time
from itertools import count
from pathlib import Path

import pytest

from casework import standins
from casework.answer import Accepted, Refusal, Refused
from casework.engine.simulated import Run
from casework.sandbox import aws
from casework.sandbox.misbehave import Fault
from casework.systems.hubspot_people import Colleagues
from policies.rep_days import Hours, Leave
from policies.rota import Rostered
from tests.scenarios.days import COORDINATOR, Days

NewDays = Callable[..., AbstractContextManager[Days]]

REP = "staff-16"
TUESDAY = date(2026, 3, 3)
BEGIN, CHECKED, SIGN_OFF = "decide:available=yes", "decide:checked=yes", "decide:sign_off=yes"
IN_BERLIN = next(one for one in standins.REPS if one.id == REP)


@pytest.fixture
def new_days(tmp_path: Path, cloud: aws.Aws) -> NewDays:
    """Makes offices with reps on a Tuesday in Berlin, 9:00; with `reps` instead of the sandbox's."""
    numbers = count()

    @contextmanager
    def open_days(*reps: Rostered, at: str = "09:00", day: date = TUESDAY) -> Iterator[Days]:
        folder = tmp_path / f"days-{next(numbers)}"
        folder.mkdir()
        with Days(folder, cloud, reps=reps or standins.REPS) as days:
            days.until(REP, at, day)
            yield days
            days.world.close()

    return open_days


@pytest.fixture
def days(new_days: NewDays) -> Iterator[Days]:
    """A Tuesday in Berlin, 9:00."""
    with new_days() as days:
        yield days


def in_berlin(**changes: object) -> Rostered:
    """The rep in Berlin, otherwise."""
    return Rostered.model_validate(IN_BERLIN.model_dump() | changes)


def press(days: Days, action: str, at: str | None = None) -> None:
    """The rep presses a button, at a time of their clock."""
    if at is not None:
        days.until(REP, at)
    assert isinstance(days.press_button(REP, action), Accepted)


def through_the_day(days: Days) -> None:
    """Everything is done in time."""
    press(days, BEGIN, "09:05")
    press(days, CHECKED, "09:20")
    press(days, CHECKED, "13:10")
    press(days, SIGN_OFF, "16:50")


def summary(days: Days) -> str:
    """What the coordinator read, which came once."""
    (written,) = days.slack(COORDINATOR)
    return written


def waits(days: Days, run: Run) -> list[str]:
    """The names of what is waited for, without the attempt."""
    return sorted(one.rpartition(">")[2].partition("/")[0] for one in days.waiting(run))


# -- the day as it should be


def test_a_day(days: Days) -> None:
    """Greeted with what waits, looked twice, signed off; available in between; the coordinator reads how it went."""
    run = days.day(REP)
    greeting, check_in = days.slack(REP)
    assert greeting.startswith("*Good start into 3 March 2026.* This waits:\n• `help-desk`: 1 new, 2 our turn, 3 past")
    assert "Your hours end at 17:00" in greeting
    assert "(morning)" in check_in
    assert "by 11:00 at the latest" in check_in
    assert not days.available(REP)
    press(days, BEGIN, "09:05")
    assert days.available(REP)
    press(days, CHECKED, "09:20")
    assert waits(days, run) == ["midday-opens"]
    days.until(REP, "12:59")
    assert len(days.slack(REP)) == 2
    days.until(REP, "13:00")
    assert "(midday)" in days.slack(REP)[2]
    press(days, CHECKED, "13:10")
    days.until(REP, "16:30")
    listed = days.slack(REP)[3]
    assert "It is our turn here" in listed
    assert "With engineering for more than 5 working days" in listed
    assert "that happens at 17:30" in listed
    press(days, SIGN_OFF, "16:50")
    assert not days.available(REP)
    assert days.ending(run) == "done"
    assert days.heads(REP) == [
        "Your day began at 09:05.",
        "Checked at 09:20 (morning). Thank you.",
        "Checked at 13:10 (midday). Thank you.",
        "Signed off at 16:50. Thank you.",
    ]
    assert days.buttons(REP) == []
    assert "Done: morning, midday, sign_off. Missed: none." in summary(days)
    assert "Please look at: our_turn, past_sla, fringe." in summary(days)


def test_nobody_presses_anything(days: Days) -> None:
    """Reminded half an hour before each window closes and at the end of the hours; unavailable half an hour later."""
    days.people.rep.set_available(REP, True)
    run = days.day(REP)
    days.until(REP, "10:29")
    assert len(days.slack(REP)) == 2
    days.until(REP, "10:30")
    assert days.heads(REP)[2].startswith(
        "Have you looked at your queues? (morning) Please press checked below by 11:00"
    )
    days.until(REP, "11:00")
    assert days.heads(REP)[1:3] == ["Nobody answered until 11:00: the morning check was missed."] * 2
    days.until(REP, "17:00")
    assert "Your hours are over." in days.heads(REP)[-1]
    days.until(REP, "17:29")
    assert days.available(REP)
    days.until(REP, "17:30")
    assert not days.available(REP)
    assert days.heads(REP)[-1].startswith("You are set to Unavailable in the Help Desk: your hours are over")
    assert days.ending(run) == "missed: morning, midday, sign_off"
    assert "Missed: morning, midday, sign_off." in summary(days)
    assert "Nobody signed off: the rep was set to Unavailable." in summary(days)
    assert days.buttons(REP) == []


def test_the_button_of_a_reminder_counts(days: Days) -> None:
    """A press on the reminder answers the question that it reminds of, and both then say so."""
    days.day(REP)
    press(days, CHECKED, "10:45")
    assert days.heads(REP)[1:] == ["Checked at 10:45 (morning). Thank you."] * 2


def test_too_late_is_missed(days: Days) -> None:
    """A press after the window has closed is refused, though the button may still be seen."""
    run = days.day(REP)
    days.until(REP, "10:59")
    days.engine.sleep(60)
    said = days.press_button(REP, CHECKED)
    assert isinstance(said, Refused)
    assert said.why is Refusal.LATE
    days.until(REP, "17:30")
    assert "missed: morning" in str(days.ending(run))


def test_what_the_rep_changes_by_hand_stays(days: Days) -> None:
    """Who went home in HubSpot and never pressed is left as they are: nothing is written to them about it."""
    days.day(REP)
    days.until(REP, "17:31")
    assert not any("Unavailable" in head for head in days.heads(REP))
    assert "was set to Unavailable" not in summary(days)


# -- days that are none, or begin otherwise


@pytest.mark.parametrize(
    ("changes", "day", "ending"),
    [
        ({"leave": [Leave(first=TUESDAY, last=TUESDAY)]}, TUESDAY, "day_off: leave"),
        ({}, date(2026, 3, 7), "day_off: no_hours"),
        ({}, date(2026, 5, 1), "day_off: holiday"),
    ],
)
def test_a_day_off(new_days: NewDays, changes: dict[str, object], day: date, ending: str) -> None:
    """On leave, without hours and on a public holiday nobody reads anything, and the case ends at once."""
    with new_days(in_berlin(**changes), day=day) as days:
        run = days.day(REP)
        assert days.ending(run) == ending
        assert days.direct_messages(REP) == []
        assert days.direct_messages(COORDINATOR) == []


def test_started_late(new_days: NewDays) -> None:
    """Nothing of ours ran in the morning: the closed window is missed and not asked about, the rest goes on."""
    with new_days(at="11:40") as days:
        run = days.day(REP)
        assert days.heads(REP) == ["Good start into 3 March 2026. This waits:"]
        press(days, BEGIN)
        press(days, CHECKED, "13:10")
        press(days, SIGN_OFF, "16:50")
        assert days.ending(run) == "missed: morning"


def test_started_in_the_last_minutes_of_a_window(new_days: NewDays) -> None:
    """Late in a window it is asked about all the same, without a reminder on top."""
    with new_days(at="10:40") as days:
        days.day(REP)
        days.until(REP, "10:59")
        assert len(days.slack(REP)) == 2
        press(days, CHECKED)


def test_started_after_the_hours(new_days: NewDays) -> None:
    """Nobody is greeted or asked in the evening, but unavailable they are."""
    with new_days(at="19:00") as days:
        days.people.rep.set_available(REP, True)
        run = days.day(REP)
        assert days.ending(run) == "missed: morning, midday, sign_off"
        assert not days.available(REP)
        assert [head[:26] for head in days.heads(REP)] == ["You are set to Unavailable"]


def test_started_before_the_hours(new_days: NewDays) -> None:
    """Started by hand in the night, it is quiet until the hours begin, and its schedule then starts no second one."""
    with new_days(at="05:00") as days:
        run = days.day(REP)
        days.until(REP, "08:59")
        assert days.direct_messages(REP) == []
        assert waits(days, run) == ["hours-begin"]
        days.until(REP, "09:00")
        assert days.day(REP) is run
        assert len(days.slack(REP)) == 2


def test_killed_over_a_window(days: Days) -> None:
    """Whatever happens to the processes, a window that passed meanwhile is not asked about when they are back."""
    run = days.day(REP)
    press(days, CHECKED, "09:20")
    days.engine.sleep(6.5 * 3600)
    days.settle()
    assert [head for head in days.heads(REP) if "midday" in head] == []
    days.until(REP, "17:30")
    assert days.ending(run) == "missed: midday, sign_off"


def test_a_day_is_led_once(days: Days) -> None:
    """While it is open a second start is the same case; once it was led, another one ends at once."""
    run = days.day(REP)
    assert days.day(REP) is run
    through_the_day(days)
    again = days.day(REP)
    assert again is not run
    assert days.ending(again) == "repeated"
    assert len(days.slack(REP)) == 4


def test_started_again_after_it_was_called_off(days: Days) -> None:
    """A day that was called off by mistake can be started again."""
    first = days.day(REP)
    days.files.ask_to_cancel(first.case_id, "staff-41", "a mistake")
    days.settle()
    second = days.day(REP)
    through_the_day(days)
    assert days.ending(first) == "cancelled"
    assert days.ending(second) == "done"


def test_the_settings_lose_the_rep(days: Days) -> None:
    """Who leaves the settings in the middle of a day is led to its end, as it began."""
    run = days.day(REP)
    press(days, BEGIN)
    del days.reps[REP]
    days.engine.sleep(9.5 * 3600)
    days.settle()
    assert not days.available(REP)
    assert days.ending(run) == "missed: morning, midday, sign_off"


# -- hours of other kinds


def test_short_hours(new_days: NewDays) -> None:
    """Hours in which no window fits have a greeting and a sign-off; the coordinator reads what is left out."""
    hours = (Hours(days=("tuesday",), starts=time(11), ends=time(12, 30)),)
    with new_days(in_berlin(hours=hours), at="11:00") as days:
        run = days.day(REP)
        press(days, BEGIN)
        press(days, SIGN_OFF, "12:10")
        assert days.ending(run) == "done"
        assert "Not in the rep's hours: morning, midday." in summary(days)


def test_hours_too_short_for_a_greeting(new_days: NewDays) -> None:
    """Where the time to sign off begins with the hours, that is all that is asked."""
    hours = (Hours(days=("tuesday",), starts=time(11), ends=time(11, 20)),)
    with new_days(in_berlin(hours=hours), at="11:00") as days:
        run = days.day(REP)
        assert days.heads(REP) == ["The end of your day."]
        press(days, SIGN_OFF)
        assert days.ending(run) == "done"


def test_nothing_to_look_at(new_days: NewDays) -> None:
    """A rep without environments has a day all the same."""
    with new_days(in_berlin(environments=())) as days:
        run = days.day(REP)
        through_the_day(days)
        assert days.ending(run) == "done"
        assert "Left: 0 with us" in summary(days)


# -- what is down, missing or refuses


def test_without_a_user_in_hubspot(new_days: NewDays) -> None:
    """Who has none is greeted without a button, and nothing is set; the rest is as for all."""
    with new_days() as days:
        owner = days.world.state["roster"]["staff"][REP]["hubspot_owner"]
        days.world.state["hubspot"]["owners"][owner]["email"] = "somebody@else.example"
        run = days.day(REP)
        assert "You have no user in the Help Desk" in days.slack(REP)[0]
        assert days.buttons(REP) == [CHECKED]
        press(days, CHECKED)
        press(days, CHECKED, "13:10")
        press(days, SIGN_OFF, "16:50")
        assert days.ending(run) == "done"


def test_an_environment_that_cannot_be_counted(days: Days) -> None:
    """It is said to be so, not to be empty; the others are counted; nothing parks."""
    days.world.misbehave("intercom", Fault.server_error(), times=1000)
    run = days.day(REP)
    assert "`chat`: could not be counted, please look there" in days.slack(REP)[0]
    assert "`help-desk`: 1 new" in days.slack(REP)[0]
    through_the_day(days)
    assert days.ending(run) == "done"
    assert "Could not be counted: chat." in summary(days)
    assert "not_counted" in summary(days)


def test_slack_is_away_when_a_window_opens(days: Days) -> None:
    """What could not be sent is not sent later; the reminder, which has the button too, is the second chance."""
    days.world.misbehave("slack", Fault.server_error(), times=1000)
    run = days.day(REP)
    assert waits(days, run) == ["morning", "start"]
    days.until(REP, "10:00")
    days.world.state["faults"]["slack"].clear()
    days.until(REP, "10:30")
    press(days, CHECKED)
    assert days.heads(REP) == ["Checked at 10:30 (morning). Thank you."]


def test_slack_is_away_all_day(days: Days) -> None:
    """The rep is made unavailable nevertheless; only the summary waits for Slack."""
    days.people.rep.set_available(REP, True)
    days.world.misbehave("slack", Fault.server_error(), times=100_000)
    run = days.day(REP)
    days.until(REP, "17:40")
    assert not days.available(REP)
    (parked,) = days.waiting(run)
    assert parked.startswith("fault>people.tell_in_slack")
    days.world.state["faults"]["slack"].clear()
    assert isinstance(days.answer(run, "staff-41", verdict="retry"), Accepted)
    assert days.ending(run) == "missed: morning, midday, sign_off"
    assert "Missed: morning, midday, sign_off." in summary(days)


def test_an_answer_of_slack_is_lost(days: Days) -> None:
    """A message that was posted though no answer came is found again: it is there once, and shows the outcome."""
    days.world.misbehave("slack", Fault.answer_lost(), match="POST /api/chat.postMessage")
    days.day(REP)
    assert days.heads(REP)[0].startswith("Good start")
    press(days, BEGIN)
    assert [head for head in days.heads(REP) if "day" in head] == ["Your day began at 09:00."]


def test_hubspot_is_away_in_the_morning(days: Days) -> None:
    """Who could not be set to available is told to do it by hand."""
    days.day(REP)
    days.world.misbehave("hubspot", Fault.server_error(), times=1000)
    press(days, BEGIN)
    assert "You could not be set to Available in the Help Desk." in days.heads(REP)[-1]


def test_hubspot_is_away_at_the_end(days: Days) -> None:
    """It is tried again for a while, then both are told to do it by hand; what waits is not known."""
    run = days.day(REP)
    press(days, BEGIN)
    days.world.misbehave("hubspot", Fault.server_error(), times=100_000)
    days.until(REP, "18:14")
    assert days.ending(run) is None
    days.until(REP, "18:16")
    assert "You could not be set to Unavailable" in days.heads(REP)[-1]
    assert "*The rep could not be set to Unavailable: do it by hand" in summary(days)
    assert days.ending(run) == "missed: morning, midday, sign_off"


def test_hubspot_is_back_soon(days: Days) -> None:
    """A try that fails is made up for five minutes later."""
    days.day(REP)
    press(days, BEGIN)
    days.world.misbehave("hubspot", Fault.server_error(), times=100_000, match="PATCH")
    days.until(REP, "17:32")
    assert days.available(REP)
    days.world.state["faults"]["hubspot"].clear()
    days.until(REP, "17:36")
    assert not days.available(REP)
    assert "Nobody signed off: the rep was set to Unavailable." in summary(days)


def test_availability_is_believed_after_looking(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """HubSpot takes the value and does otherwise: that is seen, and told."""
    monkeypatch.setattr(Colleagues, "set_available", lambda *_: None)
    days.day(REP)
    press(days, BEGIN)
    assert "You could not be set to Available" in days.heads(REP)[-1]


# -- called off


def test_called_off(days: Days) -> None:
    """The rep is made unavailable and told so, open questions are withdrawn, and nobody reads a summary."""
    run = days.day(REP)
    press(days, BEGIN)
    press(days, CHECKED, "09:20")
    days.until(REP, "13:05")
    days.files.ask_to_cancel(run.case_id, "staff-41", "the rep is ill")
    days.settle()
    assert days.ending(run) == "cancelled"
    assert not days.available(REP)
    assert [head.partition(":")[0] if at > 1 else head for at, head in enumerate(days.heads(REP))] == [
        "Your day began at 09:00.",
        "Checked at 09:20 (morning). Thank you.",
        "Not needed any more. The case that this question belonged to has ended early",
        "You are set to Unavailable in the Help Desk",
    ]
    assert "your support day was called off" in days.slack(REP)[-1]
    assert days.buttons(REP) == []
    assert days.direct_messages(COORDINATOR) == []


def test_called_off_while_hubspot_is_away(days: Days) -> None:
    """The operators are asked, because tickets would go on being assigned; the case ends once it is done."""
    run = days.day(REP)
    press(days, BEGIN)
    days.world.misbehave("hubspot", Fault.server_error(), times=1000)
    days.files.ask_to_cancel(run.case_id, "staff-41", "the rep is ill")
    days.settle()
    assert days.ending(run) is None
    days.world.state["faults"]["hubspot"].clear()
    assert isinstance(days.answer(run, "staff-41", "fault>undo", verdict="retry"), Accepted)
    assert days.ending(run) == "cancelled"
    assert not days.available(REP)


def test_no_coordinator_is_named(new_days: NewDays) -> None:
    """The summary waits for somebody to be named; everything before it is done."""
    with new_days() as days:
        roles = {name: ids for name, ids in days.runtime.roles.items() if name != "support-coordinator"}
        object.__setattr__(days.runtime, "roles", roles)
        run = days.day(REP)
        through_the_day(days)
        assert not days.available(REP)
        (parked,) = days.waiting(run)
        assert parked.startswith("fault>accounts.role")
