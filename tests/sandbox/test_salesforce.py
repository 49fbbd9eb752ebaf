"""The Salesforce stand-in refuses, undoes, counts and tells as an org does; another's client gets on with it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql
from simple_salesforce.login import SalesforceLogin

from casework.sandbox import People, World
from casework.sandbox.hooks import sign_salesforce
from casework.sandbox.inprocess import httpx_transport, requests_adapter
from casework.sandbox.salesforce import trust
from casework.sandbox.salesforce_query import find
from casework.sandbox.salesforce_records import PLATFORM, ROBOT
from casework.sandbox.salesforce_schema import Problem
from tests.sandbox.conftest import Api, Clock, salesforce_token

ROOT = "/services/data/v64.0"


@pytest.fixture
def org(api: Api) -> httpx.Client:
    return api("salesforce")


@pytest.fixture
def case(people: People) -> str:
    return people.member.open_case("member-1", "Remove Review 00084201", "Please.")


def records(world: World, kind: str) -> list[dict[str, Any]]:
    return list(world.state["salesforce"]["records"][kind].values())


def comment(case: str, **change: Any) -> dict[str, Any]:
    return {"json": {"ParentId": case, "CommentBody": "x", "IsPublished": False, **change}}


# -- refusals


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        ("GET", "/nonsense", {}, 404, "NOT_FOUND"),
        ("GET", "/sobjects/Colour__c/describe", {}, 404, "NOT_FOUND"),
        ("GET", "/sobjects/Case/{case}?colour=red", {}, 400, "INVALID_QUERY_PARAMETER"),
        ("GET", "/sobjects/Case/{case}?fields=Id,Colour", {}, 400, "INVALID_FIELD"),
        ("GET", "/sobjects/Case/500RM00000zzzzz", {}, 404, "NOT_FOUND"),
        ("GET", "/sobjects/Case/x", {}, 404, "NOT_FOUND"),
        ("GET", "/sobjects/Refund__c/External_Id__c/none", {}, 404, "NOT_FOUND"),
        ("GET", "/sobjects/Refund__c/Booking__c/B-7001", {}, 404, "NOT_FOUND"),
        ("GET", "/query", {}, 400, "MALFORMED_QUERY"),
        ("GET", "/query/0r8RM-7", {}, 400, "INVALID_QUERY_LOCATOR"),
        ("POST", "/sobjects/CaseComment", {"content": b"{}"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "/sobjects/CaseComment", {"json": {}}, 400, "JSON_PARSER_ERROR"),
        ("POST", "/sobjects/CaseComment", {"json": {"CommentBody": "x"}}, 400, "REQUIRED_FIELD_MISSING"),
        ("POST", "/sobjects/CaseComment", comment("500RM00000zzzzz"), 400, "INVALID_CROSS_REFERENCE_KEY"),
        ("POST", "/sobjects/CaseComment", comment("seven"), 400, "MALFORMED_ID"),
        ("POST", "/sobjects/CaseComment", comment("{contact}"), 400, "INVALID_CROSS_REFERENCE_KEY"),
        ("POST", "/sobjects/CaseComment", comment("{case}", CommentBody="x" * 4001), 400, "STRING_TOO_LONG"),
        ("POST", "/sobjects/CaseComment", comment("{case}", IsPublished="no"), 400, "JSON_PARSER_ERROR"),
        ("POST", "/sobjects/CaseComment", comment("{case}", Colour="red"), 400, "INVALID_FIELD"),
        ("POST", "/sobjects/Contact", {"json": {"LastName": "x", "Email": "x"}}, 400, "INVALID_EMAIL_ADDRESS"),
        (
            "POST",
            "/sobjects/Refund__c",
            {"json": {"Contact__c": "{contact}", "External_Id__c": "EARLIER-1"}},
            400,
            "DUPLICATE_VALUE",
        ),
        ("PATCH", "/sobjects/Case/{case}", {"json": {"CaseNumber": "7"}}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("PATCH", "/sobjects/Case/{case}", {"json": {"IsClosed": True}}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (
            "PATCH",
            "/sobjects/Case/{case}",
            {"json": {"Status": "Done"}},
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ),
        ("PATCH", "/sobjects/Case/{case}", {"json": {"Status": None}}, 400, "REQUIRED_FIELD_MISSING"),
        ("PATCH", "/sobjects/Refund__c/External_Id__c/new", {"json": {"Id": "x"}}, 400, "INVALID_FIELD"),
        ("PATCH", "/sobjects/Refund__c/Booking__c/new", {"json": {"Status__c": "Refunded"}}, 404, "NOT_FOUND"),
        ("PATCH", "/sobjects/Refund__c/External_Id__c/new", {"json": {"Amount__c": "1"}}, 400, "JSON_PARSER_ERROR"),
        ("PATCH", "/sobjects/Review__c/{review}", {"json": {"Text__c": "x"}}, 400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        ("POST", "/composite", {"json": {"compositeRequest": []}}, 400, "JSON_PARSER_ERROR"),
        ("POST", "/composite", {"json": {"compositeRequest": [{"method": "GET"}]}}, 400, "JSON_PARSER_ERROR"),
        ("POST", "/actions/standard/emailSimple", {"json": {"inputs": []}}, 400, "INVALID_ARGUMENT_TYPE"),
        ("POST", "/actions/standard/emailSimple", {"json": {"inputs": [{"to": "x"}]}}, 400, "INVALID_ARGUMENT_TYPE"),
        ("POST", "/actions/standard/emailSimple", {"json": {"inputs": [{"emailBody": "x"}]}}, 400, "MISSING_ARGUMENT"),
    ],
)
def test_wrong_requests_get_salesforce_s_errors(
    world: World, org: httpx.Client, case: str, method: str, path: str, sent: dict[str, Any], status: int, code: str
) -> None:
    """Every refusal is a list of errors with a code and a sentence, changes nothing, and is counted."""
    names = {
        "{case}": case,
        "{contact}": world.state["roster"]["members"]["member-1"]["contact_id"],
        "{review}": records(world, "Review__c")[0]["Id"],
    }

    def filled(text: str) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    before = world.as_dict()["salesforce"]["records"]
    content = {"json": json.loads(filled(json.dumps(sent["json"])))} if "json" in sent else sent
    answer = org.request(method, filled(path), **content)
    assert answer.status_code == status, answer.text
    assert [set(one) - {"fields"} for one in answer.json()] == [{"message", "errorCode"}]
    assert answer.json()[0]["errorCode"] == code
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=")
    assert world.as_dict()["salesforce"]["records"] == before


@pytest.mark.parametrize("value", ["", "Bearer x", "Basic eDp5", "{token}"])
def test_a_session_is_needed(world: World, value: str) -> None:
    """Without a session of its own a request is refused as expired or invalid."""
    header = value.format(token=salesforce_token(world))
    with httpx.Client(transport=httpx_transport(world, "salesforce"), base_url=f"https://org.example{ROOT}") as bare:
        answer = bare.get("/limits", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_a_session_ends(org: httpx.Client, clock: Clock) -> None:
    """Two hours after it was given a session is no more."""
    clock.forward(hours=1.9)
    assert org.get("/limits").status_code == 200
    clock.forward(hours=0.1)
    assert org.get("/limits").status_code == 401


def test_over_the_allowance_everything_is_refused(world: World, org: httpx.Client) -> None:
    """Each request counts, and when none is left there is 403 and nothing else."""
    world.state["salesforce"].update(used=0, allowed=2)
    usage = [org.get("/limits") for _ in range(3)]
    assert [one.status_code for one in usage] == [200, 200, 403]
    assert [one.headers["Sforce-Limit-Info"] for one in usage] == ["api-usage=1/2", "api-usage=2/2", "api-usage=2/2"]
    assert usage[2].json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


# -- SOQL


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Id FROM Colour", "INVALID_TYPE"),
        ("SELECT Colour FROM Case", "INVALID_FIELD"),
        ("SELECT Id, id FROM Case", "MALFORMED_QUERY"),
        ("SELECT COUNT() FROM Case", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'a' AND Status = 'b' OR Status = 'c'", "MALFORMED_QUERY"),
        ('SELECT Id FROM Case WHERE Subject = "a"', "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'a", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'a\\q'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'a\\_'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Description = 'a'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE IsClosed = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE IsClosed > false", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Subject = 7", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE ContactId = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Case WHERE ContactId LIKE 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Nobody.Name = 'x'", "INVALID_FIELD"),
        ("SELECT RelatedTo.Name FROM EmailMessage", "INVALID_FIELD"),
        ("SELECT Id FROM Case ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Id FROM Case LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case LIMIT 1 extra", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case; DELETE", "MALFORMED_QUERY"),
        ("SELECT (SELECT Id FROM Cases) FROM Contact", "MALFORMED_QUERY"),
    ],
)
def test_queries_that_are_refused(world: World, query: str, code: str) -> None:
    """What SOQL does not know, or does not allow of a field's type, is refused rather than ignored."""
    with pytest.raises(Problem) as problem:
        find(world, query)
    assert problem.value.code == code


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("LastName = 'wrenfield-ASH'", ["Ash"]),
        ("LastName != 'Wrenfield-Ash' AND Google_Login__c = FALSE", ["Culp", "Esk", "Fogg"]),
        ("Display_Name__c = NULL AND Apple_Login__c = TRUE", ["Culp", "Dorr"]),
        ("Display_Name__c <> null", ["Esk"]),
        ("Gender__c NOT IN ('Woman', 'Man') AND Gender__c != null", ["Esk"]),
        ("NOT Has_Password__c = TRUE", ["Bock", "Culp"]),
        ("LastName LIKE '%-_o%'", ["Bock", "Dorr", "Fogg"]),
        ("LastName LIKE '%\\%%'", []),
        ("LastName IN ('Wrenfield-Ash', 'Wrenfield-Bock')", ["Ash", "Bock"]),
        ("(LastName = 'Wrenfield-Ash' OR LastName = 'Wrenfield-Bock') AND Google_Login__c = TRUE", ["Bock"]),
        ("CreatedDate >= 2026-03-02T09:00:00Z AND LastName < 'wrenfield-c'", ["Ash", "Bock"]),
        ("CreatedDate < 2026-03-02T10:00:01+01:00 AND LastName <= 'wrenfield-ash'", ["Ash"]),
        ("CreatedDate > 2026-03-02T09:00:00.000Z", []),
        ("CreatedBy.Name = 'Platform Integration' AND LastName LIKE '%ash'", ["Ash"]),
        ("Account.Name = null AND LastName LIKE '%ash'", ["Ash"]),
    ],
)  # fmt: skip
def test_queries(world: World, condition: str, found: list[str]) -> None:
    """Conditions mean what SOQL's reference says: text without case, null, wildcards, lists, times, related fields."""
    rows = find(world, f"SELECT LastName FROM Contact WHERE {condition} ORDER BY LastName")
    names = [one["LastName"].split("Wrenfield-") for one in rows]
    assert [member for before, *member in names if before == ""] == [[name] for name in found]


