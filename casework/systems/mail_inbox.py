"""Mail that came in: Amazon SES receives it, stores it in a bucket of ours, and SNS tells us its id.

The sender that a mail claims counts only where SES itself vouches for it (`Received.authentic`). SES writes what it
has found on top of the mail that it stores: the bucket must let nobody but SES write. What stands below these lines
was written by whoever sent the mail, also what looks like them.

Sources: Amazon SES, "Deliver to S3 bucket action" and "Contents of notifications for Amazon SES email receiving" (the
key of a stored mail is its message id); RFC 8601 (`Authentication-Results`, and why only the own server's counts); RFC
7489 (DMARC: the domain of `From` is the one that SPF or DKIM has proved). That SES writes its findings into the stored
mail, in this order, is seen in mails that it has stored; its documentation names them only in notifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from casework.systems.errors import NotFound
from casework.systems.mail_parts import Parts, parsed
from casework.systems.s3 import S3

__all__ = ["ID", "MailInbox", "Received"]

ID = r"[A-Za-z0-9]{16,64}"
"""The id that SES gives to a mail that it receives."""

MOST_BYTES = 2 * 1024 * 1024
"""So much of a mail is read. Its words come before its attachments."""

_SYSTEM = "SES inbox"
_MOST_RESULT = 16_384
_AUTHORITY = "amazonses.com"
_OURS = re.compile(r"\sby inbound-smtp\.[a-z0-9-]+\.amazonaws\.com with (?:E?SMTPS?A?) id ([A-Za-z0-9]+)\s")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\([^()]*\)")
_DMARC = re.compile(r"\s*dmarc\s*=\s*([a-z]+)\b(.*)", re.IGNORECASE | re.DOTALL)
_FROM = re.compile(r"(?:^|\s)header\.from=([^\s;]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Received:
    """A mail that came in. Who wrote to whom, and what, is personal data.

    Attributes:
        id: SES's id of it.
        at: when it was stored (UTC).
        authentic: whether SES vouches for the sender; where it does not, `sender` is anybody's claim.
        automatic: whether a machine wrote it: an absence note, a bounce, a list (RFC 3834).
        cut: whether it was longer than what was read.
        sender: the address that it is from, in lower case; None where it names none or several.
        to, cc: the addresses that it shows, in lower case.
        text: its words; of HTML what a reader sees.
        message_id: what answers refer to it by; None where it has none.
        references: the message ids of its thread so far, oldest first.
    """

    id: str
    at: datetime
    authentic: bool
    automatic: bool
    cut: bool
    sender: str | None = field(repr=False)
    to: tuple[str, ...] = field(repr=False)
    cc: tuple[str, ...] = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    message_id: str | None = field(repr=False)
    references: tuple[str, ...] = field(repr=False)


class MailInbox:
    """The mails in `bucket`, with keys of `prefix` and their id."""

    def __init__(self, s3: S3, bucket: str, prefix: str = "") -> None:
        self._s3, self._bucket, self._prefix = s3, bucket, prefix

    def received(self, mail_id: str) -> Received:
        """A mail by its id. Raises `NotFound`; ValueError for what is no id."""
        if not re.fullmatch(ID, mail_id):
            raise ValueError("A mail is named by the id that SES gave it")
        operation, key = f"read mail {mail_id}", self._prefix + mail_id
        stored = self._s3.head(self._bucket, key)
        if stored is None:
            raise NotFound(_SYSTEM, operation, "it is not in the bucket any more, or never was")
        raw = b"".join(self._s3.read(self._bucket, key, 0, min(stored.size, MOST_BYTES)))
        parts = parsed(raw)
        return Received(
            id=mail_id,
            at=stored.last_modified,
            authentic=_vouched(mail_id, parts),
            automatic=parts.automatic,
            cut=stored.size > MOST_BYTES or parts.cut,
            sender=parts.sender,
            to=parts.to,
            cc=parts.cc,
            subject=parts.subject,
            text=parts.text,
            message_id=parts.message_id,
            references=parts.references,
        )

    def received_since(self, moment: datetime) -> Iterator[tuple[str, datetime]]:
        """The ids of the mails that were stored at this time or later, each with when it was.

        The whole bucket is listed for it, so let its lifecycle delete what is old.
        """
        for stored in self._s3.objects(self._bucket, self._prefix):
            mail_id = stored.key.removeprefix(self._prefix)
            # S3 tells whole seconds. SES leaves a note in the bucket too when it is set up.
            if re.fullmatch(ID, mail_id) and stored.last_modified >= moment.replace(microsecond=0):
                yield mail_id, stored.last_modified


def _vouched(mail_id: str, mail: Parts) -> bool:
    """Whether SES has found that the mail is from the domain that it says it is from (DMARC).

    SES's own lines end with its receipt; its result must be the only one among them, and must say `dmarc` once.
    """
    names = [name for name, _ in mail.headers]
    if mail.sender is None or "x-ses-receipt" not in names:
        return False
    own = mail.headers[: names.index("x-ses-receipt")]
    received = [value for name, value in own if name == "received"]
    results = [value for name, value in own if name == "authentication-results"]
    if len(received) != 1 or len(results) != 1:
        return False
    by = _OURS.search(" ".join(received[0].split()))
    authority, *clauses = _bare(results[0]).split(";")
    found = [match for clause in clauses if (match := _DMARC.fullmatch(clause))]
    if by is None or by.group(1) != mail_id or authority.strip().lower() != _AUTHORITY or len(found) != 1:
        return False
    proved = _FROM.search(found[0].group(2))
    domain = mail.sender.rpartition("@")[2]
    return found[0].group(1).lower() == "pass" and proved is not None and proved.group(1).lower() == domain


def _bare(value: str) -> str:
    """A result without its comments and quoted strings, in which a sender's own words may stand."""
    value = _QUOTED.sub('""', value[:_MOST_RESULT])
    while True:
        shorter = _COMMENT.sub(" ", value)
        if shorter == value:
            return value
        value = shorter
