"""The legal clock: the regulators' own examples, tables of what lengthens a period and what doesn't, and properties."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies import legal_clock as policy
from policies.legal_clock import (
    NUMBERS,
    Dates,
    Deadline,
    Duty,
    ExtensionNotice,
    IdentityQuestion,
    LegalClock,
    Place,
    Regime,
    State,
    legal_clock,
    place_of,
    regimes_of,
)
from policies.legal_clock_numbers import LegalClockNumbers
from policies.numbers import NumbersError, load

LONDON = Place(ZoneInfo("Europe/London"), "GB", "ENG")
BERLIN = Place(ZoneInfo("Europe/Berlin"), "DE", "BE")
PARIS = Place(ZoneInfo("Europe/Paris"), "FR")
CALIFORNIA = place_of(Regime.CCPA)
DAY = timedelta(days=1)


def at(day: str, place: Place, wall: time = time(12)) -> datetime:
    """A wall time of the place."""
    return datetime.combine(date.fromisoformat(day), wall, place.zone)


def gdpr(received: str, place: Place, **facts: object) -> Deadline:
    """The one deadline of a request under the GDPR."""
    (answer,) = legal_clock(Regime.GDPR, Dates(received=at(received, place), **facts), place).deadlines
    assert answer.duty is Duty.ANSWER
    return answer


def ccpa(received: str, **facts: object) -> LegalClock:
    return legal_clock(Regime.CCPA, Dates(received=at(received, CALIFORNIA), **facts), CALIFORNIA)


def notice(day: str, place: Place, reasons: bool = True) -> ExtensionNotice:
    return ExtensionNotice(sent=at(day, place), reasons=reasons)


def question(asked: str, answered: str | None, place: Place = BERLIN) -> IdentityQuestion:
    return IdentityQuestion(asked=at(asked, place), answered=at(answered, place) if answered else None)


# -- what the regulators say

EDPB = "EDPB Guidelines 01/2022, section 5.3"
ICO = "ICO, Right of access, How do we calculate a month? (8 December 2025)"
ICO_SMALL = "ICO, checklist for small organisations"


@pytest.mark.parametrize(
    ("source", "place", "received", "last_day"),
    [
        (EDPB, PARIS, "2024-03-05", "2024-04-05"),
        (EDPB, PARIS, "2023-08-31", "2023-10-02"),  # 30 September 2023 was a Saturday
        (EDPB, PARIS, "2026-08-31", "2026-09-30"),
        (EDPB, BERLIN, "2026-03-05", "2026-04-07"),  # 5 April 2026 is Easter Sunday, and Monday is a holiday
        (ICO, LONDON, "2024-01-01", "2024-02-01"),
        (ICO, LONDON, "2024-11-25", "2024-12-27"),
        (ICO, LONDON, "2025-01-31", "2025-02-28"),
        (ICO, LONDON, "2024-01-31", "2024-02-29"),
        (ICO, LONDON, "2026-01-31", "2026-03-02"),
        (ICO_SMALL, LONDON, "2025-09-03", "2025-10-03"),
    ],
)
def test_the_regulators_examples(source: str, place: Place, received: str, last_day: str) -> None:
    """One month as the regulators count it, to the end of the day."""
    deadline = gdpr(received, place)
    assert deadline.last_day == date.fromisoformat(last_day), source
    assert deadline.ends == at(last_day, place, time()) + DAY


@pytest.mark.parametrize(
    ("received", "last_day"),
    [
        ("2026-01-28", "2026-03-02"),  # the 28th is a Saturday
        ("2026-01-29", "2026-03-02"),
        ("2026-01-30", "2026-03-02"),
        ("2026-02-28", "2026-03-30"),  # 28 March is a Saturday
        ("2025-12-31", "2026-02-02"),
        ("2026-04-01", "2026-05-04"),  # 1 May is a holiday, then a weekend
        ("2026-11-25", "2026-12-28"),  # two holidays, then a weekend
        ("2026-02-08", "2026-03-09"),  # 8 March is a Sunday, and a holiday in Berlin anyway
        ("2027-02-08", "2027-03-09"),  # 8 March is a Monday and a holiday in Berlin only
    ],
)
def test_ends_of_months_and_days_off(received: str, last_day: str) -> None:
    """Short months end on their last day, and days off of the place move the end."""
    assert gdpr(received, BERLIN).last_day == date.fromisoformat(last_day)


def test_a_holiday_of_one_state_counts_there_only() -> None:
    """8 March is a holiday in Berlin, and not in Bavaria."""
    munich = Place(BERLIN.zone, "DE", "BY")
    assert gdpr("2027-02-08", munich).last_day == date(2027, 3, 8)


@pytest.mark.parametrize(
    ("wall", "zone", "last_day"),
    [(time(23, 59), "Europe/Berlin", date(2026, 6, 10)), (time(0), "Europe/Berlin", date(2026, 6, 10))],
)
def test_the_day_is_that_of_the_place(wall: time, zone: str, last_day: date) -> None:
    """Received at any hour of 10 May there, whatever the date elsewhere."""
    received = datetime.combine(date(2026, 5, 10), wall, ZoneInfo(zone))
    (deadline,) = legal_clock(Regime.GDPR, Dates(received=received.astimezone(UTC)), BERLIN).deadlines
    assert deadline.last_day == last_day


@pytest.mark.parametrize(
    ("received", "ends"),
    [
        ("2026-03-02", datetime(2026, 4, 2, 22, tzinfo=UTC)),  # summer time begins on 29 March
        ("2026-10-01", datetime(2026, 11, 2, 23, tzinfo=UTC)),  # and ends on 25 October
    ],
)
def test_daylight_saving_moves_nothing_on_the_wall(received: str, ends: datetime) -> None:
    """The period ends at midnight of the place, on whichever side of a change that is."""
    assert gdpr(received, BERLIN).ends == ends


# -- the extension


@pytest.mark.parametrize(
    ("received", "sent", "reasons", "extended", "last_day"),
    [
        ("2025-09-03", "2025-09-20", True, True, "2025-12-03"),
        ("2025-09-03", "2025-10-06", True, True, "2025-12-03"),  # 3 October is a holiday, so Monday still counts
        ("2025-09-03", "2025-10-07", True, False, "2025-10-06"),
        ("2025-09-03", "2025-09-20", False, False, "2025-10-06"),
        ("2025-11-30", "2025-12-01", True, True, "2026-03-02"),
        ("2026-01-31", "2026-02-02", True, True, "2026-04-30"),  # three months from receipt, not from 28 February
    ],
)
def test_the_extension(received: str, sent: str, reasons: bool, extended: bool, last_day: str) -> None:
    """Two further months, counted from receipt, for a notice with reasons within the first month, and for no other."""
    dates = Dates(received=at(received, BERLIN), extension=notice(sent, BERLIN, reasons))
    clock = legal_clock(Regime.GDPR, dates, BERLIN)
    assert clock.extended is extended
    assert clock.deadlines[0].last_day == date.fromisoformat(last_day)
    assert (clock.extend_before is None) is extended
    assert clock.why.endswith({True: "came in time.", False: "reasons." if not reasons else "too late."}[extended])


def test_until_when_an_extension_can_be_told() -> None:
    """Until the first period ends; its last second counts, and the next does not."""
    received = at("2025-09-03", BERLIN)
    before = legal_clock(Regime.GDPR, Dates(received=received), BERLIN).extend_before
    assert before == gdpr("2025-09-03", BERLIN).ends
    assert before is not None
    for moment, extended in ((before - timedelta(seconds=1), True), (before, False)):
        dates = Dates(received=received, extension=ExtensionNotice(sent=moment, reasons=True))
        assert legal_clock(Regime.GDPR, dates, BERLIN).extended is extended


# -- doubts about who asks


@pytest.mark.parametrize(
    ("questions", "last_day"),
    [
        ((), "2026-06-04"),
        ((question("2026-05-05", "2026-05-12"),), "2026-06-11"),
        ((question("2026-05-04", "2026-05-04"),), "2026-06-04"),
        ((question("2026-05-07", "2026-05-09"),), "2026-06-08"),  # 6 June is a Saturday
        ((question("2026-05-08", "2026-05-20"),), "2026-06-04"),  # asked after four days: nothing is suspended
        ((question("2026-05-05", "2026-05-08"), question("2026-05-10", "2026-05-14")), "2026-06-11"),
        ((question("2026-05-05", "2026-05-08"), question("2026-05-12", "2026-05-14")), "2026-06-08"),
    ],
    ids=["none", "a week", "the same day", "to a Saturday", "asked late", "asked again", "asked again late"],
)
def test_the_month_is_suspended(questions: tuple[IdentityQuestion, ...], last_day: str) -> None:
    """From the day of a prompt question to that of the sufficient answer; the EDPB's example is one asked again."""
    assert gdpr("2026-05-04", BERLIN, identity=questions).last_day == date.fromisoformat(last_day)


