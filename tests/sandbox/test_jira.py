"""The Jira stand-in refuses, moves, tells and follows its own rules as Jira does; another's client gets on with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
from jira import JIRA, JIRAError

from casework.sandbox import People, World, jira_index
from casework.sandbox.hooks import sign_jira
from casework.sandbox.inprocess import requests_adapter
from casework.sandbox.seed_documents import (
    CONFIGURATION,
    INITIAL,
    NEEDS_CONFIGURATION,
    ORGANIZATIONS,
    PUBLISHED,
    REQUEST_TYPE,
    SURVEY_RESPONSE,
)
from casework.sandbox.seed_hours import DAY, HOURS
from tests.sandbox.conftest import Api

API = "/rest/api/3"
PARAGRAPH = {"type": "paragraph", "content": [{"type": "text", "text": "t"}]}
DOCUMENT = {"type": "doc", "version": 1, "content": [PARAGRAPH]}
FIELDS = {"project": {"key": CONFIGURATION}, "issuetype": {"name": "Task"}, "summary": "s"}


@pytest.fixture
def jira(api: Api) -> httpx.Client:
    return api("jira")


@pytest.fixture
def request_key(people: People) -> str:
    return people.customer.file_survey(people.customer.answer_survey("user-201"))


def edit(**fields: Any) -> dict[str, Any]:
    return {"json": {"fields": fields}}


def made(**fields: Any) -> dict[str, Any]:
    return {"json": {"fields": {**FIELDS, **fields}}}


def adf(*content: Any, **change: Any) -> dict[str, Any]:
    return {"json": {"body": {**DOCUMENT, "content": list(content), **change}}}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "says"),
    [
        ("GET", "/nonsense", {}, 404, "null for uri"),
        ("GET", "/issue/SS-99", {}, 404, "Issue does not exist"),
        ("GET", "/issue/CS-1?colour=red", {}, 400, "colour"),
        ("GET", "/user/search", {}, 400, "query"),
        ("GET", "/user/assignable/search", {}, 400, "project"),
        ("GET", "/user/assignable/search?project=XX", {}, 404, "XX"),
        ("GET", "/user?accountId=nobody", {}, 404, "user does not exist"),
        ("GET", "/issue/CS-1/comment?orderBy=author", {}, 400, "orderBy"),
        ("PUT", "/issue/CS-1", {"content": b"{}"}, 415, "application/json"),
        ("PUT", "/issue/CS-1", {"json": {}}, 400, "'fields' or 'update' required"),
        ("PUT", "/issue/CS-1", {"json": {"felds": {}}}, 400, "Invalid request payload"),
        ("PUT", "/issue/CS-1", edit(colour="red"), 400, "'colour' cannot be set"),
        ("PUT", "/issue/CS-1", edit(status={"name": "On Hold"}), 400, "'status' cannot be set"),
        ("PUT", "/issue/CS-1", edit(**{NEEDS_CONFIGURATION: {"value": "Docs"}}), 400, "not on the appropriate screen"),
        ("PUT", "/issue/CS-1", edit(summary="two\nlines"), 400, "one line"),
        ("PUT", "/issue/CS-1", edit(description="plain"), 400, "Atlassian Document"),
        ("PUT", "/issue/CS-1", edit(assignee={"id": "nobody"}), 400, "valid 'id'"),
        ("PUT", "/issue/CS-1", edit(assignee={"name": "ann"}), 400, "accountId"),
        ("PUT", "/issue/CS-1", edit(assignee={"id": "{supporter}"}), 400, "cannot be assigned"),
        ("PUT", "/issue/CS-1", edit(components=[{"name": "Nobody"}]), 400, "'Nobody' is not valid"),
        ("PUT", "/issue/CS-1", edit(labels=["two words"]), 400, "spaces"),
        ("PUT", "/issue/{ss}", edit(**{NEEDS_CONFIGURATION: {"value": "None"}}), 400, "'None' is not valid"),
        ("PUT", "/issue/{ss}", edit(**{NEEDS_CONFIGURATION: "Docs"}), 400, "option"),
        ("PUT", "/issue/{ss}", edit(**{ORGANIZATIONS: ["1"]}), 400, "array of ids"),
        ("PUT", "/issue/{ss}", edit(**{ORGANIZATIONS: [77]}), 400, "does not exist"),
        ("PUT", "/issue/{ss}", edit(**{REQUEST_TYPE: "Company specific data change"}), 400, "request type"),
        ("PUT", "/issue/REV-1", edit(**{HOURS: "8"}), 400, "must be a number"),
        ("PUT", "/issue/REV-1", edit(**{HOURS: True}), 400, "must be a number"),
        ("PUT", "/issue/REV-1", edit(**{DAY: "2026-W10-1"}), 400, "yyyy-MM-dd"),
        ("PUT", "/issue/REV-1", edit(**{DAY: 20260302}), 400, "yyyy-MM-dd"),
        ("PUT", "/issue/CS-1", edit(**{HOURS: 8}), 400, "not on the appropriate screen"),
        ("POST", "/issue", made(project={"key": "XX"}), 400, "valid project"),
        ("POST", "/issue", made(issuetype={"name": "Epic"}), 400, "valid issue type"),
        ("POST", "/issue", made(summary=" "), 400, "summary"),
        ("POST", "/issue", {"json": {"fields": FIELDS, "update": {"labels": []}}}, 400, "labels"),
        ("POST", "/issue/CS-1/transitions", {"json": {"transition": {"id": "31"}}}, 400, "'31' is not valid"),
        ("POST", "/issue/CS-1/transitions", {"json": {"transition": {"name": "Hold"}}}, 400, "identifier"),
        ("POST", "/issue/CS-1/comment", {"json": {"body": "plain"}}, 400, "not valid"),
        ("POST", "/issue/CS-1/comment", adf(), 400, "empty"),
        ("POST", "/issue/CS-1/comment", adf(PARAGRAPH, version=2), 400, "not valid"),
        ("POST", "/issue/CS-1/comment", adf({"type": "text", "text": "t"}), 400, "not valid"),
        (
            "POST",
            "/issue/CS-1/comment",
            adf({**PARAGRAPH, "content": [{"type": "text", "text": ""}]}),
            400,
            "not valid",
        ),
        ("POST", "/issueLink", {"json": {"type": {"name": "Blocks"}}}, 404, "'Blocks'"),
        ("GET", "/issue/CS-1/properties/none", {}, 404, "does not exist"),
        ("POST", "/search/approximate-count", {"json": {}}, 400, "jql"),
        ("POST", "/search/jql", {"json": {"jql": "project = CS", "maxResults": 0}}, 400, "maxResults"),
        ("POST", "/search/jql", {"json": {"jql": "project = CS", "nextPageToken": "eA=="}}, 400, "nextPageToken"),
    ],
)
def test_wrong_requests_get_jiras_errors(
    world: World, jira: httpx.Client, request_key: str, method: str, path: str, sent: Any, status: int, says: str
) -> None:
    """Every refusal has `errorMessages` and `errors`, and names what is wrong."""
    supporter = world.state["roster"]["staff"]["staff-61"]["jira_id"]
    content = json.loads(json.dumps(sent["json"]).replace("{supporter}", supporter)) if "json" in sent else None
    plain = {name: value for name, value in sent.items() if name != "json"}
    answer = jira.request(method, API + path.replace("{ss}", request_key), json=content, **plain)
    told = answer.json()
    assert answer.status_code == status
    assert set(told) == {"errorMessages", "errors"}
    assert says in " ".join([*told["errorMessages"], *told["errors"], *told["errors"].values()])


def test_a_refused_edit_changes_nothing(jira: httpx.Client) -> None:
    """All wrong fields are named at once, and the right ones beside them are not set."""
    answer = jira.put(f"{API}/issue/CS-1", **edit(labels=["x"], colour="red", components=[{"name": "Nobody"}]))
    assert set(answer.json()["errors"]) == {"colour", "components"}
    assert jira.get(f"{API}/issue/CS-1").json()["fields"]["labels"] == []


def test_credentials_are_demanded(jira: httpx.Client) -> None:
    """A wrong token gets 401, in each API's own shape."""
    wrong = {"authorization": "Basic eDp5"}
    assert jira.get(f"{API}/myself", headers=wrong).status_code == 401
    desk = jira.get("/rest/servicedeskapi/servicedesk", headers=wrong)
    assert (desk.status_code, set(desk.json())) == (401, {"errorMessage", "i18nErrorMessage"})


