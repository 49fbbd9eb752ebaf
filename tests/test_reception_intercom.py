"""What starts a transfer to sales: conversations of Intercom as the stand-in has them, told of by its signed hooks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import flows
from casework.case import Kind
from casework.gateway.hook_events import IntercomEvent
from casework.occurrence import ended
from casework.reception_intercom import OLD, intercom_changes, transfer_starter
from casework.sandbox import Fault, People, World
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.seed_transfer import SALES, TO_SALES, TOPIC, TOPICS
from casework.systems import IntercomPlaces, Systems
from casework.systems.errors import Misconfigured, Temporary
from casework.systems.intercom import Intercom
from policies.sales_eligibility import topic_of
from policies.sales_transfer_facts import Topic
from policies.sales_transfer_numbers import NUMBERS
from tests.desk import Desk

AGENT = "staff-61"
PLACES = IntercomPlaces("https://intercom.example/{conversation}", TO_SALES, TOPIC, SALES)


class Lobby:
    """A workspace of Intercom, what tells us of it, and the cases that are started."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        assert flows.__all__
        self.desk = desk
        self.world = World(desk.engine.now, folder=folder)
        self.world.seed()
        self.people = People(self.world)
        self.intercom = Intercom(
            self.world.credentials["intercom_token"],
            transport=httpx_transport(self.world, "intercom"),
            sleep=desk.engine.sleep,
        )
        self.systems = cast(Systems, SimpleNamespace(intercom=self.intercom, places=SimpleNamespace(intercom=PLACES)))
        self.start = transfer_starter(desk.runtime, self.systems)

    def conversation(self, name: str = "unsaid") -> str:
        """A conversation that is there, by the roster's name; `unsaid` has no topic."""
        return str(self.world.state["roster"]["conversations"][name])

    def tag(self, conversation: str) -> None:
        """An agent tags a conversation for sales."""
        self.desk.engine.sleep(60)
        self.people.teammate.tag(conversation, AGENT)

    def tag_again(self, conversation: str) -> None:
        """An agent takes the tag off and attaches it again."""
        self.people.teammate.untag(conversation)
        self.tag(conversation)

    def hooks(self) -> None:
        """Pass on what Intercom tells, but for what we did ourselves."""
        for sent in self.world.take_deliveries("intercom"):
            event = IntercomEvent.model_validate_json(sent.body)
            if not event.is_by(self.intercom.colleagues.known_own_id):
                self.start(event.hook().event, event.hook().subject)

    def started(self) -> list[str]:
        """The conversations for which transfers were started."""
        runs = self.desk.engine.runs.values()
        assert {run.process for run in runs} <= {"sales-transfer"}
        return [run.parameters["about"] for run in runs]

    def end(self, ending: str = "kept_by_support: not_eligible", *, after: float = 60) -> None:
        """The case that runs ends, so many seconds later; its end is a hint."""
        (case_id,) = (key for key, run in self.desk.engine.runs.items() if run.state == "scheduled")
        run, files = self.desk.engine.runs[case_id], self.desk.files
        subject = f"intercom:conversation:{run.parameters['about']}"
        files.begin_leg(case_id, "sales-transfer", run.parameters, subject)
        self.desk.engine.sleep(after)
        files.append(case_id, Kind.CLOSED, "case", "body", {"ending": ending})
        run.state = ending
        self.start(ended("sales-transfer"), subject)


@pytest.fixture
def lobby(desk: Desk, tmp_path: Path) -> Iterator[Lobby]:
    made = Lobby(desk, tmp_path / "world")
    yield made
    made.world.close()


# -- a tag


def test_an_agent_tags_a_conversation(lobby: Lobby) -> None:
    """The tag starts the transfer of that conversation, once, however often it is told of."""
    one = lobby.conversation()
    lobby.tag(one)
    lobby.hooks()
    lobby.start("conversation_part.tag.created", f"intercom:conversation:{one}")
    assert lobby.started() == [one]
    assert lobby.intercom.colleagues.known_own_id is not None


