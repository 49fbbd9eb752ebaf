"""What is made of the legal clocks: what is due next, warned of, missed, shown; which facts may be added."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.legal_clock import Dates, Regime, place_of
from policies.legal_clock_watch import Reasons, Said, Unfit, Watch, add, extended, latest_today
from policies.messages import CATALOGUES

RECEIVED = datetime(2026, 3, 2, 17, tzinfo=UTC)
CONFIRMED = Dates(received=RECEIVED, confirmed=RECEIVED)
DAY = timedelta(days=1)
moments = st.integers(0, 6 * 365 * 24).map(lambda hours: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("day", "mark", "next_day"),
    [
        (0, "", "gdpr-answer-2026-04-02"),
        (17, "legal: 50 %", "gdpr-answer-2026-04-02"),
        (26, "legal: 80 %", "gdpr-answer-2026-04-02"),
        (32, "legal: missed 2026-04-02", "ccpa-answer-2026-04-16"),
        (60, "legal: missed 2026-04-02", None),
    ],
)
def test_how_it_stands(day: int, mark: str, next_day: str | None) -> None:
    """The inbox shows the oldest missed day, else the highest warning; what is due next is the first day to come."""
    now, watch = RECEIVED + day * DAY, Watch.over(CONFIRMED)
    due = watch.next_day(now)
    assert watch.mark(now) == mark
    assert (due and due.name) == next_day


@given(moments, st.timedeltas(timedelta(0), timedelta(days=100)), st.booleans())
def test_marks_are_what_will_be_so(received: datetime, later: timedelta, known: bool) -> None:
    """The marks laid out at the asking say at each moment until the next legal day what is so then."""
    watch = Watch.over(Dates(received=received, confirmed=received if known else None))
    due = watch.next_day(received)
    assert due is not None
    assert due.deadline.ends is not None
    now = min(received + later, due.deadline.ends - timedelta(seconds=1))
    come = [words for at, words in watch.marks(received, due.deadline.ends) if at <= now]
    assert come[-1] == watch.mark(now)


@given(moments, st.timedeltas(timedelta(0), timedelta(days=150)), st.sampled_from(["open", "answered", "asked"]))
def test_either_a_day_is_ahead_or_it_was_missed_or_done(received: datetime, later: timedelta, facts: str) -> None:
    """No duty is lost: each is done, suspended, ahead of us, or a breach."""
    now = received + later
    said = {"answered": Said.ANSWERED, "asked": Said.IDENTITY_ASKED}.get(facts)
    dates = Dates(received=received)
    if said is not None:
        known = add(dates, said, None, min(now, received + DAY))
        assert isinstance(known, Dates)
        dates = known
    watch = Watch.over(dates)
    breaches = {one.name for one in watch.breaches(now)}
    for one in watch.duties:
        deadline = one.deadline
        ahead = deadline.ends is not None and deadline.ends > now
        assert sum([deadline.done is not None or deadline.paused_since is not None, ahead, one.name in breaches]) >= 1
    assert (watch.next_day(now) is None) == (
        not any(one.deadline.ends and one.deadline.ends > now for one in watch.open)
    )


@given(moments, st.integers(0, 60), st.timedeltas(timedelta(0), timedelta(days=60)))
def test_a_day_is_that_day_in_every_place(received: datetime, days: int, later: timedelta) -> None:
    """What people say happened on a day has that date in Berlin and in Los Angeles, but for the first and the last."""
    now = received + later
    day = received.date() + days * DAY
    known = add(Dates(received=received), Said.ANSWERED, day, now)
    if not isinstance(known, Dates):
        assert known is Unfit.BEFORE_RECEIPT
        return
    assert known.answered is not None
    assert received <= known.answered <= now
    if received < known.answered < now:
        assert {place_of(regime).day(known.answered) for regime in Regime} == {day}


@pytest.mark.parametrize(
    ("dates", "said", "day", "unfit"),
    [
        (CONFIRMED, Said.ANSWERED, date(2026, 3, 1), Unfit.BEFORE_RECEIPT),
        (CONFIRMED, Said.IDENTITY_PROVED, None, Unfit.OUT_OF_ORDER),
        (add(CONFIRMED, Said.IDENTITY_ASKED, None, RECEIVED + DAY), Said.IDENTITY_ASKED, None, Unfit.OUT_OF_ORDER),
        (
            add(CONFIRMED, Said.IDENTITY_ASKED, date(2026, 3, 6), RECEIVED + 5 * DAY),
            Said.IDENTITY_PROVED,
            date(2026, 3, 4),
            Unfit.OUT_OF_ORDER,
        ),
    ],
)
def test_what_cannot_be_so(dates: Dates, said: Said, day: date | None, unfit: Unfit) -> None:
    """Facts that do not fit together are refused by name."""
    assert add(dates, said, day, RECEIVED + 10 * DAY) is unfit


def test_the_earliest_confirmation_counts() -> None:
    """Said again, later, that the receipt was confirmed changes nothing."""
    assert add(CONFIRMED, Said.CONFIRMED, None, RECEIVED + 20 * DAY) == CONFIRMED


def test_when_a_notice_still_lengthens_a_period() -> None:
    """Until the end of the last first period; never a second time in both; always while the month is suspended."""
    asked = add(CONFIRMED, Said.IDENTITY_ASKED, None, RECEIVED + DAY)
    assert isinstance(asked, Dates)
    assert [Watch.over(CONFIRMED).may_extend(RECEIVED + day * DAY) for day in (0, 30, 40, 46)] == [True] * 3 + [False]
    assert Watch.over(asked).may_extend(RECEIVED + 46 * DAY)
    longer = Watch.over(extended(CONFIRMED, RECEIVED + DAY))
    assert not longer.may_extend(RECEIVED + 2 * DAY)
    assert longer.answer_by(RECEIVED + 2 * DAY) == date(2026, 5, 31)


def test_the_latest_day() -> None:
    """It is tomorrow in Berlin before it is in Los Angeles, and nobody there is told that today is to come."""
    assert latest_today(datetime(2026, 4, 2, 22, 30, tzinfo=UTC)) == date(2026, 4, 3)


@pytest.mark.parametrize("reasons", Reasons)
def test_the_extension_gives_its_reasons(reasons: Reasons) -> None:
    """Each reason that the law knows (GDPR Art. 12(3)) has its line, and there is none without one."""
    body = CATALOGUES["legal_clock"].render("extension", reasons=reasons.words, last_day=date(2026, 8, 4)).body
    assert sum(line.startswith("- ") for line in body.splitlines()) == len(reasons.words)
    assert "by 4 August 2026" in body