def test_orders_limits_and_related_fields(world: World) -> None:
    """Nulls come first going up; a limit and an offset cut; a related record is an object of its own, or null."""
    rows = find(world, "SELECT Display_Name__c, Account.Name FROM Contact ORDER BY Display_Name__c DESC LIMIT 2")
    assert [(one["Display_Name__c"], one["Account"]) for one in rows] == [("Marigoldine", None), (None, None)]
    rows = find(world, "SELECT Case__r.Contact.LastName, Name FROM Review__c ORDER BY Name LIMIT 1 OFFSET 1")
    assert rows[0]["Case__r"]["Contact"]["LastName"] == "Wrenfield-Dorr"
    assert rows[0]["Case__r"]["attributes"]["type"] == "Case"


def test_pages(world: World, org: httpx.Client) -> None:
    """A long answer comes in pages that lead to each other."""
    world.state["salesforce"]["page"] = 7
    first = org.get("/query", params={"q": "SELECT Id FROM Contact"}).json()
    second = org.get(first["nextRecordsUrl"].removeprefix(ROOT)).json()
    assert (first["totalSize"], first["done"], len(first["records"])) == (12, False, 7)
    assert (second["done"], len(second["records"]), "nextRecordsUrl" in second) == (True, 5, False)


# -- requests wholly or not at all