def test_another_tag(lobby: Lobby) -> None:
    """Any other tag starts nothing, nor does one that was taken off before we looked, or a deleted conversation."""
    lobby.people.teammate.tag(lobby.conversation("bug"), AGENT, "vip")
    lobby.tag(lobby.conversation())
    lobby.people.teammate.untag(lobby.conversation())
    lobby.tag(lobby.conversation("done"))
    lobby.people.teammate.delete(lobby.conversation("done"))
    lobby.hooks()
    assert lobby.started() == []


def test_our_own_tag(lobby: Lobby) -> None:
    """What our own admin attaches asks for nothing."""
    one, tag, own = lobby.conversation(), lobby.intercom.demand(TO_SALES), lobby.intercom.colleagues.own_id()
    body = {"id": tag, "admin_id": own}
    lobby.intercom.rest.ask("tag", "POST", f"conversations/{one}/tags", json=body)
    lobby.start("conversation_part.tag.created", f"intercom:conversation:{one}")
    assert lobby.started() == []


def test_a_tag_asks_once(lobby: Lobby) -> None:
    """It stays on when the case is over, and whatever happens then in the conversation starts no second one."""
    one = lobby.conversation()
    lobby.tag(one)
    lobby.hooks()
    lobby.end()
    lobby.people.visitor.reply(one, "visitor-6")
    lobby.people.teammate.close(one, AGENT)
    lobby.hooks()
    assert lobby.started() == [one]


def test_tagged_again_while_the_case_is_open(lobby: Lobby) -> None:
    """Taken off and attached again meanwhile is the same case's: it has seen both."""
    one = lobby.conversation()
    lobby.tag(one)
    lobby.hooks()
    lobby.tag_again(one)
    lobby.hooks()
    lobby.end()
    lobby.hooks()
    assert lobby.started() == [one]


def test_tagged_again_after_the_end(lobby: Lobby) -> None:
    """Support may think again: a new tagging starts the next case, at once."""
    one = lobby.conversation()
    lobby.tag(one)
    lobby.hooks()
    lobby.end()
    lobby.tag_again(one)
    lobby.hooks()
    assert lobby.started() == [one, one]


def test_a_clock_ahead_of_ours(lobby: Lobby) -> None:
    """Intercom's time may be later than the end of a case of seconds: what the case did there covers the tagging."""
    one = lobby.conversation()
    lobby.tag(one)
    conversation = lobby.world.state["intercom"]["conversations"][one]
    conversation["tags"][0]["applied_at"] += 30
    lobby.hooks()
    lobby.intercom.conversations.note(one, "Support keeps it. Ref cw-1")
    conversation["parts"][-1]["created_at"] += 31
    lobby.end(after=2)
    assert lobby.started() == [one]
    lobby.desk.engine.sleep(60)
    lobby.tag_again(one)
    lobby.hooks()
    assert lobby.started() == [one, one]


def test_a_tag_without_its_moment(lobby: Lobby) -> None:
    """Where Intercom does not say when it was attached, the first one starts a case and no other does."""
    one = lobby.conversation()

    def tag() -> None:
        lobby.tag(one)
        attached = lobby.world.state["intercom"]["conversations"][one]["tags"][0]
        del attached["applied_at"], attached["applied_by"]
        lobby.hooks()

    tag()
    lobby.end()
    lobby.people.teammate.untag(one)
    tag()
    assert lobby.started() == [one]


# -- a topic


def test_the_bot_sets_a_topic(lobby: Lobby) -> None:
    """A conversation that begins with a topic of sales is transferred; one about anything else is not."""
    sales = lobby.people.visitor.write("visitor-4", topic="Pricing")
    lobby.people.visitor.write("visitor-6", topic="How-to")
    lobby.hooks()
    assert lobby.started() == [sales]


def test_a_topic_that_was_set_unseen(lobby: Lobby) -> None:
    """No webhook tells of it; it is seen with the next thing that is told."""
    one = lobby.conversation()
    lobby.people.teammate.set_topic(one, "Demo request")
    lobby.hooks()
    assert lobby.started() == []
    lobby.people.visitor.reply(one, "visitor-6")
    lobby.hooks()
    assert lobby.started() == [one]


