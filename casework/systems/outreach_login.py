"""Signing in to Outreach as one of its users, by a refresh token that each use exchanges for another.

An access token lives two hours and may be asked for once a minute, so all processes of a deployment share it: `Store`
keeps it, and the refresh token that came with it, for all of them and beyond a restart. A refresh token ends 14 days
after it was given, so the one of the settings is only the first of a chain.

Outreach does not say whether a refresh token can be used again. So what it gave is kept before its first use: whoever
dies in between goes on with the one before. And of two processes that renew at once, the one that Outreach refuses
takes what the other has kept. Where nothing that is kept is taken, that of the settings is tried: after the app was
authorised anew it is the newest.

Sources: Outreach, "API access", "Getting started" (token availability); RFC 6749, 6 and 10.4.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from casework.systems.bearer import Bearer
from casework.systems.errors import Misconfigured, Refused, SystemFault, Temporary
from casework.systems.http import Http

__all__ = ["App", "Session", "Store"]

SYSTEM = "Outreach"
ONCE_IN = 60.0
"""Seconds after which Outreach gives a user's app another access token."""
_EARLY = timedelta(minutes=5)
_LOOKS, _BETWEEN = 10, 0.5
"""How often, and with how many seconds between, somebody whom Outreach refused looks for what another has kept."""


class Store(Protocol):
    """Where the newest tokens are, for all processes of a deployment."""

    def read(self) -> str | None:
        """What was kept last; None: nothing, or nothing that can be read."""

    def keep(self, text: str) -> None:
        """Have `text` in place of what was kept, for good when this returns."""


@dataclass(frozen=True, slots=True)
class App:
    """Our app in Outreach: its id and secret, the address that it is registered with, and its first refresh token."""

    client_id: str
    client_secret: str
    redirect_uri: str
    refresh_token: str

    def __repr__(self) -> str:
        return f"App(client_id={self.client_id!r})"


class _Grant(BaseModel):
    """Tokens as they are kept. `first` says from which token of the settings they descend."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    first: str
    access: str = Field(repr=False)
    refresh: str = Field(repr=False)
    ends: AwareDatetime


class _Token(BaseModel):
    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    expires_in: float


class Session(Bearer):
    """Puts the access token on each request; renews it before it ends, and once when it is refused."""

    requires_response_body = True

    def __init__(
        self, http: Http, app: App, store: Store, now: Callable[[], datetime], sleep: Callable[[float], None]
    ) -> None:
        self._http, self._app, self._store, self._now, self._sleep = http, app, store, now, sleep
        self._first = sha256(app.refresh_token.encode()).hexdigest()
        self._lock = Lock()
        self._grant: _Grant | None = None

    def _valid(self, refused: str | None = None) -> str:
        with self._lock:
            grant = self._usable(self._grant, refused) or self._usable(self._kept(), refused) or self._renewed(refused)
            self._grant = grant
            return grant.access

    def _usable(self, grant: _Grant | None, refused: str | None) -> _Grant | None:
        good = grant is not None and grant.access != refused and self._now() < grant.ends
        return grant if good else None

    def _kept(self) -> _Grant | None:
        """What is kept and descends from the settings' token; another one there means that we were authorised anew."""
        text = self._store.read()
        try:
            grant = None if text is None else _Grant.model_validate_json(text)
        except ValidationError:
            return None
        return grant if grant is not None and hmac.compare_digest(grant.first, self._first) else None

    def _renewed(self, refused: str | None) -> _Grant:
        kept = self._kept()
        fault: SystemFault | None = None
        for refresh in dict.fromkeys([*([kept.refresh] if kept else []), self._app.refresh_token]):
            try:
                grant = self._exchanged(refresh)
            except (Refused, Misconfigured) as refusal:
                fault = refusal
                if (others := self._usable(self._kept(), refused)) is not None:
                    return others
            except Temporary as busy:
                if busy.status != 429:
                    raise
                fault = busy
                break
            else:
                self._store.keep(grant.model_dump_json())
                return grant
        if (others := self._of_others(refused)) is not None:
            return others
        if isinstance(fault, Temporary):
            raise fault
        raise Misconfigured(
            SYSTEM,
            "sign in",
            f"{fault.detail if fault else 'refused'}; authorise the app again and set outreach.refresh_token: "
            "one that nobody uses ends after 14 days",
            status=fault.status if fault else None,
        )

    def _of_others(self, refused: str | None) -> _Grant | None:
        """What another process has kept meanwhile, which may still be on its way."""
        for look in range(_LOOKS):
            if (grant := self._usable(self._kept(), refused)) is not None:
                return grant
            if look < _LOOKS - 1:
                self._sleep(_BETWEEN)
        return None

    def _exchanged(self, refresh: str) -> _Grant:
        form = {
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret,
            "redirect_uri": self._app.redirect_uri,
            "grant_type": "refresh_token",
            "refresh_token": refresh,
        }
        asked_at = self._now()
        answer = self._http.request("sign in", "POST", "oauth/token", form=form, repeatable=True)
        given = self._http.typed("sign in", _Token, answer)
        lasts = timedelta(seconds=given.expires_in)
        ends = asked_at + lasts - min(_EARLY, lasts / 2)
        return _Grant(first=self._first, access=given.access_token, refresh=given.refresh_token, ends=ends)
