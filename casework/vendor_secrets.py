"""Secrets that a vendor gives us in the course of work, such as the newest tokens of a chain: sealed, in the database.

So every process of a deployment has them, on whatever machine, and after a restart.
"""

from __future__ import annotations

import logging

from cryptography.fernet import InvalidToken
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from casework.case import CaseFiles
from casework.confidential import Confidential
from casework.schema import hook_secrets

__all__ = ["VendorSecret"]

logger = logging.getLogger(__name__)


class VendorSecret:
    """One secret of a vendor, by a name of ours; sealed with the deployment's own."""

    def __init__(self, files: CaseFiles, confidential: Confidential, vendor: str, name: str) -> None:
        self._files, self._confidential = files, confidential
        self._vendor, self._name = vendor, name
        self._same = (hook_secrets.c.vendor == vendor, hook_secrets.c.name == name)

    def read(self) -> str | None:
        """What was kept last; None: nothing yet, or what another secret of the deployment had sealed."""
        with self._files.reading() as connection:
            sealed = connection.execute(select(hook_secrets.c.sealed).where(*self._same)).scalar_one_or_none()
        if sealed is None:
            return None
        try:
            return self._confidential.unseal(sealed).decode()
        except InvalidToken:
            logger.warning(
                "What %s gave us (%s) cannot be read: the deployment's secret has changed. It is asked for anew.",
                self._vendor,
                self._name,
            )
            return None

    def keep(self, text: str) -> None:
        """Keep `text` in place of what was kept; of several at once one stays."""
        sealed = self._confidential.seal(text.encode())
        try:
            with self._files.writing() as connection:
                changed = connection.execute(update(hook_secrets).where(*self._same).values(sealed=sealed)).rowcount
                if not changed:
                    values = {"vendor": self._vendor, "name": self._name, "sealed": sealed}
                    connection.execute(insert(hook_secrets).values(values))
        except IntegrityError:
            with self._files.writing() as connection:
                connection.execute(update(hook_secrets).where(*self._same).values(sealed=sealed))
