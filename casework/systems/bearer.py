"""Bearer tokens on requests (RFC 6750): where a token comes from and how long it is kept, each vendor's client says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator

import httpx

__all__ = ["Bearer"]


class Bearer(httpx.Auth, ABC):
    """Puts an access token on each request, and once another one when it is refused."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._valid()
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == 401:
            request.headers["Authorization"] = f"Bearer {self._valid(refused=token)}"
            yield request

    @abstractmethod
    def _valid(self, refused: str | None = None) -> str:
        """A token to be used now, and another one than that which was refused."""