# -- JQL


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("project = CS", ["CS-5", "CS-4", "CS-3", "CS-2", "CS-1"]),
        ("project = CS ORDER BY created ASC", ["CS-1", "CS-2", "CS-3", "CS-4", "CS-5"]),
        ("project = 'CS' and assignee = \"{71}\" order by key desc", ["CS-3", "CS-2", "CS-1"]),
        ("project = CS AND assignee in ('{72}', \"{73}\")", ["CS-5", "CS-4"]),
        ("project = CS AND assignee not in ('{72}', \"{73}\")", ["CS-3", "CS-2", "CS-1"]),
        ("project = CS AND assignee != '{71}'", ["CS-5", "CS-4"]),
        ("resolution = EMPTY AND statusCategory != Done AND assignee = '{72}'", ["CS-4"]),
        ("project = CS AND resolution is not EMPTY", []),
        ("status = 'to do' AND key in (CS-1, CS-2)", ["CS-2", "CS-1"]),
        ("labels is EMPTY AND key = CS-1", ["CS-1"]),
        ("project = CS AND key < 'CS-3'", ["CS-2", "CS-1"]),
        ("key >= CS-4", ["CS-5", "CS-4"]),
        ("labels != x AND key = CS-1", []),
        ("summary ~ 'work 3'", ["CS-3"]),
        ('summary ~ "\\"work 3\\""', ["CS-3"]),
        ('summary ~ "\\"3 work\\""', []),
        ("summary !~ work AND project = CS", []),
        ("created < '2026-02-02' ORDER BY created DESC", ["CS-1"]),
        ("created >= '2026-02-04 09:00' AND created < '2026/02/05'", ["CS-4"]),
        ("project = SS AND cf[10060] ~ {token}", ["SS-1"]),
        ("'Survey response' ~ {token}", ["SS-1"]),
        ("project = SS AND organizations is EMPTY AND cf[10050] is EMPTY", ["SS-1"]),
        ("description ~ {token}", ["SS-1"]),
        ("project = REV AND cf[10071] < '2026-03-03' AND Day >= '2026/03/02'", ["REV-2", "REV-1"]),
        ("project = REV AND Hours is not EMPTY AND cf[10071] is EMPTY AND statusCategory != Done", ["REV-21"]),
        ("project = REV AND cf[10070] is EMPTY", ["REV-23"]),
    ],
)  # fmt: skip
def test_searches_find_what_they_say(
    world: World, jira: httpx.Client, people: People, jql: str, found: list[str]
) -> None:
    """Conditions, lists, emptiness, texts, times and orders of the grammar."""
    token = people.customer.answer_survey("user-201")
    people.customer.file_survey(token)
    staff = world.state["roster"]["staff"]
    for number in ("71", "72", "73"):
        jql = jql.replace(f"{{{number}}}", staff[f"staff-{number}"]["jira_id"])
    answer = jira.post(f"{API}/search/jql", json={"jql": jql.replace("{token}", token), "fields": ["summary"]})
    assert answer.status_code == 200, answer.text
    assert [one["key"] for one in answer.json()["issues"]] == found
    count = jira.post(f"{API}/search/approximate-count", json={"jql": jql.replace("{token}", token)})
    assert count.json() == {"count": len(found)}


