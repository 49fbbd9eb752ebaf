"""The single download: one winner, counted tries, the server's clock, and nothing told to strangers."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import IntegrityError

from casework.delivery.link import link_events
from casework.delivery.link import links as link_table
from casework.delivery.links import ClaimToken, LinkConflict, Links, LinkState, Refusal, metadata
from casework.delivery.ranges import covers, merge
from tests.delivery.conftest import SECRET, Clock, sealed_file


def ready(links: Links, clock: Clock, deliverable_id: str = "d-1", **change: object) -> str:
    link = links.create(sealed_file(deliverable_id, **change), clock() + timedelta(days=7))
    return links.make_ready(link.link_id).link_id


def code_of(links: Links, link_id: str) -> str:
    code = links.issue_code(link_id)
    assert not isinstance(code, Refusal), code
    return code


def claimed(links: Links, clock: Clock) -> tuple[str, str]:
    link_id = ready(links, clock)
    won = links.claim(links.token(link_id), code_of(links, link_id))
    assert isinstance(won, ClaimToken)
    return link_id, won.value


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_repeated_step_gives_the_same_link(links: Links, clock: Clock, engine: Engine) -> None:
    """Creating again, with another store object too, gives the same link and the same token."""
    first = links.create(sealed_file(), clock() + timedelta(days=7))
    again = Links(engine, SECRET, clock).create(sealed_file(), clock() + timedelta(days=9))
    assert again == first
    assert Links(engine, SECRET, clock).token(first.link_id) == links.token(first.link_id)
    assert len(links.token(first.link_id)) >= 43


def test_concurrent_creates_make_one_link(links: Links, clock: Clock) -> None:
    """Sixteen creators of one deliverable's link all get the same one."""
    with ThreadPoolExecutor(16) as pool:
        made = pool.map(lambda _: links.create(sealed_file(), clock() + timedelta(days=7)).link_id, range(16))
    assert len(set(made)) == 1


def test_a_link_keeps_its_file(links: Links, clock: Clock) -> None:
    """A repeated upload may replace the file while the link is sealed, never after it is ready."""
    links.create(sealed_file(), clock() + timedelta(days=7))
    again = links.create(sealed_file(sealed_sha256="c" * 64), clock() + timedelta(days=7))
    assert again.file.sealed_sha256 == "c" * 64
    links.make_ready(again.link_id)
    with pytest.raises(LinkConflict, match="d-1"):
        links.create(sealed_file(), clock() + timedelta(days=7))


def test_nothing_that_opens_a_link_is_stored(links: Links, clock: Clock, engine: Engine, tmp_path: Path) -> None:
    """Token, code and claim are in no byte of the database, nor in what a claim prints."""
    link_id = ready(links, clock)
    code = code_of(links, link_id)
    with engine.connect() as db:
        row = db.execute(text("SELECT * FROM links")).one()
    assert code not in {str(value) for value in row}
    won = links.claim(links.token(link_id), code)
    assert isinstance(won, ClaimToken)
    data = b"".join(path.read_bytes() for path in tmp_path.glob("links.sqlite*"))
    assert link_id.encode() in data
    assert links.token(link_id).encode() not in data
    assert won.value.encode() not in data
    assert won.value not in repr(won)


def test_find(links: Links, clock: Clock) -> None:
    """Only the exact token finds the link."""
    link_id = ready(links, clock)
    token = links.token(link_id)
    found = links.find(token)
    assert found is not None
    assert found.link_id == link_id
    for other in ("", token[:-1], token + "A", token.swapcase(), link_id):
        assert links.find(other) is None


def test_a_wrong_code_never_uses_the_link_up(links: Links, clock: Clock) -> None:
    """Four wrong codes leave the link claimable with the right one."""
    link_id = ready(links, clock)
    code = code_of(links, link_id)
    assert [links.claim(links.token(link_id), wrong(code)) for _ in range(4)] == [Refusal.WRONG_CODE] * 4
    assert links.get(link_id).state is LinkState.READY
    assert isinstance(links.claim(links.token(link_id), code), ClaimToken)


def test_five_wrong_codes_lock(links: Links, clock: Clock) -> None:
    """The fifth wrong code locks: no code works or is issued any more, until staff unlock the link."""
    link_id = ready(links, clock)
    code = code_of(links, link_id)
    token = links.token(link_id)
    answers = [links.claim(token, wrong(code)) for _ in range(5)]
    assert answers == [Refusal.WRONG_CODE] * 4 + [Refusal.LOCKED]
    assert links.claim(token, code) is Refusal.LOCKED
    assert links.issue_code(link_id) is Refusal.LOCKED
    links.unlock(link_id)
    assert links.claim(token, code) is Refusal.NO_CODE
    assert isinstance(links.claim(token, code_of(links, link_id)), ClaimToken)


