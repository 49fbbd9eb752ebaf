"""The tables of the case files, and those of the delivery: links, what happened to them, certificates.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_COMPLETE = sa.text(
    "kind IN ('body:step:done', 'body:lookup:done', 'person:question:decided', 'clock:deadline:passed',"
    " 'body:step:compensated', 'case:file:closed')"
)
_LIVE = sa.text("state IN ('sealed', 'ready', 'claimed')")


def moment() -> sa.DateTime:
    """An aware moment in UTC."""
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("process", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=True),
        sa.Column("opened_at", moment(), nullable=False),
        sa.Column("closed_at", moment(), nullable=True),
        sa.Column("ending", sa.String(length=80), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.String(length=64), nullable=False),
        sa.Column("wanted_at", moment(), nullable=True, comment="a leg is wanted since; null: nobody waits for one"),
        sa.Column("pushed_at", moment(), nullable=True, comment="when the engine was last told so"),
        sa.Column("leg_seen_at", moment(), nullable=True, comment="heartbeat of the running leg; null: none runs"),
        sa.Column("cancel_asked_at", moment(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False, comment="closed, and the engine's run has ended too"),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("cases_by_subject", "cases", ["process", "subject", "occurrence"], unique=True)
    op.create_index("cases_open", "cases", ["closed_at", "wanted_at"], unique=False)
    op.create_table(
        "codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("wait", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("used_at", moment(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    op.create_table(
        "entries",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("code_version", sa.String(length=80), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "seq"),
    )
    op.create_index(
        "entries_complete_once",
        "entries",
        ["case_id", "key"],
        unique=True,
        sqlite_where=_COMPLETE,
        postgresql_where=_COMPLETE,
    )
    op.create_table(
        "hook_secrets",
        sa.Column("vendor", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("vendor", "name"),
        comment="keys that vendors hand over in a handshake, sealed with the deployment's secret",
    )
    op.create_table(
        "hooks",
        sa.Column("vendor", sa.String(length=40), nullable=False),
        sa.Column("delivery", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("received_at", moment(), nullable=False),
        sa.Column("handled_at", moment(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=400), nullable=True),
        sa.PrimaryKeyConstraint("vendor", "delivery"),
    )
    op.create_index("hooks_unhandled", "hooks", ["handled_at", "received_at"], unique=False)
    op.create_table(
        "occurrences",
        sa.Column("process", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("asked_at", moment(), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("process", "subject", "number"),
        sa.UniqueConstraint("case_id"),
        comment="what was asked to be started; one row for each time a subject has the process",
    )
    op.create_table(
        "texts",
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("ix_texts_case_id", "texts", ["case_id"], unique=False)
    op.create_table(
        "waits",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("wait", sa.String(length=200), nullable=False, comment="key and attempt: csm-approval/1"),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("form", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=80), nullable=False),
        sa.Column("who", sa.JSON(), nullable=False),
        sa.Column("not_by", sa.JSON(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("listens", sa.String(length=200), nullable=True),
        sa.Column("looks", sa.Boolean(), nullable=False, comment="answers are also found by looking into a system"),
        sa.Column("asked_at", moment(), nullable=False),
        sa.Column("due_at", moment(), nullable=False),
        sa.Column("next_at", moment(), nullable=False),
        sa.Column("pause_keys", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.case_id"],
        ),
        sa.PrimaryKeyConstraint("case_id", "wait"),
    )
    op.create_index("waits_due", "waits", ["state", "next_at"], unique=False)
    op.create_index("waits_listening", "waits", ["state", "listens"], unique=False)
    op.create_table(
        "certificates",
        sa.Column("deliverable_id", sa.String(length=128), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("deliverable_id"),
    )
    op.create_table(
        "link_events",
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("link_id", sa.String(length=32), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_link_events_link_id", "link_events", ["link_id"], unique=False)
    op.create_table(
        "links",
        sa.Column("link_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("deliverable_id", sa.String(length=128), nullable=False),
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("vault", sa.String(length=32), nullable=False),
        sa.Column("object_name", sa.String(length=255), nullable=False),
        sa.Column("key_id", sa.String(length=128), nullable=False),
        sa.Column("display_name", sa.String(length=128), nullable=False),
        sa.Column("plain_size", sa.BigInteger(), nullable=False),
        sa.Column("plain_sha256", sa.String(length=64), nullable=False),
        sa.Column("sealed_size", sa.BigInteger(), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ended_as", sa.String(length=16), nullable=True),
        sa.Column("expires_at", moment(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("code_expires_at", moment(), nullable=True),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("claim_hash", sa.String(length=64), nullable=True),
        sa.Column("claimed_at", moment(), nullable=True),
        sa.Column("stream_id", sa.String(length=32), nullable=True),
        sa.Column("bytes_sent", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged", sa.Text(), nullable=False),
        sa.Column("grace_ends_at", moment(), nullable=True),
        sa.Column("received_at", moment(), nullable=True),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("link_id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_links_case_id", "links", ["case_id"], unique=False)
    op.create_index("ix_links_deliverable_id", "links", ["deliverable_id"], unique=False)
    op.create_index(
        "one_live_link", "links", ["deliverable_id"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
