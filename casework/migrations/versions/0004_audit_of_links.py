"""Link events tell who, as an HMAC, and which bytes were asked for.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    told = "an HMAC of address and browser, another for each link"
    op.add_column("link_events", sa.Column("visitor", sa.String(length=16), comment=told))
    op.add_column("link_events", sa.Column("start_byte", sa.BigInteger(), comment="of a range that was asked for"))
    op.add_column("link_events", sa.Column("end_byte", sa.BigInteger(), comment="behind its last byte"))