def test_new_codes_do_not_give_new_tries(links: Links, clock: Clock) -> None:
    """Asking for another code after each wrong one does not get round the lock."""
    link_id = ready(links, clock)
    for _ in range(5):
        links.claim(links.token(link_id), wrong(code_of(links, link_id)))
    assert links.issue_code(link_id) is Refusal.LOCKED


def test_guesses_at_the_same_instant_all_count(links: Links, clock: Clock) -> None:
    """Thirty simultaneous guesses have five tries between them."""
    link_id = ready(links, clock)
    code = code_of(links, link_id)
    guesses = [f"{(int(code) + step) % 10**6:06}" for step in range(1, 31)]
    with ThreadPoolExecutor(16) as pool:
        answers = Counter(pool.map(lambda guess: links.claim(links.token(link_id), guess), guesses))
    assert links.get(link_id).code_tries == 5
    assert answers[Refusal.WRONG_CODE] <= 5
    assert sum(answers.values()) == 30


def test_codes_die(links: Links, clock: Clock) -> None:
    """A code dies after ten minutes, by a newer one, and is never another link's."""
    link_id, other_id = ready(links, clock), ready(links, clock, "d-2")
    token = links.token(link_id)
    assert links.claim(token, "000000") is Refusal.NO_CODE
    first = code_of(links, link_id)
    clock.pass_time(minutes=10)
    assert links.claim(token, first) is Refusal.NO_CODE
    second = code_of(links, link_id)
    third = code_of(links, link_id)
    if second != third:
        assert links.claim(token, second) is Refusal.WRONG_CODE
    code_of(links, other_id)
    assert not isinstance(links.claim(links.token(other_id), third), ClaimToken) or third == second
    assert isinstance(links.claim(token, third), ClaimToken)


def race(links: Links, clock: Clock, count: int) -> None:
    """Sixteen threads claim the same links with the right code, each link at once."""
    ids = [ready(links, clock, f"d-{number}") for number in range(count)]
    codes = {link_id: code_of(links, link_id) for link_id in ids}
    barrier = threading.Barrier(16)

    def claim_all(_: int) -> list[str]:
        won = []
        for link_id in ids:
            barrier.wait()
            if isinstance(links.claim(links.token(link_id), codes[link_id]), ClaimToken):
                won.append(link_id)
        return won

    with ThreadPoolExecutor(16) as pool:
        winners = [link_id for won in pool.map(claim_all, range(16)) for link_id in won]
    assert sorted(winners) == sorted(ids)


def test_one_claim_wins(links: Links, clock: Clock) -> None:
    """Sixteen threads on each of 60 links: exactly 60 winners, on SQLite."""
    race(links, clock, 60)


def test_one_claim_wins_on_postgresql(postgres: str, clock: Clock) -> None:
    """The same on PostgreSQL, where times and the one-live-link rule hold as well."""
    engine = create_engine(postgres, pool_size=16)
    metadata.create_all(engine)
    links = Links(engine, SECRET, clock)
    try:
        race(links, clock, 60)
        found = links.of_deliverable("d-0")
        assert found is not None
        assert found.claimed_at == clock()
        assert links.create(sealed_file("d-0"), clock()).link_id == found.link_id
    finally:
        engine.dispose()


def test_only_the_claiming_browser_goes_on(links: Links, clock: Clock) -> None:
    """Whoever comes after the claim is told so; another claim value opens nothing."""
    link_id, claim = claimed(links, clock)
    assert links.claim(links.token(link_id), "123456") is Refusal.ALREADY_CLAIMED
    assert links.issue_code(link_id) is Refusal.ALREADY_CLAIMED
    assert links.authorise(link_id, "x" * 43) is Refusal.OTHER_CLAIM
    assert links.authorise("unknown", claim) is Refusal.UNKNOWN
    assert links.authorise(link_id, claim) == links.get(link_id)


