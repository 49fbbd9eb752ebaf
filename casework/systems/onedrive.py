"""OneDrive for work or SharePoint, through Microsoft Graph, for one drive: upload, ranged download, permanent deletion.

Sources, on learn.microsoft.com: "OAuth 2.0 client credentials flow", "driveItem: createUploadSession", "Download the
contents of a driveItem", "driveItem: permanentDelete". Fragments of an upload go one after the other, without our
token, to an address that is a key itself; so does the download. Neither address is kept or logged.

After a doubt the session is asked what it has. Once a session is gone, what lies at the path decides: its size and
hash are those of what was sent, or the upload begins anew.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, Field

from casework.systems.bearer import Bearer
from casework.systems.chunks import StreamLength, rechunk
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.http import Http
from casework.systems.quickxor import QuickXor

__all__ = ["GRAPH", "LOGIN", "App", "OneDrive", "Uploaded"]

SYSTEM = "OneDrive"
GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com"

FRAGMENT = 32 * 320 * 1024
"""Bytes sent at once: a multiple of 320 KiB, and fewer than 60 MiB, as the vendor demands."""

_RENEW_SECONDS = 300.0

Progress = Callable[[int], None]
"""Called with the number of bytes stored so far."""


@dataclass(frozen=True, slots=True)
class App:
    """The registered application that we are: ids of its directory (tenant) and of itself, and its secret."""

    tenant: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"App(tenant={self.tenant!r}, client_id={self.client_id!r})"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A stored file. `quick_xor_hash` is base64, and None while the drive has not worked it out."""

    id: str
    size: int
    quick_xor_hash: str | None


class _Hashes(BaseModel):
    quick_xor: str | None = Field(None, alias="quickXorHash")


class _File(BaseModel):
    hashes: _Hashes | None = None


class _Item(BaseModel):
    id: str
    size: int
    file: _File
    download: str | None = Field(None, alias="@microsoft.graph.downloadUrl")

    def uploaded(self) -> Uploaded:
        return Uploaded(self.id, self.size, self.file.hashes.quick_xor if self.file.hashes else None)


class _Token(BaseModel):
    access_token: str
    expires_in: float


class _Session(BaseModel):
    address: str = Field(alias="uploadUrl")


class _AppToken(Bearer):
    """Puts the app's token on each request: kept, renewed before it ends, and once when it is refused."""

    def __init__(self, sign_in: Callable[[], _Token], seconds: Callable[[], float]) -> None:
        self._sign_in = sign_in
        self._seconds = seconds
        self._lock = Lock()
        self._token: str | None = None
        self._renew_at = 0.0

    def _valid(self, refused: str | None = None) -> str:
        with self._lock:
            if self._token in (None, refused) or self._seconds() >= self._renew_at:
                asked_at, given = self._seconds(), self._sign_in()
                self._token = given.access_token
                self._renew_at = asked_at + given.expires_in - min(_RENEW_SECONDS, given.expires_in / 2)
            return self._token or ""


