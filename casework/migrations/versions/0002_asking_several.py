"""Questions to several people: how many must agree, who stands in for whom, and the inbox in order of its due times.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ANY = sa.text("""'{"needs": 1, "share": null, "veto": true}'""")


def moment() -> sa.DateTime:
    """An aware moment in UTC."""
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    # Questions that are open while this runs were asked of any one person.
    op.add_column("waits", sa.Column("quorum", sa.JSON(), nullable=False, server_default=_ANY))
    with op.batch_alter_table("waits") as waits:
        waits.alter_column("quorum", server_default=None)
    op.create_index("waits_by_due", "waits", ["state", "due_at"], unique=False)
    op.create_table(
        "delegations",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("delegate", sa.JSON(), nullable=False),
        sa.Column("since_at", moment(), nullable=False),
        sa.Column("until_at", moment(), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", moment(), nullable=False),
        sa.Column("revoked_at", moment(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        comment="who stands in for whom, and when",
    )
    op.create_index(op.f("ix_delegations_person"), "delegations", ["person"], unique=False)
