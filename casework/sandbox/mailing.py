"""Mail that comes in by Amazon SES: stored in S3 as SES stores it, with its findings on top, and told of by SNS.

SES's lines at the top of a stored mail are made after mails that SES has stored: `Received` with the id that is the
object's key too, its verdicts, `Authentication-Results` of `amazonses.com`, and `X-SES-RECEIPT`; below them stands
the mail as it was sent. Source of the notification: Amazon SES, "Contents of notifications for Amazon SES email
receiving".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from casework.sandbox import sns

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from casework.sandbox.http import Json
    from casework.sandbox.world import World

BUCKET, PREFIX = "inbound-mail", "support/"
SUPPORT = "support@casework-5b2e.example"


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail as somebody writes it; `answers` are SES's ids of earlier mails of its thread."""

    sender: str
    to: list[str]
    subject: str
    text: str
    cc: list[str] = field(default_factory=list)
    html: str | None = None
    answers: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def deliver(world: World, s3_client: S3Client, draft: Draft, *, authentic: bool, told: bool) -> str:
    """SES takes a mail in; its id."""
    number = world.next_number("ses.inbound", 1)
    mail_id = f"sandboxses{number:030d}"
    now = world.now()
    domain = draft.sender.rpartition("@")[2]
    found = _findings(mail_id, draft.sender, domain, now, authentic=authentic)
    body = found.encode() + bytes(_written(world, mail_id, draft, now))
    key = PREFIX + mail_id
    s3_client.put_object(Bucket=BUCKET, Key=key, Body=body)
    _date(key, now)
    world.state["sns"]["mails"][mail_id] = f"<{mail_id}@mail.{domain}>"
    if told:
        sns.publish(world, json.dumps(_notification(mail_id, draft, now, authentic=authentic)))
    return mail_id


def _written(world: World, mail_id: str, draft: Draft, now: datetime) -> EmailMessage:
    made = EmailMessage()
    made["From"] = draft.sender
    made["To"] = ", ".join(draft.to)
    if draft.cc:
        made["Cc"] = ", ".join(draft.cc)
    made["Subject"] = draft.subject
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{mail_id}@mail.{draft.sender.rpartition('@')[2]}>"
    if earlier := [world.state["sns"]["mails"][one] for one in draft.answers]:
        made["In-Reply-To"] = earlier[-1]
        made["References"] = " ".join(earlier)
    for name, value in draft.headers.items():
        made[name] = value
    made.set_content(draft.text)
    if draft.html is not None:
        made.add_alternative(draft.html, subtype="html")
    return made


def _findings(mail_id: str, sender: str, domain: str, now: datetime, *, authentic: bool) -> str:
    """The lines that SES puts on top. A forged mail comes from a host that its domain does not name."""
    verdict, host = ("pass", f"mail.{domain}") if authentic else ("fail", "mail.elsewhere.example")
    spf = f"spf={verdict} (spfCheck: domain of {domain}) client-ip=192.0.2.7; envelope-from={sender}; helo={host};"
    return (
        f"Return-Path: <{sender}>\r\n"
        f"Received: from {host} ({host} [192.0.2.7])\r\n"
        f" by inbound-smtp.{sns.REGION}.amazonaws.com with SMTP id {mail_id}\r\n"
        f" for {SUPPORT};\r\n {format_datetime(now)} (UTC)\r\n"
        "X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\n"
        f"Received-SPF: {verdict} (spfCheck: domain of {domain}) client-ip=192.0.2.7;\r\n"
        f"Authentication-Results: amazonses.com;\r\n {spf}\r\n dkim={verdict} header.i=@{domain};\r\n"
        f" dmarc={verdict} header.from={domain};\r\n"
        "X-SES-RECEIPT: c2FuZGJveA==\r\n"
    )


def _notification(mail_id: str, draft: Draft, now: datetime, *, authentic: bool) -> Json:
    at = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
    verdict = {"status": "PASS" if authentic else "FAIL"}
    action = {
        "type": "S3", "topicArn": sns.TOPIC, "bucketName": BUCKET, "objectKeyPrefix": PREFIX,
        "objectKey": PREFIX + mail_id,
    }  # fmt: skip
    receipt: Json = {
        "timestamp": at, "processingTimeMillis": 222, "recipients": [SUPPORT], "spamVerdict": {"status": "PASS"},
        "virusVerdict": {"status": "PASS"}, "spfVerdict": verdict, "dkimVerdict": verdict, "dmarcVerdict": verdict,
        "action": action,
    }  # fmt: skip
    if not authentic:
        receipt["dmarcPolicy"] = "reject"
    common = {"from": [draft.sender], "to": draft.to, "subject": draft.subject}
    mail = {
        "timestamp": at, "source": draft.sender, "messageId": mail_id, "destination": [*draft.to, *draft.cc],
        "headersTruncated": False, "headers": [{"name": "From", "value": draft.sender}], "commonHeaders": common,
    }  # fmt: skip
    return {"notificationType": "Received", "receipt": receipt, "mail": mail}


def _date(key: str, now: datetime) -> None:
    """Let S3 have stored it by the world's clock; moto, which runs in this process, has only the machine's."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    stored = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys[key]
    stored.last_modified = now.replace(tzinfo=None)