@pytest.mark.parametrize(
    ("jql", "says"),
    [
        ("", "Unbounded"),
        ("ORDER BY created", "Unbounded"),
        ("colour = red", "Field 'colour' does not exist"),
        ("'project = CS' = x", "does not exist"),
        ("project = XX", "'XX' does not exist"),
        ("assignee = ann@b.example", "reserved JQL character"),
        ("assignee = 'ann'", "'ann' does not exist"),
        ("status = Gone", "'Gone' does not exist"),
        ("component = 'Nobody'", "'Nobody' does not exist"),
        ("summary = 'x'", "operator '=' is not supported"),
        ("cf[10060] = x", "operator '=' is not supported"),
        ("project ~ CS", "operator '~' is not supported"),
        ("project > CS", "operator '>' is not supported"),
        ("cf[10070] > 6", "operator '>' is not supported"),
        ("cf[10070] = 6", "operator '=' is not understood here"),
        ("cf[10071] >= soon", "Date value 'soon' for field"),
        ("summary ~ '*'", "no words"),
        ("summary ~ 'a AND (b)'", "Unable to parse"),
        ("project = CS OR project = SS", "Expecting 'AND'"),
        ("(project = CS)", "does not exist"),
        ("project = CS AND", "ends too early"),
        ("project = CS AND assignee = currentUser()", "function 'currentUser'"),
        ("project in (CS", "ends too early"),
        ("project = \"CS", "reserved JQL character"),
        ("project = 'C\\S'", "illegal JQL escape"),
        ("project = CS ORDER BY summary", "Not able to sort"),
        ("project = CS ORDER created", "Expecting 'BY'"),
        ("created > yesterday", "Date value"),
        ("key = CS-99", "does not exist"),
        ("key < CS-99", "does not exist"),
    ],
)  # fmt: skip
def test_wrong_searches_are_refused(jira: httpx.Client, jql: str, says: str) -> None:
    """What Jira would not take, and what is not understood here, is said rather than passed over."""
    answer = jira.post(f"{API}/search/jql", json={"jql": jql})
    assert answer.status_code == 400
    assert says in answer.json()["errorMessages"][0]