def test_while_it_is_suspended_nobody_knows_the_end() -> None:
    """An open question leaves no last day, no breach and only the warnings that came before it."""
    deadline = gdpr("2026-05-04", BERLIN, identity=(question("2026-05-05", None),))
    assert (deadline.last_day, deadline.ends, deadline.warnings) == (None, None, ())
    assert deadline.state(at("2027-05-04", BERLIN)) is State.PAUSED
    assert deadline.state(at("2026-05-04", BERLIN)) is State.RUNNING


def test_an_open_question_that_came_late_suspends_nothing() -> None:
    """Asked after the promptness the numbers want, the month runs on."""
    deadline = gdpr("2026-05-04", BERLIN, identity=(question("2026-05-20", None),))
    assert deadline.last_day == date(2026, 6, 4)
    assert deadline.state(at("2026-06-05", BERLIN)) is State.MISSED


def test_a_question_after_the_end_is_too_late() -> None:
    """What is over cannot be suspended."""
    late = question("2026-06-06", "2026-06-20")
    asked = IdentityQuestion(asked=at("2026-05-04", BERLIN), answered=at("2026-06-04", BERLIN))
    assert gdpr("2026-05-04", BERLIN, identity=(late,)).last_day == date(2026, 6, 4)
    assert gdpr("2026-05-04", BERLIN, identity=(asked,)).last_day == date(2026, 7, 6)


