"""The HubSpot stand-in refuses, lags, counts and tells as HubSpot does; HubSpot's own client gets on with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import hubspot
import pytest
from hubspot.crm.associations.v4.exceptions import ApiException as AssociationsException
from hubspot.crm.deals import (
    BatchReadInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicObjectSearchRequest,
    SimplePublicObjectId,
    SimplePublicObjectInput,
)
from hubspot.crm.deals.exceptions import ApiException
from hubspot.crm.objects.tasks import (
    AssociationSpec,
    PublicAssociationsForObject,
    PublicObjectId,
    SimplePublicObjectInputForCreate,
)
from hubspot.utils.signature import Signature

from casework.sandbox import People, World, hubspot_search
from casework.sandbox.hooks import sign_hubspot
from casework.sandbox.hubspot import point
from casework.sandbox.seed_offboarding import HOLD, OFFBOARDING, OUR_TURN, SUPPORT
from casework.sandbox.server import Running, serve
from tests.sandbox.conftest import Api, Clock


@pytest.fixture
def account(api: Api) -> httpx.Client:
    return api("hubspot")


def deal_of(world: World, company: str = "company-1") -> str:
    return str(world.state["roster"]["companies"][company]["deals"][-1])


def values(**given: str) -> dict[str, Any]:
    return {"json": {"properties": given}}


def found(account: httpx.Client, kind: str, *filters: dict[str, Any], **more: Any) -> list[str]:
    """The ids that a search finds."""
    groups = [{"filters": list(filters)}] if filters else []
    answer = account.post(f"/crm/v3/objects/{kind}/search", json={"filterGroups": groups, "limit": 200, **more})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["results"]]


# -- refusals

_TASK = {"hs_timestamp": "2026-03-03T09:00:00Z", "hs_task_subject": "x"}
_NOTE = {"hs_timestamp": "1772442000000"}
_DUE = {"days": "MONDAY", "startMinute": 60, "endMinute": 120}
_ABSENT = {"startTimestamp": 20, "endTimestamp": 30}
_TO_DEAL = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216}


def _hours(*given: Any) -> dict[str, Any]:
    return values(hs_working_hours=json.dumps(given))


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        # what there is not
        ("GET", "/crm/v3/objects/deals/1", {}, 404, "OBJECT_NOT_FOUND"),
        ("GET", "/crm/v3/objects/colours/1", {}, 404, "NOT_FOUND"),
        ("POST", "/crm/v3/objects/users", values(hs_email="a"), 404, "NOT_FOUND"),
        ("DELETE", "/crm/v3/objects/companies/{company}", {}, 404, "NOT_FOUND"),
        ("GET", "/crm/v3/owners/1", {}, 404, "OBJECT_NOT_FOUND"),
        ("GET", "/crm/v4/objects/deals/1/associations/tasks", {}, 404, "OBJECT_NOT_FOUND"),
        ("GET", "/crm/v3/properties/colours", {}, 400, "OBJECT_NOT_FOUND"),
        # wrong forms
        ("GET", "/crm/v3/objects/deals/{deal}?colour=red", {}, 400, "VALIDATION_ERROR"),
        ("GET", "/crm/v3/objects/deals?limit=101", {}, 400, "VALIDATION_ERROR"),
        ("GET", "/crm/v3/objects/deals?after=x", {}, 400, "VALIDATION_ERROR"),
        ("GET", "/crm/v3/objects/deals?archived=perhaps", {}, 400, "VALIDATION_ERROR"),
        ("GET", "/crm/v3/objects/deals/Active?idProperty=client_activity_status", {}, 400, "VALIDATION_ERROR"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", {"content": b"{"}, 415, "VALIDATION_ERROR"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", {"json": []}, 400, "VALIDATION_ERROR"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", {"json": {"properties": {}, "x": 1}}, 400, "VALIDATION_ERROR"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(), 400, "VALIDATION_ERROR"),
        ("POST", "/crm/v3/objects/deals/batch/read", {"json": {"inputs": []}}, 400, "VALIDATION_ERROR"),
        # wrong values
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(colour="red"), 400, "PROPERTY_DOESNT_EXIST"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", {"json": {"properties": {"amount": 7}}}, 400, "INVALID_TYPE"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(amount="much"), 400, "INVALID_NUMBER"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(hs_is_closed="true"), 400, "READ_ONLY_VALUE"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(client_activity_status="Gone"), 400, "INVALID_OPTION"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(contract_end_date="31.12.2026"), 400, "INVALID_DATE"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(contract_end_date="1772442000000"), 400, "INVALID_DATE"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(closedate="2026-12-31"), 400, "INVALID_LONG"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(dealstage="77011"), 400, "INVALID_STAGE"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(pipeline="x"), 400, "INVALID_PIPELINE"),
        ("PATCH", "/crm/v3/objects/deals/{deal}", values(hubspot_owner_id="1"), 400, "INVALID_OWNER_ID"),
        ("PATCH", "/crm/v3/objects/tickets/{ticket}", values(hs_pipeline_stage="77011"), 400, "INVALID_STAGE"),
        ("PATCH", "/crm/v3/objects/tickets/{ticket}", values(hs_pipeline=OFFBOARDING), 400, "INVALID_STAGE"),
        ("PATCH", "/crm/v3/objects/users/{user}", values(hs_availability_status="busy"), 400, "INVALID_OPTION"),
        ("PATCH", "/crm/v3/objects/users/{user}", values(hs_standard_time_zone="Mars/Base"), 400, "INVALID_OPTION"),
        ("PATCH", "/crm/v3/objects/users/{user}", values(hs_email="a@b.example"), 400, "READ_ONLY_VALUE"),
        ("PATCH", "/crm/v3/objects/users/{user}", _hours(_DUE, _DUE), 400, "INVALID_WORKING_HOURS"),
        ("PATCH", "/crm/v3/objects/users/{user}", _hours(_DUE | {"endMinute": 1441}), 400, "INVALID_WORKING_HOURS"),
        ("PATCH", "/crm/v3/objects/users/{user}", _hours(_DUE | {"days": "FREEDAY"}), 400, "INVALID_WORKING_HOURS"),
        ("PATCH", "/crm/v3/objects/users/{user}", _hours({"days": "MONDAY"}), 400, "INVALID_JSON"),
        (
            "PATCH",
            "/crm/v3/objects/users/{user}",
            values(hs_out_of_office_hours=json.dumps([_ABSENT, _ABSENT])),
            400,
            "INVALID_OUT_OF_OFFICE",
        ),
        ("POST", "/crm/v3/objects/tasks", values(hs_task_subject="x"), 400, "REQUIRED_PROPERTY"),
        ("POST", "/crm/v3/objects/deals", values(dealname="x"), 400, "REQUIRED_PROPERTY"),
        ("POST", "/crm/v3/objects/tasks", values(**_TASK, hs_task_status="OPEN"), 400, "INVALID_OPTION"),
        ("POST", "/crm/v3/objects/tasks", values(hs_timestamp="soon"), 400, "INVALID_LONG"),
        # wrong associations
        (
            "POST",
            "/crm/v3/objects/tasks",
            {"json": {"properties": _TASK, "associations": [{"to": {"id": "1"}, "types": [_TO_DEAL]}]}},
            404,
            "OBJECT_NOT_FOUND",
        ),
        (
            "POST",
            "/crm/v3/objects/notes",
            {"json": {"properties": _NOTE, "associations": [{"to": {"id": "{deal}"}, "types": [_TO_DEAL]}]}},
            400,
            "VALIDATION_ERROR",
        ),
        (
            "POST",
            "/crm/v3/objects/tasks",
            {"json": {"properties": _TASK, "associations": [{"to": {"id": "{deal}"}}]}},
            400,
            "VALIDATION_ERROR",
        ),
        ("PUT", "/crm/v4/objects/users/{user}/associations/default/deals/{deal}", {}, 400, "VALIDATION_ERROR"),
    ],
)  # fmt: skip
def test_wrong_requests_get_hubspot_s_errors(
    world: World, account: httpx.Client, method: str, path: str, sent: dict[str, Any], status: int, code: str
) -> None:
    """Every refusal has a category and a correlation id, changes nothing, tells nothing, and counts."""
    names = {
        "{deal}": deal_of(world),
        "{company}": world.state["roster"]["companies"]["company-1"]["company_id"],
        "{ticket}": world.state["roster"]["companies"]["company-1"]["tickets"][0],
        "{user}": world.state["roster"]["staff"]["staff-14"]["hubspot_user"],
    }

    def filled(text: str) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    before = world.as_dict()["hubspot"]
    content = {"json": json.loads(filled(json.dumps(sent["json"])))} if "json" in sent else sent
    answer = account.request(method, filled(path), **content)
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert {"status", "message", "correlationId", "category"} <= set(said)
    assert code in (said["category"], *(one["code"] for one in said.get("errors", [])))
    after = world.as_dict()["hubspot"]
    assert all(after[name] == before[name] for name in ("objects", "associations", "index"))
    assert after["limits"]["used"] == before["limits"]["used"] + 1
    assert world.outbox == ()


@pytest.mark.parametrize("value", [None, "Bearer x", "Basic eDp5", "pat-sandbox-4a1e-hubspot-token"])
def test_a_token_is_needed(account: httpx.Client, value: str | None) -> None:
    """Without the private app's token there is no answer, and nothing is counted for it."""
    account.headers.pop("authorization")
    answer = account.get("/crm/v3/owners", headers={"Authorization": value} if value else {})
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_a_scope_is_needed(world: World, account: httpx.Client) -> None:
    """What the app was not given is refused, of its kind only."""
    world.state["hubspot"]["scopes"].remove("tickets")
    answer = account.post("/crm/v3/objects/tickets/search", json={"filterGroups": []})
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert account.get(f"/crm/v3/objects/deals/{deal_of(world)}").status_code == 200


