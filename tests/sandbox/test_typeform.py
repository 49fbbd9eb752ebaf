"""The Typeform stand-in takes answers, lists them and tells of them as Typeform does."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from casework.sandbox import People, World
from casework.sandbox.hooks import sign_typeform
from casework.sandbox.seed_documents import SURVEY
from tests.sandbox.conftest import Api


@pytest.fixture
def typeform(api: Api) -> httpx.Client:
    return api("typeform")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nonsense", 404, "NOT_FOUND"),
        ("/forms/none", 404, "FORM_NOT_FOUND"),
        ("/forms/none/responses", 404, "FORM_NOT_FOUND"),
        (f"/forms/{SURVEY}/responses?colour=red", 400, "VALIDATION_ERROR"),
        (f"/forms/{SURVEY}/responses?page_size=1001", 400, "VALIDATION_ERROR"),
        (f"/forms/{SURVEY}/responses?since=yesterday", 400, "VALIDATION_ERROR"),
        (f"/forms/{SURVEY}/responses?before=none", 400, "VALIDATION_ERROR"),
    ],
)
def test_wrong_requests_get_typeforms_errors(typeform: httpx.Client, path: str, status: int, code: str) -> None:
    """Every refusal has a code and a description."""
    answer = typeform.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["description"]


def test_credentials_are_demanded(typeform: httpx.Client) -> None:
    """A wrong token gets 403, as at Typeform."""
    assert typeform.get("/me", headers={"authorization": "Bearer wrong"}).status_code == 403


def test_a_response_is_told_signed(world: World, people: People, typeform: httpx.Client) -> None:
    """The webhook has the answers that the API has, by the same token, and is signed over its exact body."""
    token = people.customer.answer_survey("user-201", {"details": "as before"})
    (delivery,) = world.take_deliveries("typeform")
    assert (
        sign_typeform(world.credentials["typeform_webhook_secret"], delivery.body).items() <= delivery.headers.items()
    )
    told = json.loads(delivery.body)
    assert (told["event_type"], told["form_response"]["token"]) == ("form_response", token)
    listed = typeform.get(f"/forms/{SURVEY}/responses?included_response_ids={token}").json()["items"]
    assert [one["answers"] for one in listed] == [told["form_response"]["answers"]]


def test_the_ticket_comes_after_the_response(world: World, people: People) -> None:
    """The webhook is there before the issue is; what makes the issue is another's doing."""
    token = people.customer.answer_survey("user-201")
    assert [one.vendor for one in world.take_deliveries()] == ["typeform"]
    key = people.customer.file_survey(token)
    assert [one.vendor for one in world.take_deliveries()] == ["jira"]
    assert world.state["jira"]["issues"][key]["fields"]["summary"] == "Document Survey: Vellumgate Finance"
    with pytest.raises(LookupError, match="no response"):
        people.customer.file_survey("none")


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ({"colour": "red"}, LookupError, "no field 'colour'"),
        ({"documents": "two"}, ValueError, "documents: this is no number"),
        ({"test_on_onboard": "yes"}, ValueError, "no boolean"),
        ({"change": "Paint it"}, ValueError, "no choice"),
        ({"requester_email": "x"}, ValueError, "no email"),
    ],
)
def test_the_form_checks_answers(people: People, answers: dict[str, Any], error: type[Exception], says: str) -> None:
    """What the form would not take is not sent."""
    with pytest.raises(error, match=says):
        people.customer.answer_survey("user-201", answers)
