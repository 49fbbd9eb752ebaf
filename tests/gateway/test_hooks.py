"""Hooks: only authentic ones get in, each once, none is lost, and nothing but ids is kept of them."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from starlette.testclient import TestClient

from casework.case import Kind
from casework.gateway import create_app
from casework.schema import hook_secrets
from tests.gateway.conftest import ASANA_SECRET, OUR_JIRA_ID, URL, Place, stored


def task_event(gid: str = "12", **change: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "user": {"gid": "1123", "resource_type": "user"},
        "created_at": "2026-03-02T09:00:00.000Z",
        "action": "changed",
        "resource": {"gid": gid, "resource_type": "task"},
        "parent": None,
        "change": {"field": "completed", "action": "changed"},
    }
    return event | change


def shake(place: Place, secret: str = ASANA_SECRET, name: str = "exports") -> Any:
    return place.client.post(f"/hooks/asana/{name}", headers={"X-Hook-Secret": secret})


def test_a_signed_hook_is_stored_answered_and_handled(place: Place) -> None:
    """A hook is answered 202, handled afterwards, wakes the case that listens, and its hint is followed."""
    run = place.start()
    legs = run.legs
    assert place.zendesk().status_code == 202
    assert place.hints == []
    assert place.inbox().work() == 1
    assert place.hints == [("ticket.tags_changed", "zendesk:ticket:4711")]
    place.desk.engine.run()
    assert run.legs == legs + 1
    assert stored(place)[0].handled_at is not None
    assert place.inbox().work() == 0


def test_nothing_but_ids_is_kept(place: Place) -> None:
    """Nothing of a hook's body but event and subject is in the database."""
    place.zendesk()
    assert "Marlowe" not in repr(stored(place))


@pytest.mark.parametrize(
    "path", ["/hooks/zendesk", "/hooks/slack", "/hooks/asana/exports", "/hooks/jira", "/hooks/typeform"]
)
def test_unsigned_hooks_are_refused(place: Place, path: str) -> None:
    """Without a signature the answer is 401 in JSON, and nothing is stored."""
    shake(place)
    answer = place.client.post(path, content=b'{"events": []}')
    assert answer.status_code == 401
    assert "Nothing was stored" in answer.json()["detail"]
    assert stored(place) == []


def test_an_altered_body_is_refused(place: Place) -> None:
    """One changed byte under a true signature is refused."""
    sent = place.zendesk().request
    altered = place.client.post("/hooks/zendesk", content=sent.content + b" ", headers=dict(sent.headers))
    assert altered.status_code == 401


@pytest.mark.parametrize("age", [301, -301])
def test_old_and_future_hooks_are_refused(place: Place, age: float) -> None:
    """A hook more than five minutes away from now is refused, at Zendesk's door and at Slack's."""
    run = place.start()
    assert place.zendesk(age=age).status_code == 401
    assert place.slack(place.press(run), age=age).status_code == 401
    assert stored(place) == []
    assert place.desk.waiting(run) == ["approval/1"]


def test_a_replay_does_nothing(place: Place) -> None:
    """The same event again, within the window, is answered 200 and changes nothing."""
    assert place.zendesk().status_code == 202
    place.inbox().work()
    assert place.zendesk(age=10).status_code == 200
    assert place.inbox().work() == 0
    assert len(stored(place)) == 1


@pytest.mark.parametrize("honest", [True, False])
def test_oversized_hooks_are_cut_off(place: Place, honest: bool) -> None:
    """More than 1 MiB is 413, whether its length is declared or it is streamed."""
    big = b"x" * (1024 * 1024 + 1)
    pieces = (big[start : start + 65536] for start in range(0, len(big), 65536))
    answer = place.client.post("/hooks/zendesk", content=big if honest else pieces)
    assert answer.status_code == 413
    assert answer.json()["error"]
    assert stored(place) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"id": "e-1"}',
        json.dumps({"id": "e\0", "type": "zen:event-type:x", "subject": "zen:ticket:1"}).encode(),
        json.dumps({"id": "e", "type": "zen:event-type:x", "subject": "zen:ticket:../1"}).encode(),
        json.dumps({"id": "e" * 500, "type": "zen:event-type:x", "subject": "zen:ticket:1"}).encode(),
    ],
)
def test_malformed_hooks_are_refused(place: Place, body: bytes) -> None:
    """A signed body of another shape is 400, says where, quotes nothing, and is not stored."""
    answer = place.zendesk(body)
    assert answer.status_code == 400
    assert "Zendesk" in answer.json()["detail"]
    assert "../" not in answer.text
    assert stored(place) == []