def test_a_topic_asks_once(lobby: Lobby) -> None:
    """It stands there when the case is over; set anew, to another or the same, it asks again."""
    one = lobby.people.visitor.write("visitor-4", topic="Pricing")
    lobby.hooks()
    lobby.end()
    lobby.people.visitor.reply(one, "visitor-4")
    lobby.hooks()
    assert lobby.started() == [one]
    lobby.desk.engine.sleep(60)
    lobby.people.teammate.set_topic(one, "Demo request")
    lobby.people.visitor.reply(one, "visitor-4")
    lobby.hooks()
    assert lobby.started() == [one, one]


def test_a_topic_that_has_long_stood_there(lobby: Lobby, caplog: pytest.LogCaptureFixture) -> None:
    """What was marked before Casework came is not begun when the customer writes again; the log says what to do."""
    one = lobby.people.visitor.write("visitor-4", topic="Pricing")
    lobby.world.take_deliveries("intercom")
    lobby.desk.engine.sleep(OLD.total_seconds() + 60)
    lobby.people.visitor.reply(one, "visitor-4")
    with caplog.at_level(logging.WARNING):
        lobby.hooks()
    assert lobby.started() == []
    assert f"Conversation {one} was marked for sales" in caplog.text
    lobby.tag(one)
    lobby.hooks()
    assert lobby.started() == [one]


def test_the_workspace_has_the_topics_of_the_policy() -> None:
    """The stand-in's topics are those of the policy's file, and some that sales does not take."""
    known = {one: topic_of(one) for one in TOPICS}
    assert {topic for topic in known.values() if topic is not None} == set(Topic) - {Topic.OTHER}
    assert [one for labels in NUMBERS.topics.model_dump().values() for one in labels if one not in known] == []
    assert [one for one, topic in known.items() if topic is None] == ["Bug", "How-to"]


# -- what is none of its business, and faults


@pytest.mark.parametrize("subject", ["intercom:contact:12", "zendesk:ticket:12", "intercom:conversation", "link:x", ""])
def test_what_is_none_of_its_business(lobby: Lobby, subject: str) -> None:
    """Hints about anything else ask Intercom nothing."""
    lobby.world.misbehave("intercom", Fault.server_error(), times=1)
    lobby.start("some.thing", subject)
    assert len(lobby.world.state["faults"]["intercom"]) == 1


def test_while_intercom_is_away(lobby: Lobby) -> None:
    """The hint is tried again, and then starts the case."""
    lobby.tag(lobby.conversation())
    lobby.world.misbehave("intercom", Fault.server_error(), times=20)
    with pytest.raises(Temporary):
        lobby.hooks()
    lobby.world.state["faults"]["intercom"].clear()
    lobby.start("conversation_part.tag.created", f"intercom:conversation:{lobby.conversation()}")
    assert lobby.started() == [lobby.conversation()]


# -- what was not told


def test_what_was_tagged_is_found(lobby: Lobby) -> None:
    """Tagged conversations that changed since are told of, with when; others are not."""
    lobby.tag(lobby.conversation("bug"))
    lobby.desk.engine.sleep(3600)
    since = lobby.desk.files.now()
    lobby.tag(lobby.conversation())
    lobby.people.visitor.reply(lobby.conversation("pricing"), "visitor-4")
    found = list(intercom_changes(lobby.systems)(since))
    assert [subject for subject, _ in found] == [f"intercom:conversation:{lobby.conversation()}"]
    assert all(since < at + timedelta(seconds=1) for _, at in found)
    for subject, _ in found:
        lobby.start("intercom.changed", subject)
    assert lobby.started() == [lobby.conversation()]


def test_the_workspace_needs_the_tag(lobby: Lobby) -> None:
    """A workspace without it is told of at each look until somebody makes it."""
    changes, tags = intercom_changes(lobby.systems), lobby.world.state["intercom"]["tags"]
    kept = dict(tags)
    tags.clear()
    for _ in range(2):
        with pytest.raises(Misconfigured, match="has no tag 'to-sales'"):
            list(changes(lobby.desk.files.now()))
    tags.update(kept)
    assert list(changes(lobby.desk.files.now())) == []
