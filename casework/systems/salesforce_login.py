"""Signing in to Salesforce as a connected app: with its secret, or with a token that its private key signs.

Sources: Salesforce Help, "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration" and "OAuth 2.0 JWT
Bearer Flow for Server-to-Server Integration". A session has no announced end: it is used until it is refused, and
then renewed once. It is kept in memory alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from pydantic import BaseModel

from casework.systems.bearer import Bearer
from casework.systems.errors import Misconfigured, Refused
from casework.systems.http import Http
from casework.systems.salesforce_ids import long

__all__ = ["ClientCredentials", "JwtBearer", "Login", "Session"]

SYSTEM = "Salesforce"
LOGIN = "https://login.salesforce.com"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_LIFE = timedelta(minutes=3)


class Login(Protocol):
    """A way to sign in."""

    def form(self, now: datetime) -> dict[str, str]:
        """What is sent to the token's address at this moment."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The connected app's key and secret; the app names the user that we are. Only on the org's My Domain."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"ClientCredentials(client_id={self.client_id!r})"

    def form(self, now: datetime) -> dict[str, str]:  # noqa: ARG002 - the protocol's
        """What is sent to the token's address."""
        secrets = {"client_id": self.client_id, "client_secret": self.client_secret}
        return {"grant_type": "client_credentials", **secrets}


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """The connected app's key, the user that it is to be, and the private key (PEM) of its certificate.

    `audience` is the login host: another for a sandbox of Salesforce's.
    """

    client_id: str
    username: str
    private_key: str
    audience: str = LOGIN

    def __repr__(self) -> str:
        return f"JwtBearer(client_id={self.client_id!r}, audience={self.audience!r})"

    def form(self, now: datetime) -> dict[str, str]:
        """What is sent to the token's address; the assertion lives three minutes.

        Raises:
            Misconfigured: the private key is none.
        """
        import jwt  # only where this way of signing in is used: a leg that does not need it does not wait for it

        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.audience,
            "exp": int((now + _ASSERTION_LIFE).timestamp()),
        }
        try:
            assertion = jwt.encode(claims, self.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise Misconfigured(SYSTEM, "sign in", "salesforce.private_key is no RSA key in PEM") from None
        return {"grant_type": _GRANT, "assertion": assertion}


class _Token(BaseModel):
    access_token: str
    id: str = ""


class Session(Bearer):
    """Puts our session on each request; asks for one first, and again, once, when it is refused."""

    requires_response_body = True

    def __init__(self, http: Http, login: Login, now: Callable[[], datetime]) -> None:
        self._http, self._login, self._now = http, login, now
        self._lock = Lock()
        self._token: str | None = None
        self.user_id: str | None = None
        """Whom we act as, once we are signed in."""

    def sign_in(self) -> None:
        """Have a session, unless there is one. Raises as a request does."""
        self._valid()

    def _valid(self, refused: str | None = None) -> str:
        with self._lock:
            if self._token is None or self._token == refused:
                self._token = self._asked()
            return self._token

    def _asked(self) -> str:
        operation, form = "sign in", self._login.form(self._now())
        try:
            answer = self._http.request(operation, "POST", "services/oauth2/token", form=form, repeatable=True)
        except Refused as fault:
            # What is wrong is our own credentials, or that the app is not allowed to use them.
            raise Misconfigured(SYSTEM, operation, fault.detail, status=fault.status) from None
        given = self._http.typed(operation, _Token, answer)
        user = given.id.rpartition("/")[2]
        if user:
            try:
                self.user_id = long(user)
            except ValueError:
                raise Refused(SYSTEM, operation, "the answer's 'id' does not end with a user's id") from None
        return given.access_token
