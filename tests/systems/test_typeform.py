"""The Typeform client over the stand-in: responses by token and by time, and what it makes of trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest

from casework.sandbox.misbehave import Fault
from casework.sandbox.seed_documents import SURVEY
from casework.systems.errors import Misconfigured, NotFound, Temporary
from casework.systems.typeform import Typeform
from tests.systems.sites import Site
from tests.systems.vendor import Vendor, in_turn


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.world.close()


def test_a_response_is_read_by_its_token(site: Site) -> None:
    """Answers come by their fields' refs, plain: a choice is its label; what was not answered is not there."""
    tokens = [site.people.customer.answer_survey("user-201", {"documents": number}) for number in (1, 2)]
    response = site.typeform.response(SURVEY, tokens[1])
    assert (response.form, response.token) == (SURVEY, tokens[1])
    assert response.submitted_at == site.clock.time
    assert response.landed_at.tzinfo is UTC
    assert dict(response.answers) == {
        "requester_email": site.world.state["roster"]["users"]["user-201"]["email"],
        "organization": "Vellumgate Finance",
        "change": "Add a document",
        "documents": 2,
        "test_on_onboard": True,
    }
    assert not [planted for planted in site.world.planted if planted in repr(response)]


@pytest.mark.parametrize("form", [SURVEY, "none"])
def test_a_response_that_is_not_there(site: Site, form: str) -> None:
    """A token of no response, or a form that is not there, is `NotFound`."""
    with pytest.raises(NotFound):
        site.typeform.response(form, "f" * 32)


def test_all_responses_are_read_newest_first(site: Site) -> None:
    """Over pages of two hundred each once; `since` counts in any zone, and must have one."""
    tokens = []
    for _ in range(403):
        tokens.append(site.people.customer.answer_survey("user-201"))
        site.clock.time += timedelta(minutes=1)
    assert [one.token for one in site.typeform.responses(SURVEY)] == tokens[::-1]
    assert len(site.typeform_asked.requests) == 3
    since = (site.clock.time - timedelta(minutes=2)).astimezone(timezone(timedelta(hours=9)))
    assert [one.token for one in site.typeform.responses(SURVEY, since)] == tokens[:-3:-1]
    with pytest.raises(ValueError, match="Timezone aware"):
        next(site.typeform.responses(SURVEY, datetime(2026, 1, 1)))  # noqa: DTZ001 - naive on purpose


def test_every_type_of_answer_is_plain() -> None:
    """Several choices are a tuple with what was typed beside them; a field without a ref goes by its id."""
    several = {"labels": ["A", "B"], "other": "C"}
    answers = [
        {"type": "choices", "choices": several, "field": {"id": "1", "type": "multiple_choice", "ref": "many"}},
        {"type": "choice", "choice": {"other": "mine"}, "field": {"id": "2", "type": "dropdown", "ref": "one"}},
        {"type": "date", "date": "2026-03-02", "field": {"id": "3", "type": "date"}},
        {"type": "file_url", "file_url": "https://files.example/a", "field": {"id": "4", "type": "f", "ref": "file"}},
    ]
    item = {"response_id": "t1", "landed_at": "2026-03-02T09:00:00Z", "answers": answers, "hidden": {"n": "1"}}
    vendor = Vendor("typeform", in_turn(httpx.Response(200, json={"total_items": 1, "page_count": 1, "items": [item]})))
    response = Typeform("https://api.typeform.example", "t", transport=vendor).response("F1", "t1")
    assert dict(response.answers) == {
        "many": ("A", "B", "C"),
        "one": "mine",
        "3": "2026-03-02",
        "file": "https://files.example/a",
    }
    assert (response.submitted_at, dict(response.hidden)) == (None, {"n": "1"})


@pytest.mark.parametrize("fault", [Fault.server_error(), Fault.timeout(), Fault.answer_lost(), Fault.rate_limited(2)])
def test_reading_goes_on_after_a_failure(site: Site, fault: Fault) -> None:
    """One failure of any kind is waited out; a longer one is temporary, without doubt."""
    token = site.people.customer.answer_survey("user-201")
    site.world.misbehave("typeform", fault)
    assert site.typeform.response(SURVEY, token).token == token
    site.world.misbehave("typeform", fault, times=9)
    with pytest.raises(Temporary) as caught:
        site.typeform.response(SURVEY, token)
    assert not caught.value.maybe_done


def test_wrong_credentials_are_our_own_fault(site: Site) -> None:
    """A refused token stops everything, and is not shown."""
    stranger = Typeform("https://api.typeform.example", "s3cret", transport=site.typeform_asked)
    with pytest.raises(Misconfigured, match="denies access") as caught:
        stranger.response(SURVEY, "t")
    assert "s3cret" not in str(caught.value)
