"""Who is told, the customer's reason, and who must agree."""

from __future__ import annotations

import copy

import pytest

from casework.answer import Accepted, Offer, Refusal, Refused, answer
from casework.case import Kind
from casework.engine.simulated import Run
from casework.people import Identity
from policies import data_export as policy
from policies.data_export import NUMBERS
from tests.scenarios.endings import assert_closed
from tests.scenarios.office import Office

ENTERPRISE, MID_MARKET, SCALED, NO_CSM = "user-88", "user-83", "user-81", "user-95"


def asked_to_agree(office: Office, user: str = ENTERPRISE, *tags: str) -> tuple[int, Run]:
    """A request that has its reason and waits for agreement."""
    ticket, run = office.ask(user, *tags)
    office.reply(ticket)
    assert office.waiting(run) == ["approval/1"]
    return ticket, run


def require_scaled_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a manager has turned `scaled.approval_required` on."""
    scaled = NUMBERS.scaled.model_copy(update={"approval_required": True})
    numbers = NUMBERS.model_copy(update={"scaled": scaled})
    needs_approval = policy.needs_approval
    monkeypatch.setattr(policy, "needs_approval", lambda team: needs_approval(team, numbers))


# -- who is told


@pytest.mark.parametrize(
    ("user", "csm", "number"),
    [(ENTERPRISE, "staff-13", 7005), (MID_MARKET, "staff-11", 7003)],
    ids=["enterprise", "mid-market"],
)
def test_the_csm_is_told(office: Office, user: str, csm: str, number: int) -> None:
    """Mid-market and enterprise: the CSM gets one Slack message, follows the ticket and is in CC."""
    ticket, _ = office.ask(user)
    (told,) = office.slack(csm)
    assert "asks for an export of all its data" in told
    assert number in office.ticket(ticket)["follower_ids"]
    assert number in office.ticket(ticket)["email_cc_ids"]


def test_a_missing_csm_is_stood_in_for(office: Office) -> None:
    """An account without a CSM: the operators stand in, are told, and the ticket says so."""
    ticket, run = asked_to_agree(office, NO_CSM)
    for operator in ("staff-41", "staff-42"):
        assert any("asks for an export" in text for text in office.slack(operator))
        assert any("Do you agree" in text for text in office.slack(operator))
    assert any("operators stands in" in note for note in office.said(ticket, False))
    assert isinstance(office.answer(run, "staff-42", verdict="approve"), Accepted)
    assert office.waiting(run) == ["deliverable/1"]


def test_scaled_needs_nobody_further(office: Office) -> None:
    """Scaled: the scaled-tier approver follows the ticket, and the reason is enough to go on."""
    ticket, run = office.ask(SCALED)
    assert 7006 in office.ticket(ticket)["follower_ids"]
    assert office.ticket(ticket)["email_cc_ids"] == []
    assert office.slack("staff-31") == []
    office.reply(ticket)
    assert office.waiting(run) == ["deliverable/1"]


def test_scaled_with_approval(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaled, with `approval_required` on: the scaled-tier approver must agree."""
    require_scaled_approval(monkeypatch)
    _, run = asked_to_agree(office, SCALED)
    assert isinstance(office.answer(run, "staff-41", verdict="approve"), Refused)
    assert isinstance(office.answer(run, "staff-31", verdict="approve"), Accepted)
    assert office.waiting(run) == ["deliverable/1"]


# -- the reason


def test_withdrawn_without_a_reason(office: Office) -> None:
    """No reason: reminders after 2 and 5 working days, and after 10 the request counts as withdrawn."""
    ticket, run = office.ask(ENTERPRISE)
    counts = []
    for days in (1.9, 0.2, 4.8, 0.2, 6.8):
        office.advance(days=days)
        counts.append(len(office.said(ticket)))
    assert counts == [1, 2, 2, 3, 3]
    assert office.ending(run) is None
    office.advance(days=0.2)
    assert_closed(office, run, "withdrawn")
    assert "take the request as withdrawn and close it" in office.said(ticket)[-1]
    assert office.ticket(ticket)["status"] == "solved"
    assert office.world.state["asana"]["tasks"] == {}


