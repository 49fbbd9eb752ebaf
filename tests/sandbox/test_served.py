"""Served on loopback: the official clients work, faults cut real connections, a killed sandbox goes on."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import asana
import dropbox
import httpx
import pytest
import requests
from dropbox import files as dropbox_files
from requests.adapters import HTTPAdapter
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from casework.sandbox import World
from casework.sandbox.deliverer import Deliverer
from casework.sandbox.dropbox_files import content_hash
from casework.sandbox.hooks import Delivery
from casework.sandbox.seed import CHANNEL, PROJECT, TEMPLATE
from casework.sandbox.server import Running, serve
from tests.sandbox.conftest import headers_for


@pytest.fixture
def served(world: World) -> Iterator[Running]:
    running = serve(world)
    yield running
    running.stop()


class _Loopback(HTTPAdapter):
    """Sends the Dropbox SDK's https requests to the sandbox."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        for host in ("api", "content"):
            known = f"https://{host}.dropboxapi.com"
            request.url = (request.url or "").replace(known, f"{self._base}/dropbox/{host}")
        return super().send(request, *args, **kwargs)


def test_slack_sdk_works_against_it(world: World, served: Running) -> None:
    """The official Slack client posts, updates, reads and gets Slack's errors."""
    client = WebClient(token=world.credentials["slack_token"], base_url=f"{served.url}/slack/api/")
    assert client.auth_test()["team_id"].startswith("T")
    user = client.users_lookupByEmail(email="philippa.marlowe-quux@casework-5b2e.example")["user"]["id"]
    channel = client.conversations_open(users=user)["channel"]["id"]
    blocks = [{"type": "section", "block_id": "m", "text": {"type": "mrkdwn", "text": "x"}}]
    ts = client.chat_postMessage(channel=channel, text="x", blocks=blocks)["ts"]
    client.chat_update(channel=channel, ts=ts, text="y", blocks=blocks)
    [message] = client.conversations_history(channel=channel, limit=5)["messages"]
    assert (message["text"], message["blocks"][0]["block_id"]) == ("y", "m")
    with pytest.raises(SlackApiError, match="channel_not_found"):
        client.chat_postMessage(channel="C0NOWHERE1", text="x")


def test_asana_sdk_works_against_it(world: World, served: Running) -> None:
    """The official Asana client makes a task from a template, comments, completes and lists it."""
    configuration = asana.Configuration()
    configuration.host = f"{served.url}/asana/api/1.0"
    configuration.access_token = world.credentials["asana_token"]
    client = asana.ApiClient(configuration)
    job = asana.TaskTemplatesApi(client).instantiate_task(TEMPLATE, {"body": {"data": {"name": "n"}}})
    jobs = asana.JobsApi(client)
    answers = [jobs.get_job(job["gid"], {}) for _ in range(2)]
    task = answers[1]["new_task"]["gid"]
    asana.StoriesApi(client).create_story_for_task({"data": {"text": "please"}}, task, {})
    asana.TasksApi(client).update_task({"data": {"completed": True}}, task, {})
    listed = list(asana.TasksApi(client).get_tasks_for_project(PROJECT, {"opt_fields": "completed", "limit": 1}))
    assert [(one["gid"], one["completed"]) for one in listed] == [(task, True)]


