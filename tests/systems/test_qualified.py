"""The Qualified client: leads are written by address, the website is read, what lists hold back is read by id."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx
import pytest

from casework.sandbox import Fault
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.qualified import FIELDS, Names
from tests.systems.sales import SalesOrg
from tests.systems.vendor import PLANTED, in_turn

HALF_AN_HOUR, A_DAY = 1800, 86_400


@pytest.fixture
def org() -> Iterator[SalesOrg]:
    made = SalesOrg()
    yield made
    made.world.close()


def test_a_lead_as_it_is(org: SalesOrg) -> None:
    """A lead is found by address and read by id; its fields are there but not shown."""
    known = org.visitor("visitor-5")
    found = org.site.lead_of(known["email"].upper())
    assert found is not None
    assert found == org.site.lead(found.id)
    assert (found.id, found.visitor_ids) == (known["lead_id"], (known["visitor_id"],))
    assert {name: found.fields[name] for name in FIELDS}["employee_count"] == 640
    assert "arkrise" not in repr(found).lower()


def test_a_lead_is_written_once(org: SalesOrg) -> None:
    """Writing makes the lead or changes it, by address; the rest stays. A new one is in lists half an hour on."""
    made = org.site.write_lead("new@lead.example", {"company": "Lead & Co"})
    again = org.site.write_lead("New@lead.example", {"ats": "Hirewell"})
    assert (again.id, again.fields) == (made.id, {"company": "Lead & Co", "ats": "Hirewell"})
    assert org.site.lead_of("new@lead.example") is None
    assert org.site.lead(made.id).fields["ats"] == "Hirewell"
    org.clock.sleep(HALF_AN_HOUR)
    assert org.site.lead_of("new@lead.example") is not None


@pytest.mark.parametrize("fault", [Fault.answer_lost(), Fault.timeout(), Fault.server_error(), Fault.rate_limited(3)])
def test_a_lead_whatever_is_lost(org: SalesOrg, fault: Fault) -> None:
    """Lost answers are asked for again, to the same end."""
    org.world.misbehave("qualified", fault, match="POST /v2/leads")
    made = org.site.write_lead("new@lead.example", {"employee_count": 12})
    leads = [one for one in org.world.state["qualified"]["leads"].values() if one["email"] == "new@lead.example"]
    assert [one["id"] for one in leads] == [made.id]
    assert made.fields == {"employee_count": 12}


def test_the_account_s_own_names(org: SalesOrg) -> None:
    """Fields are written and read by our names, whatever the account calls them."""
    for field in org.world.state["qualified"]["fields"]:
        if field["name"] == "employee_count":
            field["name"] = "company_size"
    with pytest.raises(Misconfigured, match=r"no field employee_count.*qualified\.names"):
        org.site.demand()
    named = org.visit(Names({"employee_count": "company_size"}))
    named.demand()
    made = named.write_lead("new@lead.example", {"employee_count": 12, "ats": None})
    assert made.fields == {"employee_count": 12, "ats": None}
    assert org.world.state["qualified"]["leads"][made.id]["fields"] == {"company_size": 12, "ats": None}


@pytest.mark.parametrize("names", [{"colour": "x"}, {"ats": "a b"}, {"ats": ""}])
def test_names_that_no_account_has(names: dict[str, str]) -> None:
    """A name that is none of ours, or could not be a field, is refused at once."""
    with pytest.raises(ValueError, match="name"):
        Names(names)


def test_what_happened_on_the_website(org: SalesOrg) -> None:
    """From a lead's visitor to visits, chats, what was said in them, oldest first, and meetings."""
    visitor = org.visitor()["visitor_id"]
    first = org.people.sales.chat("visitor-4", ["Hello", "Hi", "How much is it?"], "staff-64")
    org.clock.sleep(3600)
    second = org.people.sales.chat("visitor-4", ["Still there?"])
    meeting = org.people.sales.book_meeting("visitor-4")
    assert [one.id for one in org.site.conversations_of(visitor)] == [first]
    org.clock.sleep(HALF_AN_HOUR)
    found = org.site.conversations_of(visitor)
    assert [one.id for one in found] == [second, first]
    assert [one.user_id for one in found] == [None, "us_64"]
    said = org.site.messages(first)
    assert [(one.sender_type, one.text) for one in said] == [
        ("visitor", "Hello"),
        ("user", "Hi"),
        ("visitor", "How much is it?"),
    ]
    assert "Hello" not in repr(said)
    sessions = org.site.sessions_of(visitor)
    assert [one.meeting_ids for one in sessions] == [(meeting,), (), ()]
    assert org.site.session(sessions[0].id) == sessions[0]
    assert org.site.conversation(first) == found[1]
    assert org.site.conversations_of("vi_99999999") == ()