def test_the_reason_is_noted_by_its_comment(office: Office) -> None:
    """The reason stays where the customer wrote it; a note says in which comment."""
    ticket, _ = asked_to_agree(office)
    comments = office.world.state["zendesk"]["comments"][str(ticket)]
    (reason,) = [one["id"] for one in comments if one["body"].startswith("We are moving")]
    assert any(f"in comment {reason}." in note for note in office.said(ticket, False))


# -- agreement, by each channel


def test_agreed_by_personal_link(office: Office) -> None:
    """The CSM agrees through the personal link, and the ticket names who did."""
    ticket, run = asked_to_agree(office)
    office.answer(run, "staff-13", verdict="approve")
    assert office.waiting(run) == ["deliverable/1"]
    assert any("staff-13" in note and "agreed" in note for note in office.said(ticket, False))


def test_agreed_in_the_engines_form_with_a_personal_code(office: Office) -> None:
    """In the Prefect UI the personal code says who answers; it is forgotten after use."""
    _, run = asked_to_agree(office)
    code = office.code(run, "staff-13")
    assert any(code in text for text in office.slack("staff-13"))
    office.engine.type_in(run.case_id, {"verdict": "approve", "your_code": code})
    office.settle()
    assert office.waiting(run) == ["deliverable/1"]
    assert run.typed == {}


def test_agreed_in_slack(office: Office) -> None:
    """The button agrees for the CSM who presses it; the same message forwarded to a colleague agrees to nothing."""
    ticket, run = asked_to_agree(office)
    forwarded = office.press("staff-13", by="staff-12")
    assert isinstance(forwarded, Refused)
    assert forwarded.why is Refusal.NOT_YOURS
    assert isinstance(office.press("staff-13", by="staff-13"), Accepted)
    assert office.waiting(run) == ["deliverable/1"]
    assert any("by slack, with a verified identity" in note for note in office.said(ticket, False))


def test_a_stale_button_does_nothing(office: Office) -> None:
    """The button of an earlier asking is gone; on a screen that still shows it, it answers no later question."""
    _, run = asked_to_agree(office)
    (channel,) = office.direct_messages("staff-13")
    asked = office.world.state["slack"]["messages"][channel][-1]
    before = copy.deepcopy(asked)
    office.advance(days=14.1)
    office.answer(run, "staff-41", decision="ask again and wait on")
    with pytest.raises(LookupError, match="no button"):
        office.press("staff-13", by="staff-13", ts=asked["ts"])
    asked.update(before)
    stale = office.press("staff-13", by="staff-13", ts=asked["ts"])
    assert isinstance(stale, Refused)
    assert office.waiting(run) == ["approval/2"]


@pytest.mark.parametrize("code", ["AAAA-BBBB", ""], ids=["wrong", "none"])
def test_a_form_without_the_right_code_counts_for_nothing(office: Office, code: str) -> None:
    """In the Prefect UI nobody answers without a code that was sent to them."""
    _, run = asked_to_agree(office)
    office.engine.type_in(run.case_id, {"verdict": "approve", "your_code": code})
    office.settle()
    assert office.waiting(run) == ["approval/1"]
    assert office.entries(run, Kind.ANSWER_REFUSED)
    assert run.state == "suspended"
    assert run.pause is not None
    assert run.pause.question.endswith("The last answer typed here did not count: this code is not known.")


def test_somebody_elses_code_for_another_question_counts_for_nothing(office: Office) -> None:
    """A code of one case does not answer another's question."""
    _, first = asked_to_agree(office)
    _, second = asked_to_agree(office, MID_MARKET)
    office.engine.type_in(second.case_id, {"verdict": "approve", "your_code": office.code(first, "staff-13")})
    office.settle()
    assert office.waiting(second) == ["approval/1"]