def test_dropbox_sdk_works_against_it(world: World, served: Running) -> None:
    """The official Dropbox client uploads in a session, reads a range, deletes and sees Dropbox's errors."""
    session = requests.Session()
    session.mount("https://", _Loopback(served.url))
    client = dropbox.Dropbox(world.credentials["dropbox_token"], session=session, max_retries_on_error=0)
    assert client.users_get_current_account().account_id.startswith("dbid:")
    data = os.urandom(5 * 1024 * 1024)
    started = client.files_upload_session_start(data[: 4 * 1024 * 1024]).session_id
    cursor = dropbox_files.UploadSessionCursor(started, 4 * 1024 * 1024)
    client.files_upload_session_append_v2(data[4 * 1024 * 1024 :], cursor, close=True)
    with pytest.raises(dropbox.exceptions.ApiError) as caught:
        client.files_upload_session_append_v2(b"x", cursor)
    assert caught.value.error.is_closed()
    cursor = dropbox_files.UploadSessionCursor(started, len(data))
    made = client.files_upload_session_finish(b"", cursor, dropbox_files.CommitInfo("/Éxport.bin"))
    assert made.content_hash == content_hash([data])
    _, answer = client.files_download("/Éxport.bin", extra_headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, data[10:20])
    client.files_delete_v2("/Éxport.bin")
    assert client.files_list_revisions("/Éxport.bin").is_deleted
    client.files_permanently_delete("/Éxport.bin")
    with pytest.raises(dropbox.exceptions.ApiError) as gone:
        client.files_get_metadata("/Éxport.bin")
    assert gone.value.error.get_path().is_not_found()
    with pytest.raises(dropbox.exceptions.AuthError):
        dropbox.Dropbox("wrong", session=session).files_get_metadata("/x")


