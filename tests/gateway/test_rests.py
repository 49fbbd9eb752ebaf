"""What was just looked at rests: many hints are few looks, the first and the last among them; only hints wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework import tick
from casework.clock import Minutes
from casework.gateway.inbox import LONGEST_TRY, Hook, Inbox
from casework.gateway.rests import FIRST_REST, LONGEST_REST, Rests
from casework.people import Role
from casework.process import process
from casework.wait import Heard, wait_for
from tests.conftest import START
from tests.desk import Desk
from tests.gateway.conftest import Place, stored
from tests.real.site import until
from tests.toy import ANA, Approval, Killed, say

TICKETS = (1, 2)


class Vendor:
    """Tickets that change, and what of each was seen last."""

    def __init__(self) -> None:
        self.changes: Counter[int] = Counter()
        self.seen: dict[int, int] = {}
        self.looks: list[datetime] = []


vendor = Vendor()


@process("rested", subject="toy:rested:{number}")
def rested(number: int) -> str:
    """Ask, and look whenever the ticket changes."""

    def look(_since: datetime) -> list[Heard]:
        vendor.seen[number] = vendor.changes[number]
        return []

    ticket = f"zendesk:ticket:{number}"
    people = Role(name="owner", people=(ANA,))
    said = wait_for(Approval, key="question", question="?", who=people, within=Minutes(1440), listens=ticket, look=look)
    return said.verdict.value if said is not None else "nothing said"


class Site:
    """A desk with a gateway that can be killed while it follows a hint."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.killed: str | None = None
        self.start()

    def start(self) -> None:
        """A new gateway, which remembers nothing."""
        self.inbox = Inbox(self.desk.files, self.follow, Rests())

    def follow(self, _event: str, subject: str) -> None:
        """Follow a hint, or be killed before or after that."""
        self.die("before")
        vendor.looks.append(self.desk.engine.time)
        tick.wake(self.desk.runtime, subject)
        self.die("after")

    def die(self, when: str) -> None:
        """Be killed, when it is time to be."""
        if self.killed == when:
            self.killed = None
            raise Killed

    def tell(self, ticket: int) -> None:
        """A ticket changes, and the vendor tells of it."""
        vendor.changes[ticket] += 1
        self.inbox.store([Hook("zendesk", f"{ticket}-{vendor.changes[ticket]}", "x", f"zendesk:ticket:{ticket}")])

    def work(self) -> None:
        """A round of the gateway, which is started again when it is killed; then the legs that are due."""
        try:
            self.inbox.work()
        except Killed:
            self.start()
        self.desk.engine.run()


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    """New tickets for every test."""
    vendor.__init__()  # type: ignore[misc]
    yield
    vendor.__init__()  # type: ignore[misc]


@pytest.fixture
def site(desk: Desk) -> Site:
    """A gateway over a desk."""
    return Site(desk)


moves = st.one_of(
    st.tuples(st.just("tell"), st.sampled_from(TICKETS)),
    st.tuples(st.just("sleep"), st.sampled_from((0.1, 0.5, 1, 3, 20, 61))),
    st.tuples(st.just("work"), st.sampled_from((None, None, "before", "after"))),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(moves, max_size=40))
def test_the_last_hint_has_its_leg(moves: list[tuple[str, int | float | str | None]]) -> None:
    """Whenever hints come, and however often the gateway is killed while it follows them, each case has a leg that
    begins after the last hint about its ticket; nothing stays in the inbox."""
    vendor.__init__()  # type: ignore[misc]
    with TemporaryDirectory() as folder, Desk(f"sqlite:///{Path(folder)}/cases.db", START) as desk:
        site = Site(desk)
        for ticket in TICKETS:
            desk.start("rested", number=ticket)
        for move, value in moves:
            if move == "tell":
                site.tell(int(value or 0))
            elif move == "sleep":
                desk.engine.sleep(float(value or 0))
            else:
                site.killed = str(value) if value else None
                site.work()
        site.killed = None
        for seconds in (LONGEST_REST.total_seconds(), LONGEST_TRY.total_seconds()):
            desk.engine.sleep(seconds)
            site.work()
        assert [vendor.seen[ticket] for ticket in TICKETS] == [vendor.changes[ticket] for ticket in TICKETS]
        desk.engine.sleep(86_400)
        assert site.inbox.work() == 0