@pytest.mark.parametrize("text", ["#approve", "  #Approve\nThe reason is fine."])
def test_agreed_by_an_internal_note(office: Office, text: str) -> None:
    """`#approve` in an internal note of the CSM agrees, whatever follows it."""
    ticket, run = asked_to_agree(office)
    office.note(ticket, "staff-13", text)
    assert office.waiting(run) == ["deliverable/1"]


def test_denied_by_an_internal_note(office: Office) -> None:
    """`#deny why` denies: the customer gets one reply without the reason; the ticket is solved."""
    ticket, run = asked_to_agree(office)
    office.note(ticket, "staff-13", "#deny\nThe Wexcombe-Ruddle dispute is open")
    assert_closed(office, run, "denied: staff-13")
    assert "did not agree" in office.said(ticket)[-1]
    assert not any("Wexcombe" in reply for reply in office.said(ticket))
    assert any("Their reason: The Wexcombe-Ruddle dispute is open" in note for note in office.said(ticket, False))
    assert office.ticket(ticket)["status"] == "solved"
    assert office.world.state["asana"]["tasks"] == {}


def test_denying_needs_a_reason(office: Office) -> None:
    """A bare `#deny` is refused and recorded, and the question stays."""
    ticket, run = asked_to_agree(office)
    office.note(ticket, "staff-13", "#deny")
    assert office.waiting(run) == ["approval/1"]
    assert [entry.payload["why"] for entry in office.entries(run, Kind.ANSWER_REFUSED)] == ["invalid"]


def test_a_public_reply_never_decides(office: Office) -> None:
    """`#approve` in a public reply is only a text, also when the customer writes it."""
    ticket, run = asked_to_agree(office)
    office.reply(ticket, "#approve")
    assert office.waiting(run) == ["approval/1"]
    assert office.entries(run, Kind.ANSWER_REFUSED) == []


def test_somebody_elses_note_is_refused(office: Office) -> None:
    """`#approve` by a colleague who was not asked is refused once, and recorded as nobody's right."""
    ticket, run = asked_to_agree(office)
    office.note(ticket, "staff-61", "#approve")
    office.advance(hours=13)
    assert office.waiting(run) == ["approval/1"]
    assert [entry.payload["why"] for entry in office.entries(run, Kind.ANSWER_REFUSED)] == ["not_yours"]


def test_a_second_answer_is_refused(office: Office) -> None:
    """What is decided stays decided: a later no to the same question is refused."""
    _, run = asked_to_agree(office)
    office.answer(run, "staff-13", verdict="approve")
    late = answer(
        Offer(
            run.case_id,
            "approval/1",
            {"verdict": "deny", "reason": "No"},
            "link",
            Identity(kind="person", value="staff-13"),
        )
    )
    assert isinstance(late, Refused)
    assert late.why is Refusal.DECIDED


# -- the other channels show it


def buttons(office: Office, staff: str) -> list[str]:
    """The buttons in the messages that somebody got."""
    return [
        element["action_id"]
        for channel in office.direct_messages(staff)
        for message in office.world.state["slack"]["messages"][channel]
        for block in message["blocks"]
        for element in block.get("elements", [])
    ]


def test_the_slack_messages_show_who_agreed(office: Office) -> None:
    """After a yes by note every message that asked or reminded says who and when, without buttons, code and link."""
    ticket, run = asked_to_agree(office)
    office.advance(days=2.1)
    codes = {staff: office.code(run, staff) for staff in ("staff-13", "staff-22")}
    for staff in codes:
        assert buttons(office, staff) == ["decide:verdict=approve", "ask:verdict=deny"]
    office.note(ticket, "staff-13", "#approve")
    assert office.waiting(run) == ["deliverable/1"]
    for (staff, code), count in zip(codes.items(), (2, 1), strict=True):
        shown = [text for text in office.slack(staff) if "Settled" in text]
        assert len(shown) == count
        for text in shown:
            assert "*Settled: approved by staff-13* on Wednesday, 4 March 2026, 19:2" in text
            assert "/decide/" not in text
            assert code not in text
        assert buttons(office, staff) == []
    assert sum("agreed to the data export" in note for note in office.said(ticket, False)) == 1