def test_a_question_in_the_days_that_a_weekend_adds() -> None:
    """6 June 2026 is a Saturday: on Sunday the period still runs, and can be suspended."""
    late, prompt = question("2026-05-20", "2026-06-05"), question("2026-06-07", "2026-06-10")
    assert gdpr("2026-05-06", BERLIN, identity=(late,)).last_day == date(2026, 6, 8)
    assert gdpr("2026-05-06", BERLIN, identity=(late, prompt)).last_day == date(2026, 6, 9)


def test_an_extension_of_a_suspended_month() -> None:
    """The suspended days lengthen the first month, in which the notice must come, and the three."""
    dates = Dates(
        received=at("2026-05-04", BERLIN),
        identity=(question("2026-05-05", "2026-05-12"),),
        extension=notice("2026-06-11", BERLIN),
    )
    clock = legal_clock(Regime.GDPR, dates, BERLIN)
    assert clock.extended
    assert clock.deadlines[0].last_day == date(2026, 8, 11)


# -- California


@pytest.mark.parametrize(
    ("received", "confirm", "answer", "extended"),
    [
        ("2026-03-02", "2026-03-16", "2026-04-16", "2026-05-31"),  # 31 May is a Sunday: calendar days don't move
        ("2025-11-14", "2025-12-01", "2025-12-29", "2026-02-12"),  # Thanksgiving
        ("2026-03-07", "2026-03-20", "2026-04-21", "2026-06-05"),  # received on a Saturday
        ("2025-12-24", "2026-01-09", "2026-02-07", "2026-03-24"),
    ],
)
def test_the_days_of_california(received: str, confirm: str, answer: str, extended: str) -> None:
    """10 business days, 45 and 90 calendar days after receipt (Cal. Code Regs. tit. 11, § 7021)."""
    clock = ccpa(received)
    assert [one.duty for one in clock.deadlines] == [Duty.CONFIRM, Duty.ANSWER]
    assert [one.last_day for one in clock.deadlines] == [date.fromisoformat(confirm), date.fromisoformat(answer)]
    later = ccpa(received, extension=notice(answer, CALIFORNIA))
    assert [one.last_day for one in later.deadlines] == [date.fromisoformat(confirm), date.fromisoformat(extended)]