def test_what_is_new_is_read_by_id(org: SalesOrg) -> None:
    """Lists hold back a chat for half an hour and a meeting for a day; by id both are there."""
    chat, visitor = org.people.sales.chat("visitor-4", ["Hello"]), org.visitor()["visitor_id"]
    assert org.site.conversation(chat).ended_at == org.clock.time
    assert (org.site.conversations_of(visitor), org.site.messages(chat)) == ((), ())
    meeting = org.people.sales.book_meeting("visitor-4")
    assert org.site.meeting(meeting).booked
    assert org.site.meetings_of(visitor) == ()
    org.clock.sleep(A_DAY)
    assert [one.id for one in org.site.meetings_of(visitor)] == [meeting]
    assert not org.site.meeting(org.people.sales.book_meeting("visitor-4", "canceled")).booked


def test_all_pages_are_read(org: SalesOrg) -> None:
    """A listing goes on over its pages to the end."""
    for number in range(5):
        org.people.sales.chat("visitor-4", [str(number)])
        org.clock.sleep(3600)
    org.world.state["qualified"]["page"] = 2
    assert len(org.site.conversations_of(org.visitor()["visitor_id"])) == 5
    assert len([one for one in org.site_asked.requests if one.url.path == "/v2/conversations"]) == 3


def test_what_is_not_there(org: SalesOrg) -> None:
    """Unknown ids are not found, unknown addresses are nobody; what is no id or address is asked of nobody."""
    for look in (org.site.lead, org.site.session, org.site.conversation, org.site.messages, org.site.meeting):
        with pytest.raises(NotFound):
            look("xx_1")
    assert org.site.lead_of("nobody@lead.example") is None
    before = len(org.site_asked.requests)
    for wrong in ("", "a/b", "..", "a b"):
        with pytest.raises(ValueError, match="no id"):
            org.site.conversation(wrong)
    with pytest.raises(ValueError, match="no e-mail address"):
        org.site.lead_of("nobody")
    with pytest.raises(ValueError, match="no e-mail address"):
        org.site.write_lead("nobody", {})
    with pytest.raises(ValueError, match="none of the fields"):
        org.site.write_lead("a@lead.example", {"colour": "red"})
    assert len(org.site_asked.requests) == before


def test_a_value_that_qualified_does_not_take(org: SalesOrg) -> None:
    """The refusal names the field and not the value."""
    with pytest.raises(Refused, match="field employee_count") as told:
        org.site.write_lead("a@lead.example", {"employee_count": PLANTED})
    assert PLANTED not in str(told.value)


def test_a_token_without_its_scope(org: SalesOrg) -> None:
    """A wrong token and a missing scope are for whoever minds the settings."""
    org.world.state["qualified"]["scopes"].remove("lead:manage")
    with pytest.raises(Misconfigured, match="insufficient_scope"):
        org.site.write_lead("a@lead.example", {})
    with pytest.raises(Misconfigured, match="invalid_token"):
        org.visit(token="another").demand()


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(400, json={"error": PLANTED}), Refused, "refused"),
        (httpx.Response(422, json={"error": PLANTED, "details": {"failed_field": PLANTED}}), Refused, "refused"),
        (httpx.Response(422, json={"error": PLANTED, "details": PLANTED}), Refused, "refused"),
        (httpx.Response(404, json={"message": PLANTED}), NotFound, "no such thing"),
        (httpx.Response(409, text=PLANTED), Refused, "refused"),
        (httpx.Response(403, json=[PLANTED]), Misconfigured, "scopes"),
    ],
)
def test_errors_speak_and_quote_nobody(
    org: SalesOrg, answer: httpx.Response, kind: type[SystemFault], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An error in any of Qualified's shapes has its kind, and in no place anybody's words."""
    caplog.set_level(logging.DEBUG)
    org.site_asked._handler = in_turn(answer)
    with pytest.raises(kind, match=said) as told:
        org.site.lead("le_1")
    assert PLANTED not in str(told.value) + caplog.text


def test_limits(org: SalesOrg) -> None:
    """Over the window's limit it is said when there is room again; too many at once is over in a moment."""
    limits = org.world.state["qualified"]["limits"]
    limits["window"] = 1
    org.site.demand()
    org.clock.sleep(300)
    with pytest.raises(Temporary, match="asks us to wait") as told:
        org.site.demand()
    assert told.value.retry_after == 600
    org.clock.sleep(600)
    org.site.demand()
    ready = httpx.Response(200, json={"data": [{"name": name} for name in FIELDS]})
    org.site_asked._handler = in_turn(httpx.Response(429, json={"code": "rate_limited"}), ready)
    # The description has more of a field than we read.
    org.site_asked._described = lambda _: None  # type: ignore[method-assign,assignment]
    org.site.demand()
    assert org.clock.slept[-1] < 2
