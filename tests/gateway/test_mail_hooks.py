"""Messages of Amazon SNS come through the door: one hint for a mail, confirmed subscriptions, nothing of anybody's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from casework.gateway import create_app
from casework.gateway.polling import Poller
from casework.reception_mail import mail_changes
from casework.sandbox import Fault, People, World, aws, sns
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.mailing import BUCKET, PREFIX, SUPPORT
from casework.systems import s3
from casework.systems.mail_inbox import MailInbox
from casework.systems.sns import Topic
from tests.gateway.conftest import URL, Place, stored
from tests.scenarios.office import empty


class Post:
    """The sandbox's mail, and a door that it leads to."""

    def __init__(self, place: Place, folder: Path, amazon: aws.Aws) -> None:
        empty(amazon)
        self.place = place
        self.world = World(place.desk.engine.now, folder=folder)
        self.world.seed()
        self.raw = amazon.s3()
        self.inbox = MailInbox(s3.connect(amazon.url, aws.REGION, "sandbox", "sandbox"), BUCKET, PREFIX)
        transport = httpx_transport(self.world, "sns")
        topic = Topic(sns.TOPIC, now=self.world.now, transport=transport, sleep=lambda _: None)
        self.door = TestClient(create_app(replace(place.gateway, mail_topic=topic)), base_url=URL)

    def send(self, **more: Any) -> str:
        return People(self.world).sdr.send_mail(self.raw, "staff-64", [SUPPORT], "s", "t", **more)

    def arrive(self) -> list[int]:
        """Everything that SNS has to say arrives; what it is answered."""
        told = self.world.take_deliveries("sns")
        return [self.door.post("/hooks/mail", content=one.body, headers=one.headers).status_code for one in told]


@pytest.fixture
def post(place: Place, tmp_path: Path, cloud: aws.Aws) -> Iterator[Post]:
    made = Post(place, tmp_path / "world", cloud)
    yield made
    made.world.close()


def test_one_hint_for_a_mail(post: Post) -> None:
    """The hint names the mail, which is read from the bucket then; of the notification nothing else is kept."""
    mail = post.send()
    (told,) = post.world.take_deliveries("sns")
    answers = [post.door.post("/hooks/mail", content=told.body, headers=told.headers) for _ in range(2)]
    assert [(one.status_code, one.json()["accepted"]) for one in answers] == [(202, 1), (200, 0)]
    post.place.inbox().work()
    assert post.place.hints == [("mail.received", f"mail:message:{mail}")]
    assert post.inbox.received(post.place.hints[0][1].rpartition(":")[2]).authentic
    assert not [planted for planted in post.world.planted if planted in repr(stored(post.place))]


def test_a_subscription(post: Post) -> None:
    """A new subscription to our topic is confirmed by itself, and mail is told of from then on."""
    sns.subscribe(post.world)
    assert post.arrive() == [200]
    assert post.world.state["sns"]["confirmed"]
    mail = post.send()
    assert post.arrive() == [202]
    post.place.inbox().work()
    assert post.place.hints == [("mail.received", f"mail:message:{mail}")]


def test_a_subscription_of_somebody_else_s(post: Post) -> None:
    """A topic that is not ours is not confirmed, however well it is signed."""
    sns.subscribe(post.world)
    (told,) = post.world.take_deliveries("sns")
    other = {**json.loads(told.body), "TopicArn": sns.TOPIC + "-other"}
    other["Signature"] = sns.sign(post.world, other)
    assert post.door.post("/hooks/mail", content=json.dumps(other)).status_code == 401
    assert not post.world.state["sns"]["confirmed"]


def received(action: str, mail: str) -> str:
    told = {"receipt": {"action": {"type": action}}, "mail": {"messageId": mail}}
    return json.dumps({"notificationType": "Received", **told})


@pytest.mark.parametrize(
    "said",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        json.dumps({"notificationType": "Bounce", "mail": {"messageId": "a" * 40}}),
        received("SNS", "a" * 40),
        received("S3", "../Marlowe"),
        received("S3", "a" * 40 + "\n"),
    ],
)
def test_other_words_of_the_topic(post: Post, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """What tells of no stored mail is taken, so that it is not repeated, and passed over."""
    sns.publish(post.world, said)
    assert post.arrive() == [200]
    assert stored(post.place) == []
    assert "tells of no stored mail" in caplog.text
    assert "Marlowe" not in caplog.text


def test_what_is_not_authentic(post: Post) -> None:
    """A message that was changed, and what is no message at all, are refused and leave nothing."""
    post.send()
    (told,) = post.world.take_deliveries("sns")
    forged = [told.body.replace(b"Received", b"received"), b"{}", b"", told.body[:-1]]
    assert [post.door.post("/hooks/mail", content=one).status_code for one in forged] == [401] * 4
    assert stored(post.place) == []


def test_sns_is_away(post: Post) -> None:
    """While SNS's certificate cannot be read nothing is believed; SNS sends the message again, and then it is."""
    post.send()
    (told,) = post.world.take_deliveries("sns")
    post.world.misbehave("sns", Fault.server_error(503), times=2)
    assert post.door.post("/hooks/mail", content=told.body).status_code == 503
    assert stored(post.place) == []
    assert post.door.post("/hooks/mail", content=told.body).status_code == 202


def test_not_set_up(post: Post) -> None:
    """Without a topic there is no door."""
    post.send()
    post.door = TestClient(create_app(post.place.gateway), base_url=URL)
    assert post.arrive() == [404]


def test_a_lost_notification(post: Post) -> None:
    """A mail that nobody was told of is found in the bucket by looking; one that was told of is no news."""
    told, lost = post.send(), post.send(told=False)
    assert post.arrive() == [202]
    looking = Poller("mail", post.place.desk.files, post.place.inbox(), mail_changes(post.inbox), lambda: None)
    assert looking.look() == 0  # it has its time to be told of
    post.place.desk.advance(minutes=2)
    assert looking.look() == 1
    assert looking.look() == 0
    post.place.inbox().work()
    assert post.place.hints == [("mail.received", f"mail:message:{told}"), ("mail.changed", f"mail:message:{lost}")]
