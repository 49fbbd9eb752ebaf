"""Where certificates are kept: one for each deliverable, written once."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Column, Engine, String, Table, Text, insert, select
from sqlalchemy.exc import IntegrityError

from casework.delivery.link import metadata

__all__ = ["Certificates"]

certificates = Table(
    "certificates",
    metadata,
    Column("deliverable_id", String(128), primary_key=True),
    Column("document", Text, nullable=False),
)


class Certificates:
    """The certificates in one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, document: dict[str, Any]) -> dict[str, Any]:
        """Keep a certificate; the one that is kept, which is the first."""
        name = str(document["deliverable_id"])
        text = json.dumps(document, sort_keys=True, ensure_ascii=False)
        try:
            with self._engine.begin() as db:
                db.execute(insert(certificates).values(deliverable_id=name, document=text))
        except IntegrityError:
            return self.read(name)
        return document

    def read(self, deliverable_id: str) -> dict[str, Any]:
        """The certificate of a deliverable. Raises LookupError when none was issued."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            text = db.execute(
                select(certificates.c.document).where(certificates.c.deliverable_id == deliverable_id)
            ).scalar()
        if text is None:
            raise LookupError(f"no certificate was issued for deliverable {deliverable_id}")
        return dict(json.loads(text))