def sub(reference: str, method: str, path: str, **body: Any) -> dict[str, Any]:
    return {"method": method, "url": f"{ROOT}/sobjects/{path}", "referenceId": reference, "body": body}


def together(*parts: dict[str, Any], all_or_none: bool = True) -> dict[str, Any]:
    return {"json": {"allOrNone": all_or_none, "compositeRequest": list(parts)}}


def test_a_failure_undoes_the_rest(world: World, org: httpx.Client, case: str) -> None:
    """With allOrNone the one that failed says why, the others that they were halted, and nothing has happened."""
    world.take_deliveries()
    before = world.as_dict()["salesforce"]["records"]
    parts = [
        sub("a", "POST", "CaseComment", ParentId=case, CommentBody="x"),
        sub("b", "PATCH", f"Case/{case}", Status="Nonsense"),
        sub("c", "PATCH", f"Case/{case}", Priority="High"),
    ]
    answer = org.post("/composite", **together(*parts))
    said = [(one["referenceId"], one["body"][0]["errorCode"]) for one in answer.json()["compositeResponse"]]
    assert answer.status_code == 200
    assert said == [
        ("a", "PROCESSING_HALTED"),
        ("b", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("c", "PROCESSING_HALTED"),
    ]
    assert world.as_dict()["salesforce"]["records"] == before
    assert world.take_deliveries() == []


def test_without_all_or_none_each_counts_for_itself(world: World, org: httpx.Client, case: str) -> None:
    """Then what went well stays, and one may refer to what another made."""
    parts = [
        sub("new", "POST", "Contact", LastName="Thistlewaite"),
        sub("bad", "PATCH", f"Case/{case}", Status="Nonsense"),
        sub("use", "PATCH", f"Case/{case}", ContactId="@{new.id}"),
        sub("lost", "PATCH", f"Case/{case}", ContactId="@{bad.id}"),
    ]
    codes = [
        one["httpStatusCode"]
        for one in org.post("/composite", **together(*parts, all_or_none=False)).json()["compositeResponse"]
    ]
    assert codes == [201, 400, 204, 400]
    assert records(world, "Case")[-1]["ContactId"] == records(world, "Contact")[-1]["Id"]


def test_a_review_needs_a_comment_in_the_same_request(world: World, org: httpx.Client) -> None:
    """A comment first, then the change: taken. The other way round, or on another case: refused, and undone."""
    kept = next(one for one in records(world, "Review__c") if one["Status__c"] == "Approved")
    other = next(one["Id"] for one in records(world, "Case") if one["Id"] != kept["Case__c"])
    change = sub("change", "PATCH", f"Review__c/{kept['Id']}", Status__c="Rejected")

    def codes(*parts: dict[str, Any]) -> list[int]:
        return [one["httpStatusCode"] for one in org.post("/composite", **together(*parts)).json()["compositeResponse"]]

    def on(case: str) -> dict[str, Any]:
        return sub("note", "POST", "CaseComment", ParentId=case, CommentBody="x")

    assert codes(change, on(kept["Case__c"])) == [400, 400]
    assert codes(on(other), change) == [400, 400]
    assert records(world, "CaseComment") == []
    assert codes(on(kept["Case__c"]), change) == [201, 204]
    assert codes(on(kept["Case__c"]), sub("again", "PATCH", f"Review__c/{kept['Id']}", Text__c="x")) == [400, 400]


@pytest.mark.parametrize(
    "parts",
    [
        [sub("a", "POST", "Contact", LastName="x")] * 2,
        [sub("a-b", "POST", "Contact", LastName="x")],
        [sub(f"a{at}", "POST", "Contact", LastName="x") for at in range(26)],
        [{**sub("a", "POST", "Contact", LastName="x"), "colour": "red"}],
        [{**sub("a", "POST", "Contact", LastName="x"), "httpHeaders": {"Authorization": "x"}}],
    ],
)
def test_composites_that_are_refused_whole(world: World, org: httpx.Client, parts: list[dict[str, Any]]) -> None:
    """A request that is no composite is refused before anything of it is done."""
    before = len(records(world, "Contact"))
    assert org.post("/composite", **together(*parts)).status_code == 400
    assert len(records(world, "Contact")) == before


# -- what the org does and tells


def told(world: World) -> list[tuple[str, str, str]]:
    taken = world.take_deliveries("salesforce")
    secret = world.credentials["salesforce_webhook_secret"]
    for one in taken:
        stamp = int(one.headers["X-Casework-Timestamp"])
        assert sign_salesforce(secret, stamp, one.body).items() <= one.headers.items()
    return [(said["event"], said["case"], said["actor"]) for said in (json.loads(one.body) for one in taken)]


def test_the_org_tells(world: World, org: httpx.Client, people: People, case: str) -> None:
    """What happens to a case is told by signed callouts without anybody's words, with who did it, once a request."""
    agent = world.state["roster"]["staff"]["staff-81"]["salesforce_id"]
    people.member.write(case, "words of Clementina")
    people.tier2.comment(case, "staff-81", "words")
    people.tier2.edit(case, "staff-81", Status="Working", Priority="High")
    org.patch(f"/sobjects/Case/{case}", json={"Status": "Closed"})
    people.member.set_password("member-1")
    assert told(world) == [
        ("case.created", case, PLATFORM),
        ("mail.received", case, PLATFORM),
        ("case.commented", case, agent),
        ("case.changed", case, agent),
        ("case.changed", case, ROBOT),
    ]
    people.tier2.edit(case, "staff-81", Status="New")
    people.member.set_password("member-1")
    assert told(world)[-1] == ("contact.changed", case, PLATFORM)


def test_a_privacy_request_is_numbered_and_written_to(world: World, people: People, case: str) -> None:
    """Each request has the next number, and the org writes to the member, by what the request's status is."""
    people.tier2.request_privacy(case, "staff-81", "Delete Data")
    people.tier2.request_privacy(case, "staff-81", "Access Data")
    assert [one["Name"] for one in records(world, "Privacy_Request__c")] == ["PR-001042", "PR-001043"]
    assert [one["Subject"] for one in records(world, "EmailMessage")] == ["Privacy CCPA - Request Link"] * 2


def test_people_who_are_not_there(people: People, case: str) -> None:
    """Acts of strangers and on unknown cases are errors of the test, not of the org."""
    for act in (
        lambda: people.member.open_case("member-99", "s", "t"),
        lambda: people.member.write("500RM00000zzzzz", "t"),
        lambda: people.tier2.comment(case, "staff-41", "t"),
        lambda: people.tier2.edit("500RM00000zzzzz", "staff-81", Status="New"),
    ):
        with pytest.raises(LookupError):
            act()


# -- an independent client


@pytest.fixture
def session(world: World) -> Iterator[requests.Session]:
    made = requests.Session()
    made.mount("https://", requests_adapter(world, "salesforce"))
    yield made
    made.close()


@pytest.fixture
def sdk(world: World, session: requests.Session) -> Any:
    """The community's client, in process; it makes its objects and their methods from the names asked for."""
    return Salesforce(
        instance_url="https://org.my.salesforce.com",
        session_id=salesforce_token(world),
        session=session,
        version="64.0",
    )


def test_an_independent_client_signs_in(world: World, session: requests.Session) -> None:
    """simple-salesforce gets a session by secret and by assertion, and none with another key."""
    known = world.credentials
    asked: dict[str, Any] = {"consumer_key": known["salesforce_client_id"], "session": session}
    token, host = SalesforceLogin(consumer_secret=known["salesforce_client_secret"], domain="org.my", **asked)
    assert token in world.state["salesforce"]["tokens"]
    assert host == "org.my.salesforce.com"


def test_an_independent_library_s_assertion(world: World, clock: Clock) -> None:
    """Once its certificate is known an assertion signs in, for its app, user, host and time alone."""
    key = rsa.generate_private_key(65537, 2048)
    pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    known = world.credentials
    claims: dict[str, Any] = {
        "iss": known["salesforce_client_id"],
        "sub": known["salesforce_username"],
        "aud": "https://login.salesforce.com",
        "exp": int(clock().timestamp()) + 180,
    }

    def asked(algorithm: str = "RS256", **change: Any) -> int:
        secret = key if algorithm == "RS256" else "s" * 32
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode({**claims, **change}, secret, algorithm=algorithm),
        }
        with httpx.Client(transport=httpx_transport(world, "salesforce"), base_url="https://org.example") as login:
            return login.post("/services/oauth2/token", data=form).status_code

    assert asked() == 400
    trust(world, key.public_key().public_bytes(*pem).decode())
    assert asked() == 200
    assert [asked(exp=str(claims["exp"])), asked(aud="https://test.salesforce.com")] == [200, 200]
    wrong = [{"iss": "x"}, {"sub": "x"}, {"aud": "x"}, {"exp": claims["exp"] + 100}, {"exp": claims["exp"] - 200}]
    assert [asked(**one) for one in wrong] == [400] * len(wrong)
    assert asked("HS256") == 400