# -- records


def test_values_as_hubspot_keeps_them(world: World, account: httpx.Client) -> None:
    """Dates come back as days and times as UTC, however they were written; the empty text clears."""
    path = f"/crm/v3/objects/deals/{deal_of(world)}"
    account.patch(path, **values(contract_end_date="1798675200000", closedate="2026-03-02T10:00:00+01:00"))
    told = account.get(path, params={"properties": "contract_end_date,closedate,no_such_thing"}).json()
    assert told["properties"]["contract_end_date"] == "2026-12-31"
    assert told["properties"]["closedate"] == "2026-03-02T09:00:00.000Z"
    assert "no_such_thing" not in told["properties"]
    assert told["properties"]["hs_object_id"] == deal_of(world)
    account.patch(path, **values(contract_end_date=""))
    twice = "properties=contract_end_date&properties=dealname"
    assert account.get(f"{path}?{twice}").json()["properties"]["contract_end_date"] is None


def test_a_deal_closes_with_its_stage(world: World, account: httpx.Client) -> None:
    """HubSpot's own properties follow the stage."""
    path = f"/crm/v3/objects/deals/{deal_of(world, 'company-5')}"
    asked = {"properties": "hs_is_closed,hs_is_closed_won"}
    assert account.get(path, params=asked).json()["properties"]["hs_is_closed"] == "false"
    account.patch(path, **values(dealstage="closedlost"))
    told = account.get(path, params=asked).json()["properties"]
    assert (told["hs_is_closed"], told["hs_is_closed_won"]) == ("true", "false")