def test_the_way_to_received(links: Links, clock: Clock) -> None:
    """Received needs every byte acknowledged and the right SHA-256; nothing less, and once is enough."""
    link_id, claim = claimed(links, clock)
    assert links.receive(link_id, claim, "a" * 64) is Refusal.INCOMPLETE
    links.acknowledge(link_id, claim, 600, 1000)
    links.acknowledge(link_id, claim, 0, 599)
    assert links.receive(link_id, claim, "a" * 64) is Refusal.INCOMPLETE
    links.acknowledge(link_id, claim, 500, 700)
    assert links.receive(link_id, claim, "c" * 64) is Refusal.WRONG_DIGEST
    assert links.receive(link_id, "x" * 43, "a" * 64) is Refusal.OTHER_CLAIM
    received = links.receive(link_id, claim, "a" * 64)
    assert not isinstance(received, Refusal)
    assert (received.state, received.received_at) == (LinkState.RECEIVED, clock())
    clock.pass_time(minutes=1)
    assert links.receive(link_id, claim, "a" * 64) == received
    assert links.mark_destroyed(link_id).ended_as == "received"
    again = links.receive(link_id, claim, "a" * 64)
    assert not isinstance(again, Refusal), "its first answer may have been lost"
    assert again.state is LinkState.DESTROYED
    assert links.receive(link_id, "x" * 43, "a" * 64) is Refusal.OTHER_CLAIM


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair)))))
def test_ranges_are_sets_of_bytes(spans: list[tuple[int, int]]) -> None:
    """Merging keeps exactly the bytes there were; covering is having all of them."""
    expected = {at for start, end in spans for at in range(start, end)}
    merged = merge(spans)
    assert {at for start, end in merged for at in range(start, end)} == expected
    assert all(one[1] < two[0] for one, two in pairwise(merged))
    assert covers(spans, 40) == set(range(40)).issubset(expected)


def test_concurrent_acknowledgements_are_all_kept(links: Links, clock: Clock) -> None:
    """Ten parallel acknowledgements lose none."""
    link_id, claim = claimed(links, clock)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda at: links.acknowledge(link_id, claim, at * 100, at * 100 + 100), range(10)))
    assert links.get(link_id).acknowledged == ((0, 1000),)


def test_expiry(links: Links, clock: Clock) -> None:
    """At its expiry a link gives no code and no claim, even before the clock has swept it."""
    link_id = ready(links, clock)
    code = code_of(links, link_id)
    sealed = links.create(sealed_file("d-2"), clock() + timedelta(days=7)).link_id
    clock.pass_time(days=7)
    assert links.issue_code(link_id) is Refusal.EXPIRED
    assert links.claim(links.token(link_id), code) is Refusal.EXPIRED
    assert {link.link_id for link in links.expire_due(clock())} == {link_id, sealed}
    assert links.expire_due(clock()) == ()
    assert links.get(link_id).ended_as == "expired"
    assert links.claim(links.token(link_id), code) is Refusal.ENDED


def test_a_late_claim_has_two_hours(links: Links, clock: Clock) -> None:
    """A claim in the last minute gets one bounded extension, and ends after it."""
    link_id = ready(links, clock)
    clock.pass_time(days=7, minutes=-1)
    won = links.claim(links.token(link_id), code_of(links, link_id))
    assert isinstance(won, ClaimToken)
    clock.pass_time(minutes=119)
    assert not isinstance(links.authorise(link_id, won.value), Refusal)
    assert links.expire_due(clock()) == ()
    clock.pass_time(minutes=2)
    assert links.authorise(link_id, won.value) is Refusal.EXPIRED
    assert [link.state for link in links.expire_due(clock())] == [LinkState.EXPIRED]


def test_sent_is_received_only_after_the_grace_window(links: Links, clock: Clock) -> None:
    """A download without scripts may be repeated for thirty minutes; then it counts as received."""
    link_id, claim = claimed(links, clock)
    stream = links.open_stream(link_id, claim)
    assert not isinstance(stream, Refusal)
    links.sent_in_full(link_id, stream)
    clock.pass_time(minutes=29)
    assert links.expire_due(clock()) == ()
    again = links.open_stream(link_id, claim)
    assert not isinstance(again, Refusal)
    links.sent_in_full(link_id, again)
    clock.pass_time(minutes=1)
    assert [link.state for link in links.expire_due(clock())] == [LinkState.RECEIVED]


def test_bytes_are_capped_and_streams_take_turns(links: Links, clock: Clock) -> None:
    """A claim gets 1.5 times the file plus 8 MiB over all its streams; only the newest stream runs."""
    link_id, claim = claimed(links, clock)
    first, second = links.open_stream(link_id, claim), links.open_stream(link_id, claim)
    assert not isinstance(first, Refusal)
    assert not isinstance(second, Refusal)
    cap = 1500 + 8 * 2**20
    assert links.record_sent(link_id, first, 1) is Refusal.OTHER_STREAM
    assert links.record_sent(link_id, second, cap) is None
    assert links.record_sent(link_id, second, 1) is Refusal.CAP_REACHED
    assert links.get(link_id).bytes_sent == cap


