"""What the stand-ins send, as it stands in their outboxes, goes through the door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from casework.authority import delegate
from casework.case import Kind
from casework.engine.simulated import Run
from casework.gateway import create_app
from casework.people import Person
from casework.sandbox.deliverer import HOOKS
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.people import People
from casework.sandbox.seed_documents import SURVEY
from casework.sandbox.world import World
from casework.schema import hook_secrets, hooks
from casework.systems.slack import Slack
from tests.gateway.conftest import URL, Place


@pytest.fixture
def world(place: Place, tmp_path: Path) -> Iterator[World]:
    """A sandbox whose clock is the desk's, and whose Asana shakes hands with the door."""
    made = World(
        place.desk.engine.now,
        folder=tmp_path / "world",
        handshake=lambda target, headers: _shaken(door(place, made), target, headers),
    )
    made.seed()
    yield made
    made.close()


def _shaken(client: TestClient, target: str, headers: object) -> tuple[int, dict[str, str]]:
    answer = client.post(target, headers=headers, content=b"{}")
    return answer.status_code, dict(answer.headers)


def door(place: Place, world: World) -> TestClient:
    known = world.credentials
    gateway = replace(
        place.gateway,
        zendesk_secret=known["zendesk_webhook_secret"],
        slack_secret=known["slack_signing_secret"],
        jira_secret=known["jira_webhook_secret"],
        typeform_secret=known["typeform_webhook_secret"],
        slack_origins=("https://hooks.slack.example",),
        open_modal=slack_of(world).open_view,
    )
    return TestClient(create_app(gateway), base_url=URL)


def deliver(place: Place, world: World) -> list[int]:
    client = door(place, world)
    return [
        client.post(one.target or HOOKS[f"{one.vendor}.{one.kind}"], content=one.body, headers=one.headers).status_code
        for one in world.take_deliveries()
    ]


def test_zendesk_as_the_sandbox_sends_it(place: Place, world: World) -> None:
    """Opening a ticket and noting on it arrive as hooks about that ticket, without anybody's words."""
    ticket = People(world).customer.open_ticket("user-88", tags=["data_export"])
    People(world).agent.internal_note(ticket, "staff-61", "a note")
    codes = deliver(place, world)
    assert codes
    assert set(codes) == {202}
    with place.desk.files.reading() as connection:
        rows = connection.execute(select(hooks)).all()
    assert {row.subject for row in rows} == {f"zendesk:ticket:{ticket}"}
    assert not [planted for planted in world.planted if planted in repr(rows)]


def test_jira_and_typeform_as_the_sandbox_sends_them(place: Place, world: World) -> None:
    """A survey, the issue made from it, and what happens there arrive as hooks by ids, without anybody's words."""
    people = People(world)
    token = people.customer.answer_survey("user-201", {"details": "please hurry"})
    issue = people.customer.file_survey(token)
    people.customer.comment_issue(issue, "one more thing", "user-201")
    people.agent.move_issue(issue, "Closed", "staff-61")
    people.agent.delete_issue(issue)
    assert deliver(place, world) == [202] * 5
    with place.desk.files.reading() as connection:
        rows = connection.execute(select(hooks)).all()
    assert sorted((row.event, row.subject) for row in rows) == [
        ("comment_created", f"jira:issue:{issue}"),
        ("form_response", f"typeform:response:{SURVEY}/{token}"),
        ("issue_created", f"jira:issue:{issue}"),
        ("issue_deleted", f"jira:issue:{issue}"),
        ("issue_updated", f"jira:issue:{issue}"),
    ]
    assert not [planted for planted in world.planted if planted in repr(rows)]


def slack_of(world: World) -> Slack:
    transport = httpx_transport(world, "slack")
    return Slack("https://slack.example/api", world.credentials["slack_token"], transport=transport)


