"""Every implemented operation answers as the vendor's own API description says.

A scenario per vendor visits all routes; openapi-core validates each request and each answer, good or bad.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from casework.sandbox import (
    Fault,
    People,
    World,
    asana,
    dropbox,
    hubspot,
    intercom,
    jira,
    jira_desk,
    onedrive,
    outreach,
    qualified,
    salesforce,
    slack,
    typeform,
    zendesk,
)
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.seed import CHANNEL, PROJECT, TEMPLATE, WORKSPACE
from casework.sandbox.seed_documents import CONFIGURATION, NEEDS_CONFIGURATION, ORGANIZATIONS, REQUEST_TYPE, SURVEY
from tests.sandbox.conftest import headers_for

Contracts = Callable[[str], Any]


def _a_time(value: Any) -> bool:
    """RFC 3339, or as Jira writes it, with an offset that has no colon."""
    return not isinstance(value, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)", value))


def _an_id(value: Any) -> bool:
    """A UUID, or what Intercom's description calls one: 24 hexadecimal signs."""
    return not isinstance(value, str) or bool(
        re.fullmatch(r"[0-9a-f]{24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value)
    )


class Checked:
    """A client that validates what it sends and gets, and remembers which routes answered well."""

    def __init__(self, world: World, vendor: str, contract: Any, base: str) -> None:
        unvalidated = Config(
            spec_validator_cls=None,  # type: ignore[arg-type] # documented, missing in its types
            extra_format_validators={"date-time": _a_time, "uuid": _an_id},
        )
        self._openapi = OpenAPI.from_dict(contract, config=unvalidated)
        host = "https://content.dropboxapi.com" if base == "content" else "https://vendor.example"
        self._client = httpx.Client(
            transport=httpx_transport(world, vendor), headers=headers_for(world, vendor), base_url=host
        )
        self._vendor = vendor
        self.visited: set[tuple[str, str]] = set()

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int = 200,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        checks_request: bool = True,
    ) -> Any:
        usual = self._client.headers.get("content-type", "application/json")
        kind = "application/octet-stream" if content is not None else usual
        sent = content if content is not None else (None if body is None else json.dumps(body).encode())
        all_headers = {**(headers or {}), **({} if sent is None else {"Content-Type": kind})}
        answer = self._client.request(method, path, params=query, headers=all_headers, content=sent)
        assert answer.status_code == status, answer.text
        asked = MockRequest(
            "https://vendor.example",
            method.lower(),
            path,
            args=query or {},
            headers={**dict(self._client.headers), **all_headers},
            data=sent,
            content_type=kind,
        )
        if checks_request:
            self._openapi.validate_request(asked)
        answered = MockResponse(
            answer.content,
            status_code=answer.status_code,
            headers=dict(answer.headers),
            content_type=answer.headers.get("content-type", "").split(";")[0],
        )
        # Jira's and Outreach's descriptions give their empty answers (204, and 201 of a link) a body of any kind.
        if answer.content or self._vendor not in ("jira", "outreach"):
            self._openapi.validate_response(asked, answered)
        if status < 300:
            self.visited.add((method, path))
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content

    def misses(self, routes: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Routes of the stand-in that no visit reached."""
        patterns = [(m, t, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(t)))) for m, t in routes]
        return [(m, t) for m, t, p in patterns if not any(m == vm and p.fullmatch(vp) for vm, vp in self.visited)]


def test_zendesk_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All Zendesk operations and errors conform."""
    call = Checked(world, "zendesk", contracts("zendesk.openapi.json"), "")
    number = people.customer.open_ticket("user-88")
    ticket = f"/api/v2/tickets/{number}"
    call("GET", ticket)
    change = {"comment": {"body": "x", "public": False}, "status": "pending", "tags": ["a"],
              "followers": [{"user_id": 7005, "action": "put"}],
              "email_ccs": [{"user_email": "a@b.example", "action": "put"}]}  # fmt: skip
    call("PUT", ticket, {"ticket": change})
    made = {"ticket": {"subject": "s", "comment": {"body": "b"}}}
    call("POST", "/api/v2/tickets", made, status=201, headers={"Idempotency-Key": "k"})
    for suffix, status in (("/comments", 200), ("/tags", 200), ("/followers", 200), ("/email_ccs", 200)):
        call("GET", ticket + suffix, status=status)
    call("GET", ticket + "/comments", query={"page[size]": "1"})
    call("PUT", ticket + "/tags", {"tags": ["b"]})
    call("POST", ticket + "/tags", {"tags": ["c"]}, status=201)
    call("DELETE", ticket + "/tags", {"tags": ["c"]})
    call("GET", "/api/v2/tickets/show_many", query={"ids": str(number)})
    people.agent.take(number, due_hours=1)
    call("GET", "/api/v2/tickets/show_many", query={"ids": str(number), "include": "metric_sets,slas"})
    call("GET", "/api/v2/users/me")
    call("GET", "/api/v2/users/7005")
    call("GET", "/api/v2/users/search", query={"query": "northwind"})
    known = {
        "user": {"name": "Admin of team-104", "email": "a@c.example", "role": "end-user", "skip_verify_email": True}
    }
    call("POST", "/api/v2/users/create_or_update", known, status=201)
    call("POST", "/api/v2/users/create_or_update", known)
    call("POST", "/api/v2/users/create_or_update", {"user": {"name": "x", "email": ""}}, status=422)
    call("GET", "/api/v2/search", query={"query": "type:ticket tags:b"})
    call("GET", "/api/v2/tickets/1", status=404)
    call("PUT", ticket, {"ticket": {"stauts": "x"}}, status=422)
    call("PUT", ticket, {"ticket": {"status": "x"}}, status=400, checks_request=False)
    assert call.misses(zendesk.routes.listing()) == []


def test_slack_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All Slack methods conform, with real-looking ids."""
    call = Checked(world, "slack", contracts("slack.openapi.json"), "")
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "A"}, "value": "v"}
    blocks = [{"type": "actions", "elements": [button]}]
    call("POST", "/api/auth.test", checks_request=False)
    posted = call("POST", "/api/chat.postMessage", {"channel": CHANNEL, "text": "x", "blocks": blocks})
    here = {"channel": CHANNEL, "ts": posted["ts"]}
    trigger = people.csm.press(CHANNEL, "a", "staff-13")
    # Without blocks: the 2021 description has an object for a message's blocks; Slack sends an array.
    call("POST", "/api/chat.update", {**here, "text": "y"})
    call("POST", "/api/conversations.open", {"users": "U0STAFF13X"})
    call("GET", "/api/conversations.history", query={"channel": CHANNEL})
    call("POST", "/api/chat.postMessage", {"channel": CHANNEL, "text": "r", "thread_ts": posted["ts"]})
    call("GET", "/api/conversations.replies", query=here)
    call("GET", "/api/users.info", query={"user": "U0STAFF13X"})
    call("GET", "/api/users.lookupByEmail", query={"email": "philippa.marlowe-quux@casework-5b2e.example"})
    view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [{"type": "divider"}]}
    call("POST", "/api/views.open", {"trigger_id": trigger, "view": view})
    for method, body in (
        ("chat.postMessage", {"channel": "C0NOWHERE1", "text": "x"}),
        ("chat.postMessage", {"channel": CHANNEL}),
        ("users.info", {"user": "U0NOBODY"}),
        ("users.lookupByEmail", {"email": "nobody@b.example"}),
    ):
        assert call("POST", f"/api/{method}", body)["ok"] is False
    reached = {path.removeprefix("/api/") for _, path in call.visited}
    assert reached == set(slack.METHODS)


def test_asana_answers_as_described(world: World, contracts: Contracts) -> None:
    """All Asana operations and errors conform."""
    call = Checked(world, "asana", contracts("asana.openapi.json"), "")
    root = "/api/1.0"
    call("GET", f"{root}/users/me")
    call("GET", f"{root}/task_templates", query={"project": PROJECT})
    call("GET", f"{root}/task_templates/{TEMPLATE}")
    path = f"{root}/task_templates/{TEMPLATE}/instantiateTask"
    job = call("POST", path, {"data": {"name": "n"}}, status=201)["data"]["gid"]
    looks = [call("GET", f"{root}/jobs/{job}") for _ in range(2)]
    task = f"{root}/tasks/{looks[1]['data']['new_task']['gid']}"
    call("GET", task)
    change = {"due_on": "2026-03-09", "html_notes": "<body>Do <b>this</b></body>", "completed": True}
    call("PUT", task, {"data": change})
    call("POST", f"{task}/stories", {"data": {"text": "t"}}, status=201)
    call("GET", f"{task}/stories")
    call("POST", path, {"data": {"name": "m"}}, status=201)
    call("GET", f"{root}/tasks", query={"project": PROJECT, "limit": "1"})
    call("GET", f"{root}/projects/{PROJECT}/tasks")
    hook = {"resource": PROJECT, "target": "https://gateway.example/hooks/asana",
            "filters": [{"resource_type": "task", "action": "changed", "fields": ["completed"]}]}  # fmt: skip
    made = call("POST", f"{root}/webhooks", {"data": hook}, status=201)["data"]["gid"]
    call("GET", f"{root}/webhooks", query={"workspace": WORKSPACE})
    call("GET", f"{root}/webhooks/{made}")
    call("DELETE", f"{root}/webhooks/{made}")
    call("GET", f"{root}/tasks/1", status=404)
    call("PUT", task, {"data": {"due_on": "soon"}}, status=400, checks_request=False)
    assert call.misses(asana.routes.listing()) == []


def test_dropbox_answers_as_described(world: World, contracts: Contracts) -> None:
    """All Dropbox routes and errors conform, on both hosts."""
    contract = contracts("dropbox.openapi.json")
    rpc, content = Checked(world, "dropbox", contract, ""), Checked(world, "dropbox", contract, "content")

    def send(route: str, argument: Any, body: bytes | None, status: int = 200) -> Any:
        header = {"Dropbox-API-Arg": json.dumps(argument)}
        return content("POST", f"/2/files/{route}", headers=header, content=body, status=status)

    rev = send("upload", {"path": "/a", "mode": "add"}, b"x")["rev"]
    session = send("upload_session/start", {"close": False}, b"ab")["session_id"]
    send("upload_session/append_v2", {"cursor": {"session_id": session, "offset": 2}, "close": True}, b"cd")
    send("upload_session/append_v2", {"cursor": {"session_id": session, "offset": 2}}, b"cd", 409)
    wrong = {"cursor": {"session_id": session, "offset": 1}, "commit": {"path": "/b"}}
    send("upload_session/finish", wrong, b"", 409)
    send("upload_session/finish", {**wrong, "cursor": {"session_id": session, "offset": 4}}, b"")
    assert send("download", {"path": "/b"}, None) == b"abcd"
    send("download", {"path": "/none"}, None, 409)
    send("upload", {"path": "/a", "mode": "add"}, b"other", 409)
    rpc("POST", "/2/users/get_current_account")
    for argument in ({"path": "/a"}, {"path": "/a", "include_deleted": True}):
        rpc("POST", "/2/files/get_metadata", argument)
    rpc("POST", "/2/files/delete_v2", {"path": "/a"})
    rpc("POST", "/2/files/get_metadata", {"path": "/a", "include_deleted": True})
    rpc("POST", "/2/files/get_metadata", {"path": "/a"}, status=409)
    rpc("POST", "/2/files/delete_v2", {"path": "/a"}, status=409)
    rpc("POST", "/2/files/list_revisions", {"path": "/a"})
    rpc("POST", "/2/files/restore", {"path": "/a", "rev": rev})
    rpc("POST", "/2/files/permanently_delete", {"path": "/a"})
    rpc("POST", "/2/files/list_revisions", {"path": "/a"}, status=409)
    rpc("POST", "/2/files/get_metadata", {}, status=400, checks_request=False)
    assert rpc.visited | content.visited == set(dropbox.ROUTES)


def test_onedrive_answers_as_described(world: World, contracts: Contracts) -> None:
    """All operations of Graph and of an upload session conform, good and bad."""
    contract = contracts("msgraph.openapi.json")
    graph, bare = Checked(world, "onedrive", contract, ""), Checked(world, "onedrive", contract, "")
    del bare._client.headers["authorization"]
    drive = f"/v1.0/drives/{world.credentials['onedrive_drive']}"
    graph("GET", f"{drive}/root")
    wanted = {"item": {"@microsoft.graph.conflictBehavior": "replace"}}
    size, part = 320 * 1024 + 5, 320 * 1024
    for status in (201, 200):
        path = graph("POST", f"{drive}/root:/a:/createUploadSession", wanted)["uploadUrl"]
        path = path.removeprefix("https://vendor.example")
        first = {"Content-Range": f"bytes 0-{part - 1}/{size}"}
        bare("PUT", path, headers=first, content=bytes(part), status=202)
        bare("PUT", path, headers=first, content=bytes(part), status=416)
        assert bare("GET", path)["nextExpectedRanges"] == [f"{part}-"]
        bare("PUT", path, headers={"Content-Range": f"bytes {part}-{size - 1}/{size}"}, content=bytes(5), status=status)
        bare("GET", path, status=404)
    given_up = graph("POST", f"{drive}/root:/b:/createUploadSession", wanted)["uploadUrl"]
    bare("DELETE", given_up.removeprefix("https://vendor.example"), status=204)
    item = graph("GET", f"{drive}/root:/a")
    graph("GET", f"{drive}/root:/none", status=404)
    graph("POST", f"{drive}/root:/a:/createUploadSession", status=409)
    bare("GET", f"{drive}/root:/a", status=401, checks_request=False)
    graph("POST", f"{drive}/items/{item['id']}/permanentDelete", status=204)
    graph("POST", f"{drive}/items/{item['id']}/permanentDelete", status=404)
    graph.visited |= bare.visited
    not_described = [("POST", "/{tenant}/oauth2/v2.0/token"), ("GET", "/v1.0/__download/{blob}")]
    routes = [(method, path.replace("...", "")) for method, path in onedrive.routes.listing()]
    assert graph.misses(routes) == not_described


DOCUMENT = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "t"}]}]}


def test_jira_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations of the platform conform, good and bad."""
    call = Checked(world, "jira", contracts("jira.openapi.json"), "")
    root = "/rest/api/3"
    issue = f"{root}/issue/{people.customer.file_survey(people.customer.answer_survey('user-201'))}"
    call("GET", f"{root}/myself")
    call("GET", f"{root}/field")
    user = world.state["roster"]["users"]["user-201"]
    call("GET", f"{root}/user", query={"accountId": user["jira_id"]})
    call("GET", f"{root}/user/search", query={"query": user["email"], "startAt": "0", "maxResults": "50"})
    call("GET", f"{root}/user/assignable/search", query={"project": CONFIGURATION})
    call("GET", issue)
    call("GET", issue, query={"fields": "summary,status"})
    call("GET", f"{issue}/editmeta")
    call(
        "PUT",
        issue,
        {"fields": {"reporter": {"id": user["jira_id"]}, ORGANIZATIONS: [1], REQUEST_TYPE: "25"}},
        status=204,
    )
    call("PUT", issue, {"fields": {NEEDS_CONFIGURATION: {"value": "Docs"}}}, status=204)
    call("GET", f"{issue}/transitions")
    call("POST", f"{issue}/transitions", {"transition": {"id": "31"}}, status=204)
    call("POST", f"{issue}/comment", {"body": DOCUMENT}, status=201)
    call("GET", f"{issue}/comment", query={"orderBy": "created", "maxResults": "1"})
    call("GET", f"{issue}/changelog")
    call("PUT", f"{issue}/properties/p", {"a": 1}, status=201)
    call("PUT", f"{issue}/properties/p", {"a": 2}, status=200)
    call("GET", f"{issue}/properties/p")
    fields = {"project": {"key": CONFIGURATION}, "issuetype": {"name": "Task"}, "summary": "s", "description": DOCUMENT}
    made = call("POST", f"{root}/issue", {"fields": fields}, status=201)["key"]
    agent = world.state["roster"]["staff"]["staff-71"]["jira_id"]
    call("PUT", f"{root}/issue/{made}/assignee", {"accountId": agent}, status=204)
    link = {"type": {"name": "Relates"}, "inwardIssue": {"key": "CS-1"}, "outwardIssue": {"key": made}}
    call("POST", f"{root}/issueLink", link, status=201)
    search = {"jql": f"project = {CONFIGURATION}", "fields": ["*all"], "maxResults": 2, "expand": "changelog"}
    following = call("POST", f"{root}/search/jql", search)["nextPageToken"]
    call("POST", f"{root}/search/jql", {**search, "nextPageToken": following})
    call("GET", f"{root}/search/jql", query={"jql": f"project = {CONFIGURATION}"})
    call("POST", f"{root}/search/approximate-count", {"jql": f"project = {CONFIGURATION}"})
    call("GET", f"{root}/issue/SS-99", status=404)
    call("PUT", issue, {"fields": {"colour": "red"}}, status=400)
    call("POST", f"{root}/search/jql", {"jql": "colour = red"}, status=400)
    call("POST", f"{root}/issue", {"fields": {**fields, "summary": ""}}, status=400)
    assert call.misses(jira.routes.listing()) == []


def test_service_management_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations on requests conform; that of a desk's organisations is not in the description at hand."""
    call = Checked(world, "jira", contracts("jira-service-management.openapi.json"), "")
    root = "/rest/servicedeskapi"
    request = f"{root}/request/{people.customer.file_survey(people.customer.answer_survey('user-201'))}"
    account = world.state["roster"]["users"]["user-202"]["jira_id"]
    call("GET", f"{root}/servicedesk")
    call("GET", f"{root}/servicedesk/1/requesttype")
    call("GET", request)
    call("POST", f"{request}/comment", {"body": "b", "public": False}, status=201)
    call("GET", f"{request}/comment", query={"internal": "true"})
    call("POST", f"{request}/participant", {"accountIds": [account]})
    call("GET", f"{request}/participant")
    call("POST", f"{root}/customer", {"email": "new@b.example", "displayName": "New"}, status=201)
    call("POST", f"{root}/customer", {"email": "new@b.example", "displayName": "New"}, status=400)
    call("GET", f"{root}/request/SS-99", status=404)
    call("GET", f"{root}/request/CS-1", status=404)
    assert call.misses(jira_desk.routes.listing()) == [("GET", f"{root}/servicedesk/{{desk}}/organization")]


def test_typeform_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations conform, good and bad."""
    call = Checked(world, "typeform", contracts("typeform.openapi.json"), "")
    tokens = [people.customer.answer_survey("user-201", {"details": "x"}) for _ in range(3)]
    call("GET", "/me")
    call("GET", f"/forms/{SURVEY}")
    responses = f"/forms/{SURVEY}/responses"
    call("GET", responses, query={"included_response_ids": tokens[0]})
    call("GET", responses, query={"page_size": "2", "before": tokens[2], "since": "2026-01-01T00:00:00Z"})
    call("GET", "/forms/none", status=404)
    call("GET", responses, query={"page_size": "0"}, status=400, checks_request=False)
    assert call.misses(typeform.routes.listing()) == []


@pytest.mark.parametrize(
    "vendor",
    [
        *("zendesk", "slack", "asana", "dropbox", "onedrive", "jira", "typeform"),
        *("hubspot", "intercom", "outreach", "qualified"),
    ],
)
def test_rate_limits_conform(world: World, contracts: Contracts, vendor: str) -> None:
    """A planned 429 has the shape that the vendor describes."""
    paths = {
        "zendesk": ("GET", "/api/v2/users/me"),
        "slack": ("GET", "/api/users.info"),
        "asana": ("GET", "/api/1.0/users/me"),
        "dropbox": ("POST", "/2/users/get_current_account"),
        "onedrive": ("GET", "/v1.0/drives/b!sandbox-drive-0001/root"),
        "jira": ("GET", "/rest/api/3/myself"),
        "typeform": ("GET", "/me"),
        "hubspot": ("GET", "/crm/v3/owners"),
        "intercom": ("GET", "/me"),
        "outreach": ("GET", "/api/v2/users"),
        "qualified": ("GET", "/v2/leads"),
    }
    file = "msgraph" if vendor == "onedrive" else vendor
    call = Checked(world, vendor, contracts(f"{file}.openapi.json"), "")
    world.misbehave(vendor, Fault.rate_limited())
    call(*paths[vendor], status=429, checks_request=False)


def test_salesforce_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations on records, queries and composite conform, good and bad."""
    call = Checked(world, "salesforce", contracts("salesforce.openapi.json"), "")
    root = "/services/data/v64.0"
    case = people.member.open_case("member-1", "s", "t")
    contact = world.state["roster"]["members"]["member-1"]["contact_id"]
    world.state["salesforce"]["page"] = 2
    call("GET", "/services/data")
    call("GET", f"{root}/limits")
    page = call("GET", f"{root}/query", query={"q": "SELECT Id, LastName FROM Contact"})
    call("GET", page["nextRecordsUrl"])
    call("GET", f"{root}/query", query={"q": "SELECT"}, status=400)
    call("GET", f"{root}/sobjects/Privacy_Request__c/describe")
    call("GET", f"{root}/sobjects/Case/{case}")
    call("GET", f"{root}/sobjects/Case/{case}", query={"fields": "Id,Status,ContactId"})
    call("GET", f"{root}/sobjects/Case/500RM00000zzzzz", status=404)
    comment = {"ParentId": case, "CommentBody": "x", "IsPublished": False}
    call("POST", f"{root}/sobjects/CaseComment", comment, status=201)
    call("POST", f"{root}/sobjects/CaseComment", {"ParentId": "x"}, status=400)
    call("PATCH", f"{root}/sobjects/Case/{case}", {"Status": "Working"}, status=204)
    refund = f"{root}/sobjects/Refund__c/External_Id__c"
    call("PATCH", f"{refund}/one", {"Contact__c": contact}, status=201)
    call("PATCH", f"{refund}/one", {"Status__c": "Declined"})
    call("GET", f"{refund}/one")
    world.state["salesforce"]["objects"]["Refund__c"]["fields"]["External_Id__c"]["not_unique"] = True
    for one in list(world.state["salesforce"]["records"]["Refund__c"].values())[:2]:
        one["External_Id__c"] = "twice"
    call("PATCH", f"{refund}/twice", {"Status__c": "Declined"}, status=300)
    parts: list[dict[str, Any]] = [
        {"method": "POST", "url": f"{root}/sobjects/CaseComment", "referenceId": "note", "body": comment},
        {"method": "PATCH", "url": f"{root}/sobjects/Case/{case}", "referenceId": "change", "body": {"Status": "New"}},
        {"method": "GET", "url": f"{root}/sobjects/Case/{case}", "referenceId": "look"},
    ]
    call("POST", f"{root}/composite", {"allOrNone": True, "compositeRequest": parts})
    parts[1]["body"] = {"Status": "Nonsense"}
    call("POST", f"{root}/composite", {"allOrNone": True, "compositeRequest": parts})
    call("POST", f"{root}/composite", {"compositeRequest": []}, status=400, checks_request=False)
    world.state["salesforce"]["allowed"] = 0
    call("GET", f"{root}/limits", status=403)
    world.state["salesforce"]["tokens"].clear()
    call("GET", f"{root}/limits", status=401)
    assert call.misses(salesforce.routes.listing()) == [
        # The sign-in takes forms: see below. The action is documented in the Actions Developer Guide only.
        ("POST", "/services/oauth2/token"),
        ("POST", "/services/oauth2/revoke"),
        ("POST", "/services/data/{version}/actions/standard/emailSimple"),
    ]


def test_salesforce_signs_in_as_described(world: World, contracts: Contracts) -> None:
    """A session, the end of one, and what is wrong with credentials have the described shapes."""
    contract = contracts("salesforce.openapi.json")
    known = world.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": known["salesforce_client_id"],
        "client_secret": known["salesforce_client_secret"],
    }
    openapi = OpenAPI.from_dict(contract)
    with httpx.Client(transport=httpx_transport(world, "salesforce"), base_url="https://vendor.example") as login:
        good = login.post("/services/oauth2/token", data=form)
        ended = login.post("/services/oauth2/revoke", data={"token": good.json()["access_token"]})
        bad = login.post("/services/oauth2/token", data=form | {"client_secret": "wrong"})
    assert [one.status_code for one in (good, ended, bad)] == [200, 200, 400]
    for answer in (good, bad):
        asked = MockRequest(
            "https://vendor.example", "post", "/services/oauth2/token", content_type="application/x-www-form-urlencoded"
        )
        openapi.validate_response(asked, MockResponse(answer.content, answer.status_code))
    assert world.state["salesforce"]["tokens"] == {}


