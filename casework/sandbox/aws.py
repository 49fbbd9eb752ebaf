"""S3 and SES: moto's server on loopback, with our buckets and a mailbox one can look into.

moto keeps everything in this process's memory, so unlike the other stand-ins it starts empty every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends

from casework.sandbox import mailing

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_ses import SESClient

REGION: Final = "eu-central-1"
ACCESS_KEY, SECRET_KEY = "sandbox", "sandbox"
DROP_BUCKET = "engineering-drop"
VAULT_BUCKET = "export-vault"
INBOUND_BUCKET: Final = mailing.BUCKET
SENDER = "exports@support.example"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that SES took: its subject and plain body."""

    id: str
    source: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Aws:
    """A running stand-in of S3 and SES; `url` is the endpoint for both."""

    url: str

    def s3(self) -> S3Client:
        """A client for the endpoint."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def ses(self) -> SESClient:
        """A client for the endpoint."""
        return boto3.client(
            "ses",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def prepare(self) -> None:
        """Make what is missing: the buckets, those of exports versioned, and the sender verified.

        moto has one state for the whole process; whatever else uses it there may have emptied or filled it.
        """
        s3 = self.s3()
        there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        for bucket in {DROP_BUCKET, VAULT_BUCKET, INBOUND_BUCKET} - there:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            if bucket != INBOUND_BUCKET:
                s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.ses().verify_email_identity(EmailAddress=SENDER)

    def mailbox(self, address: str) -> list[Mail]:
        """What was sent to that address through SES's SendEmail, oldest first."""
        return [
            Mail(sent.id, sent.source, sent.subject, sent.body)
            for sent in ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
            if isinstance(sent.destinations, dict) and any(address in people for people in sent.destinations.values())
        ]


@contextmanager
def running(*, port: int = 0) -> Iterator[Aws]:
    """S3 and SES on loopback until the block ends: our buckets made, the sender verified."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        host, bound = server.get_host_and_port()
        aws = Aws(f"http://{host}:{bound}")
        aws.prepare()
        yield aws
    finally:
        server.stop()