def test_a_search_may_be_late(world: World, jira: httpx.Client) -> None:
    """An index that lags finds what was, by each field's old value; who reads an issue by its key sees what is."""
    jira_index.lag(world, 30)

    def found(jql: str) -> list[str]:
        answer = jira.post(f"{API}/search/jql", json={"jql": jql, "fields": ["summary"]}).json()
        count = jira.post(f"{API}/search/approximate-count", json={"jql": jql}).json()["count"]
        assert count == len(answer["issues"])
        return [one["key"] for one in answer["issues"]]

    assert jira.post(f"{API}/issue", **made(labels=["late"])).status_code == 201
    assert jira.put(f"{API}/issue/CS-1", **edit(labels=["late"])).status_code == 204
    assert jira.get(f"{API}/issue/CS-1").json()["fields"]["labels"] == ["late"]
    assert found("project = CS AND labels = late") == []
    assert found("project = CS AND labels is EMPTY AND key <= CS-2") == ["CS-2", "CS-1"]
    jira_index.lag(world, 0)
    assert found("project = CS AND labels = late") == ["CS-6", "CS-1"]


def test_a_search_gives_ids_alone_unless_asked(jira: httpx.Client) -> None:
    """Without `fields` there are only ids, as at Jira."""
    found = jira.post(f"{API}/search/jql", json={"jql": "key = CS-1"}).json()["issues"]
    assert [set(one) for one in found] == [{"id"}]


# -- what happens


def test_configuration_is_asked_for_by_a_rule(world: World, jira: httpx.Client, request_key: str) -> None:
    """The chosen option makes a linked issue and tells the customer, a moment after the answer, and once."""
    jira.put(f"{API}/issue/{request_key}", **edit(**{NEEDS_CONFIGURATION: {"value": "Docs"}}))
    assert world.state["jira"]["issues"][request_key]["fields"]["links"] == []
    links = jira.get(f"{API}/issue/{request_key}").json()["fields"]["issuelinks"]
    assert [one["inwardIssue"]["key"] for one in links] == ["CS-6"]
    told = jira.get(f"{API}/issue/{request_key}/comment").json()["comments"]
    assert [(one["jsdPublic"], one["body"]["content"][0]["content"][0]["text"]) for one in told] == [(True, INITIAL)]
    jira.put(f"{API}/issue/{request_key}", **edit(**{NEEDS_CONFIGURATION: {"value": "Docs"}}))
    assert len(jira.get(f"{API}/issue/{request_key}").json()["fields"]["issuelinks"]) == 1


def test_publishing_tells_the_customer(jira: httpx.Client, people: People, request_key: str) -> None:
    """Jira's own message stands on the customer's ticket when the other issue is published."""
    jira.put(f"{API}/issue/{request_key}", **edit(**{NEEDS_CONFIGURATION: {"value": "Docs"}}))
    jira.get(f"{API}/myself")
    people.agent.move_issue("CS-6", "Published on Engine", "staff-71")
    told = jira.get(f"{API}/issue/{request_key}/comment").json()["comments"][-1]
    assert (told["author"]["displayName"], told["jsdPublic"]) == ("Automation for Jira", True)
    assert told["body"]["content"][0]["content"][0]["text"] == PUBLISHED
    with pytest.raises(LookupError, match="no transition leads CS-6"):
        people.agent.move_issue("CS-6", "On Hold", "staff-71")
    fields = jira.get(f"{API}/issue/CS-6").json()["fields"]
    assert (fields["resolution"]["name"], fields["status"]["statusCategory"]["key"]) == ("Done", "done")
    people.agent.move_issue("CS-6", "To Do", "staff-71")
    assert jira.get(f"{API}/issue/CS-6").json()["fields"]["resolution"] is None


def test_every_change_is_told_signed(world: World, people: People, request_key: str) -> None:
    """Made, edited, commented, deleted: each a webhook with who and what, signed over its exact body."""
    people.agent.edit_issue(request_key, {"labels": ["x"]}, "staff-61")
    people.agent.comment_issue(request_key, "staff-61", "for us")
    people.customer.comment_issue(request_key, "for you", "user-202")
    people.agent.delete_issue(request_key, "staff-62")
    told = []
    for delivery in world.take_deliveries("jira"):
        signed = sign_jira(world.credentials["jira_webhook_secret"], delivery.body)
        assert signed.items() <= delivery.headers.items()
        event = json.loads(delivery.body)
        assert event["issue"]["key"] == request_key
        actor = event.get("user") or event["comment"]["author"]
        told.append((event["webhookEvent"], actor["displayName"].split()[0], event.get("comment", {}).get("jsdPublic")))
    assert told == [
        ("jira:issue_created", "Automation", None),
        ("jira:issue_updated", "Margit", None),
        ("comment_created", "Margit", False),
        ("comment_created", "Crispin", True),
        ("jira:issue_deleted", "Dashiell", None),
    ]


