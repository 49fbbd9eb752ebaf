"""What a link is: its states, what is recorded of it, and the tables that hold it.

Nothing that opens a link is stored: of the token and the claim their SHA-256, of the code an HMAC.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

from casework.delivery.ranges import Span


class LinkState(StrEnum):
    SEALED = "sealed"
    READY = "ready"
    CLAIMED = "claimed"
    RECEIVED = "received"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DESTROYED = "destroyed"


LIVE = (LinkState.SEALED, LinkState.READY, LinkState.CLAIMED)
ENDED = (LinkState.RECEIVED, LinkState.EXPIRED, LinkState.REVOKED)


class LinkEvent(StrEnum):
    CREATED = "created"
    MADE_READY = "made ready"
    SHOWN = "shown"
    CODE_ISSUED = "code issued"
    CODE_WRONG = "code wrong"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    CLAIMED = "claimed"
    CLAIM_REFUSED = "claim refused"
    REFUSED = "refused"
    RANGE = "range"
    RESUMED = "resumed"
    SENT = "sent"
    RECEIVED = "received"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REISSUED = "reissued"
    DESTROYED = "destroyed"


class Refusal(StrEnum):
    """Why a link, a claim or a stream does not go on. For staff and audit; strangers get one answer."""

    UNKNOWN = "unknown"
    NOT_READY = "not ready"
    EXPIRED = "expired"
    ENDED = "ended"
    ALREADY_CLAIMED = "already claimed"
    WRONG_CODE = "wrong code"
    NO_CODE = "no valid code"
    LOCKED = "locked"
    OTHER_CLAIM = "other claim"
    OTHER_STREAM = "a newer stream of this claim runs"
    CAP_REACHED = "cap reached"
    INCOMPLETE = "incomplete"
    WRONG_DIGEST = "wrong digest"


class LinkConflict(Exception):
    """Another file is already behind this deliverable's link; it cannot be exchanged."""


class Utc(TypeDecorator[datetime]):
    """An aware moment, stored as UTC on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is not None and value.tzinfo is None:
            raise ValueError("Timezone aware datetime is required")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

links = Table(
    "links",
    metadata,
    Column("link_id", String(32), primary_key=True),
    Column("case_id", String(64), nullable=False, index=True),
    Column("deliverable_id", String(128), nullable=False, index=True),
    Column("ticket", String(64), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("vault", String(32), nullable=False),
    Column("object_name", String(255), nullable=False),
    Column("key_id", String(128), nullable=False),
    Column("display_name", String(128), nullable=False),
    Column("plain_size", BigInteger, nullable=False),
    Column("plain_sha256", String(64), nullable=False),
    Column("sealed_size", BigInteger, nullable=False),
    Column("sealed_sha256", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended_as", String(16)),
    Column("expires_at", Utc, nullable=False),
    Column("code_hash", String(64)),
    Column("code_expires_at", Utc),
    Column("code_tries", Integer, nullable=False, default=0),
    Column("claim_hash", String(64)),
    Column("claimed_at", Utc),
    Column("stream_id", String(32)),
    Column("bytes_sent", BigInteger, nullable=False, default=0),
    Column("acknowledged", Text, nullable=False, default="[]"),
    Column("grace_ends_at", Utc),
    Column("received_at", Utc),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("replaces", String(32), comment="the link that was voided for this one"),
    Column("reissued_by", String(200)),
    Column("reissue_reason", String(200), comment="where the words are kept"),
)

_live = text("state IN ('sealed', 'ready', 'claimed')")
Index("one_live_link", links.c.deliverable_id, unique=True, sqlite_where=_live, postgresql_where=_live)

Index("one_replacement", links.c.replaces, unique=True)

link_events = Table(
    "link_events",
    metadata,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("link_id", String(32), nullable=False, index=True),
    Column("at", Utc, nullable=False),
    Column("event", String(32), nullable=False),
    Column("visitor", String(16), comment="an HMAC of address and browser, another for each link"),
    Column("start_byte", BigInteger, comment="of a range that was asked for"),
    Column("end_byte", BigInteger, comment="behind its last byte"),
)


@dataclass(frozen=True, slots=True)
class SealedFile:
    """What lies in a vault: where, under which key, and what it is. Sizes in bytes, digests in hex.

    ``display_name`` is what the customer's browser saves; it holds no personal data.
    """

    case_id: str
    deliverable_id: str
    ticket: str
    vault: str
    object_name: str
    key_id: str
    display_name: str
    plain_size: int
    plain_sha256: str
    sealed_size: int
    sealed_sha256: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the database has it, without what proves anything. Times are aware, UTC."""

    link_id: str
    file: SealedFile
    state: LinkState
    ended_as: str | None
    expires_at: datetime
    code_tries: int
    claimed_at: datetime | None
    bytes_sent: int
    acknowledged: tuple[Span, ...]
    grace_ends_at: datetime | None
    received_at: datetime | None
    created_at: datetime
    updated_at: datetime


def link_of(row: Row[Any]) -> Link:
    told = row._mapping
    file = SealedFile(**{part.name: told[part.name] for part in fields(SealedFile)})
    return Link(
        link_id=row.link_id,
        file=file,
        state=LinkState(row.state),
        ended_as=row.ended_as,
        expires_at=row.expires_at,
        code_tries=row.code_tries,
        claimed_at=row.claimed_at,
        bytes_sent=row.bytes_sent,
        acknowledged=tuple((start, end) for start, end in json.loads(row.acknowledged)),
        grace_ends_at=row.grace_ends_at,
        received_at=row.received_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
