"""The customer's download: a landing page, a code by mail, one claim, and the bytes.

Looking never changes anything: only posting a form of the page does, and claiming needs a code that the
link's message does not hold. Links that are unknown, not ready, used, expired or revoked answer with the same
bytes. What staff must know (a locked code, another browser at a claimed link) is left as word in the inbox.
Sources: RFC 9110 (ranges), RFC 6265bis (cookie prefixes).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import func, select
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from casework import database, tick
from casework.delivery.download import StreamStopped, plan, stream
from casework.delivery.handover import open_sealed
from casework.delivery.keys import KeyDestroyed
from casework.delivery.links import ClaimToken, Link, LinkEvent, Links, LinkState, Refusal, link_events
from casework.gateway.connections import Blocks, Poured
from casework.gateway.faults import told
from casework.gateway.inbox import Hook, Inbox
from casework.gateway.pages import moment, page, size
from casework.gateway.parts import Gateway
from casework.gateway.security import Origins, attachment, raw_body, typed_form
from casework.systems.errors import SystemFault

__all__ = ["locked", "router"]

logger = logging.getLogger(__name__)

Body = Annotated[bytes, Depends(raw_body)]
CODES_AN_HOUR = 5
LOOKING = 8
"""Threads that only show pages, so that who looks does not stand in the queue of those who claim and download."""

COOKIE_AGE = timedelta(days=8)


class Acknowledgement(BaseModel):
    """What the page's script says: the bytes `[start, end)` arrived, or all of it with this SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    start: int | None = Field(None, ge=0)
    end: int | None = Field(None, ge=1)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _one_of_both(self) -> Acknowledgement:
        if (self.start is None) != (self.end is None) or (self.start is None) == (self.sha256 is None):
            raise ValueError("give start and end, or sha256")
        return self