def test_faults_cut_real_connections(world: World, served: Running) -> None:
    """Planned through the control API, a lost answer is a broken connection after the effect."""
    plan = {"vendor": "zendesk", "fault": "answer_lost", "match": "POST /api/v2/tickets"}
    assert httpx.post(f"{served.url}/sandbox/misbehave", json=plan).json() == {"ok": True}
    with httpx.Client(headers=headers_for(world, "zendesk"), timeout=5) as client:
        url, body = f"{served.url}/zendesk/api/v2/tickets", {"ticket": {"comment": {"body": "x"}}}
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            client.post(url, json=body)
        assert len(httpx.get(f"{served.url}/sandbox/state").json()["zendesk"]["tickets"]) == 1
        httpx.post(f"{served.url}/sandbox/misbehave", json={"vendor": "zendesk", "fault": "timeout"})
        with pytest.raises(httpx.ReadTimeout):
            client.post(url, json=body, timeout=0.2)
        assert len(world.as_dict()["zendesk"]["tickets"]) == 1
        assert client.post(url, json=body).status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("misbehave", {"vendor": "zendesk", "fault": "sulks"}, 400, "unknown fault"),
        ("misbehave", {"vendor": "none", "fault": "timeout"}, 404, "no stand-in"),
        ("people/customer/dance", {}, 404, "nobody does"),
        ("people/customer/reply", {"ticket": 1}, 400, "text"),
        ("people/customer/reply", {"ticket": 1, "text": "x"}, 409, "RecordNotFound"),
        ("people/engineer/place_deliverable", {}, 409, "without S3"),
    ],
)
def test_control_errors_are_json(served: Running, path: str, body: Any, status: int, says: str) -> None:
    """What cannot be done through the control API is said as JSON with a fitting status."""
    answer = httpx.post(f"{served.url}/sandbox/{path}", json=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_people_act_through_the_control_api(world: World, served: Running) -> None:
    """A customer played over HTTP opens a ticket in the same world."""
    answer = httpx.post(f"{served.url}/sandbox/people/customer/open_ticket", json={"user_id": "user-88"})
    number = answer.json()["result"]
    assert world.as_dict()["zendesk"]["tickets"][str(number)]["tags"] == ["data_export"]
    assert f"zendesk ticket {number} new" in httpx.get(f"{served.url}/sandbox/describe").text


class _Gateway(http.server.BaseHTTPRequestHandler):
    refusals: int
    taken: ClassVar[list[tuple[str, bytes]]]
    enough: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        kind = type(self)
        if kind.refusals > 0:
            kind.refusals -= 1
            self.send_response(503)
        else:
            kind.taken.append((self.path, body))
            self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
        if len(kind.taken) == 2:
            kind.enough.set()

    def log_message(self, *_: Any) -> None:
        """Keeps test output quiet."""


def test_deliveries_are_repeated_until_taken(world: World) -> None:
    """A gateway that is down for a while gets every delivery, in order, with the exact signed bytes."""

    class Handler(_Gateway):
        refusals = 2
        taken: ClassVar[list[tuple[str, bytes]]] = []
        enough = threading.Event()

    gateway = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    running = serve(world, gateway_url=f"http://127.0.0.1:{gateway.server_address[1]}")
    try:
        url = f"{running.url}/sandbox/people/customer/open_ticket"
        httpx.post(url, json={"user_id": "user-88"})
        assert Handler.enough.wait(10)
    finally:
        running.stop()
        gateway.shutdown()
        gateway.server_close()
    assert [path for path, _ in Handler.taken] == ["/hooks/zendesk"] * 2
    assert b"ticket.created" in Handler.taken[0][1]
    assert b"ticket.tags_changed" in Handler.taken[1][1]
    assert world.outbox == ()


def test_a_delivery_is_given_up_after_bounded_attempts(world: World) -> None:
    """After its attempts, with the injected back-off between them, a delivery is given up."""
    asked, waits = [], []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(500)

    def back_off(attempt: int) -> float:
        waits.append(attempt)
        return 0.0

    client = httpx.Client(transport=httpx.MockTransport(refuse))
    targets = {"zendesk.events": "http://gateway.example/z"}
    deliverer = Deliverer(world, targets, client=client, attempts=3, back_off=back_off)
    assert deliverer.deliver(Delivery("1", "zendesk", "events", {}, b"{}")) is False
    assert (asked, waits) == (["/z"] * 3, [1, 2, 3])
    with pytest.raises(LookupError, match="no address"):
        deliverer.deliver(Delivery("1", "slack", "interactivity", {}, b""))


_CHILD = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from casework.sandbox import World
from casework.sandbox.server import serve
world = World(lambda: datetime.now(UTC), folder=Path(sys.argv[1]))
world.seed()
print(serve(world).url, flush=True)
threading.Event().wait()
"""


def _spawn(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder)], stdout=subprocess.PIPE, text=True)
    if process.stdout is None:
        raise RuntimeError("the sandbox process has no output to read its address from")
    return process, process.stdout.readline().strip()


def test_a_killed_sandbox_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    """After kill -9 in mid-upload, tickets, deliveries, messages and the session's bytes are still there."""
    first, url = _spawn(tmp_path)
    try:
        httpx.post(f"{url}/sandbox/people/customer/open_ticket", json={"user_id": "user-88"})
        slack = WebClient(token=world.credentials["slack_token"], base_url=f"{url}/slack/api/")
        slack.chat_postMessage(channel=CHANNEL, text="still here")
        before = httpx.get(f"{url}/sandbox/state").json()
        argument = {"Dropbox-API-Arg": "{}", "Content-Type": "application/octet-stream"}
        headers = {**headers_for(world, "dropbox"), **argument}
        start = f"{url}/dropbox/content/2/files/upload_session/start"
        session = httpx.post(start, headers=headers, content=b"half").json()["session_id"]
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    (tmp_path / "blobs" / session).open("ab").write(b"written but never acknowledged")
    second, url = _spawn(tmp_path)
    try:
        after = httpx.get(f"{url}/sandbox/state").json()
        for part in ("zendesk", "slack", "roster", "outbox"):
            assert after[part] == before[part]
        cursor = f'{{"session_id": "{session}", "offset": 4}}'
        headers["Dropbox-API-Arg"] = f'{{"cursor": {cursor}, "commit": {{"path": "/whole"}}}}'
        finish = f"{url}/dropbox/content/2/files/upload_session/finish"
        made = httpx.post(finish, headers=headers, content=b" and half").json()
        assert made["content_hash"] == content_hash([b"half and half"])
    finally:
        second.kill()
        second.wait()
