"""The Slack modal: it asks for the rest of an answer, and what is sent with it is an answer like any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest
from starlette.testclient import TestClient

from casework.answer import Form
from casework.authority import delegate
from casework.case import Kind
from casework.gateway import create_app
from casework.gateway.modals import Modal, modal, problems, typed
from casework.systems.errors import Temporary
from tests.gateway.conftest import ANA, BEN, URL, Place

DENY = {"action_id": "ask:verdict=deny"}


def test_the_button_opens_the_rest_of_the_form(place: Place) -> None:
    """Deny… answers nothing yet: it opens, with the press's trigger, a modal of the fields beside the verdict."""
    run = place.start()
    assert place.slack(place.press(run, **DENY)).status_code == 200
    ((trigger, view),) = place.modals
    assert trigger == "1001.1.x"
    assert (view["private_metadata"], view["callback_id"]) == (place.token(run), "ask:verdict=deny")
    assert [block["block_id"] for block in view["blocks"] if block["type"] == "input"] == ["reason", "urgent"]
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []
    assert place.said == []


def test_one_press_opens_one_modal(place: Place) -> None:
    """The same press delivered again opens nothing more: its trigger works once."""
    run = place.start()
    for _ in range(2):
        assert place.slack(place.press(run, **DENY)).status_code == 200
    assert len(place.modals) == 1


def test_denied_with_a_reason(place: Place) -> None:
    """What was sent with the modal decides as a verified Slack user; the words are not in the case file."""
    run = place.start()
    told = place.slack(place.submit(run, reason="Marlowe-Quux said so")).json()
    assert told["response_action"] == "update"
    assert "Your answer is recorded" in told["view"]["blocks"][0]["text"]["text"]
    place.desk.settle()
    assert place.desk.ending(run) == "deny"
    (decided,) = place.desk.entries(run, Kind.DECIDED)
    assert (decided.actor, decided.payload["channel"], decided.payload["verified"]) == ("staff-7", "slack", True)
    assert "Marlowe" not in repr(place.desk.entries(run))


@pytest.mark.parametrize("reason", [{}, {"reason": "  "}], ids=["none", "blank"])
def test_a_missing_reason_is_told_at_its_field(place: Place, reason: dict[str, str]) -> None:
    """Without a reason the modal stays and says so at the field, each time; then a reason counts."""
    run = place.start()
    for attempt in range(1, 3):
        told = place.slack(place.submit(run, **reason)).json()
        assert told["response_action"] == "errors"
        assert list(told["errors"]) == ["reason"]
        assert "say why you deny it" in told["errors"]["reason"]
        assert len(place.desk.entries(run, Kind.ANSWER_REFUSED)) == attempt
    assert place.desk.waiting(run) == ["approval/1"]
    assert place.slack(place.submit(run, reason="No contract")).json()["response_action"] == "update"
    assert place.desk.waiting(run) == []


def test_a_submission_counts_once(place: Place) -> None:
    """The same submission delivered twice is offered once; the second only closes the modal."""
    run = place.start()
    place.slack(place.submit(run, reason="No"))
    again = place.slack(place.submit(run, reason="No"))
    assert (again.status_code, again.content) == (200, b"")
    assert len(place.desk.entries(run, Kind.ANSWER_OFFERED)) == 1


def test_a_modal_of_somebody_else_is_refused(place: Place) -> None:
    """A colleague who was not asked may open the modal and send it: it is refused, told and recorded."""
    run = place.start()
    told = place.slack(place.submit(run, user="U00000008", reason="No")).json()
    assert "put to somebody else" in told["view"]["blocks"][0]["text"]["text"]
    assert [e.payload["why"] for e in place.desk.entries(run, Kind.ANSWER_REFUSED)] == ["not_yours"]
    assert place.desk.waiting(run) == ["approval/1"]


def test_a_delegate_denies(place: Place) -> None:
    """Whoever stands in for the person asked denies by the modal, with their own Slack user."""
    run = place.start()
    now = place.desk.engine.now()
    with place.desk.files.writing() as connection:
        delegate(connection, ANA.id, BEN, now, now + timedelta(days=1), "staff-1", now)
    place.slack(place.submit(run, user="U00000008", reason="No"))
    (decided,) = place.desk.entries(run, Kind.DECIDED)
    assert (decided.actor, decided.payload["for"]) == ("staff-8", "staff-7")


