"""Who is asked, by ids, and how each person proves to be the one who was asked.

A person asked gets an invitation: a short code for forms that have no users of their own, and a signed link. Both
are derived from the deployment's secret, so that a repeated message carries the same ones; both are bound to one
person, one wait and one attempt.
"""

from __future__ import annotations

import hmac
from base64 import b32encode
from fractions import Fraction
from hashlib import sha256
from math import ceil

from itsdangerous import BadData, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ALL",
    "ANY",
    "Identity",
    "Invitation",
    "Person",
    "Quorum",
    "Role",
    "code_hash",
    "normal_code",
    "read_token",
]


class Person(BaseModel):
    """Somebody, by the ids that the systems know them by."""

    model_config = ConfigDict(frozen=True)

    id: str
    slack: str | None = None
    zendesk: int | None = None


class Role(BaseModel):
    """A role and who holds it for the account at hand; any one of them may answer."""

    model_config = ConfigDict(frozen=True)

    name: str
    people: tuple[Person, ...]


class Quorum(BaseModel):
    """How many of those asked must agree, and what a single no does.

    `needs` is a number of different people, `share` a part of those asked (0.5: half of them); both unset means all.
    With `veto` one no decides; without it the question is lost only when too few are left to agree.
    """

    model_config = ConfigDict(frozen=True)

    needs: int | None = Field(1, ge=1)
    share: float | None = Field(None, gt=0, le=1)
    veto: bool = True

    def of(self, asked: int) -> int:
        """How many must agree when so many were asked; one where nobody was yet, and an escalation adds somebody.

        Raises:
            ValueError: there are not enough people.
        """
        # A share is what it is written as: 0.55 of 20 is 11 people, and in binary a little more.
        part = ceil(asked * Fraction(str(self.share))) if self.share else asked
        wanted = max(1, self.needs if self.needs is not None else part)
        if wanted > max(1, asked):
            raise ValueError(f"{wanted} people have to agree, and only {asked} may.")
        return wanted


ANY = Quorum()
ALL = Quorum(needs=None)


class Identity(BaseModel):
    """Who is answering, as a channel knows it.

    `kind` is `person` (a code or a signed link, which name the person), `slack`, `zendesk`, or `system` (our own
    gateway or a vendor's state, which is looked at and not asked). `verified` is false for a name merely typed.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    value: str
    verified: bool = True

    def is_person(self, person: Person) -> bool:
        """Whether this identity is `person`."""
        known = {"person": person.id, "system": person.id, "slack": person.slack, "zendesk": person.zendesk}
        expected = known.get(self.kind)
        return expected is not None and str(expected) == self.value


class Invitation(BaseModel):
    """One person, asked one question. Holds ids; `code` and `link` are computed where a message is made."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    wait: str
    person: Person

    def code(self, secret: bytes) -> str:
        """The personal code, such as `K7QX-2MZP` (40 bits)."""
        text = "\x00".join(("code", self.case_id, self.wait, self.person.id))
        letters = b32encode(hmac.digest(secret, text.encode(), "sha256")).decode()[:8]
        return f"{letters[:4]}-{letters[4:]}"

    def token(self, secret: bytes) -> str:
        """The signed token that personal links and buttons carry."""
        return _signer(secret).dumps([self.case_id, self.wait, self.person.id])


def read_token(secret: bytes, token: str) -> Invitation:
    """The invitation behind a token.

    Raises:
        ValueError: the token was altered, cut or signed by another deployment.
    """
    try:
        case_id, wait, person = _signer(secret).loads(token)
    except (BadData, ValueError) as error:
        raise ValueError("This link is not complete or was changed. Open it from the message again.") from error
    return Invitation(case_id=case_id, wait=wait, person=Person(id=person))


def _signer(secret: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="casework decision", signer_kwargs={"digest_method": sha256})


def normal_code(code: str) -> str:
    """A code as people type it, in its one spelling."""
    return "".join(letter for letter in code.upper() if letter.isalnum())


def code_hash(code: str) -> str:
    """What is stored of a code."""
    return sha256(b"casework code" + normal_code(code).encode()).hexdigest()
