"""Rows 1 to 5: who may have an export at all, and how a requester is verified."""

from __future__ import annotations

import pytest

from casework.answer import Refusal, Refused
from tests.scenarios.endings import assert_closed
from tests.scenarios.office import Office

ADMIN_SQL = "UPDATE memberships SET admin = 1 WHERE user_id = ?"


@pytest.mark.parametrize(
    ("user", "reason", "told"),
    [("user-80", "ffs", "not part of the FFS plan"), ("user-90", "agency", "no exception")],
)
def test_refused_at_once(office: Office, user: str, reason: str, told: str) -> None:
    """Rows 1 and 2: FFS teams and agencies are refused with one reply, and nobody else is bothered."""
    ticket, run = office.ask(user)
    assert_closed(office, run, f"refused: {reason}")
    (reply,) = office.said(ticket)
    assert told in reply
    assert office.ticket(ticket)["status"] == "solved"
    assert office.world.state["asana"]["tasks"] == {}
    assert not office.slack("staff-41")


@pytest.mark.parametrize(
    ("user", "address", "known", "missing"),
    [
        ("user-84", None, True, "admin"),
        ("user-83", "cornelius@elsewhere-77aa.example", True, "domain"),
        ("user-83", "cornelius@mail.pebblewick-40fe.example", True, "domain"),
        ("user-83", "cornelius@pebblewick-40fe.example.elsewhere-77aa.example", True, "domain"),
        ("user-83", "cornelius@p\u0435bblewick-40fe.example", False, "team"),
        ("user-83", "stranger@pebblewick-40fe.example", False, "team"),
        ("user-83", "not an address", False, "team"),
    ],
    ids=["not admin", "other domain", "sub-domain", "parent domain", "look-alike", "no team", "malformed"],
)
def test_not_verified(office: Office, user: str, address: str | None, known: bool, missing: str) -> None:
    """Row 3: who is no admin, or writes from another domain, is told what is missing, and the case waits."""
    if address is not None:
        office.write_from(user, address, known=known)
    ticket, run = office.ask(user)
    assert office.waiting(run) == ["verification/1"]
    (reply,) = office.said(ticket)
    assert {"admin": "A team admin", "domain": "A work address", "team": "Your team."}[missing] in reply
    assert any(f"missing: {missing}." in note for note in office.said(ticket, False))
    assert office.ticket(ticket)["status"] == "pending"


def test_other_case_of_letters(office: Office) -> None:
    """Row 3: the same address in capitals is the same address."""
    office.write_from("user-88", "GUINEVERE.NORTHWIND-ABALOS@Northwind-7F3A.EXAMPLE", known=False)
    _, run = office.ask("user-88")
    assert office.waiting(run) == ["reason/1"]


def test_verified_by_a_later_look(office: Office) -> None:
    """Row 3: a reply alone changes nothing; a reply after being made admin verifies."""
    ticket, run = office.ask("user-84")
    office.reply(ticket, "But I am an admin")
    assert office.waiting(run) == ["verification/2"]
    assert len(office.said(ticket)) == 2
    office.product_says(ADMIN_SQL, "user-84")
    office.reply(ticket, "Please look again")
    assert office.waiting(run) == ["reason/1"]


def test_unverified_after_fourteen_days(office: Office) -> None:
    """Row 3: reminders on days 3 and 7; after 14 days the request is closed as unverified."""
    ticket, run = office.ask("user-84")
    counts = []
    for days in (2.9, 0.2, 3.8, 0.2, 6.8):
        office.advance(days=days)
        counts.append(len(office.said(ticket)))
    assert counts == [1, 2, 2, 3, 3]
    assert office.ending(run) is None
    office.advance(days=0.2)
    assert_closed(office, run, "unverified")
    assert "within 14 days" in office.said(ticket)[-1]
    assert office.ticket(ticket)["status"] == "solved"


def test_replying_does_not_prolong_verification(office: Office) -> None:
    """Row 3: the 14 days count from the request, however often the customer replies."""
    ticket, run = office.ask("user-84")
    office.advance(days=10)
    office.reply(ticket, "Soon")
    office.advance(days=4.1)
    assert_closed(office, run, "unverified")


def test_operators_cannot_wave_verification_through(office: Office) -> None:
    """Row 3: the question is put to the customer alone; an operator's answer is refused and recorded."""
    ticket, run = office.ask("user-84")
    said = office.answer(run, "staff-41", comment=1)
    assert isinstance(said, Refused)
    assert said.why is Refusal.NOT_YOURS
    office.note(ticket, "staff-41", "#approve")
    assert office.waiting(run) == ["verification/1"]


def test_somebody_else_cannot_verify_by_replying(office: Office) -> None:
    """Row 3: a reply of another person on the ticket is not the requester's."""
    ticket, run = office.ask("user-84")
    office.people.customer.reply(ticket, "I am the admin", "user-83")
    office.hooks()
    assert office.waiting(run) == ["verification/1"]


