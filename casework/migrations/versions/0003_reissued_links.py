"""A link may be voided for another one, by a person and with a reason.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    column = sa.Column("replaces", sa.String(length=32), comment="the link that was voided for this one")
    op.add_column("links", column)
    op.add_column("links", sa.Column("reissued_by", sa.String(length=200)))
    op.add_column("links", sa.Column("reissue_reason", sa.String(length=200), comment="where the words are kept"))
    op.create_index("one_replacement", "links", ["replaces"], unique=True)