class Downloads:
    """The customers' side of one deployment's links."""

    def __init__(self, gateway: Gateway, inbox: Inbox, news: Callable[[], None]) -> None:
        self._gateway = gateway
        self._inbox, self._news = inbox, news
        self._links = gateway.delivery.links
        self.origins = Origins.of(gateway.runtime.secret, *gateway.delivery.addresses)

    # Pages

    def landing(self, token: str, request: Request) -> Response:
        """What the link's address shows; changes nothing."""
        link = self._open(token)
        if link is None:
            return gone()
        shown = self._ready(token, link) if link.state is LinkState.READY else self._claimed(token, link, request)
        # Whoever looks has the page before it is noted: a page does not wait for those who write.
        shown.background = BackgroundTask(_note_shown, self._links_of(request), link.link_id)
        return shown

    def _claimed(self, token: str, link: Link, request: Request) -> Response:
        ours = self._authorised(link, request)
        return self._elsewhere(token, link) if ours is None else self._download(token, ours)

    def _ready(self, token: str, link: Link, status: int = 200, *, problem: str = "", sent: bool = False) -> Response:
        return page("ready.html", status, problem=problem, sent=sent, **self._file(token, link))

    def _download(self, token: str, link: Link) -> Response:
        again_until = moment(link.grace_ends_at, self._gateway.runtime.zone) if link.grace_ends_at else None
        return page("download.html", again_until=again_until, **self._file(token, link))

    def _elsewhere(self, token: str, link: Link) -> Response:
        at = moment(link.claimed_at or link.updated_at, self._gateway.runtime.zone)
        return page("elsewhere.html", 403, at=at, action=f"/d/{token}")

    def _file(self, token: str, link: Link) -> dict[str, object]:
        return {
            "action": f"/d/{token}",
            "csrf": self.origins.csrf(token),
            "name": link.file.display_name,
            "bytes": link.file.plain_size,
            "shown_size": size(link.file.plain_size),
            "sha256": link.file.plain_sha256,
            "until": moment(link.expires_at, self._gateway.runtime.zone),
        }

    # Claiming

    def send_code(self, token: str, request: Request) -> Response:
        """Mail a new code; an earlier one dies."""
        link = self._open(token)
        if link is None:
            return gone()
        if link.state is LinkState.READY and self._codes_lately(link) >= CODES_AN_HOUR:
            problem = f"{CODES_AN_HOUR} codes were sent within an hour. Use the last one, or try again later."
            return self._ready(token, link, 429, problem=problem)
        code = self._links_of(request).issue_code(link.link_id)
        if isinstance(code, Refusal):
            return self._refused(token, code, request)
        try:
            self._gateway.code_sender(link, code)
        except SystemFault as fault:
            logger.error("Link %s: its code could not be sent: %s", link.link_id, fault)
            problem = "The code could not be sent just now. Please try again in a few minutes."
            return self._ready(token, link, 503, problem=problem)
        return self._ready(token, link, sent=True)

    def claim(self, token: str, code: str, request: Request) -> Response:
        """Use the link up for the browser that gave the right code."""
        if self._open(token) is None:
            return gone()
        outcome = self._links_of(request).claim(token, "".join(code.split()))
        if isinstance(outcome, ClaimToken):
            return self._won(token, outcome, request)
        return self._refused(token, outcome, request)

    def _won(self, token: str, won: ClaimToken, request: Request) -> Response:
        response = RedirectResponse(f"/d/{token}", 303)
        response.set_cookie(
            self._cookie(won.link, request),
            won.value,
            max_age=int(COOKIE_AGE.total_seconds()),
            path="/",
            secure=self._secure(request),
            httponly=True,
            samesite="strict",
        )
        return response

    def _refused(self, token: str, why: Refusal, request: Request) -> Response:
        # Read again: by now the link may be locked, or claimed by the browser that was quicker.
        link = self._open(token)
        if link is None:
            return gone()
        match why:
            case Refusal.WRONG_CODE:
                problem = "This is not the code that we sent. After five wrong codes the link is locked."
                return self._ready(token, link, 422, problem=problem)
            case Refusal.NO_CODE:
                problem = "There is no code for this link that still works. Please have a new one sent."
                return self._ready(token, link, 422, problem=problem)
            case Refusal.LOCKED:
                self._tell(locked(link.link_id))
                sentence = "Five wrong codes were entered. Our team knows and will answer on your ticket."
                return page("message.html", 423, title="This link is locked", sentences=[sentence])
            case Refusal.ALREADY_CLAIMED:
                return self._claimed(token, link, request)
        return gone()

    def _codes_lately(self, link: Link) -> int:
        same = (link_events.c.link_id == link.link_id, link_events.c.event == LinkEvent.CODE_ISSUED)
        since = link_events.c.at > self._now() - timedelta(hours=1)
        with self._gateway.runtime.files.reading() as connection:
            return connection.execute(select(func.count()).where(*same, since)).scalar_one()

    # Bytes

    def file(self, token: str, request: Request) -> Response:
        """The file, or one range of it, for the browser that claimed it."""
        link = self._claim_of(token, request)
        if link is None:
            return gone()
        ranged = request.headers.get("range")
        answer = plan(link.file.plain_size, link.file.plain_sha256, ranged, request.headers.get("if-range"))
        headers = answer.headers() | {"content-disposition": attachment(link.file.display_name)}
        kind = "application/octet-stream"
        if answer.status == 416 or request.method == "HEAD" or answer.length == 0:
            return Response(None, answer.status, headers, kind)
        delivery, links = self._gateway.delivery, self._links_of(request)
        claim = request.cookies.get(self._cookie(link, request), "")
        stream_id = links.open_stream(link.link_id, claim, answer.start, answer.end)
        if isinstance(stream_id, Refusal):
            return gone()
        try:
            opener = open_sealed(link.file, delivery.keys, delivery.vaults[link.file.vault])
            blocks = stream(answer, opener, self._links, link.link_id, stream_id)
            # The first block is read before the answer begins: what fails early has a status of its own.
            first = next(blocks)
        except KeyDestroyed:
            return gone()
        except StreamStopped as stopped:
            if stopped.refusal is not Refusal.CAP_REACHED:
                return gone()
            links.note(link.link_id, LinkEvent.REFUSED)
            raise HTTPException(
                429,
                "The file was sent to this browser too often. Answer on your ticket, and we will help.",
            ) from stopped
        except SystemFault as fault:
            logger.error("Link %s: its file could not be read: %s", link.link_id, fault)
            raise HTTPException(
                503,
                "The file cannot be reached just now. Please try again in a minute.",
                {"Retry-After": "60"},
            ) from fault
        # The script asks for closed ranges and says what arrived; a browser alone asks for all or the rest.
        by_browser = answer.whole or (ranged or "").rstrip().endswith("-")

        def sent() -> None:
            if by_browser and answer.end == answer.size:
                links.sent_in_full(link.link_id, stream_id)

        return Poured(_again(first, blocks), answer.length, sent, answer.status, headers, kind)

    def acknowledge(self, token: str, request: Request, body: bytes) -> Response:
        """The page's script says what arrived; the last word makes the link received."""
        try:
            said = Acknowledgement.model_validate_json(body)
        except ValidationError as error:
            raise HTTPException(
                400, "Say {start, end} of the bytes that arrived, or {sha256} of all of them."
            ) from error
        link = self._links.find(token)
        claim = "" if link is None else request.cookies.get(self._cookie(link, request), "")
        if link is None or not claim:
            raise HTTPException(404, "There is no download here. Open the address from our message once more.")
        outcome: Link | Refusal
        if said.sha256 is not None:
            outcome = self._links_of(request).receive(link.link_id, claim, said.sha256)
        else:
            try:
                outcome = self._links.acknowledge(link.link_id, claim, said.start or 0, said.end or 0)
            except ValueError as error:
                raise HTTPException(400, "These bytes are not a range of the file.") from error
        if outcome is Refusal.INCOMPLETE or outcome is Refusal.WRONG_DIGEST:
            logger.warning("Link %s: what arrived is not the file: %s", link.link_id, outcome)
            raise HTTPException(409, "What arrived is not the whole file as it was sent. Please download it again.")
        if isinstance(outcome, Refusal):
            raise HTTPException(404, "There is no download here. Open the address from our message once more.")
        if outcome.state is LinkState.RECEIVED:
            tick.wake(self._gateway.runtime, f"link:{outcome.link_id}")
        arrived = sum(end - start for start, end in outcome.acknowledged)
        return JSONResponse({"state": outcome.state, "arrived": arrived, "size": outcome.file.plain_size})

    # Who it is

    def _open(self, token: str) -> Link | None:
        """The link, if it is ready or claimed. All others are turned away here, after the same one look."""
        link = self._links.find(token)
        if link is None or link.state not in (LinkState.READY, LinkState.CLAIMED):
            return None
        return link if link.expires_at > self._now() else None

    def _claim_of(self, token: str, request: Request) -> Link | None:
        link = self._links.find(token)
        if link is None:
            # As many questions to the database as for a link that has ended.
            self._links.authorise("", "")
            return None
        return self._authorised(link, request)

    def _authorised(self, link: Link, request: Request) -> Link | None:
        found = self._links.authorise(link.link_id, request.cookies.get(self._cookie(link, request), ""))
        if found is Refusal.OTHER_CLAIM and link.state is LinkState.CLAIMED and _another_browser(request):
            self._links_of(request).note(link.link_id, LinkEvent.REFUSED)
            self._tell(Hook("link", f"{link.link_id}:elsewhere", "link.claimed-elsewhere", f"link:{link.link_id}"))
        return None if isinstance(found, Refusal) else found

    def _links_of(self, request: Request) -> Links:
        """The links as whoever sent this request uses them."""
        address = request.client.host if request.client else ""
        return self._links.of_visitor(f"{address} {request.headers.get('user-agent', '')}")

    def _cookie(self, link: Link, request: Request) -> str:
        # Without https (a loopback try-out) a browser would not take the prefix, which demands Secure.
        return f"{'__Host-' if self._secure(request) else ''}casework-{link.link_id}"

    def _secure(self, request: Request) -> bool:
        """Whether the browser came through an address of ours with https, which a proxy in between may end."""
        ours = {urlsplit(address).netloc: address for address in self._gateway.delivery.addresses}
        address = ours.get(request.headers.get("host", ""), self._gateway.delivery.public_url)
        return address.startswith("https://")

    def _tell(self, word: Hook) -> None:
        """Leave word for staff, once for each link."""
        if not self._inbox.knows(word.vendor, word.delivery) and self._inbox.store([word]):
            self._news()

    def _now(self) -> datetime:
        return self._gateway.runtime.files.now()