def test_order_does_not_matter(place: Place) -> None:
    """Hooks that arrive in the wrong order, and twice, each count once and end in the same state."""
    run = place.start()
    for event_id in ("e-3", "e-1", "e-2", "e-1"):
        place.zendesk(event_id=event_id)
    assert place.inbox().work() == 3
    place.desk.settle()
    assert place.desk.waiting(run) == ["approval/1"]
    assert len(stored(place)) == 3


def test_the_same_hook_at_once_from_two_threads(place: Place) -> None:
    """Two deliveries of one event at the same instant are stored once, and both are answered with success."""
    gate = threading.Barrier(2)

    def deliver(event_id: str) -> int:
        gate.wait()
        return place.zendesk(event_id=event_id).status_code

    with ThreadPoolExecutor(2) as pool:
        for round_number in range(10):
            codes = sorted(pool.map(deliver, [f"e-{round_number}"] * 2))
            assert codes == [200, 202]
    assert len(stored(place)) == 10


def test_killed_between_store_and_handle(place: Place) -> None:
    """What a killed gateway had stored and not handled is handled when the next one starts."""
    assert place.zendesk().status_code == 202
    handled = threading.Event()
    place.hint = lambda event, subject: handled.set()  # type: ignore[method-assign]  # the handler, watched
    with TestClient(create_app(place.gateway), base_url=URL):
        assert handled.wait(10)
    assert stored(place)[0].handled_at is not None


def test_a_new_hook_wakes_the_worker(place: Place) -> None:
    """In a running gateway a hook is handled at once, long before the worker's next round."""
    handled = threading.Event()
    place.hint = lambda event, subject: handled.set()  # type: ignore[method-assign]  # the handler, watched
    with TestClient(create_app(place.gateway), base_url=URL) as client:
        place.client = client
        assert place.zendesk().status_code == 202
        assert handled.wait(4)


def test_asana_shakes_hands_once(place: Place) -> None:
    """The handshake's secret is echoed and kept sealed; the same again is fine, another is refused."""
    answer = shake(place)
    assert (answer.status_code, answer.headers["x-hook-secret"]) == (200, ASANA_SECRET)
    assert shake(place).status_code == 200
    assert shake(place, "another secret of somebody").status_code == 409
    with place.desk.files.reading() as connection:
        (row,) = connection.execute(select(hook_secrets)).all()
    assert ASANA_SECRET.encode() not in row.sealed
    assert place.asana([]).status_code == 200


def test_asana_events_before_the_handshake(place: Place) -> None:
    """Events of a webhook that has not shaken hands are 401."""
    assert place.asana([task_event()]).status_code == 401
    assert stored(place) == []


def test_asana_events_count_once(place: Place) -> None:
    """Each event of a delivery is one hook; a repeated delivery adds only what is new."""
    shake(place)
    assert place.asana([task_event("12"), task_event("13")]).status_code == 202
    assert place.asana([task_event("13"), task_event("12")]).status_code == 200
    assert place.asana([task_event("13"), task_event("14")]).json() == {"accepted": 1, "known": 1}
    assert [row.subject for row in stored(place)].count("asana:task:13") == 1


def test_a_comment_is_news_of_its_task(place: Place) -> None:
    """A story added to a task wakes who listens to the task."""
    shake(place)
    story = {"gid": "99", "resource_type": "story"}
    place.asana([task_event(action="added", resource=story, parent={"gid": "12", "resource_type": "task"})])
    (row,) = stored(place)
    assert (row.event, row.subject) == ("story.added", "asana:task:12")


def test_malformed_asana_events(place: Place) -> None:
    """One event of another shape refuses the whole delivery: nothing of it is stored."""
    shake(place)
    assert place.asana([task_event(), {"action": "changed"}]).status_code == 400
    assert stored(place) == []


# Slack


def test_the_right_person_approves_by_button(place: Place) -> None:
    """A press of the person asked settles the question, with a verified Slack identity, and says so."""
    run = place.start()
    assert place.slack(place.press(run)).status_code == 200
    place.desk.settle()
    assert place.desk.ending(run) == "approve"
    (decided,) = place.desk.entries(run, Kind.DECIDED)
    assert (decided.actor, decided.payload["channel"], decided.payload["verified"]) == (
        "staff-7",
        "slack",
        True,
    )
    assert place.said == [("https://hooks.slack.com/actions/T1/2/3", "Your answer is recorded. Thank you.")]