def test_an_extension_that_california_does_not_know() -> None:
    """Told after the 45th day, or without an explanation, it stays 45 days."""
    for told in (notice("2026-04-17", CALIFORNIA), notice("2026-03-10", CALIFORNIA, reasons=False)):
        clock = ccpa("2026-03-02", extension=told)
        assert not clock.extended
        assert clock.deadlines[1].last_day == date(2026, 4, 16)


def test_the_strict_reading_counts_saturdays() -> None:
    """With the choice for it, Saturdays are business days (Cal. Civ. Code § 9), and the confirmation is due earlier."""
    strict = place_of(Regime.CCPA, NUMBERS.model_copy(update={"ccpa_saturday_is_a_business_day": True}))
    clock = legal_clock(Regime.CCPA, Dates(received=at("2025-11-14", strict)), strict)
    assert clock.deadlines[0].last_day == date(2025, 11, 26)
    assert not place_of(Regime.GDPR, NUMBERS).saturday_works


def test_who_has_the_answer_needs_no_confirmation() -> None:
    """An answer within ten business days confirms as well (§ 7021(a)); a later one comes too late for that."""
    confirm, answer = ccpa("2026-03-02", answered=at("2026-03-09", CALIFORNIA)).deadlines
    now = at("2026-03-20", CALIFORNIA)
    assert (confirm.state(now), answer.state(now)) == (State.MET, State.MET)
    confirm, _ = ccpa("2026-03-02", answered=at("2026-03-19", CALIFORNIA)).deadlines
    assert confirm.state(now) is State.MET_LATE


# -- how it stands


@pytest.mark.parametrize(
    ("answered", "now", "state", "breached"),
    [
        (None, "2026-05-05", State.RUNNING, False),
        (None, "2026-05-19", State.RUNNING, False),
        (None, "2026-05-20", State.WARNED, False),
        (None, "2026-06-04", State.WARNED, False),
        (None, "2026-06-05", State.MISSED, True),
        ("2026-06-04", "2026-06-05", State.MET, False),
        ("2026-06-05", "2026-06-06", State.MET_LATE, True),
        ("2026-06-05", "2026-06-04", State.WARNED, False),
    ],
)
def test_how_it_stands(answered: str | None, now: str, state: State, breached: bool) -> None:
    """Running, warned, met, missed or met late, by what had happened at the moment."""
    deadline = gdpr("2026-05-04", BERLIN, answered=at(answered, BERLIN) if answered else None)
    assert deadline.state(at(now, BERLIN)) is state
    assert deadline.breached(at(now, BERLIN)) is breached


def test_to_the_second() -> None:
    """The last second of the last day is in time; midnight is not."""
    deadline = gdpr("2026-05-04", BERLIN)
    assert deadline.ends is not None
    assert deadline.state(deadline.ends - timedelta(seconds=1)) is State.WARNED
    assert deadline.state(deadline.ends) is State.MISSED
    for answered, state in ((deadline.ends - timedelta(seconds=1), State.MET), (deadline.ends, State.MET_LATE)):
        (done,) = legal_clock(
            Regime.GDPR, Dates(received=at("2026-05-04", BERLIN), answered=answered), BERLIN
        ).deadlines
        assert done.state(deadline.ends) is state


def test_warnings_do_not_count_what_is_suspended() -> None:
    """Half of the month that runs is over later by the days that did not run."""
    plain = gdpr("2026-05-04", BERLIN)
    held = gdpr("2026-05-04", BERLIN, identity=(question("2026-05-05", "2026-05-12"),))
    assert [later - sooner for later, sooner in zip(held.warnings, plain.warnings, strict=True)] == [7 * DAY, 7 * DAY]


# -- facts that cannot be