def test_hubspot_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations on objects of every kind, associations, owners and schemas conform, good and bad."""
    call = Checked(world, "hubspot", contracts("hubspot.openapi.json"), "")
    objects, v4 = "/crm/v3/objects", "/crm/v4/objects"
    known = world.state["roster"]["companies"]["company-1"]
    deal, member = known["deals"][-1], world.state["roster"]["staff"]["staff-14"]
    for kind in ("deals", "tickets", "contacts", "tasks", "users", "notes"):
        call("GET", f"{objects}/{kind}", query={"limit": "1"})
        call("POST", f"{objects}/{kind}/search", {"filterGroups": [], "limit": 1, "after": "0"})
    call("GET", f"{objects}/deals/{deal}", query={"properties": "dealname", "associations": "companies"})
    call("GET", f"{objects}/companies/{known['company_id']}", query={"properties": "name"})
    call("GET", f"{objects}/users/{member['hubspot_account']}", query={"idProperty": "hs_internal_user_id"})
    call("PATCH", f"{objects}/users/{member['hubspot_user']}", {"properties": {"hs_availability_status": "available"}})
    call("PATCH", f"{objects}/deals/{deal}", {"properties": {"contract_end_date": "2026-04-30"}})
    call("PATCH", f"{objects}/deals/{deal}", {"properties": {"colour": "red"}}, status=400)
    call("GET", f"{objects}/deals/1", status=404)
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216}
    task = {
        "properties": {"hs_timestamp": "2026-03-03T09:00:00Z", "hs_task_subject": "s"},
        "associations": [{"to": {"id": deal}, "types": [spec]}],
    }
    made = call("POST", f"{objects}/tasks", task, status=201)["id"]
    spec["associationTypeId"] = 214
    note = {"properties": {"hs_timestamp": "2026-03-03T09:00:00Z"}, "associations": task["associations"]}
    call("POST", f"{objects}/notes", note, status=201)
    call("POST", f"{objects}/tasks", {"properties": {}}, status=400)
    wanted = {"inputs": [{"id": made}], "properties": ["hs_task_subject"], "propertiesWithHistory": []}
    call("POST", f"{objects}/tasks/batch/read", wanted)
    call("POST", f"{objects}/tasks/batch/read", {**wanted, "inputs": [{"id": made}, {"id": "1"}]}, status=207)
    operators = [
        {"propertyName": "amount", "operator": "BETWEEN", "value": "1", "highValue": "2"},
        {"propertyName": "dealstage", "operator": "IN", "values": ["closedwon"]},
    ]
    query = {"filterGroups": [{"filters": operators}], "sorts": ["-createdate"], "properties": ["amount"]}
    call("POST", f"{objects}/deals/search", query)
    call("POST", f"{objects}/deals/search", {**query, "limit": 999}, status=400)
    call("GET", f"{v4}/deals/{deal}/associations/tasks", query={"limit": "1"})
    call("GET", f"{v4}/deals/1/associations/tasks", status=404)
    ticket = people.rep.open_ticket("company-1", "staff-11")
    call("PUT", f"{v4}/tickets/{ticket}/associations/default/deals/{deal}")
    call("DELETE", f"{v4}/tickets/{ticket}/associations/deals/{deal}", status=204)
    call("DELETE", f"{objects}/tasks/{made}", status=204)
    for owners in ("/crm/v3/owners", "/crm/v3/owners/"):
        call("GET", owners, query={"email": member["email"], "limit": "1"})
    call("GET", f"/crm/v3/owners/{member['hubspot_owner']}")
    call("GET", "/crm/v3/owners/1", status=404)
    for kind in ("deals", "tickets"):
        call("GET", f"/crm/v3/properties/{kind}")
        call("GET", f"/crm/v3/pipelines/{kind}")
    world.state["hubspot"]["limits"]["daily"] = 0
    call("GET", "/crm/v3/owners", status=429)
    world.state["credentials"]["hubspot_token"] = "another"
    call("GET", "/crm/v3/owners", status=401)
    assert call.misses(hubspot.routes.listing()) == []


def test_intercom_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations on conversations, contacts, colleagues and tags conform, good and bad."""
    call = Checked(world, "intercom", contracts("intercom.openapi.json"), "")
    known, roster = world.state["roster"]["conversations"], world.state["roster"]
    one, contact = f"/conversations/{known['technical']}", roster["visitors"]["visitor-2"]["contact_id"]
    people.teammate.miss_sla(known["technical"])
    me = call("GET", "/me")["id"]
    call("GET", "/conversations", query={"per_page": "3"})
    for name in known.values():
        call("GET", f"/conversations/{name}")
    call("GET", one, query={"display_as": "plaintext"})
    call("GET", "/conversations/1", status=404)
    filters = [
        {"field": "state", "operator": "IN", "value": ["open", "snoozed"]},
        {"field": "updated_at", "operator": ">", "value": 1},
    ]
    paging = {"per_page": 2, "starting_after": "2"}
    call("POST", "/conversations/search", {"query": {"operator": "AND", "value": filters}, "pagination": paging})
    call("POST", "/conversations/search", {"query": filters[0]})
    opened = call("POST", "/conversations", {"from": {"type": "user", "id": contact}, "body": "x"})
    call("GET", f"/conversations/{opened['conversation_id']}")
    call("POST", "/conversations", {"from": {"type": "user", "id": "0" * 24}, "body": "x"}, status=404)
    acts = {"type": "admin", "admin_id": me}
    for kind in ("comment", "note"):
        call("POST", f"{one}/reply", {**acts, "message_type": kind, "body": "<p>x</p>"})
    call("POST", "/conversations/1/reply", {**acts, "message_type": "note", "body": "x"}, status=404)
    call("POST", f"{one}/customers", {"admin_id": me, "customer": {"intercom_user_id": contact}})
    call("POST", f"{one}/customers", {"admin_id": me, "customer": {"user_id": "nobody"}}, status=404)
    call("PUT", one, {"custom_attributes": {"Topic": "Billing"}})
    call("PUT", "/conversations/1", {"read": True}, status=404)
    call("POST", f"{one}/parts", {**acts, "message_type": "assignment", "assignee_id": "0"})
    call("POST", f"{one}/parts", {"message_type": "snoozed", "admin_id": me, "snoozed_until": 9_999_999_999})
    call("POST", f"{one}/parts", {"message_type": "open", "admin_id": me})
    call("POST", f"{one}/parts", {**acts, "message_type": "close"})
    tag = call("POST", "/tags", {"name": "to-sales"})["id"]
    call("GET", "/tags")
    call("POST", f"{one}/tags", {"id": tag, "admin_id": me})
    call("GET", one)
    call("POST", f"{one}/tags", {"id": "1", "admin_id": me}, status=404)
    call("DELETE", f"{one}/tags/{tag}", {"admin_id": me})
    call("DELETE", f"{one}/tags/{tag}", {"admin_id": me}, status=404)
    made = call("POST", "/contacts", {"role": "user", "email": "made@tallowgate-c94e.example"})["id"]
    call("GET", f"/contacts/{made}")
    call("PUT", f"/contacts/{made}", {"name": "x"})
    call("GET", "/contacts/find_by_external_id/user-83")
    call("POST", "/contacts/search", {"query": {"field": "email", "operator": "=", "value": "x"}})
    call("POST", "/contacts/search", {"query": {"field": "role", "operator": "=", "value": "user"}})
    call("GET", "/admins")
    call("GET", f"/admins/{me}")
    call("GET", "/admins/1", status=404)
    call("GET", "/teams")
    call("GET", "/teams/9050001")
    call("GET", "/teams/1", status=404)
    world.state["intercom"]["limits"] |= {"slice": 0, "enforced": True}
    call("GET", "/me", status=429)
    world.state["credentials"]["intercom_token"] = "another"
    call("GET", "/admins", status=401)
    assert call.misses(intercom.routes.listing()) == []