def test_the_wrong_person_is_refused_and_told(place: Place) -> None:
    """A press of somebody else is recorded as refused and told; the question stays open."""
    run = place.start()
    assert place.slack(place.press(run, user="U00000008")).status_code == 200
    assert place.desk.waiting(run) == ["approval/1"]
    assert "put to somebody else" in place.said[0][1]
    assert [e.payload["why"] for e in place.desk.entries(run, Kind.ANSWER_REFUSED)] == ["not_yours"]


def test_one_press_counts_once(place: Place) -> None:
    """The same press, twice at the same instant and once more, is offered once and told once."""
    run = place.start()
    gate = threading.Barrier(2)

    def press(_: int) -> int:
        gate.wait()
        return place.slack(place.press(run)).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(press, range(2))) == [200, 200]
    assert place.slack(place.press(run)).status_code == 200
    assert len(place.desk.entries(run, Kind.ANSWER_OFFERED)) == 1
    assert len(place.said) == 1
    assert "Marlowe" not in repr(stored(place))


def test_a_changed_button_is_refused(place: Place) -> None:
    """A button whose value is not our signature settles nothing, and the person is told."""
    run = place.start()
    assert place.slack(place.press(run, value=place.token(run)[:-2])).status_code == 200
    assert place.desk.waiting(run) == ["approval/1"]
    assert "changed" in place.said[0][1]


@pytest.mark.parametrize(
    "address",
    ["https://hooks.slack.com.evil.example/x", "http://hooks.slack.com/x", "https://evil.example/", ""],
)
def test_words_go_to_slack_only(place: Place, address: str) -> None:
    """A response_url that does not lead to Slack gets nothing; the answer counts all the same."""
    run = place.start()
    place.slack(place.press(run) | {"response_url": address})
    assert place.said == []
    assert place.desk.waiting(run) == []


def test_other_buttons_and_events_are_taken_quietly(place: Place) -> None:
    """Buttons that answer nothing are 200; the Events API's challenge is answered; malformed is 400."""
    run = place.start()
    assert place.slack(place.press(run, action_id="open-link")).status_code == 200
    challenge = place.slack(
        json.dumps({"type": "url_verification", "challenge": "c-1"}).encode(), kind="application/json"
    )
    assert challenge.json() == {"challenge": "c-1"}
    for body in (b"payload=%7B", b"", b"other=1", b"payload=[]"):
        assert place.slack(body).status_code == 400, body
    assert place.slack(place.press(run, action_ts="")).status_code == 400
    assert place.desk.waiting(run) == ["approval/1"]


def issue_event(**change: Any) -> dict[str, Any]:
    """A webhook of Jira about SS-1."""
    event: dict[str, Any] = {
        "timestamp": 1772442000000,
        "webhookEvent": "jira:issue_updated",
        "user": {"accountId": "712020:ann", "displayName": "Ann Marlowe-Quux"},
        "issue": {"id": "10001", "key": "SS-1", "fields": {"summary": "Marlowe-Quux"}},
    }
    return event | change


def response_event(**change: Any) -> dict[str, Any]:
    """A webhook of Typeform about a response."""
    answers = [{"type": "text", "text": "Marlowe-Quux", "field": {"id": "1", "type": "short_text", "ref": "name"}}]
    response = {"form_id": "F1", "token": "t1", "answers": answers}
    return {"event_id": "e1", "event_type": "form_response", "form_response": response} | change


def test_jira_and_typeform_are_heard(place: Place) -> None:
    """Events and comments of an issue, and a form that was sent, become hints by ids; no words are kept."""
    comment = {"author": {"accountId": "712020:ann"}, "body": "Marlowe-Quux"}
    made = issue_event(webhookEvent="comment_created", comment=comment)
    del made["user"]
    codes = [place.jira(issue_event()), place.jira(made), place.typeform(response_event())]
    assert [answer.status_code for answer in codes] == [202, 202, 202]
    place.inbox().work()
    assert sorted(place.hints) == [
        ("comment_created", "jira:issue:SS-1"),
        ("form_response", "typeform:response:F1/t1"),
        ("issue_updated", "jira:issue:SS-1"),
    ]
    assert "Marlowe" not in repr(stored(place))


def test_what_we_did_in_jira_is_no_news(place: Place) -> None:
    """An edit or comment of our own account is written down as handled, and nobody is told."""
    ours = {"accountId": OUR_JIRA_ID}
    edited = issue_event(user=ours)
    commented = issue_event(webhookEvent="comment_created", comment={"author": ours}, user={})
    assert [place.jira(told).status_code for told in (edited, commented)] == [202, 202]
    assert place.inbox().work() == 0
    assert place.hints == []