def test_dates_out_of_order_cannot_be_written_down() -> None:
    """Nothing happens before receipt, questions follow each other, and only the last can be open."""
    received = at("2026-05-04", BERLIN)
    before = received - DAY
    for facts in (
        {"confirmed": before},
        {"answered": before},
        {"extension": ExtensionNotice(sent=before, reasons=True)},
        {"identity": (IdentityQuestion(asked=before),)},
        {"identity": (question("2026-05-06", "2026-05-05"),)},
        {"identity": (question("2026-05-05", None), question("2026-05-06", None))},
        {"identity": (question("2026-05-05", "2026-05-09"), question("2026-05-06", "2026-05-10"))},
    ):
        with pytest.raises(ValidationError):
            Dates(received=received, **facts)
    with pytest.raises(ValidationError, match="timezone"):
        Dates(received=datetime(2026, 5, 4))  # noqa: DTZ001
    with pytest.raises(ValueError, match="Timezone aware"):
        BERLIN.day(datetime(2026, 5, 4))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("country", "regimes"),
    [
        ("DE", (Regime.GDPR,)),
        ("gb", (Regime.GDPR,)),
        ("US", (Regime.CCPA,)),
        ("JP", (Regime.CCPA,)),
        (None, tuple(Regime)),
    ],
)
def test_whose_law_counts(country: str | None, regimes: tuple[Regime, ...]) -> None:
    """By where the member lives; where that is not known, all of them."""
    assert regimes_of(country) == regimes


# -- properties

PLACES = st.sampled_from(
    [
        BERLIN,
        LONDON,
        PARIS,
        CALIFORNIA,
        Place(ZoneInfo("Europe/Lisbon"), "PT"),
        Place(ZoneInfo("Atlantic/Azores"), "PT"),
        Place(ZoneInfo("Africa/Cairo"), "EG"),
        Place(ZoneInfo("Pacific/Auckland"), "NZ"),
    ]
)
RECEIVED = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
SPANS = st.lists(st.tuples(st.integers(0, 5 * 24), st.integers(0, 40 * 24)), max_size=3)


def asked(received: datetime, spans: list[tuple[int, int]]) -> tuple[IdentityQuestion, ...]:
    """Questions some hours after what came before, each answered some hours later."""
    questions, moment = [], received
    for wait, length in spans:
        begun = moment + timedelta(hours=wait)
        moment = begun + timedelta(hours=length)
        questions.append(IdentityQuestion(asked=begun, answered=moment))
    return tuple(questions)


def the_answer(regime: Regime, dates: Dates, place: Place) -> tuple[date, datetime]:
    deadline = legal_clock(regime, dates, place).deadlines[-1]
    assert deadline.last_day is not None
    assert deadline.ends is not None
    return deadline.last_day, deadline.ends


@given(RECEIVED, PLACES, SPANS, st.booleans())
def test_gdpr_never_ends_on_a_day_off(
    received: datetime, place: Place, spans: list[tuple[int, int]], extended: bool
) -> None:
    """Whatever is suspended or extended, the last day is a working day of the place."""
    sent = ExtensionNotice(sent=received, reasons=True) if extended else None
    last_day, _ = the_answer(
        Regime.GDPR, Dates(received=received, identity=asked(received, spans), extension=sent), place
    )
    assert place.is_working_day(last_day)
    assert last_day.weekday() < 5


@given(RECEIVED, PLACES, st.sampled_from(Regime))
def test_a_period_ends_with_the_day(received: datetime, place: Place, regime: Regime) -> None:
    """At the first moment after the last day of the place, on days of 23, 24 or 25 hours."""
    for deadline in legal_clock(regime, Dates(received=received), place).deadlines:
        assert deadline.last_day is not None
        assert deadline.ends is not None
        assert place.day(deadline.ends - timedelta(microseconds=1)) == deadline.last_day
        assert place.day(deadline.ends) == deadline.last_day + DAY


@given(RECEIVED, st.integers(0, 100 * 24 * 60), PLACES, st.sampled_from(Regime))
def test_later_received_is_never_due_earlier(received: datetime, minutes: int, place: Place, regime: Regime) -> None:
    """Every deadline grows with the moment of receipt."""
    later = received + timedelta(minutes=minutes)
    first, second = (legal_clock(regime, Dates(received=one), place).deadlines for one in (received, later))
    for sooner, after in zip(first, second, strict=True):
        assert sooner.ends is not None
        assert after.ends is not None
        assert sooner.ends <= after.ends