def test_what_changes_nothing_is_not_told(world: World, jira: httpx.Client) -> None:
    """Setting a field to what it is makes no history and no webhook."""
    assert jira.put(f"{API}/issue/CS-1", **edit(labels=[], summary="Earlier work 1")).status_code == 204
    assert world.take_deliveries("jira") == []
    assert jira.get(f"{API}/issue/CS-1/changelog").json()["total"] == 0


def test_customers_see_public_comments_on_the_desk(jira: httpx.Client, people: People, request_key: str) -> None:
    """Service management has the same comments as text, and may leave internal ones out."""
    internal = {"key": "sd.public.comment", "value": {"internal": True}}
    jira.post(f"{API}/issue/{request_key}/comment", json={"body": DOCUMENT, "properties": [internal]})
    people.customer.comment_issue(request_key, "mine", "user-201")
    path = f"/rest/servicedeskapi/request/{request_key}/comment"
    assert [one["body"] for one in jira.get(path).json()["values"]] == ["t", "mine"]
    assert [one["body"] for one in jira.get(f"{path}?internal=false").json()["values"]] == ["mine"]
    jira.post(path, json={"body": "wiki", "public": False})
    assert jira.get(f"{API}/issue/{request_key}/comment").json()["comments"][-1]["jsdPublic"] is False


def test_people_without_an_account_cannot_write(people: People, request_key: str) -> None:
    """Whoever is not in Jira cannot comment there, and an issue that is not there cannot be moved."""
    with pytest.raises(LookupError, match="no Jira account"):
        people.customer.comment_issue(request_key, "x", "user-207")


def test_the_site_is_made_once(world: World) -> None:
    """Seeding again adds nothing."""
    before = set(world.state["jira"]["issues"])
    world.seed()
    assert set(world.state["jira"]["issues"]) == before
    assert len([key for key in before if key.startswith(CONFIGURATION)]) == 5
    assert "jira CS-5 To Do" in world.describe()


# -- another's client


@pytest.fixture
def sdk(world: World) -> Iterator[JIRA]:
    """The community's client, in process."""
    known = world.credentials
    client = JIRA(
        server="https://jira.example",
        basic_auth=(known["jira_email"], known["jira_token"]),
        options={"rest_api_version": "3"},
        get_server_info=False,
        max_retries=0,
    )
    client.deploymentType = "Cloud"  # what the server's description would have said
    session: requests.Session = client._session
    session.mount("https://", requests_adapter(world, "jira"))
    yield client
    client.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def test_the_communitys_client_gets_on(world: World, people: People, sdk: JIRA, request_key: str) -> None:
    """Reading, searching, editing, moving, making, commenting by a client that we did not write."""
    assert sdk.myself()["displayName"] == "Casework Robot"
    issue = sdk.issue(request_key)
    assert issue.fields.status.name == "Waiting for support"
    assert getattr(issue.fields, SURVEY_RESPONSE)
    found = sdk.enhanced_search_issues("project = CS ORDER BY created ASC", maxResults=3, fields="summary,assignee")
    assert [one.key for one in found] == ["CS-1", "CS-2", "CS-3"]
    assert sdk.approximate_issue_count("project = CS") == 5
    issue.update(fields={NEEDS_CONFIGURATION: {"value": "Docs"}})
    assert [link.inwardIssue.key for link in sdk.issue(request_key).fields.issuelinks] == ["CS-6"]
    sdk.transition_issue("CS-6", "Hold")
    assert sdk.issue("CS-6").fields.status.name == "On Hold"
    made = sdk.create_issue(fields=FIELDS)
    assert sdk.issue(made.key).fields.labels == []
    sdk.add_comment(made.key, DOCUMENT)
    assert len(sdk.comments(made.key)) == 1
    customer = world.state["roster"]["users"]["user-201"]
    assert sdk.user(customer["jira_id"]).emailAddress == customer["email"]
    with pytest.raises(JIRAError) as caught:
        sdk.issue("SS-99")
    assert caught.value.status_code == 404