def test_a_changed_token_is_refused(place: Place) -> None:
    """A modal or a button whose token is not our signature does nothing but say so."""
    run = place.start()
    cut = place.token(run)[:-2]
    told = place.slack(place.submit(run, token=cut, reason="No")).json()
    assert "changed" in told["view"]["blocks"][0]["text"]["text"]
    place.slack(place.press(run, **DENY, value=cut))
    assert "changed" in place.said[0][1]
    assert place.modals == []
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []


def test_an_unsigned_submission_is_refused(place: Place) -> None:
    """A submission that is too old to be authentic is 401 and answers nothing."""
    run = place.start()
    assert place.slack(place.submit(run, reason="No"), age=600).status_code == 401
    assert place.desk.entries(run, Kind.ANSWER_OFFERED) == []


def test_too_late_is_told_with_who_and_when(place: Place) -> None:
    """After the decision both buttons and an open modal say who decided and when; late submissions are recorded."""
    run = place.start()
    place.slack(place.press(run))
    decided = "already decided by staff-7 on Monday, 2 March 2026, 09:00 (UTC)"
    late = place.slack(place.submit(run, reason="No")).json()
    assert decided in late["view"]["blocks"][0]["text"]["text"]
    for number, action in enumerate((DENY, {}), start=2):
        place.slack(place.press(run, **action, action_ts=f"177244200{number}.000100"))
        assert decided in place.said[-1][1]
    assert place.modals == []
    assert [e.payload["why"] for e in place.desk.entries(run, Kind.ANSWER_REFUSED)] == ["decided"] * 2


def test_the_time_is_over(place: Place) -> None:
    """Past the deadline Deny… opens nothing and says when the time passed."""
    run = place.start()
    place.desk.engine.sleep(3600)
    place.slack(place.press(run, **DENY))
    assert place.modals == []
    assert "The time to answer passed on Monday, 2 March 2026, 10:00" in place.said[0][1]


def test_a_modal_that_cannot_be_opened_is_told(place: Place) -> None:
    """When Slack does not open the modal, the person learns that there are other ways; the question stays."""
    run = place.start()
    place.slack_fails = Temporary("Slack", "open a view", "expired_trigger_id")
    place.slack(place.press(run, **DENY))
    assert "answer on your personal page" in place.said[0][1]
    assert place.desk.waiting(run) == ["approval/1"]


def test_without_a_way_to_open_modals(place: Place) -> None:
    """A gateway that cannot open modals says so instead of staying silent."""
    run = place.start()
    client = TestClient(create_app(replace(place.gateway, open_modal=None)), base_url=URL)
    replace(place, client=client).slack(place.press(run, **DENY))
    assert "No form can be opened here" in place.said[0][1]


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Everything(Form):
    size: Size
    count: int
    text: str
    sure: bool = False
    kept: str = ""


def test_every_kind_of_field_comes_back() -> None:
    """What Slack sends for each kind of input is what the form accepts, together with what the button gave."""
    given = {"kept": "x"}
    shown = modal(Everything, "token", "ask:kept=x", given)
    inputs = [block for block in shown["blocks"] if block["type"] == "input"]
    assert [block["optional"] for block in inputs] == [False, False, False, True]
    states: dict[str, dict[str, Any]] = {
        "size": {"selected_option": {"value": "large"}},
        "count": {"value": "3"},
        "text": {"value": "word"},
        "sure": {"selected_options": [{"value": "yes"}]},
    }
    sent = {name: {name: state} for name, state in states.items()}
    view = Modal.model_validate({"id": "V01", "state": {"values": sent}})
    filled = Everything.model_validate(typed(Everything, given, view))
    assert filled == Everything(size=Size.LARGE, count=3, text="word", sure=True, kept="x")
    sent["sure"]["sure"]["selected_options"] = []
    unsure = Modal.model_validate({"id": "V01", "state": {"values": sent}})
    assert typed(Everything, given, unsure)["sure"] is False


def test_a_problem_stands_at_the_fields_it_names() -> None:
    """A sentence about a field stands there, one about the whole form at the first field that is shown."""
    assert list(problems(Everything, {"size": "small"}, "not recorded: count: not a number.")) == ["count"]
    assert list(problems(Everything, {"size": "small"}, "not recorded: too much.")) == ["count"]
