"""Mail through SES, on moto's SES and on botocore's stubbed answers."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import format_exception
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from moto import mock_aws
from moto.ses.models import ses_backends

from casework.systems.errors import Misconfigured, Refused, SystemFault, Temporary
from casework.systems.mail import Mail, connect

SENDER = "support@casework.example"
TO = "ada.marlowe@northwind.example"


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ses", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


def test_a_mail_is_sent(client: Any) -> None:
    """SES gets sender, address, subject and text as given, and its message id comes back."""
    client.verify_email_identity(EmailAddress=SENDER)
    message_id = Mail(client, SENDER).send(TO, "Your code – 1", "483 920\n", "CW-1-code")
    (sent,) = ses_backends["123456789012"]["eu-west-1"].sent_messages
    assert (sent.id, sent.source, sent.destinations) == (message_id, SENDER, {"ToAddresses": [TO]})
    assert (sent.subject, sent.body) == ("Your code – 1", "483 920\n")


def test_an_unverified_sender_is_refused(client: Any) -> None:
    """SES's own refusal passes as a code, without its sentence or an address."""
    with pytest.raises(Refused, match="MessageRejected") as caught:
        Mail(client, SENDER).send(TO, "s", "b", "CW-1-code")
    assert "marlowe" not in str(caught.value)
    assert SENDER not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "status", "kind", "doubt"),
    [
        ("Throttling", 400, Temporary, False),
        ("ServiceUnavailable", 503, Temporary, False),
        ("InternalFailure", 500, Temporary, True),
        ("InvalidParameterValue", 400, Refused, False),
        ("InvalidClientTokenId", 403, Misconfigured, False),
        ("MailFromDomainNotVerifiedException", 400, Misconfigured, False),
    ],
)
def test_each_code_has_its_kind(client: Any, code: str, status: int, kind: type[SystemFault], doubt: bool) -> None:
    """SES's codes become our kinds; only an uncertain one says that it may have been sent."""
    with Stubber(client) as stub:
        stub.add_client_error("send_email", code, service_message=f"no mail to {TO}", http_status_code=status)
        with pytest.raises(kind) as caught:
            Mail(client, SENDER).send(TO, "s", "b", "CW-1-code")
    assert "marlowe" not in "".join(format_exception(caught.value))
    assert getattr(caught.value, "maybe_done", False) is doubt


@pytest.mark.parametrize(
    ("error", "doubt"),
    [
        (EndpointConnectionError(endpoint_url="x"), False),
        (ConnectTimeoutError(endpoint_url="x"), False),
        (ReadTimeoutError(endpoint_url="x"), True),
    ],
    ids=str,
)
def test_a_lost_answer_is_doubt(client: Any, error: Exception, doubt: bool) -> None:
    """Never connected means not sent; no answer means perhaps sent."""

    def fail(**_: Any) -> None:
        raise error

    client.meta.events.register("before-send.ses.SendEmail", fail)
    with pytest.raises(Temporary) as caught:
        Mail(client, SENDER).send(TO, "s", "b", "CW-1-code")
    assert caught.value.maybe_done is doubt


def test_a_subject_cannot_add_headers(client: Any) -> None:
    """A line break in a subject is refused before anything is sent."""
    with pytest.raises(ValueError, match="one line"):
        Mail(client, SENDER).send(TO, "s\nBcc: x@y.example", "b", "CW-1-code")


def test_the_connection_does_not_repeat_by_itself() -> None:
    """botocore's own retries are off, since a retry could send a second mail."""
    mail = connect("http://127.0.0.1:9", "eu-west-1", "x", "x", SENDER)
    config: Any = mail._client.meta.config
    assert config.retries["total_max_attempts"] == 1
    with pytest.raises(Temporary):
        mail.send(TO, "s", "b", "CW-1-code")