def test_what_is_archived_is_gone(world: World, account: httpx.Client) -> None:
    """An archived record is in no list but that of the archived, beside nothing, and is deleted once."""
    made = account.post("/crm/v3/objects/tasks", **values(**_TASK)).json()["id"]
    deal = deal_of(world)
    account.put(f"/crm/v4/objects/tasks/{made}/associations/default/deals/{deal}")
    beside = f"/crm/v4/objects/deals/{deal}/associations/tasks"
    assert [one["toObjectId"] for one in account.get(beside).json()["results"]] == [made]
    assert [account.delete(f"/crm/v3/objects/tasks/{made}").status_code for _ in range(2)] == [204, 404]
    assert account.get(beside).json()["results"] == []
    assert account.get("/crm/v3/objects/tasks").json()["results"] == []
    assert [one["id"] for one in account.get("/crm/v3/objects/tasks?archived=true").json()["results"]] == [made]
    read = account.post("/crm/v3/objects/tasks/batch/read", json={"inputs": [{"id": made}], "properties": []})
    assert (read.status_code, read.json()["numErrors"]) == (207, 1)


def test_unique_values(world: World, account: httpx.Client) -> None:
    """A second contact of an address is refused; the first is found by it."""
    made = account.post("/crm/v3/objects/contacts", **values(email="a@b.example"))
    again = account.post("/crm/v3/objects/contacts", **values(email="a@b.example"))
    assert (made.status_code, again.status_code, again.json()["category"]) == (201, 409, "CONFLICT")
    by_address = account.get("/crm/v3/objects/contacts/a@b.example", params={"idProperty": "email"})
    assert by_address.json()["id"] == made.json()["id"]


