"""Hooks know when they are due, so that a look at them reads those alone, however many wait.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_AT_ONCE = sa.text("'1970-01-01 00:00:00+00'")
"""What waits now, and what a gateway of an older release still writes, is due at once."""


def upgrade() -> None:
    due_at = sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=_AT_ONCE)
    op.add_column("hooks", due_at)
    waits, is_handled = sa.text("handled_at IS NULL"), sa.text("handled_at IS NOT NULL")
    op.create_index("hooks_due", "hooks", ["due_at", "delivery"], sqlite_where=waits, postgresql_where=waits)
    op.create_index("hooks_handled", "hooks", ["handled_at"], sqlite_where=is_handled, postgresql_where=is_handled)
    op.drop_index("hooks_unhandled", "hooks")
