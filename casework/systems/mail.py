"""Plain-text mail through Amazon SES (API v1). Addresses are used and forgotten, in no log and no error.

Sending has no idempotency key and no search. A lost answer is `Temporary(maybe_done=True)`; the caller
decides whether a second copy does harm.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from casework.systems.aws import aws_faults

if TYPE_CHECKING:
    from types_boto3_ses.client import SESClient


class Mail:
    """Sends as `sender`, an address or domain that SES has verified."""

    def __init__(self, client: SESClient, sender: str) -> None:
        self._client = client
        self.sender = sender

    def send(self, to: str, subject: str, body: str, reference: str) -> str:
        """Send a mail and give SES's message id.

        `reference` (letters, digits, `_`, `-`, `.`) is attached as the message tag `reference`, which SES
        reports with deliveries and bounces. Raises `Temporary` when throttled, `Refused` for an address that
        SES rejects.
        """
        if "\n" in subject or "\r" in subject:
            raise ValueError("A mail's subject is one line")
        with aws_faults("SES", f"send mail {reference}", repeatable=False):
            answer = self._client.send_email(
                Source=self.sender,
                Destination={"ToAddresses": [to]},
                Message={
                    "Subject": {"Data": subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": body, "Charset": "UTF-8"}},
                },
                Tags=[{"Name": "reference", "Value": reference}],
            )
        return answer["MessageId"]


def connect(endpoint_url: str | None, region: str, access_key: str | None, secret_key: str | None, sender: str) -> Mail:
    """A client for `endpoint_url`, or AWS when None. Without keys boto3's own chain is used.

    botocore may not retry by itself: a retry after a lost answer would send a second mail.
    """
    # At DEBUG botocore logs whole requests: the address, and the code and link that the mail brings.
    logging.getLogger("botocore").setLevel(logging.INFO)
    config = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1, "mode": "standard"})
    client: SESClient = boto3.client(
        "ses",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )
    return Mail(client, sender)