def test_a_storm_is_few_looks(site: Site) -> None:
    """A ticket that changes five times a second for a minute is looked at at once, then ever more seldom, down to
    once in the longest rest, and once more after its last change; one that changes beside it does not wait for it."""
    site.desk.start("rested", number=1)
    storm = timedelta(minutes=1)
    while site.desk.engine.time < START + storm:
        site.tell(1)
        site.work()
        site.desk.engine.sleep(0.2)
    gaps = [(after - before) for before, after in zip(vendor.looks, vendor.looks[1:], strict=False)]
    assert vendor.looks[0] == START
    assert all(0.75 * FIRST_REST <= gap <= LONGEST_REST + timedelta(seconds=0.2) for gap in gaps)
    assert len(gaps) <= 4 + storm / (0.75 * LONGEST_REST)
    site.tell(2)
    site.work()
    assert vendor.looks[-1] == site.desk.engine.time
    site.desk.engine.sleep(LONGEST_REST.total_seconds())
    site.work()
    assert vendor.seen[1] == vendor.changes[1]


def test_after_a_quiet_time_a_hint_is_followed_at_once(site: Site) -> None:
    """A rest is short for who writes twice, and forgotten when nothing more comes."""
    site.desk.start("rested", number=1)
    for seconds in (0.0, 3600.0):
        site.desk.engine.sleep(seconds)
        site.tell(1)
        site.work()
        assert vendor.seen[1] == vendor.changes[1], "followed at once"
        site.tell(1)
        site.work()
        assert vendor.seen[1] < vendor.changes[1], "it rests"
        site.desk.engine.sleep(FIRST_REST.total_seconds())
        site.work()
        assert vendor.seen[1] == vendor.changes[1]


def test_what_is_not_looked_at_any_more_is_forgotten() -> None:
    """A gateway that has seen thousands of tickets remembers those of the last seconds."""
    rests = Rests()
    for number in range(1000):
        rests.begin({f"zendesk:ticket:{number}"}, START + timedelta(seconds=number))
    assert len(rests._rests) <= 3


def test_an_answer_does_not_rest(site: Site) -> None:
    """While hints about a case's ticket rest, an answer that comes to us directly is acted on at the same moment."""
    run = site.desk.start("rested", number=1)
    for _ in range(3):
        site.tell(1)
        site.work()
    assert vendor.seen[1] < vendor.changes[1], "the last hints rest"
    say(run, "question/1", ANA, verdict="yes")
    site.desk.settle()
    assert site.desk.ending(run) == "yes"
    assert site.desk.engine.time == START


def test_the_gateway_lets_hints_rest(place: Place) -> None:
    """In a gateway that runs, a hook about a ticket that was just looked at is taken and due a little later."""
    with place.client:
        assert place.zendesk(event_id="e-1").status_code == 202
        until("handled hook", lambda: stored(place)[0].handled_at is not None, seconds=20, every=0.02)
        assert place.zendesk(event_id="e-2").status_code == 202
    _, second = stored(place)
    assert timedelta() < second.due_at - second.received_at <= FIRST_REST


def test_known_for_long_enough() -> None:
    """While a hint may wait for the end of a rest, and for a while after it, the gateway knows that; then no more."""
    rests = Rests()
    assert not rests.any_kept(START)
    rests.begin({"zendesk:ticket:1"}, START)
    over = rests.over("zendesk:ticket:1", START)
    assert rests.any_kept(START)
    assert rests.any_kept(over + 0.7 * FIRST_REST)
    assert not rests.any_kept(over + 2 * FIRST_REST)