def test_an_independent_client_works(world: World, sdk: Any, case: str) -> None:
    """Reading, making, changing, upserting, searching and describing go as that client expects of Salesforce."""
    assert sdk.Case.get(case)["Status"] == "New"
    made = sdk.CaseComment.create({"ParentId": case, "CommentBody": "O'Hara's \\ \"case\"", "IsPublished": False})
    assert made["success"]
    assert sdk.Case.update(case, {"Status": "Closed"}) == 204
    assert sdk.Refund__c.upsert("External_Id__c/one-1", {"Contact__c": records(world, "Contact")[0]["Id"]}) == 201
    assert sdk.Refund__c.upsert("External_Id__c/one-1", {"Status__c": "Declined"}) == 200
    assert sdk.Refund__c.get_by_custom_id("External_Id__c", "one-1")["Status__c"] == "Declined"
    found = sdk.query(
        format_soql("SELECT Id, Status FROM Case WHERE CaseNumber = {}", sdk.Case.get(case)["CaseNumber"])
    )
    assert [(one["Id"], one["Status"]) for one in found["records"]] == [(case, "Closed")]
    names = {field["name"] for field in sdk.Privacy_Request__c.describe()["fields"]}
    assert {"External_Id__c", "Request_Type__c"} <= names
    assert sdk.limits()["DailyApiRequests"]["Max"] == 100_000
    assert sdk.api_usage["api-usage"].total == 100_000