def test_the_slack_message_shows_who_denied(office: Office) -> None:
    """After a no the message says who denied; the reason stays on the ticket, where it is noted once."""
    ticket, run = asked_to_agree(office)
    office.answer(run, "staff-13", verdict="deny", reason="The Wexcombe-Ruddle dispute is open")
    (shown,) = [text for text in office.slack("staff-13") if "Settled" in text]
    assert "denied by staff-13" in shown
    assert not any("Wexcombe" in text for text in office.slack("staff-13"))
    assert sum("Wexcombe" in note for note in office.said(ticket, False)) == 1


def test_the_operators_messages_show_who_answered(office: Office) -> None:
    """When one operator answered, the messages to all operators say who did."""
    _, run = asked_to_agree(office)
    office.advance(days=14.1)
    office.answer(run, "staff-41", decision="end the case")
    for operator in ("staff-41", "staff-42"):
        (shown,) = [text for text in office.slack(operator) if "Settled" in text]
        assert "answered by staff-41" in shown
        assert "`approval-overdue`" in shown


def test_a_deleted_message_has_nothing_to_show(office: Office) -> None:
    """When the message that asked was deleted, the case goes on without showing the outcome there."""
    _, run = asked_to_agree(office)
    (channel,) = office.direct_messages("staff-13")
    office.world.state["slack"]["messages"][channel].pop()
    office.answer(run, "staff-13", verdict="approve")
    assert office.waiting(run) == ["deliverable/1"]


# -- refusals are told where the command was written


def refusals(office: Office, ticket: int) -> list[str]:
    return [note for note in office.said(ticket, False) if "did not count" in note]


@pytest.mark.parametrize(
    ("staff", "text", "author", "why"),
    [
        ("staff-13", "#deny", 7005, "to deny an export, say why"),
        ("staff-61", "#approve", None, "put to somebody else"),
    ],
    ids=["no reason", "somebody else"],
)
def test_a_refused_command_is_told_once(office: Office, staff: str, text: str, author: int | None, why: str) -> None:
    """A command that does not count gets one internal note that says whose it was and why, by ids; nothing public."""
    ticket, run = asked_to_agree(office)
    public = len(office.said(ticket))
    author = author or office.world.state["roster"]["staff"][staff]["zendesk_id"]
    office.note(ticket, staff, text)
    office.advance(hours=13)
    (told,) = refusals(office, ticket)
    assert f"of Zendesk user {author} did not count" in told
    assert why in told
    assert office.waiting(run) == ["approval/1"]
    assert len(office.said(ticket)) == public


def test_two_commands_at_once(office: Office) -> None:
    """Of two commands that are found by one look the first decides, and the second is told."""
    ticket, run = asked_to_agree(office)
    office.engine.sleep(1)
    office.people.agent.internal_note(ticket, "staff-13", "#approve")
    office.engine.sleep(1)
    office.people.agent.internal_note(ticket, "staff-13", "#deny changed my mind")
    office.hooks()
    assert office.waiting(run) == ["deliverable/1"]
    (told,) = refusals(office, ticket)
    assert "settled" in told


def test_a_command_after_the_decision_is_told_once(office: Office) -> None:
    """A second `#approve` after the decision is recorded as refused and told once, with who decided and when."""
    ticket, run = asked_to_agree(office)
    office.note(ticket, "staff-13", "#approve")
    assert refusals(office, ticket) == []
    office.advance(hours=1)
    office.note(ticket, "staff-13", "#approve")
    office.note(ticket, "staff-13", "thank you")
    (told,) = refusals(office, ticket)
    assert "already decided by staff-13 on Monday, 2 March 2026, 17:00 UTC" in told
    assert [entry.payload["why"] for entry in office.entries(run, Kind.ANSWER_REFUSED)] == ["decided"]
    assert office.waiting(run) == ["deliverable/1"]