# -- search


def _amount(**one: Any) -> dict[str, Any]:
    return {"filterGroups": [{"filters": [{"propertyName": "amount", **one}]}]}


@pytest.mark.parametrize(
    "asked",
    [
        {"colour": 1},
        {"limit": 0},
        {"limit": 201},
        {"limit": 1, "after": "10000"},
        {"after": 0},
        {"sorts": ["colour"]},
        {"sorts": ["amount", "dealname"]},
        {"filterGroups": [{"filters": []}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "HAS_PROPERTY"}]}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "HAS_PROPERTY"}] * 5}] * 4},
        {"filterGroups": [{"filters": [{"operator": "HAS_PROPERTY"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "colour", "operator": "EQ", "value": "x"}]}]},
        _amount(operator="LIKE", value="1"),
        _amount(operator="EQ", value="x"),
        _amount(operator="EQ", value=1),
        _amount(operator="EQ", values=["1"]),
        _amount(operator="IN", values=[]),
        _amount(operator="IN", values=[1]),
        _amount(operator="BETWEEN", value="1"),
        _amount(operator="HAS_PROPERTY", value="1"),
    ],
)
def test_wrong_searches(account: httpx.Client, asked: dict[str, Any]) -> None:
    """What a search cannot be is refused rather than passed over: unknown fields, too much, values of another type."""
    answer = account.post("/crm/v3/objects/deals/search", json={"filterGroups": [], **asked})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR"), answer.text


STATUS, END, AMOUNT = "client_activity_status", "contract_end_date", "amount"


@pytest.mark.parametrize(
    ("one", "deals"),
    [
        ({"propertyName": STATUS, "operator": "EQ", "value": "Active"}, "bdeghij"),
        ({"propertyName": STATUS, "operator": "NEQ", "value": "Active"}, "acf"),
        ({"propertyName": STATUS, "operator": "IN", "values": ["offboarded", "Offboarding"]}, "c"),
        ({"propertyName": STATUS, "operator": "NOT_IN", "values": ["Active"]}, "acf"),
        ({"propertyName": STATUS, "operator": "HAS_PROPERTY"}, "bcdeghij"),
        ({"propertyName": STATUS, "operator": "NOT_HAS_PROPERTY"}, "af"),
        ({"propertyName": END, "operator": "GT", "value": "2026-05-31"}, "d"),
        ({"propertyName": END, "operator": "GTE", "value": "2026-05-31"}, "bd"),
        ({"propertyName": END, "operator": "LT", "value": "1772323200000"}, "ac"),
        ({"propertyName": END, "operator": "LTE", "value": "2025-05-31"}, "a"),
        ({"propertyName": END, "operator": "BETWEEN", "value": "2026-01-01", "highValue": "2026-04-30"}, "ce"),
        ({"propertyName": AMOUNT, "operator": "GT", "value": "9"}, "i"),
        ({"propertyName": AMOUNT, "operator": "EQ", "value": "10.0"}, "i"),
        ({"propertyName": "dealname", "operator": "CONTAINS_TOKEN", "value": "peb*"}, "ab"),
        ({"propertyName": "dealname", "operator": "NOT_CONTAINS_TOKEN", "value": "rescue"}, "cdefghij"),
    ],
)
def test_filters_are_evaluated(world: World, account: httpx.Client, one: dict[str, Any], deals: str) -> None:
    """Each operator holds for exactly the deals that it should, by the type of the property and not by its text."""
    known = world.state["roster"]["companies"]
    order = (("a", "company-1", 0), ("b", "company-1", 1), ("d", "company-2", 0), ("e", "company-2", 1))
    more = (("c", "company-3", 0), ("f", "company-3", 1), ("g", "company-4", 0), ("h", "company-5", 0))
    letters = {known[company]["deals"][at]: letter for letter, company, at in (*order, *more)}
    for letter, amount in (("i", "10"), ("j", "9")):
        made = account.post(
            "/crm/v3/objects/deals",
            **values(dealname="Made", dealstage="contractsent", amount=amount, client_activity_status="Active"),
        )
        letters[made.json()["id"]] = letter
    assert sorted(letters[number] for number in found(account, "deals", one)) == sorted(deals)