def test_outreach_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations on resources conform, good and bad; signing in and templates are not in the description."""
    call = Checked(world, "outreach", contracts("outreach.openapi.json"), "")
    api = "/api/v2"

    def body(type_: str, attributes: dict[str, Any], related: dict[str, int] | None = None) -> dict[str, Any]:
        ends = {name: {"data": {"type": name, "id": key}} for name, key in (related or {}).items()}
        return {"data": {"type": type_, "attributes": attributes, "relationships": ends}}

    person = {"emails": ["a@lead.example"], "firstName": "A", "company": "B", "workPhones": ["1"]}
    prospect = call("POST", f"{api}/prospects", body("prospect", person), status=201)
    number = prospect["data"]["id"]
    call("POST", f"{api}/prospects", body("prospect", person), status=422)
    change = body("prospect", {"websiteUrl1": "https://b.example"})
    change["data"]["id"] = number
    call("PATCH", f"{api}/prospects/{number}", change)
    call("GET", f"{api}/prospects/{number}")
    call("GET", f"{api}/prospects/999", status=404)
    people.sales.set_stage(str(number), "Meeting Booked")
    for kind in ("prospects", "sequences", "sequenceStates", "mailboxes", "users", "webhooks"):
        call("GET", f"{api}/{kind}", query={"page[size]": "1", "sort": "-updatedAt", "count": "false"})
    call("GET", f"{api}/prospects", query={"filter[emails]": "a@lead.example", "include": "stage"})
    call("GET", f"{api}/sequences/1001")
    ends = {"prospect": number, "sequence": 1001, "mailbox": 1002}
    state = call("POST", f"{api}/sequenceStates", body("sequenceState", {}, ends), status=201)["data"]["id"]
    call("POST", f"{api}/sequenceStates", body("sequenceState", {}, ends), status=422)
    call("GET", f"{api}/sequenceStates", query={"filter[prospect][id]": str(number), "filter[sequence][id]": "1001"})
    call("POST", f"{api}/sequenceStates/{state}/actions/finish")
    call("GET", f"{api}/sequenceStates/{state}")
    call("DELETE", f"{api}/sequenceStates/{state}", status=204)
    hook = {"url": "https://a.example", "resource": "prospect", "action": "*", "secret": "s"}
    made = call("POST", f"{api}/webhooks", body("webhook", hook), status=201)["data"]["id"]
    call("DELETE", f"{api}/webhooks/{made}", status=204)
    world.state["outreach"]["limits"]["hourly"] = 0
    call("GET", f"{api}/users", status=429)
    assert call.misses(outreach.routes.listing()) == [("POST", "/oauth/token")]


def test_qualified_answers_as_described(world: World, people: People, contracts: Contracts) -> None:
    """All operations that read, and the one that writes, conform, good and bad."""
    call = Checked(world, "qualified", contracts("qualified.openapi.json"), "")
    world.state["qualified"]["limits"]["since"] = None
    lead = call("POST", "/v2/leads", {"email": "a@lead.example", "fields": {"company": "B"}}, status=201)["id"]
    call("POST", "/v2/leads", {"email": "a@lead.example"})
    call("POST", "/v2/leads", {"email": "a@lead.example", "fields": {"colour": "red"}}, status=422)
    call("GET", "/v2/leads", query={"email": "a@lead.example"})
    call("GET", "/v2/leads", query={"updated_after": "never"}, status=400)
    call("GET", "/v2/leads/fields")
    chat = people.sales.chat("visitor-4", ["Hello", "Hi"], "staff-64")
    meeting = people.sales.book_meeting("visitor-4")
    session = next(iter(world.state["qualified"]["sessions"]))
    for path in (f"leads/{lead}", f"conversations/{chat}", f"meetings/{meeting}", f"sessions/{session}"):
        call("GET", f"/v2/{path}")
    call("GET", "/v2/messages/me_00000001")
    call("GET", "/v2/conversations/co_9", status=404)
    call("GET", "/v2/conversations/co_9/messages", status=404)
    world.state["qualified"]["sessions"][session]["endedAt"] = "2026-03-01T09:00:00Z"
    for kind in ("sessions", "conversations", "messages", "meetings"):
        call("GET", f"/v2/{kind}")
    assert len(call("GET", f"/v2/conversations/{chat}/messages")["data"]) == 2
    world.state["qualified"]["scopes"].clear()
    call("GET", "/v2/leads", status=403)
    world.state["qualified"]["limits"]["window"] = 0
    call("GET", "/v2/leads", status=429)
    world.state["credentials"]["qualified_token"] = "another"
    call("GET", "/v2/leads", status=401)
    assert call.misses(qualified.routes.listing()) == []