def test_two_teams_of_one_domain(office: Office) -> None:
    """Row 3: of several possible teams nobody guesses one; operators name the one that the ticket names."""
    ticket, run = office.ask("user-97")
    assert office.waiting(run) == ["which-team/1"]
    assert "Which team you mean" in office.said(ticket)[0]
    assert any("which-team" in text for text in office.slack("staff-41"))
    office.answer(run, "staff-41", team="team-108")
    assert office.waiting(run) == ["reason/1"]
    assert run.standing is not None
    assert "team-108" in run.standing.name


def test_a_wrong_team_named_stays_unverified(office: Office) -> None:
    """Row 3: naming a team that the requester does not belong to verifies nobody."""
    _, run = office.ask("user-97")
    office.answer(run, "staff-41", team="team-104")
    assert office.waiting(run) == ["which-team/2"]
    office.advance(days=14.1)
    assert_closed(office, run, "unverified")


def test_naming_a_team_cannot_make_an_admin(office: Office) -> None:
    """Row 3: when operators name a team, being its admin is still looked up."""
    ticket, run = office.ask("user-93")
    office.answer(run, "staff-41", team="team-109")
    assert office.waiting(run) == ["verification/1"]
    assert "A team admin" in office.said(ticket)[-1]


def test_self_serve_operators_go_on(office: Office) -> None:
    """Row 4: the customer is pointed to the product; operators may go on with a reason, noted on the ticket."""
    ticket, run = office.ask("user-96")
    assert office.waiting(run) == ["self-serve/1"]
    assert "2,000 candidates" in office.said(ticket)[0]
    office.answer(run, "staff-42", decision="go on", reason="The export page is broken for them")
    assert office.waiting(run) == ["reason/1"]
    (noted,) = [note for note in office.said(ticket, False) if "go-on" in note]
    assert "The export page is broken for them" in noted
    assert "staff-42" in noted


def test_going_on_needs_a_reason(office: Office) -> None:
    """Row 4: an exemption without a reason is refused, and the question stays."""
    _, run = office.ask("user-96")
    said = office.answer(run, "staff-42", decision="go on")
    assert isinstance(said, Refused)
    assert said.why is Refusal.INVALID
    blank = office.answer(run, "staff-42", decision="go on", reason="   ")
    assert isinstance(blank, Refused), "a blank reason is none"
    assert office.waiting(run) == ["self-serve/1"]


@pytest.mark.parametrize("answered", [True, False], ids=["refused", "no answer"])
def test_self_serve_ends(office: Office, answered: bool) -> None:
    """Row 4: refused by operators or left for 5 working days, the case ends; the customer was told once."""
    ticket, run = office.ask("user-96")
    if answered:
        office.answer(run, "staff-42", decision="refuse", reason="The product does it")
    else:
        office.advance(days=6.9)
        assert office.ending(run) is None
        office.advance(days=0.2)
    assert_closed(office, run, "refused: self-serve")
    assert len(office.said(ticket)) == 1
    assert office.ticket(ticket)["status"] == "solved"


def test_small_team_with_projects_is_not_pointed_to_self_serve(office: Office) -> None:
    """Row 4: a small team that moves to another team qualifies."""
    _, run = office.ask("user-96", "moving_teams")
    assert office.waiting(run) == ["reason/1"]


def test_churned_lately_goes_on(office: Office) -> None:
    """Row 5: 30 days after the contract's end nobody needs to decide."""
    _, run = office.ask("user-91")
    assert office.waiting(run) == ["reason/1"]


def test_churned_long_ago_operators_go_on(office: Office) -> None:
    """Row 5: more than 90 days after the contract's end operators decide, with a reason."""
    ticket, run = office.ask("user-92")
    assert office.waiting(run) == ["churned/1"]
    assert office.said(ticket) == []
    office.answer(run, "staff-41", decision="go on", reason="The contract was prolonged by letter")
    assert office.waiting(run) == ["reason/1"]
    assert any("prolonged by letter" in note for note in office.said(ticket, False))


@pytest.mark.parametrize("answered", [True, False], ids=["refused", "no answer"])
def test_churned_long_ago_ends(office: Office, answered: bool) -> None:
    """Row 5: without an answer in 5 working days, or by the operators' no, the request is refused."""
    ticket, run = office.ask("user-92")
    if answered:
        office.answer(run, "staff-41", decision="refuse", reason="No contract any more")
    else:
        office.advance(days=7.1)
    assert_closed(office, run, "refused: churned")
    (reply,) = office.said(ticket)
    assert "90 days" in reply


def test_operators_are_reminded_every_working_day(office: Office) -> None:
    """A question to the operators is brought up again each working day, weekends left out, until it ends; then each of
    these messages says so."""
    _, run = office.ask("user-92")
    counts = []
    for _ in range(8):
        counts.append(sum("still waits" in text for text in office.slack("staff-41")))
        office.advance(days=1)
    assert counts == [0, 1, 2, 3, 4, 4, 4, 0]
    assert sum("nobody answered in time" in text for text in office.slack("staff-41")) == 5
    assert office.ending(run) == "refused: churned"