def test_groups_are_either_and_filters_both(account: httpx.Client) -> None:
    """Within a group all filters hold, of the groups one; sorted by type, and paged to the end."""
    asked: dict[str, Any] = {
        "filterGroups": [
            {"filters": [{"propertyName": "hs_pipeline_stage", "operator": "EQ", "value": HOLD}]},
            {
                "filters": [
                    {"propertyName": "hs_pipeline", "operator": "EQ", "value": SUPPORT},
                    {"propertyName": "hs_pipeline_stage", "operator": "EQ", "value": OUR_TURN},
                ]
            },
        ],
        "sorts": ["-createdate"],
        "properties": ["hs_pipeline_stage"],
        "limit": 2,
    }
    first = account.post("/crm/v3/objects/tickets/search", json=asked).json()
    rest = account.post(
        "/crm/v3/objects/tickets/search", json={**asked, "after": first["paging"]["next"]["after"]}
    ).json()
    stages = [one["properties"]["hs_pipeline_stage"] for one in first["results"] + rest["results"]]
    assert (first["total"], stages, "paging" in rest) == (3, [OUR_TURN, OUR_TURN, HOLD], False)


def test_the_index_lags(world: World, account: httpx.Client, clock: Clock) -> None:
    """New, changed and archived records are found as they were; read by id they are as they are."""
    hubspot_search.lag(world, 10)
    deal, gone = deal_of(world), deal_of(world, "company-4")
    account.patch(f"/crm/v3/objects/deals/{deal}", **values(client_activity_status="Offboarding"))
    account.delete(f"/crm/v3/objects/deals/{gone}")
    account.post("/crm/v3/objects/deals", **values(dealname="New", dealstage="contractsent"))
    leaving = {"propertyName": STATUS, "operator": "EQ", "value": "Offboarding"}
    assert found(account, "deals", leaving) == []
    assert gone in found(account, "deals")
    assert len(found(account, "deals")) == 8
    assert (
        account.get(f"/crm/v3/objects/deals/{deal}?properties={STATUS}").json()["properties"][STATUS] == "Offboarding"
    )
    clock.forward(seconds=10)
    assert found(account, "deals", leaving) == [deal]
    assert gone not in found(account, "deals")
    assert len(found(account, "deals")) == 8


# -- limits


