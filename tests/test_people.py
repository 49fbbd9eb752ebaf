"""Codes and links name one person, one question and one attempt, and nobody else can make them."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.people import Identity, Invitation, Person, code_hash, normal_code, read_token
from tests.desk import SECRET
from tests.toy import ANA, BEN

MINE = Invitation(case_id="case-1", wait="approval/1", person=ANA)


@pytest.mark.parametrize(
    "other",
    [
        Invitation(case_id="case-2", wait="approval/1", person=ANA),
        Invitation(case_id="case-1", wait="approval/2", person=ANA),
        Invitation(case_id="case-1", wait="approval/1", person=BEN),
    ],
)
def test_codes_and_links_differ_by_case_attempt_and_person(other: Invitation) -> None:
    """No two invitations share a code or a link; a repeated message carries the same ones."""
    assert other.code(SECRET) != MINE.code(SECRET)
    assert other.token(SECRET) != MINE.token(SECRET)
    again = Invitation.model_validate(MINE.model_dump())
    assert (again.code(SECRET), again.token(SECRET)) == (MINE.code(SECRET), MINE.token(SECRET))


def test_codes_and_links_need_the_secret() -> None:
    """Another deployment's secret makes another code, and does not read the link."""
    assert MINE.code(b"another") != MINE.code(SECRET)
    with pytest.raises(ValueError, match="Open it from the message again"):
        read_token(b"another", MINE.token(SECRET))


def test_a_link_says_whom_it_was_made_for() -> None:
    """The token comes back as case, wait and person."""
    read = read_token(SECRET, MINE.token(SECRET))
    assert (read.case_id, read.wait, read.person.id) == ("case-1", "approval/1", ANA.id)


@given(place=st.integers(0, 200), letter=st.sampled_from("ABCabc012-_."), cut=st.booleans())
def test_a_changed_link_is_not_read(place: int, letter: str, cut: bool) -> None:
    """Any letter changed, or the end cut off: the link is refused and says what to do, or means the same bytes."""
    token = MINE.token(SECRET)
    place %= len(token)
    changed = token[:place] if cut else token[:place] + letter + token[place + 1 :]
    # The last letter of base64 carries bits that mean nothing.
    if changed == token or (place == len(token) - 1 and not cut and same_bytes(changed, token)):
        assert read_token(SECRET, changed).person.id == ANA.id
        return
    with pytest.raises(ValueError, match="not complete or was changed"):
        read_token(SECRET, changed)


def same_bytes(one: str, other: str) -> bool:
    """Whether two tokens have the same signature once decoded."""
    first, second = (urlsafe_b64decode(token.rsplit(".", 1)[1] + "==") for token in (one, other))
    return first == second


@given(st.text(max_size=40))
def test_anything_may_be_sent_as_a_link(text: str) -> None:
    """Garbage is refused in the same words, never with another error."""
    with pytest.raises(ValueError, match="not complete or was changed"):
        read_token(SECRET, text)


def test_a_code_is_short_and_plain_to_type() -> None:
    """Eight letters and digits that people do not mix up, in two groups."""
    code = MINE.code(SECRET)
    assert len(code) == 9
    assert code[4] == "-"
    assert set(code.replace("-", "")) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


@given(st.text("ABCabc019 -_.\t\n", max_size=30))
def test_a_code_has_one_spelling(typed: str) -> None:
    """However a code is typed, one hash is looked for; other letters give another."""
    assert code_hash(typed) == code_hash(f" {typed.lower()} -") == code_hash(normal_code(typed))
    assert code_hash(typed) != code_hash(typed + "x")
    assert set(normal_code(typed)) <= set("ABC019")


@pytest.mark.parametrize(
    ("identity", "person", "same"),
    [
        (Identity(kind="person", value="staff-7"), ANA, True),
        (Identity(kind="system", value="gateway"), Person(id="gateway"), True),
        (Identity(kind="slack", value="U7"), ANA, True),
        (Identity(kind="zendesk", value="7007"), ANA, True),
        (Identity(kind="slack", value="staff-7"), ANA, False),
        (Identity(kind="zendesk", value="U7"), ANA, False),
        (Identity(kind="mail", value="staff-7"), ANA, False),
        (Identity(kind="slack", value="None"), Person(id="x"), False),
        (Identity(kind="zendesk", value="None"), Person(id="x"), False),
        (Identity(kind="slack", value=""), Person(id="x", slack=None), False),
    ],
)
def test_who_is_whom(identity: Identity, person: Person, same: bool) -> None:
    """An identity is somebody by the id of its own channel only; a missing id is nobody's."""
    assert identity.is_person(person) is same