def locked(link_id: str) -> Hook:
    """The word that wrong codes have locked a link."""
    return Hook("link", f"{link_id}:locked", "link.locked", f"link:{link_id}")


def _another_browser(request: Request) -> bool:
    # Led here by another site's page, a browser keeps the cookie back: it may be the one that claimed. Its page
    # offers to go on, and that visit shows the cookie. HEAD is asked by programs that check links.
    return request.method != "HEAD" and request.headers.get("sec-fetch-site") != "cross-site"


def _again(first: memoryview, rest: Blocks) -> Blocks:
    with closing(rest):
        yield first
        # From here on its memory is free for the next.
        del first
        yield from rest


def _note_shown(links: Links, link_id: str) -> None:
    try:
        links.note(link_id, LinkEvent.SHOWN)
    except database.AWAY as error:
        logger.error("Link %s was shown, and that could not be recorded: %s", link_id, told(error))


def gone() -> Response:
    """The one answer for every link that leads to nothing."""
    return page("gone.html", 404)


def router(gateway: Gateway, inbox: Inbox, news: Callable[[], None]) -> APIRouter:
    """`/d/{token}` and what is below it; `news` is called when word was left in the inbox."""
    routes = APIRouter()
    downloads = Downloads(gateway, inbox, news)
    looking = CapacityLimiter(LOOKING)

    @routes.api_route("/d/{token}", methods=["GET", "HEAD"])
    async def landing(token: str, request: Request) -> Response:
        return await to_thread.run_sync(downloads.landing, token, request, limiter=looking)

    @routes.post("/d/{token}/code")
    def code(token: str, request: Request, body: Body) -> Response:
        downloads.origins.demand(request, token, typed_form(request, body).get("csrf"))
        return downloads.send_code(token, request)

    @routes.post("/d/{token}/claim")
    def claim(token: str, request: Request, body: Body) -> Response:
        typed = typed_form(request, body)
        downloads.origins.demand(request, token, typed.get("csrf"))
        return downloads.claim(token, typed.get("code", ""), request)

    @routes.api_route("/d/{token}/file", methods=["GET", "HEAD"])
    def file(token: str, request: Request) -> Response:
        return downloads.file(token, request)

    @routes.post("/d/{token}/ack")
    def acknowledge(token: str, request: Request, body: Body) -> Response:
        downloads.origins.demand(request, token, request.headers.get("x-csrf"))
        return downloads.acknowledge(token, request, body)

    return routes