def test_revoking_stops_everything(links: Links, clock: Clock) -> None:
    """A revoked link stops its running stream, refuses its claim, and cannot be ready again."""
    link_id, claim = claimed(links, clock)
    stream = links.open_stream(link_id, claim)
    assert not isinstance(stream, Refusal)
    with pytest.raises(LinkConflict):
        links.mark_destroyed(link_id)
    assert links.revoke(link_id, "cancelled").ended_as == "cancelled"
    assert links.revoke(link_id).ended_as == "cancelled"
    assert links.record_sent(link_id, stream, 1) is Refusal.ENDED
    assert links.authorise(link_id, claim) is Refusal.ENDED
    with pytest.raises(LinkConflict):
        links.make_ready(link_id)


def test_one_live_link_per_deliverable(links: Links, clock: Clock, engine: Engine) -> None:
    """The database itself refuses a second live link of a deliverable."""
    links.create(sealed_file(), clock() + timedelta(days=7))
    copy = "INSERT INTO links SELECT 'other', " + ", ".join(
        "'t'" if column.name == "token_hash" else column.name for column in metadata.tables["links"].columns[1:]
    )
    with pytest.raises(IntegrityError), engine.begin() as db:
        db.execute(text(f"{copy} FROM links"))


def test_events_tell_the_story(links: Links, clock: Clock, engine: Engine) -> None:
    """Each move and each refused claim is an event, in order."""
    link_id = ready(links, clock)
    code = code_of(links, link_id)
    links.claim(links.token(link_id), wrong(code))
    links.claim(links.token(link_id), code)
    links.claim(links.token(link_id), code)
    links.revoke(link_id)
    links.mark_destroyed(link_id)
    with engine.connect() as db:
        events = db.execute(select(link_events.c.event).order_by(link_events.c.event_id)).scalars().all()
    assert events == [
        "created",
        "made ready",
        "code issued",
        "code wrong",
        "claimed",
        "claim refused",
        "revoked",
        "destroyed",
    ]


def test_a_reissued_link_voids_the_earlier_one(links: Links, clock: Clock, engine: Engine) -> None:
    """In one transaction the old link ends and the new one is made; asked again it is the same; who and why stay."""
    old, until = ready(links, clock), clock() + timedelta(days=20)
    moved = sealed_file("d-1", vault="s3")
    new = links.reissue(old, moved, until, by="staff-41", reason="text:1")
    assert links.reissue(old, moved, until, by="staff-41", reason="text:1") == new
    assert (links.get(old).state, links.get(old).ended_as) == (LinkState.REVOKED, "reissued")
    assert (new.state, new.file.vault, new.expires_at) == (LinkState.SEALED, "s3", until)
    assert links.of_deliverable("d-1") == new
    assert links.token(new.link_id) != links.token(old)
    with engine.connect() as connection:
        row = connection.execute(select(link_table).where(link_table.c.link_id == new.link_id)).one()
    assert (row.replaces, row.reissued_by, row.reissue_reason) == (old, "staff-41", "text:1")


@pytest.mark.parametrize(("by", "reason"), [("", "text:1"), ("staff-41", "")])
def test_nobody_reissues_without_a_reason(links: Links, clock: Clock, by: str, reason: str) -> None:
    """A person and a reason are demanded, and the earlier link stays."""
    old = ready(links, clock)
    with pytest.raises(ValueError, match="name both"):
        links.reissue(old, sealed_file("d-1"), clock() + timedelta(days=7), by=by, reason=reason)
    assert links.get(old).state is LinkState.READY


def test_what_has_ended_is_not_reissued(links: Links, clock: Clock) -> None:
    """A link that has ended stays as it is, and no link leads to another deliverable than the one it replaces."""
    old, until = ready(links, clock), clock() + timedelta(days=7)
    with pytest.raises(LinkConflict, match="not to d-2"):
        links.reissue(old, sealed_file("d-2"), until, by="staff-41", reason="text:1")
    links.revoke(old)
    with pytest.raises(LinkConflict, match="has ended"):
        links.reissue(old, sealed_file("d-1"), until, by="staff-41", reason="text:1")


def test_a_claimed_link_may_be_reissued(links: Links, clock: Clock) -> None:
    """A customer whose browser is lost gets another link; the earlier claim fetches nothing more."""
    old, claim = claimed(links, clock)
    links.reissue(old, sealed_file("d-1"), clock() + timedelta(days=7), by="staff-41", reason="text:1")
    assert links.authorise(old, claim) is Refusal.ENDED


def test_concurrent_reissues_make_one_link(links: Links, clock: Clock) -> None:
    """However many ask at once, one link takes the place of another."""
    old, until = ready(links, clock), clock() + timedelta(days=7)

    def reissue(_: int) -> str:
        return links.reissue(old, sealed_file("d-1"), until, by="staff-41", reason="text:1").link_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(reissue, range(8)))) == 1
