"""The tables of the case database.

`entries` is the record; everything beside it is an index that says where to look next (which cases wait, until
when, for whom) and could be rebuilt from the entries.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware moment, stored in UTC on every database."""

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


occurrences = Table(
    "occurrences",
    metadata,
    Column("process", String(80), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("parameters", JSON, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("case_id", String(36), unique=True),
    comment="what was asked to be started; one row for each time a subject has the process",
)

cases = Table(
    "cases",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("process", String(80), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("account", String(200)),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("ending", String(80)),
    Column("epoch", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("last_hash", String(64), nullable=False),
    Column("wanted_at", Moment, comment="a leg is wanted since; null: nobody waits for one"),
    Column("pushed_at", Moment, comment="when the engine was last told so"),
    Column("leg_seen_at", Moment, comment="heartbeat of the running leg; null: none runs"),
    Column("cancel_asked_at", Moment),
    Column("settled", Boolean, nullable=False, comment="closed, and the engine's run has ended too"),
    Index("cases_by_subject", "process", "subject", "occurrence", unique=True),
    Index("cases_open", "closed_at", "wanted_at"),
)

entries = Table(
    "entries",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("key", String(200), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("payload", Text, nullable=False),
    Column("code_version", String(80), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

COMPLETIONS = (
    "body:step:done",
    "body:lookup:done",
    "person:question:decided",
    "clock:deadline:passed",
    "body:step:compensated",
    "case:file:closed",
)
_once = text("kind IN (" + ", ".join(f"'{kind}'" for kind in COMPLETIONS) + ")")
Index(
    "entries_complete_once",
    entries.c.case_id,
    entries.c.key,
    unique=True,
    sqlite_where=_once,
    postgresql_where=_once,
)

waits = Table(
    "waits",
    metadata,
    Column("case_id", String(36), primary_key=True),
    Column("wait", String(200), primary_key=True, comment="key and attempt: csm-approval/1"),
    Column("state", String(12), nullable=False),
    Column("form", String(200), nullable=False),
    Column("role", String(80), nullable=False),
    Column("who", JSON, nullable=False),
    Column("not_by", JSON, nullable=False),
    Column("quorum", JSON, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("question", Text, nullable=False),
    Column("listens", String(200)),
    Column("looks", Boolean, nullable=False, comment="answers are also found by looking into a system"),
    Column("asked_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("pause_keys", JSON, nullable=False),
    ForeignKeyConstraint(["case_id"], ["cases.case_id"]),
    Index("waits_due", "state", "next_at"),
    Index("waits_by_due", "state", "due_at"),
    Index("waits_listening", "state", "listens"),
)

delegations = Table(
    "delegations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("person", String(200), nullable=False, index=True),
    Column("delegate", JSON, nullable=False),
    Column("since_at", Moment, nullable=False),
    Column("until_at", Moment, nullable=False),
    Column("made_by", String(200), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    comment="who stands in for whom, and when",
)

codes = Table(
    "codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("case_id", String(36), nullable=False),
    Column("wait", String(200), nullable=False),
    Column("person", String(200), nullable=False),
    Column("used_at", Moment),
)

texts = Table(
    "texts",
    metadata,
    Column("reference", String(80), primary_key=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)

hooks = Table(
    "hooks",
    metadata,
    Column("vendor", String(40), primary_key=True),
    Column("delivery", String(200), primary_key=True),
    Column("event", String(120), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("handled_at", Moment),
    Column("tries", Integer, nullable=False),
    Column("problem", String(400)),
    Column("due_at", Moment, nullable=False, server_default=text("'1970-01-01 00:00:00+00'")),
)

_waits, _is_handled = hooks.c.handled_at.is_(None), hooks.c.handled_at.is_not(None)
Index("hooks_due", hooks.c.due_at, hooks.c.delivery, sqlite_where=_waits, postgresql_where=_waits)
Index("hooks_handled", hooks.c.handled_at, sqlite_where=_is_handled, postgresql_where=_is_handled)

hook_secrets = Table(
    "hook_secrets",
    metadata,
    Column("vendor", String(40), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    comment="keys that vendors hand over in a handshake, sealed with the deployment's secret",
)
"""Tokens that a vendor renews in the course of work are here too (`casework.vendor_secrets`)."""