def asked_in_slack(place: Place, world: World, run: Run) -> str:
    """The channel of a message with both buttons to staff-11."""
    buttons = [
        {
            "type": "button",
            "action_id": action,
            "text": {"type": "plain_text", "text": label},
            "value": place.token(run),
        }
        for action, label in (("decide:verdict=approve", "Yes"), ("ask:verdict=deny", "No…"))
    ]
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "?"}}
    slack = slack_of(world)
    channel = slack.open_direct_message(world.state["roster"]["staff"]["staff-11"]["slack_id"])
    slack.post(channel, "?", [section, {"type": "actions", "elements": buttons}], "cw-1")
    return channel


def stand_in(place: Place, world: World) -> None:
    """Let staff-11 answer in the place of the person asked."""
    now = place.desk.engine.now()
    who = Person(id="staff-11", slack=world.state["roster"]["staff"]["staff-11"]["slack_id"])
    with place.desk.files.writing() as connection:
        delegate(connection, "staff-7", who, now, now + timedelta(days=1), "staff-1", now)


def test_a_modal_as_the_sandbox_shows_it(place: Place, world: World) -> None:
    """Deny…, the modal that Slack opens, no reason, then one: the answer of whoever sent it, in their own words."""
    run = place.start()
    channel = asked_in_slack(place, world, run)
    stand_in(place, world)
    csm = People(world).csm
    csm.press(channel, "ask:verdict=deny", "staff-11")
    assert deliver(place, world) == [200]
    assert place.said == []
    csm.submit_modal("staff-11", {"reason": " "})
    assert deliver(place, world) == [200]
    assert place.desk.waiting(run) == ["approval/1"]
    csm.submit_modal("staff-11", {"reason": "No contract", "urgent": "yes"})
    assert deliver(place, world) == [200]
    place.desk.settle()
    assert place.desk.ending(run) == "deny"
    (decided,) = place.desk.entries(run, Kind.DECIDED)
    assert (decided.actor, decided.payload["channel"]) == ("staff-11", "slack")
    assert decided.payload["values"]["urgent"] is True


def test_a_modal_wanted_too_late(place: Place, world: World) -> None:
    """When the press reaches us after more than three seconds, Slack opens nothing and the person is told so."""
    run = place.start()
    channel = asked_in_slack(place, world, run)
    People(world).csm.press(channel, "ask:verdict=deny", "staff-11")
    place.desk.engine.sleep(4)
    assert deliver(place, world) == [200]
    assert "could not be opened" in place.said[0][1]
    with pytest.raises(LookupError, match="no modal open"):
        People(world).csm.submit_modal("staff-11", {"reason": "No"})


def test_slack_as_the_sandbox_sends_it(place: Place, world: World) -> None:
    """A button pressed in the sandbox's Slack is an answer of whoever pressed it, and that person is told."""
    run = place.start()
    channel = asked_in_slack(place, world, run)
    People(world).csm.press(channel, "decide:verdict=approve", "staff-11")
    assert deliver(place, world) == [200]
    assert place.desk.waiting(run) == ["approval/1"], "this colleague was not asked"
    assert "put to somebody else" in place.said[-1][1]


def test_asana_as_the_sandbox_sends_it(place: Place, world: World) -> None:
    """A webhook shakes hands with the door while it is made, and its first heartbeat is taken."""
    known = world.credentials
    asana = httpx.Client(
        base_url="https://asana.example/api/1.0",
        transport=httpx_transport(world, "asana"),
        headers={"Authorization": f"Bearer {known['asana_token']}"},
    )
    project = next(iter(world.state["asana"]["projects"]))
    made = asana.post("/webhooks", json={"data": {"resource": project, "target": f"{URL}/hooks/asana/exports"}})
    assert made.status_code == 201, made.text
    assert deliver(place, world) == [200]
    with place.desk.files.reading() as connection:
        assert connection.execute(select(hook_secrets.c.name)).scalars().all() == ["exports"]
