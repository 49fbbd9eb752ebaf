"""People's own words, kept out of the case file.

What a person types into a form (why a request is denied, say) belongs into the ticket, not into our records. Until
the step that writes it there has run, it is kept encrypted; the case file holds only its reference. When the case
closes, what is left is erased.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import NoResultFound

from casework.schema import texts

__all__ = ["Confidential", "ConfidentialText"]

MOST_CHARACTERS = 4000


class ConfidentialText(str):
    """A text that a person types into a form; from the moment the answer is recorded, only its reference."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strip_whitespace=True, max_length=MOST_CHARACTERS)
        return core_schema.no_info_after_validator_function(cls, text)


class Confidential:
    """The store of people's words; `secret` is the deployment's own."""

    def __init__(self, secret: bytes) -> None:
        self._box = Fernet(urlsafe_b64encode(sha256(b"casework texts" + secret).digest()))

    def keep(self, connection: Connection, case_id: str, reference: str, text: str) -> ConfidentialText:
        """Keep `text` under `reference`, in the caller's transaction."""
        connection.execute(
            insert(texts).values(reference=reference, case_id=case_id, sealed=self._box.encrypt(text.encode()))
        )
        return ConfidentialText(reference)

    def read(self, connection: Connection, reference: str) -> str:
        """The text behind a reference.

        Raises:
            LookupError: it was erased, or this deployment's secret has changed.
        """
        try:
            sealed = connection.execute(select(texts.c.sealed).where(texts.c.reference == reference)).scalar_one()
            return self._box.decrypt(sealed).decode()
        except (NoResultFound, InvalidToken) as error:
            raise LookupError(
                f"The text {reference} cannot be read: it was erased, or the deployment's secret has changed."
            ) from error

    def erase(self, connection: Connection, case_id: str) -> None:
        """Erase every text of a case."""
        connection.execute(delete(texts).where(texts.c.case_id == case_id))

    def seal(self, secret: bytes) -> bytes:
        """Encrypt a small secret (a webhook key) for a table of ours."""
        return self._box.encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """What `seal` encrypted."""
        return self._box.decrypt(sealed)
