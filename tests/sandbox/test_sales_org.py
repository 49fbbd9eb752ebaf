"""The org as sales uses it, and mail that comes in: as strict as Salesforce, and in the form that SES gives it."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from casework.sandbox import People, World, seed, server
from casework.sandbox.aws import Aws
from casework.sandbox.mailing import BUCKET, PREFIX, SUPPORT
from casework.sandbox.salesforce_query import find
from casework.sandbox.salesforce_schema import Problem
from casework.sandbox.seed_leads import NOT_PROVIDED, QUEUE
from tests.sandbox.conftest import Api, Clock
from tests.sandbox.test_contracts import Checked
from tests.scenarios.conftest import cloud  # noqa: F401 - a fixture that these tests use too

NEW = {"LastName": "Quince", "Company": "Harebell"}


@pytest.fixture
def org(api: Api) -> httpx.Client:
    return api("salesforce")


def lead(world: World, entry: str = "lead-1") -> str:
    return str(world.state["roster"]["leads"][entry]["lead_id"])


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"LastName": "x"}, "REQUIRED_FIELD_MISSING"),
        ({**NEW, "NumberOfEmployees": "85"}, "JSON_PARSER_ERROR"),
        ({**NEW, "NumberOfEmployees": True}, "JSON_PARSER_ERROR"),
        ({**NEW, "Phone": 7}, "JSON_PARSER_ERROR"),
        ({**NEW, "Email": "x"}, "INVALID_EMAIL_ADDRESS"),
        ({**NEW, "Status": "Done"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({**NEW, "IsConverted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({**NEW, "OwnerId": "003RM0000000001"}, "INVALID_CROSS_REFERENCE_KEY"),
    ],
)
def test_leads_that_are_refused(org: httpx.Client, given: dict[str, Any], code: str) -> None:
    """A lead needs a name and a company; each field takes its own type."""
    answer = org.post("/sobjects/Lead", json=given)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_converted_lead_is_locked(world: World, people: People, org: httpx.Client) -> None:
    """Converting makes an account with a contact of the same address; the lead takes no change after that."""
    contact = people.sdr.convert_lead(lead(world), "staff-65")
    (found,) = find(world, f"SELECT Email, AccountId FROM Contact WHERE Id = '{contact}'")
    assert found["Email"] == world.state["roster"]["leads"]["lead-1"]["email"]
    (account,) = find(world, f"SELECT OwnerId FROM Account WHERE Id = '{found['AccountId']}'")
    assert account["OwnerId"] == world.state["roster"]["staff"]["staff-65"]["salesforce_id"]
    refused = org.patch(f"/sobjects/Lead/{lead(world)}", json={"Phone": "1"})
    assert refused.json()[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    with pytest.raises(Problem):
        people.sdr.edit_lead(lead(world), "staff-65", Phone="1")


def test_changes_of_what_was_read(world: World, people: People, clock: Clock, contracts: Callable[[str], Any]) -> None:
    """`If-Unmodified-Since` lets a change through only as long as nobody else has changed the record since."""
    call = Checked(world, "salesforce", contracts("salesforce.openapi.json"), "")
    path = f"/services/data/v64.0/sobjects/Lead/{lead(world)}"
    since = {"If-Unmodified-Since": "Mon, 02 Mar 2026 09:00:00 GMT"}
    call("PATCH", path, {"Phone": "1"}, headers=since, status=204)
    clock.forward(seconds=1)
    people.sdr.edit_lead(lead(world), "staff-65", Phone="2")
    call("PATCH", path, {"Phone": "3"}, headers=since, status=412)
    call("PATCH", path, {"Phone": "3"}, headers={"If-Unmodified-Since": "today"}, status=400)
    call("GET", path)
    made = call("POST", "/services/data/v64.0/sobjects/Lead", {**NEW, "External_Id__c": "one"}, status=201)
    call("POST", "/services/data/v64.0/sobjects/Lead", {**NEW, "External_Id__c": "ONE"}, status=400)
    assert made["success"]
    assert world.state["salesforce"]["records"]["Lead"][lead(world)]["Phone"] == "2"


def test_a_duplicate_rule(world: World, people: People, org: httpx.Client) -> None:
    """When the rule is on, no second lead comes in with an address that a lead or a contact has."""
    world.state["salesforce"]["duplicate_rule"] = True
    for address in (
        world.state["roster"]["leads"]["lead-2"]["email"],
        world.state["roster"]["users"]["user-83"]["email"],
    ):
        answer = org.post("/sobjects/Lead", json={**NEW, "Email": address.upper()})
        assert answer.json()[0]["errorCode"] == "DUPLICATES_DETECTED"
    assert org.post("/sobjects/Lead", json={**NEW, "Email": "a@harebell-12.example"}).status_code == 201


def test_the_work_of_sales(world: World, people: People) -> None:
    """The sync puts a lead with what it knows into the queue, an SDR makes and edits his own, and deletes."""
    synced = people.sdr.sync_lead("a@harebell-12.example", "Perpetua Quince")
    own = people.sdr.add_lead("staff-64", "b@harebell-12.example", NumberOfEmployees=7)
    records = world.state["salesforce"]["records"]["Lead"]
    assert (records[synced]["OwnerId"], records[synced]["Company"]) == (QUEUE, NOT_PROVIDED)
    assert (records[synced]["FirstName"], records[synced]["LastName"]) == ("Perpetua", "Quince")
    people.sdr.edit_lead(own, "staff-64", Status="Unqualified")
    assert [one["Id"] for one in find(world, "SELECT Id FROM Lead WHERE NumberOfEmployees = 7")] == [own]
    people.sdr.delete_lead(own)
    for act in (
        lambda: people.sdr.edit_lead(own, "staff-64", Status="New"),
        lambda: people.sdr.add_lead("staff-41", "c@harebell-12.example"),
    ):
        with pytest.raises(LookupError):
            act()


def test_a_lead_is_one_person_in_all_systems(world: World) -> None:
    """Who wrote in Intercom has the same address in Qualified, Outreach and Salesforce, by which they are matched."""
    visitor = world.state["roster"]["visitors"]["visitor-5"]
    addresses = (
        world.state["intercom"]["contacts"][visitor["contact_id"]]["email"],
        world.state["qualified"]["leads"][visitor["lead_id"]]["email"],
        *world.state["outreach"]["records"]["prospect"][visitor["prospect"]]["attributes"]["emails"],
        world.state["salesforce"]["records"]["Lead"][lead(world)]["Email"],
    )
    assert set(addresses) == {visitor["email"]}


def test_a_colleague_is_made_by_one_seed(world: World) -> None:
    """A second seed that makes somebody who is there is told so; what the first one made stays."""
    before = world.as_dict()
    with pytest.raises(ValueError, match="staff-64 is a colleague already"):
        seed.add_staff(world, "staff-64", "Another Name", "sdr", None, 7999)
    assert world.as_dict() == before


def test_a_sandbox_of_an_earlier_release(tmp_path: Path, clock: Clock) -> None:
    """An org that knew nothing of sales gets it, with its other records as they were."""
    first = World(clock, folder=tmp_path)
    first.seed()
    state = json.loads((tmp_path / "state.json").read_text())
    org = state["salesforce"]
    for kind in ("Lead", "Group"):
        del org["objects"][kind], org["records"][kind]
    del org["objects"]["Account"]["fields"]["CSM__c"], state["sns"], org["duplicate_rule"]
    del org["objects"]["User"]["fields"]["UserType"], org["objects"]["User"]["fields"]["CreatedDate"]
    org["records"]["Account"], org["records"]["Contact"] = {}, {}
    for one in org["records"]["User"].values():
        del one["UserType"], one["CreatedDate"]
    for executive in ("staff-67", "staff-68", "staff-69"):
        del state["roster"]["staff"][executive]
    (tmp_path / "state.json").write_text(json.dumps(state))
    again = World(clock, folder=tmp_path)
    again.seed()
    assert len(find(again, "SELECT Id, CSM__c FROM Account")) == 4
    assert find(again, "SELECT Id FROM User WHERE UserType = 'AutomatedProcess'")
    assert again.state["sns"]["confirmed"]


def test_mail_as_it_is_stored(world: World, cloud: Aws) -> None:  # noqa: F811
    """By the control API a colleague writes to support: SES's lines stand on top, and SNS has told of it, signed."""
    served = server.serve(world, aws=cloud)
    cloud.prepare()
    try:
        asked = {"sender": "staff-64", "to": ["lead-1"], "cc": [SUPPORT], "subject": "Help", "text": "Hello"}
        answer = httpx.post(f"{served.url}/sandbox/people/sdr/send_mail", json=asked).json()
        nobody = httpx.post(f"{served.url}/sandbox/people/sdr/send_mail", json={**asked, "sender": "staff-99"})
    finally:
        served.stop()
    raw = cloud.s3().get_object(Bucket=BUCKET, Key=PREFIX + answer["result"])["Body"].read()
    stored = email.message_from_bytes(raw, policy=email.policy.default)
    names = [name for name, _ in stored.items()]
    assert names[:2] == ["Return-Path", "Received"]
    assert names.index("X-SES-RECEIPT") < names.index("From")
    assert answer["result"] in stored["Received"]
    assert (stored["Cc"], stored.get_content().strip()) == (SUPPORT, "Hello")
    (told,) = world.take_deliveries("sns")
    said = json.loads(json.loads(told.body)["Message"])
    assert (said["mail"]["messageId"], said["receipt"]["action"]["objectKey"]) == (
        answer["result"], PREFIX + answer["result"],
    )  # fmt: skip
    assert said["receipt"]["dmarcVerdict"] == {"status": "PASS"}
    assert nobody.status_code == 404
