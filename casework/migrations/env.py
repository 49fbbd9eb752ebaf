"""Where Alembic finds the tables, and the transaction that `casework.database.migrate` opened for it.

The caller's transaction holds everything, Alembic's own version table too: a migration happens wholly or not.
To write the next revision, hand a connection to a migrated database over in the same way and run
`alembic.command.revision(config, message, autogenerate=True)`; then read what it made.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import MetaData

from casework import schema
from casework.delivery import certificates, link

TABLES: list[MetaData] = [schema.metadata, link.metadata]

if certificates.certificates.metadata is not link.metadata:
    raise RuntimeError("The certificates' table has moved to another MetaData: add that one to TABLES.")

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("Migrate through casework.database.migrate: it opens the transaction and takes the lock.")

context.configure(connection=connection, target_metadata=TABLES, render_as_batch=True)
context.run_migrations()