class OneDrive:
    """A client for one drive. Paths begin with `/` and are below the drive's root.

    `seconds` is a clock that only goes forward, for the life of tokens. `transport` reaches a stand-in.
    """

    def __init__(
        self,
        drive: str,
        app: App,
        *,
        url: str = GRAPH,
        login_url: str = LOGIN,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
        attempts: int = 4,
        patience: float = 20.0,
    ) -> None:
        # Each national cloud has a Graph of its own, for which tokens are asked.
        scope = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/.default"
        self._app, self._scope = app, scope
        self._drive = f"drives/{quote(drive, safe='!')}"

        def connect(base: str, **more: Any) -> Http:
            shared: dict[str, Any] = {"transport": transport, "sleep": sleep}
            return Http(SYSTEM, base, attempts=attempts, patience=patience, **shared, **more)

        self._login = connect(login_url)
        self._graph = connect(url, auth=_AppToken(self._sign_in, seconds))
        self._open = connect("", secret_addresses=True, timeout=httpx.Timeout(60.0, connect=5.0))

    def upload(self, path: str, chunks: Iterable[bytes], size: int, progress: Progress | None = None) -> Uploaded:
        """Store a stream of `size` bytes (one or more) under `path`, replacing what is there, in constant memory.

        Raises:
            StreamLength: the stream has another length; what lies there is to be replaced.
            Refused: the stored size or hash differs from what was sent.
        """
        if size < 1:
            raise ValueError("an upload session takes one byte or more")
        operation = "begin an upload"
        item = {"@microsoft.graph.conflictBehavior": "replace"}
        begun = self._graph.request(
            operation, "POST", f"{self._at(path)}:/createUploadSession", json={"item": item}, repeatable=True
        )
        address = self._graph.typed(operation, _Session, begun).address
        content, sent, stored = QuickXor(), 0, None
        try:
            for fragment in rechunk(chunks, itertools.repeat(FRAGMENT)):
                if sent + len(fragment) > size or (len(fragment) < FRAGMENT and sent + len(fragment) < size):
                    raise StreamLength(f"the stream has not the {size} bytes that were said")
                content.update(fragment)
                stored = self._fragment(address, path, sent, fragment, size, content)
                sent += len(fragment)
                if progress is not None:
                    progress(sent)
            if stored is None:
                raise StreamLength(f"the stream has {sent} of the {size} bytes that were said")
        except SystemFault:
            # A drive that fails is not asked to forget the session as well: that expires by itself.
            raise
        except Exception:
            # Whatever the stream raises: what was sent so far would lie there until the session expires.
            self._give_up(address)
            raise
        if stored.size != size or stored.quick_xor_hash not in (None, content.base64()):
            detail = f"{size} bytes were sent and the stored file differs in size or hash"
            raise Refused(SYSTEM, "upload", detail)
        return stored

    def metadata(self, path: str) -> Uploaded | None:
        """The file at `path`, or None when the drive is there and it is not.

        Raises:
            Misconfigured: the drive itself is not there for us, so nothing can be said about a file in it.
        """
        found = self._find(path)
        return found.uploaded() if found is not None else None

    def read(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """The file's bytes in `[start, end)`, in chunks of at most 1 MiB. Raises `NotFound`.

        The end of the iteration means that all of them came; a broken stream raises `Temporary`.
        """
        operation = "read"
        if start < 0 or end < start:
            raise ValueError(f"[{start}, {end}) is not a range")
        if start == end:
            return
        found = self._find(path)
        if found is None:
            raise NotFound(SYSTEM, operation, "there is no such file", status=404)
        if found.download is None:
            raise Refused(SYSTEM, operation, "the drive gives no address to download from")
        yield from self._open.read(operation, found.download, start, min(end, found.size))

    def permanently_delete(self, path: str) -> tuple[str, ...]:
        """Delete with all versions, past the recycle bin; again is harmless. The ids of the requests that did it."""
        found = self._find(path)
        if found is None:
            return ()
        wanted = f"{self._drive}/items/{quote(found.id, safe='!')}/permanentDelete"
        try:
            request_id = self._graph.done("delete permanently", "POST", wanted, repeatable=True)
        except NotFound:
            return ()
        return (request_id,) if request_id else ()

    def _find(self, path: str) -> _Item | None:
        operation = "look at a file"
        try:
            answer = self._graph.request(operation, "GET", self._at(path))
        except NotFound:
            self._demand_drive()
            return None
        return self._graph.typed(operation, _Item, answer)

    def _demand_drive(self) -> None:
        operation = "look at the drive"
        try:
            self._graph.request(operation, "GET", f"{self._drive}/root")
        except NotFound as fault:
            raise Misconfigured(SYSTEM, operation, "the drive is not there", status=fault.status) from None

    def _fragment(
        self, address: str, path: str, at: int, fragment: bytes, size: int, content: QuickXor
    ) -> Uploaded | None:
        """Send one fragment; the stored file after the last one. `content` has hashed all bytes up to its end."""
        operation = "upload a fragment"
        end = at + len(fragment)
        while at < end:
            try:
                answer = self._put(address, at, fragment[len(fragment) - (end - at) :], size)
            except NotFound:
                # The session ends with the file's last byte; the answer that said so may have been lost.
                stored = self.metadata(path) if end == size else None
                if stored is not None and (stored.size, stored.quick_xor_hash) == (size, content.base64()):
                    return stored
                raise Temporary(SYSTEM, operation, "the upload session is gone", status=404) from None
            if "nextExpectedRanges" not in answer:
                return self._open.typed(operation, _Item, answer).uploaded()
            expected = _first(self._open.typed(operation, list[str], answer, "nextExpectedRanges"))
            if expected is None or not at < expected <= end:
                raise Temporary(SYSTEM, operation, f"the session expects byte {expected} after {at} to {end - 1}")
            at = expected
        return None

    def _put(self, address: str, at: int, piece: bytes, size: int) -> Any:
        """What the session says after this piece, or, if it has the piece already, where it stands."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {at}-{at + len(piece) - 1}/{size}",
        }
        try:
            answer = self._open.request("upload a fragment", "PUT", address, content=piece, headers=headers)
        except Refused as fault:
            if fault.status != 416:
                raise
            answer = self._open.request("look at an upload", "GET", address)
        return answer if isinstance(answer, dict) else {}

    def _give_up(self, address: str) -> None:
        try:
            self._open.request("give up an upload", "DELETE", address)
        except NotFound:
            return

    def _at(self, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError("a path in a drive starts with '/'")
        return f"{self._drive}/root:{quote(path)}"

    def _sign_in(self) -> _Token:
        operation = "sign in"
        form = {
            "grant_type": "client_credentials",
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret,
            "scope": self._scope,
        }
        try:
            answer = self._login.request(
                operation, "POST", f"{quote(self._app.tenant)}/oauth2/v2.0/token", form=form, repeatable=True
            )
        except (Refused, NotFound) as fault:
            raise Misconfigured(SYSTEM, operation, fault.detail, status=fault.status) from None
        return self._login.typed(operation, _Token, answer)


def _first(ranges: list[str]) -> int | None:
    """Where the first missing range begins, of ranges such as `12345-55232` and `77829-`."""
    first = ranges[0].partition("-")[0] if ranges else ""
    return int(first) if first.isdecimal() else None