def test_limits_are_told_and_kept(world: World, account: httpx.Client, clock: Clock) -> None:
    """Each answer but a search's says what is left; over a limit everything is refused, by the limit's name."""
    limits = world.state["hubspot"]["limits"]
    limits |= {"rolling": 3, "searches": 1, "daily": 8, "enforced": True}
    path = "/crm/v3/owners"
    left = [account.get(path).headers["X-HubSpot-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    burst = account.get(path)
    assert (burst.status_code, burst.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    clock.forward(seconds=10)
    searches = [account.post("/crm/v3/objects/deals/search", json={"filterGroups": []}) for _ in range(2)]
    assert [one.status_code for one in searches] == [200, 429]
    assert searches[1].json()["policyName"] == "SECONDLY"
    assert not [name for one in searches for name in one.headers if "ratelimit" in name]
    clock.forward(seconds=10)
    spent = [account.get(path) for _ in range(3)]
    assert [one.headers["X-HubSpot-RateLimit-Daily-Remaining"] for one in spent] == ["1", "0", "0"]
    assert (spent[2].status_code, spent[2].json()["policyName"]) == (429, "DAILY")
    # Midnight comes in the account's zone, five hours behind UTC.
    clock.time = datetime(2026, 3, 3, 4, 59, tzinfo=UTC)
    assert account.get(path).status_code == 429
    clock.forward(minutes=1)
    assert account.get(path).status_code == 200


# -- webhooks


def told(world: World) -> list[list[dict[str, Any]]]:
    """The batches that wait, checked by HubSpot's own SDK."""
    batches = []
    for one in world.take_deliveries("hubspot"):
        secret, stamp = world.credentials["hubspot_client_secret"], one.headers["X-HubSpot-Request-Timestamp"]
        signed = Signature.get_signature(secret, one.body.decode(), "v3", one.target, "POST", stamp)
        assert one.headers["X-HubSpot-Signature-v3"] == signed
        assert one.headers["X-HubSpot-Signature"] == Signature.get_signature(secret, one.body.decode(), "v1")
        batches.append(json.loads(one.body))
    return batches


def test_published_vector_is_reproduced(contracts: Callable[[str], Any]) -> None:
    """The documented headers of v3, and of v1 beside it, come out of secret, address, time and body."""
    vectors = contracts("webhook-vectors.json")["vectors"]
    (vector,) = [one for one in vectors if one["vendor"] == "hubspot" and one["note"] == "v3"]
    headers, stamp = vector["headers"], int(vector["headers"]["X-HubSpot-Request-Timestamp"])
    made = sign_hubspot(vector["secret"], vector["method"], vector["uri"], stamp, vector["body"].encode())
    assert made.items() <= headers.items()


def test_changes_are_told_in_batches(world: World, people: People, account: httpx.Client) -> None:
    """One request is one delivery with an event for each subscribed property that changed, and who did it."""
    deal = deal_of(world)
    people.rep.edit_deal(
        deal, "staff-11", client_activity_status="Offboarding Requested", contract_end_date="2026-04-30", amount="7"
    )
    account.patch(f"/crm/v3/objects/deals/{deal}", **values(client_activity_status="Offboarding"))
    account.patch(f"/crm/v3/objects/deals/{deal}", **values(client_activity_status="Offboarding"))
    by_hand, ours = told(world)
    assert [(one["propertyName"], one["propertyValue"]) for one in by_hand] == [
        ("client_activity_status", "Offboarding Requested"),
        ("contract_end_date", "2026-04-30"),
    ]
    assert {one["objectId"] for one in by_hand} == {int(deal)}
    assert [(one["changeSource"], one["sourceId"]) for one in (by_hand[0], ours[0])] == [
        ("CRM_UI", f"userId:{world.state['roster']['staff']['staff-11']['hubspot_account']}"),
        ("INTEGRATION", str(ours[0]["appId"])),
    ]
    assert len({one["eventId"] for one in by_hand + ours}) == 3


def test_tickets_and_tasks_are_told(world: World, people: People, account: httpx.Client) -> None:
    """A ticket that is opened, and a task that is done, which is told in the newer kind with the type's id."""
    task = account.post("/crm/v3/objects/tasks", **values(**_TASK)).json()["id"]
    assert told(world) == []
    ticket = people.rep.open_ticket("company-1", "staff-11", deal=deal_of(world))
    people.rep.complete_task(task, "staff-11")
    (opened,), (done,) = told(world)
    assert (opened["subscriptionType"], opened["objectId"], opened["changeFlag"]) == (
        "ticket.creation", int(ticket), "CREATED",
    )  # fmt: skip
    assert (done["subscriptionType"], done["objectTypeId"], done["objectId"]) == (
        "object.propertyChange", "0-27", int(task),
    )  # fmt: skip


def test_the_address_is_signed(world: World, people: People) -> None:
    """Pointed elsewhere, deliveries go there and are signed for that address, escapes decoded as documented."""
    point(world, "https://casework.example/hooks/hubspot?next=%2Fa%20b")
    people.rep.edit_deal(deal_of(world), "staff-11", client_activity_status="Offboarding")
    (one,) = world.take_deliveries("hubspot")
    decoded = "https://casework.example/hooks/hubspot?next=/a%20b"
    stamp = one.headers["X-HubSpot-Request-Timestamp"]
    secret = world.credentials["hubspot_client_secret"]
    signed = Signature.get_signature(secret, one.body.decode(), "v3", decoded, "POST", stamp)
    assert one.headers["X-HubSpot-Signature-v3"] == signed


def test_a_served_sandbox_tells_the_gateway(world: World) -> None:
    """Served for a gateway, the account's webhooks are those of its address."""
    serve(world, gateway_url="https://casework.second.example/").stop()
    assert world.state["hubspot"]["target"] == "https://casework.second.example/hooks/hubspot"


# -- people


def test_whom_there_is_not(people: People, world: World) -> None:
    """Somebody without an account, an unknown customer and a deleted deal are said to be missing."""
    deal = deal_of(world)
    with pytest.raises(LookupError, match="staff-61"):
        people.rep.edit_deal(deal, "staff-61", amount="1")
    with pytest.raises(LookupError, match="company-9"):
        people.rep.open_ticket("company-9", "staff-11")
    people.rep.delete_deal(deal, "staff-11")
    with pytest.raises(LookupError, match=deal):
        people.rep.delete_deal(deal, "staff-11")


def test_the_seed_is_no_news_and_is_planted(world: World) -> None:
    """Nothing is told of what was there from the start, and its names can be looked for."""
    assert world.take_deliveries("hubspot") == []
    assert {"Pebblewick Rescue League", "Winifred Ashgrove-Tull"} <= world.planted


# -- HubSpot's own client


@pytest.fixture
def served(world: World) -> Iterator[Running]:
    running = serve(world)
    yield running
    running.stop()


@pytest.fixture
def sdk(world: World, served: Running) -> Any:
    return hubspot.Client.create(access_token=world.credentials["hubspot_token"], host=f"{served.url}/hubspot")


def test_hubspot_s_sdk_works_against_it(world: World, sdk: Any) -> None:
    """HubSpot's client reads, searches, changes and lists; the errors it sees are HubSpot's."""
    deal = deal_of(world)
    basic, search = sdk.crm.deals.basic_api, sdk.crm.deals.search_api
    read = basic.get_by_id(deal, properties=["client_activity_status", "dealname"], associations=["companies"])
    assert read.properties["client_activity_status"] == "Active"
    assert [one.id for one in read.associations["companies"].results] == [
        world.state["roster"]["companies"]["company-1"]["company_id"]
    ]
    basic.update(deal, SimplePublicObjectInput(properties={"client_activity_status": "Offboarding"}))
    wanted = FilterGroup(filters=[Filter(property_name="client_activity_status", operator="EQ", value="Offboarding")])
    asked = PublicObjectSearchRequest(
        filter_groups=[wanted], sorts=["hs_object_id"], properties=["dealname"], limit=5, after="0"
    )
    page = search.do_search(public_object_search_request=asked)
    assert (page.total, page.results[0].id) == (1, deal)
    inputs = BatchReadInputSimplePublicObjectId(
        inputs=[SimplePublicObjectId(id=deal)], properties=["dealname"], properties_with_history=[]
    )
    assert sdk.crm.deals.batch_api.read(inputs).results[0].id == deal
    first = basic.get_page(limit=5)
    rest = basic.get_page(limit=5, after=first.paging.next.after)
    assert [one.id for one in first.results + rest.results] == [one.id for one in sdk.crm.deals.get_all()]
    assert (len(rest.results), rest.paging) == (3, None)
    with pytest.raises(ApiException) as refused:
        basic.update(deal, SimplePublicObjectInput(properties={"client_activity_status": "Gone"}))
    assert (refused.value.status, json.loads(refused.value.body)["category"]) == (400, "VALIDATION_ERROR")


def test_hubspot_s_sdk_makes_a_task(world: World, sdk: Any) -> None:
    """A task made with its association is found along it; owners, users, pipelines and properties are read."""
    deal = deal_of(world)
    to_deal = PublicAssociationsForObject(
        to=PublicObjectId(id=deal),
        types=[AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=216)],
    )
    given = SimplePublicObjectInputForCreate(properties=_TASK, associations=[to_deal])
    made = sdk.crm.objects.tasks.basic_api.create(given)
    beside = sdk.crm.associations.v4.basic_api.get_page("deals", deal, "tasks")
    assert [str(one.to_object_id) for one in beside.results] == [made.id]
    with pytest.raises(AssociationsException):
        sdk.crm.associations.v4.basic_api.get_page("deals", "1", "tasks")
    member = world.state["roster"]["staff"]["staff-14"]
    (owner,) = sdk.crm.owners.owners_api.get_page(email=member["email"]).results
    assert owner.id == member["hubspot_owner"]
    user = sdk.crm.objects.basic_api.get_by_id(
        "users", str(owner.user_id), id_property="hs_internal_user_id", properties=["hs_working_hours"]
    )
    assert json.loads(user.properties["hs_working_hours"])[0]["startMinute"] == 540
    assert {one.id for one in sdk.crm.pipelines.pipelines_api.get_all("tickets").results} == {SUPPORT, OFFBOARDING}
    names = {one.name for one in sdk.crm.properties.core_api.get_all("deals").results}
    assert {"client_activity_status", "contract_end_date"} <= names