def test_a_command_where_nobody_was_asked_is_only_a_note(office: Office) -> None:
    """Where no agreement is needed, `#approve` on the ticket is no answer to anything, and nothing is said."""
    ticket, _ = office.ask(SCALED)
    office.reply(ticket)
    office.note(ticket, "staff-31", "#approve")
    assert refusals(office, ticket) == []


# -- nobody answers


def test_reminder_then_the_manager(office: Office) -> None:
    """After 1 working day the CSM is reminded, after 2 their manager is asked and may answer."""
    _, run = asked_to_agree(office)
    assert len(office.slack("staff-13")) == 2
    office.advance(days=1.1)
    reminder = office.slack("staff-13")[-1]
    assert "still waits for your yes or no" in reminder
    assert "by Wednesday, 4 March 2026, 17:00 UTC; after that somebody else is asked too" in reminder
    assert office.slack("staff-22") == []
    refused = office.answer(run, "staff-22", verdict="approve")
    assert isinstance(refused, Refused)
    office.advance(days=1)
    (asked,) = office.slack("staff-22")
    assert "The csm was asked first and has not answered" in asked
    assert office.code(run, "staff-22") in asked
    (mail,) = office.mails("staff-22")
    assert office.code(run, "staff-22") in mail.body
    assert isinstance(office.answer(run, "staff-22", verdict="approve"), Accepted)
    assert office.waiting(run) == ["deliverable/1"]


def test_each_person_is_asked_once(office: Office) -> None:
    """However often the case looks, the CSM gets one request in Slack and one mail."""
    _, _run = asked_to_agree(office)
    office.advance(days=8)
    assert sum("Do you agree" in text for text in office.slack("staff-13")) == 1
    assert len(office.mails("staff-13")) == 1
    assert sum("still waits for your" in text for text in office.slack("staff-13")) == 1


@pytest.mark.parametrize("again", [True, False], ids=["ask again", "end"])
def test_nobody_agrees_or_denies(office: Office, again: bool) -> None:
    """After 10 working days the operators have it asked again, or end it; they cannot agree themselves."""
    ticket, run = asked_to_agree(office)
    office.advance(days=14.1)
    assert office.waiting(run) == ["approval-overdue/1"]
    if again:
        office.answer(run, "staff-41", decision="ask again and wait on")
        assert office.waiting(run) == ["approval/2"]
        assert sum("nobody answered in time" in text for text in office.slack("staff-13")) == 2
        assert sum("Do you agree" in text for text in office.slack("staff-13")) == 1
        office.answer(run, "staff-13", verdict="approve")
        assert office.waiting(run) == ["deliverable/1"]
    else:
        office.answer(run, "staff-41", decision="end the case")
        assert_closed(office, run, "denied: nobody answered")
        assert "did not agree" in office.said(ticket)[-1]


def test_nobody_answers_at_all(office: Office) -> None:
    """When the operators do not answer either, the case ends as denied: no wait is for ever."""
    ticket, run = asked_to_agree(office)
    office.advance(days=30)
    assert_closed(office, run, "denied: nobody answered")
    assert office.ticket(ticket)["status"] == "solved"


# -- four eyes


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("exemption", "UPDATE teams SET csm_id = NULL WHERE id = 'team-107'"),
        ("team named", "UPDATE teams SET csm_id = NULL WHERE id = 'team-108'"),
    ],
)
def test_four_eyes(office: Office, table: str, change: str) -> None:
    """An operator who let the request pass, or named its team, cannot also agree to it; another one can."""
    office.product_says(change)
    if table == "exemption":
        ticket, run = office.ask("user-92")
        office.answer(run, "staff-41", decision="go on", reason="Prolonged by letter")
    else:
        ticket, run = office.ask("user-97")
        office.answer(run, "staff-41", team="team-108")
    office.reply(ticket)
    assert office.waiting(run) == ["approval/1"]
    said = office.answer(run, "staff-41", verdict="approve")
    assert isinstance(said, Refused)
    assert said.why is Refusal.FOUR_EYES
    assert isinstance(office.answer(run, "staff-42", verdict="approve"), Accepted)