@given(RECEIVED, PLACES, st.sampled_from(Regime), st.integers(0, 60), SPANS)
def test_an_extension_never_shortens(
    received: datetime, place: Place, regime: Regime, days: int, spans: list[tuple[int, int]]
) -> None:
    """A notice whenever it comes leaves the end where it was or moves it on."""
    without = Dates(received=received, identity=asked(received, spans))
    sent = ExtensionNotice(sent=received + days * DAY, reasons=True)
    longer = without.model_copy(update={"extension": sent})
    assert the_answer(regime, without, place)[1] <= the_answer(regime, longer, place)[1]


@given(RECEIVED, PLACES, SPANS)
def test_doubts_never_shorten_and_never_pause_california(
    received: datetime, place: Place, spans: list[tuple[int, int]]
) -> None:
    """A question who somebody is moves the GDPR's end on by no more than it took, and the CCPA's never."""
    plain, doubted = Dates(received=received), Dates(received=received, identity=asked(received, spans))
    assert legal_clock(Regime.CCPA, plain, place) == legal_clock(Regime.CCPA, doubted, place)
    (sooner, _), (later, _) = (the_answer(Regime.GDPR, one, place) for one in (plain, doubted))
    took = sum(
        (place.day(one.answered) - place.day(one.asked) for one in doubted.identity if one.answered), timedelta()
    )
    assert sooner <= later <= place.working_day_from(sooner + took)


@given(RECEIVED, PLACES)
def test_a_month_holds_two_working_days(received: datetime, place: Place) -> None:
    """Regulation 1182/71 Art. 3(5) is kept without a rule of its own; and the month is between 28 and 45 days."""
    first = place.day(received) + DAY
    last, _ = the_answer(Regime.GDPR, Dates(received=received), place)
    days = [first + n * DAY for n in range((last - first).days + 1)]
    assert sum(map(place.is_working_day, days)) >= 2
    assert 28 <= len(days) <= 45


@given(RECEIVED, PLACES, st.sampled_from(Regime), SPANS)
def test_warnings_come_in_order_within_the_period(
    received: datetime, place: Place, regime: Regime, spans: list[tuple[int, int]]
) -> None:
    """After receipt, one after the other, before the end; without a suspension at exactly their share of the time."""
    dates = Dates(received=received, identity=asked(received, spans))
    for deadline in legal_clock(regime, dates, place).deadlines:
        assert deadline.ends is not None
        moments = [received, *deadline.warnings, deadline.ends]
        assert moments == sorted(set(moments))
        assert len(deadline.warnings) == len(NUMBERS.warning_percents)
    for deadline in legal_clock(regime, Dates(received=received), place).deadlines:
        assert deadline.ends is not None
        for percent, warning in zip(NUMBERS.warning_percents, deadline.warnings, strict=True):
            assert abs((warning - received) / (deadline.ends - received) - percent / 100) < 1e-9


# -- the numbers


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[50, 80]", "[80, 50]", "must come after the one before"),
        ("[50, 80]", "[50, 100]", "warning_percents"),
        ('zone = "Europe/Berlin"', 'zone = "Europe/Nowhere"', "is not a time zone"),
        ('country = "DE"\nsub', 'country = "XX"\nsub', "no public holidays are known"),
        ("identity_question_days = 3 ", "identity_question_days = 30 ", "identity_question_days"),
        ('privacy = "privacy"', "", "roles.privacy: is missing"),
    ],
)
def test_wrong_numbers_stop_the_start(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each value that cannot be is told by name."""
    text = Path(policy.__file__).with_name("legal_clock.toml").read_text()
    assert old in text
    path = tmp_path / "legal_clock.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(NumbersError) as caught:
        load(LegalClockNumbers, path)
    assert problem in str(caught.value)


def test_the_law_is_no_number() -> None:
    """The periods are the law's, not the file's; the warnings are those of the process."""
    assert (policy.GDPR_MONTHS, policy.GDPR_EXTENDED_MONTHS) == (1, 3)
    assert (policy.CCPA_CONFIRM_BUSINESS_DAYS, policy.CCPA_DAYS, policy.CCPA_EXTENDED_DAYS) == (10, 45, 90)
    assert NUMBERS.warning_percents == (50, 80)
    assert len(NUMBERS.gdpr_countries) == len(set(NUMBERS.gdpr_countries)) == 27 + 3 + 1