def test_a_repeated_delivery_is_known(place: Place) -> None:
    """The same body again is known, whatever its unsigned headers say; the same response too."""
    codes = [place.jira(issue_event(), **{"X-Atlassian-Webhook-Identifier": name}).status_code for name in ("a", "b")]
    codes += [place.typeform(response_event()).status_code for _ in range(2)]
    assert codes == [202, 200, 202, 200]
    assert len(stored(place)) == 2


def test_signed_nonsense_of_jira_and_typeform_is_refused(place: Place) -> None:
    """A signed body of another shape is 400, says where, quotes nothing, and is not stored."""
    answers = [
        place.jira(issue_event(issue={"key": "SS-1 Marlowe-Quux"})),
        place.jira(issue_event(webhookEvent="Marlowe-Quux")),
        place.jira(b"Hello World!"),
        place.typeform(response_event(form_response={"form_id": "F1", "token": "a/Marlowe-Quux"})),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert "Marlowe" not in answer.text
    assert "issue.key" in answers[0].json()["detail"]
    assert stored(place) == []


def test_a_vendor_that_is_not_set_up(desk: Any, place: Place) -> None:
    """Without a signing secret there is no door: 404, not an open one."""

    bare = replace(place.gateway, zendesk_secret=None, slack_secret=None, jira_secret=None, typeform_secret=None)
    client = TestClient(create_app(bare), base_url=URL)
    for path in ("/hooks/zendesk", "/hooks/slack", "/hooks/jira", "/hooks/typeform"):
        assert client.post(path, content=b"{}").status_code == 404


def test_secrets_are_not_shown(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the gateway's own description nor the log of a refused hook holds a secret."""
    caplog.set_level(logging.DEBUG)
    place.client.post("/hooks/zendesk", content=b"{}")
    assert "signing secret" not in repr(place.gateway) + caplog.text


# Readiness


def test_ready_while_the_engine_is_away(place: Place) -> None:
    """The door stays open while the engine is away: answers and hooks are kept until it is back."""
    place.desk.engine.away = True
    for path, status in (("/ready", "ready"), ("/health", "up")):
        answer = place.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": status})


def test_not_ready_without_the_database(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database does not answer, /ready is 503 and says so; /health stays 200."""
    monkeypatch.setattr(place.desk.files, "engine", create_engine(f"sqlite:///{tmp_path}/nowhere/cases.db"))
    answer = place.client.get("/ready")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["problems"]["database"]
    assert place.client.get("/health").status_code == 200


def test_ready_notices_an_unmigrated_database(place: Place, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database without this release's tables is not ready, and the answer names them."""
    monkeypatch.setattr(place.desk.files, "engine", create_engine(f"sqlite:///{tmp_path}/empty.db"))
    answer = place.client.get("/ready")
    assert answer.status_code == 503
    assert "hooks" in answer.json()["problems"]["database"]


def test_the_vendors_documented_deliveries_get_in(place: Place, contracts: Path) -> None:
    """The signed requests that the vendors describe are taken as they are, at the time they were signed."""
    vectors = json.loads((contracts / "webhook-vectors.json").read_text())["vectors"]
    place.desk.engine.time = datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC)
    taken = []
    for vector in vectors:
        vendor, body = vector["vendor"], vector["body"]
        if vendor not in ("zendesk", "asana", "slack", "jira", "typeform") or "slash" in vector.get("note", ""):
            continue
        if not body.startswith(("{", "payload=")):
            continue  # Atlassian's own example of a signature, which is no event
        names = [f"{one}_secret" for one in ("zendesk", "slack", "jira", "typeform")]
        gateway = replace(place.gateway, **dict.fromkeys(names, vector["secret"]))
        client = TestClient(create_app(gateway), base_url=URL)
        if vendor == "asana":
            client.post("/hooks/asana/vector", headers={"X-Hook-Secret": vector["secret"]})
        path = "/hooks/asana/vector" if vendor == "asana" else f"/hooks/{vendor}"
        answer = client.post(path, content=body.encode(), headers=vector["headers"])
        assert answer.is_success, (vector, answer.text)
        taken.append(vendor)
    assert sorted(set(taken)) == ["asana", "jira", "slack", "typeform", "zendesk"]
    response = "typeform:response:lT4Z3j/a3a12ec67a1365927098a606107fac15"
    assert {row.subject for row in stored(place)} == {
        *("asana:task:12345", "zendesk:ticket:5158", "jira:issue:ED-1"),
        response,
    }