@pytest.mark.parametrize("text", ["x' OR LastName != '", "\\", "\\'", 'say "hi"', "a\nb\tc", "100%_"])
def test_an_independent_client_s_quoting(world: World, sdk: Any, text: str) -> None:
    """What that client escapes the parser takes back, to the letter."""
    sdk.Contact.create({"LastName": text})
    found = sdk.query_all(format_soql("SELECT LastName FROM Contact WHERE LastName = {}", text))
    assert [one["LastName"] for one in found["records"]] == [text]
    found = sdk.query_all(format_soql("SELECT LastName FROM Contact WHERE LastName LIKE '%{:like}%'", text))
    assert [one["LastName"] for one in found["records"]] == [text]


def test_an_independent_client_pages(world: World, sdk: Any) -> None:
    """That client follows the pages to their end."""
    world.state["salesforce"]["page"] = 2
    assert len(list(sdk.query_all_iter("SELECT Id FROM Contact"))) == len(records(world, "Contact")) == 12


def test_an_independent_client_knows_the_errors(world: World, sdk: Any, clock: Clock, case: str) -> None:
    """Each refusal is one of the errors that the client knows."""
    with pytest.raises(SalesforceResourceNotFound):
        sdk.Case.get("500RM00000zzzzz")
    with pytest.raises(SalesforceMalformedRequest):
        sdk.Case.update(case, {"Status": "Nonsense"})
    world.state["salesforce"]["objects"]["Refund__c"]["fields"]["External_Id__c"]["not_unique"] = True
    for one in records(world, "Refund__c")[:2]:
        one["External_Id__c"] = "twice"
    with pytest.raises(SalesforceMoreThanOneRecord):
        sdk.Refund__c.upsert("External_Id__c/twice", {"Status__c": "Declined"})
    world.state["salesforce"]["allowed"] = 0
    with pytest.raises(SalesforceRefusedRequest):
        sdk.Case.get(case)
    clock.forward(hours=3)
    with pytest.raises(SalesforceExpiredSession):
        sdk.Case.get(case)


def test_times_are_salesforce_s(sdk: Any, case: str) -> None:
    """Times have milliseconds and an offset without a colon, and are those of the clock."""
    written = sdk.Case.get(case)["CreatedDate"]
    assert written == "2026-03-02T09:00:00.000+0000"
    assert datetime.strptime(written, "%Y-%m-%dT%H:%M:%S.%f%z") == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_the_secret_by_basic_authentication(world: World) -> None:
    """The app's key and secret are taken from the header too, and a wrong one is refused there."""
    known = world.credentials
    for secret, status in ((known["salesforce_client_secret"], 200), ("wrong", 400)):
        pair = base64.b64encode(f"{known['salesforce_client_id']}:{secret}".encode()).decode()
        with httpx.Client(transport=httpx_transport(world, "salesforce"), base_url="https://org.example") as login:
            form, header = {"grant_type": "client_credentials"}, {"Authorization": f"Basic {pair}"}
            assert login.post("/services/oauth2/token", data=form, headers=header).status_code == status
