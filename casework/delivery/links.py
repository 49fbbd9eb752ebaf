"""The state machine of a single download: exactly one claim, and nothing forgotten about it.

States: ``sealed → ready → claimed → received → destroyed``; ``sealed``, ``ready`` and ``claimed`` also end
as ``expired`` or ``revoked``, and these are destroyed too. Every move is one compare-and-set UPDATE:
whoever finds the row in the state he expects has moved it, everyone else has not. The server's clock
decides.

What opens a link is never stored. The token is derived (HMAC of the link's id under the store's secret), so
that a repeated step sends the same link, and only its SHA-256 is kept; the same holds for the browser's
claim. The six-digit code is kept as an HMAC, because a plain hash of six digits is the six digits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, and_, bindparam, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from casework.delivery.link import (
    ENDED,
    LIVE,
    Link,
    LinkConflict,
    LinkEvent,
    LinkState,
    Refusal,
    SealedFile,
    link_events,
    link_of,
    links,
    metadata,
)
from casework.delivery.ranges import Span, covers, merge

__all__ = [
    "ClaimToken",
    "Link",
    "LinkConflict",
    "LinkEvent",
    "LinkState",
    "Links",
    "Refusal",
    "SealedFile",
    "link_events",
    "links",
    "metadata",
]

CODE_LIFETIME = timedelta(minutes=10)
CODE_TRIES = 5
CLAIM_EXTENSION = timedelta(hours=2)
GRACE = timedelta(minutes=30)
CAP_SLACK_BYTES = 8 * 1024 * 1024
_MAX_SPANS = 1000
_MAX_NOTED = 100

_NOW, _COUNT = bindparam("now", type_=links.c.updated_at.type), bindparam("count", type_=BigInteger)
_COUNTED = (
    update(links)
    .where(
        links.c.link_id == bindparam("link"),
        links.c.state == LinkState.CLAIMED,
        links.c.stream_id == bindparam("stream"),
        links.c.expires_at > _NOW,
        2 * (links.c.bytes_sent + _COUNT - CAP_SLACK_BYTES) <= 3 * links.c.plain_size,
    )
    .values(updated_at=_NOW, bytes_sent=links.c.bytes_sent + _COUNT)
)
"""Made once: a download executes it for every few MiB, and making it anew took longer than all the rest of counting."""


@dataclass(frozen=True, slots=True)
class ClaimToken:
    """The winner's proof, for its browser only: the value of the claim cookie."""

    link: Link
    value: str = field(repr=False)


class Links:
    """The links in one database. ``secret`` (32 bytes or more) derives tokens and protects codes.

    Methods that answer a person return a :class:`Refusal`; methods that a step calls raise ``LookupError``
    for an unknown link. ``now`` gives aware datetimes. ``visitor`` is who asks, when it is somebody at the
    gateway: events hold an HMAC of it.
    """

    def __init__(self, engine: Engine, secret: bytes, now: Callable[[], datetime], visitor: str | None = None) -> None:
        if len(secret) < 32:
            raise ValueError("the secret of the links has fewer than 32 bytes")
        self._engine = engine
        self._secret = secret
        self._now = now
        self._visitor = visitor

    def of_visitor(self, visitor: str) -> Links:
        """The same links, as this visitor uses them: what tells visitors apart, such as address and browser."""
        return Links(self._engine, self._secret, self._now, visitor)

    # Made and ended by the case

    def create(self, file: SealedFile, expires_at: datetime) -> Link:
        """The link of this deliverable, made in state ``sealed`` if it has none; again gives the same link.

        While it is still ``sealed``, a repeated upload replaces what the link knows of the file. Later a
        different file raises :class:`LinkConflict`.
        """
        link = self.of_deliverable(file.deliverable_id)
        if link is None:
            link = self._insert(file, expires_at)
        if link.file == file:
            return link
        with self._engine.begin() as db:
            exchanged = self._set(db, link.link_id, [LinkState.SEALED], **asdict(file))
        if not exchanged:
            raise LinkConflict(
                f"deliverable {file.deliverable_id} already has link {link.link_id} ({link.state}) "
                "to another file: revoke that link before a new file is delivered"
            )
        return self.get(link.link_id)

    def make_ready(self, link_id: str) -> Link:
        """Open the link for its one claim; again is harmless. ``LinkConflict`` when it has ended."""
        self._move(link_id, [LinkState.SEALED], LinkState.READY, LinkEvent.MADE_READY)
        link = self.get(link_id)
        if link.state not in (LinkState.READY, LinkState.CLAIMED, LinkState.RECEIVED):
            raise LinkConflict(f"link {link_id} of case {link.file.case_id} is {link.state} and cannot be made ready")
        return link

    def reissue(self, link_id: str, file: SealedFile, expires_at: datetime, *, by: str, reason: str) -> Link:
        """Void a live link and make another one to its deliverable, in one transaction; again gives the same one.

        The file may lie in another vault by now. ``by`` is the id of the person who decided it, ``reason`` the
        reference under which their words are kept. ``LinkConflict`` when the link has ended already, or the file
        is another deliverable's.
        """
        if not by or not reason:
            raise ValueError(f"link {link_id} is reissued by a person with a reason: name both")
        made = self._replacement(link_id)
        if made is not None:
            return made
        old = self.get(link_id)
        if file.deliverable_id != old.file.deliverable_id:
            raise LinkConflict(f"link {link_id} is to {old.file.deliverable_id}, not to {file.deliverable_id}")
        try:
            with self._engine.begin() as db:
                if not self._set(db, link_id, LIVE, state=LinkState.REVOKED, ended_as="reissued"):
                    raise LinkConflict(f"link {link_id} of case {old.file.case_id} has ended: it cannot be reissued")
                self._record(db, link_id, LinkEvent.REISSUED)
                new = self._add(db, file, expires_at, replaces=link_id, reissued_by=by, reissue_reason=reason)
        except (IntegrityError, LinkConflict):
            made = self._replacement(link_id)
            if made is None:
                raise
            return made
        return self.get(new)

    def revoke(self, link_id: str, ended_as: str = "revoked") -> Link:
        """End a live link at once, a running stream included; a link that has ended stays as it is.

        ``ended_as`` is the ending's name for the certificate: ``revoked`` or ``cancelled``.
        """
        self._move(link_id, LIVE, LinkState.REVOKED, LinkEvent.REVOKED, ended_as=ended_as)
        return self.get(link_id)

    def expire_due(self, now: datetime) -> tuple[Link, ...]:
        """End what time has ended: links past their expiry, and claims whose grace after sending is over.

        The latter count as received. Returns the links that this call moved; safe to run in several copies.
        """
        overdue = and_(links.c.expires_at <= now, links.c.grace_ends_at.is_(None))
        with self._reading() as db:
            sent = db.execute(
                select(links.c.link_id).where(links.c.state == LinkState.CLAIMED, links.c.grace_ends_at <= now)
            ).scalars()
            late = db.execute(select(links.c.link_id).where(links.c.state.in_(LIVE), overdue)).scalars()
            found_sent, found_late = list(sent), list(late)
        received = {"ended_as": "received", "received_at": now}
        moved = [
            link_id
            for link_id in found_sent
            if self._move(link_id, [LinkState.CLAIMED], LinkState.RECEIVED, LinkEvent.RECEIVED, **received)
        ]
        moved += [
            link_id
            for link_id in found_late
            if self._move(link_id, LIVE, LinkState.EXPIRED, LinkEvent.EXPIRED, overdue, ended_as="expired")
        ]
        return tuple(self.get(link_id) for link_id in moved)

    def mark_destroyed(self, link_id: str) -> Link:
        """Record that nothing readable is left; again is harmless. ``LinkConflict`` while it is live."""
        self._move(link_id, ENDED, LinkState.DESTROYED, LinkEvent.DESTROYED)
        link = self.get(link_id)
        if link.state is not LinkState.DESTROYED:
            raise LinkConflict(f"link {link_id} is {link.state}: end it before its file is destroyed")
        return link

    # Found

    def get(self, link_id: str) -> Link:
        with self._reading() as db:
            row = db.execute(select(links).where(links.c.link_id == link_id)).one_or_none()
        if row is None:
            raise LookupError(f"there is no link {link_id}")
        return link_of(row)

    def of_deliverable(self, deliverable_id: str) -> Link | None:
        """The link of a deliverable that no other has replaced, whatever its state."""
        newer = links.alias()
        last = ~exists().where(newer.c.replaces == links.c.link_id)
        with self._reading() as db:
            row = db.execute(select(links).where(links.c.deliverable_id == deliverable_id, last)).one_or_none()
        return None if row is None else link_of(row)

    def token(self, link_id: str) -> str:
        """The secret part of the link's address: 256 bits, URL-safe; the same at every call."""
        return base64.urlsafe_b64encode(self._derive("token", link_id)).rstrip(b"=").decode()

    def find(self, token: str) -> Link | None:
        """The link of this token, looked up by hash; the hash is compared once more in constant time."""
        hashed = _sha256(token)
        with self._reading() as db:
            row = db.execute(select(links).where(links.c.token_hash == hashed)).one_or_none()
        return link_of(row) if row is not None and hmac.compare_digest(row.token_hash, hashed) else None

    # Claimed by the customer

    def note(self, link_id: str, event: LinkEvent) -> None:
        """Record what moves nothing, as being looked at: once for each visitor, and for a hundred of them at most.

        So nobody who has the address fills the database by looking.
        """
        same = and_(link_events.c.link_id == link_id, link_events.c.event == event)
        with self._reading() as db:
            known = set(db.execute(select(link_events.c.visitor).where(same)).scalars())
        if self._seen_by(link_id) in known or len(known) >= _MAX_NOTED:
            return
        with self._engine.begin() as db:
            self._record(db, link_id, event)

    def issue_code(self, link_id: str) -> str | Refusal:
        """A new six-digit code for a ready link, good for ten minutes; an earlier code dies.

        Tries are counted for the link, not for the code: after five the link is locked until :meth:`unlock`.
        """
        code = f"{secrets.randbelow(10**6):06}"
        now = self._now()
        open_for_code = and_(links.c.expires_at > now, links.c.code_tries < CODE_TRIES)
        values = {"code_hash": self._code_hash(link_id, code), "code_expires_at": now + CODE_LIFETIME}
        with self._engine.begin() as db:
            if self._set(db, link_id, [LinkState.READY], open_for_code, **values):
                self._record(db, link_id, LinkEvent.CODE_ISSUED)
                return code
        return self._why_not(link_id, otherwise=Refusal.NO_CODE)

    def claim(self, token: str, code: str) -> ClaimToken | Refusal:
        """Use the link up, once: the first right code wins. A wrong code costs a try and nothing else.

        The winner has until the link's expiry, or two hours when less is left.
        """
        found = self.find(token)
        if found is None:
            return Refusal.UNKNOWN
        link_id, now = found.link_id, self._now()
        value = secrets.token_urlsafe(32)
        # A try is counted before the code is looked at: guesses sent at the same instant all count.
        may_try = and_(links.c.expires_at > now, links.c.code_expires_at > now, links.c.code_tries < CODE_TRIES)
        winning = {
            "state": LinkState.CLAIMED,
            "claim_hash": _sha256(value),
            "claimed_at": now,
            "code_hash": None,
            "expires_at": max(found.expires_at, now + CLAIM_EXTENSION),
        }
        with self._engine.begin() as db:
            counted = self._set(db, link_id, [LinkState.READY], may_try, code_tries=links.c.code_tries + 1)
            right = links.c.code_hash == self._code_hash(link_id, code)
            if counted and self._set(db, link_id, [LinkState.READY], right, **winning):
                self._record(db, link_id, LinkEvent.CLAIMED)
                # Read before the commit: once the download is used up, nothing may keep its winner from knowing.
                won = link_of(db.execute(select(links).where(links.c.link_id == link_id)).one())
            else:
                won = None
                self._record(db, link_id, LinkEvent.CODE_WRONG if counted else LinkEvent.CLAIM_REFUSED)
                tries = db.execute(select(links.c.code_tries).where(links.c.link_id == link_id)).scalar_one()
                if counted and tries >= CODE_TRIES:
                    self._record(db, link_id, LinkEvent.LOCKED)
        if won is not None:
            return ClaimToken(won, value)
        return self._why_not(link_id, otherwise=Refusal.WRONG_CODE if counted else Refusal.NO_CODE)

    def unlock(self, link_id: str) -> Link:
        """Give a locked link five new tries, by decision of a member of staff. The old code stays dead."""
        values = {"code_tries": 0, "code_hash": None, "code_expires_at": None}
        with self._engine.begin() as db:
            if self._set(db, link_id, [LinkState.READY], links.c.code_tries >= CODE_TRIES, **values):
                self._record(db, link_id, LinkEvent.UNLOCKED)
        return self.get(link_id)

    # Downloaded by the claim

    def authorise(self, link_id: str, claim: str) -> Link | Refusal:
        """The link, if this claim is the one that won it and it still runs."""
        with self._reading() as db:
            row = db.execute(select(links).where(links.c.link_id == link_id)).one_or_none()
        if row is None:
            return Refusal.UNKNOWN
        link = link_of(row)
        if row.claim_hash is None or not hmac.compare_digest(row.claim_hash, _sha256(claim)):
            return Refusal.OTHER_CLAIM
        if link.state is not LinkState.CLAIMED:
            return Refusal.ENDED
        return link if link.expires_at > self._now() else Refusal.EXPIRED

    def open_stream(self, link_id: str, claim: str, start: int = 0, end: int | None = None) -> str | Refusal:
        """Begin sending ``[start, end)`` to this claim; an earlier stream of the same claim stops.

        A stream that does not begin where the one before was to end resumes a broken one.
        """
        link = self.authorise(link_id, claim)
        if isinstance(link, Refusal):
            return link
        stream_id = secrets.token_hex(16)
        with self._engine.begin() as db:
            if not self._set(db, link_id, [LinkState.CLAIMED], stream_id=stream_id):
                return Refusal.ENDED
            streams = link_events.c.event.in_([LinkEvent.RANGE, LinkEvent.RESUMED])
            before = select(link_events.c.end_byte).where(link_events.c.link_id == link_id, streams)
            last = db.execute(before.order_by(link_events.c.event_id.desc()).limit(1)).scalar()
            event = LinkEvent.RANGE if last in (None, start) else LinkEvent.RESUMED
            self._record(db, link_id, event, start_byte=start, end_byte=link.file.plain_size if end is None else end)
        return stream_id

    def record_sent(self, link_id: str, stream_id: str, count: int) -> Refusal | None:
        """Count bytes just before they are sent; None when they may be.

        Refused when the link has ended, a newer stream runs, or the claim would pass 1.5 times the file plus
        8 MiB in all.
        """
        with self._engine.begin() as db:
            asked = {"link": link_id, "stream": stream_id, "count": count, "now": self._now()}
            if db.execute(_COUNTED, asked).rowcount == 1:
                return None
            row = db.execute(select(links).where(links.c.link_id == link_id)).one_or_none()
        if row is None:
            return Refusal.UNKNOWN
        if row.state != LinkState.CLAIMED:
            return Refusal.ENDED
        if row.stream_id != stream_id:
            return Refusal.OTHER_STREAM
        return Refusal.CAP_REACHED if row.expires_at > self._now() else Refusal.EXPIRED

    def acknowledge(self, link_id: str, claim: str, start: int, end: int) -> Link | Refusal:
        """The browser says that it has the bytes ``[start, end)``. ``ValueError`` outside of the file."""
        while True:
            link = self.authorise(link_id, claim)
            if isinstance(link, Refusal):
                return link
            if not 0 <= start < end <= link.file.plain_size:
                raise ValueError(f"[{start}, {end}) is not a range of link {link_id}'s file")
            spans = merge([*link.acknowledged, (start, end)])
            if len(spans) > _MAX_SPANS:
                raise ValueError(f"link {link_id}: more than {_MAX_SPANS} separate ranges are acknowledged")
            unchanged = links.c.acknowledged == _spans_text(link.acknowledged)
            with self._engine.begin() as db:
                if self._set(db, link_id, [LinkState.CLAIMED], unchanged, acknowledged=_spans_text(spans)):
                    break
        return self.get(link_id)

    def sent_in_full(self, link_id: str, stream_id: str) -> Link:
        """The last byte was handed to the network: open the window in which the claim may come again."""
        ours = and_(links.c.stream_id == stream_id, links.c.grace_ends_at.is_(None))
        with self._engine.begin() as db:
            if self._set(db, link_id, [LinkState.CLAIMED], ours, grace_ends_at=self._now() + GRACE):
                self._record(db, link_id, LinkEvent.SENT)
        return self.get(link_id)

    def receive(self, link_id: str, claim: str, sha256: str) -> Link | Refusal:
        """The browser has all of it and says which SHA-256 (hex) it computed.

        Again is harmless, also when all is destroyed by then: the first answer may have been lost on its way.
        """
        link = self.authorise(link_id, claim)
        if link is Refusal.ENDED and (ended := self.get(link_id)).ended_as == "received":
            return ended
        if isinstance(link, Refusal):
            return link
        if not covers(link.acknowledged, link.file.plain_size):
            return Refusal.INCOMPLETE
        if not hmac.compare_digest(sha256.encode(), link.file.plain_sha256.encode()):
            return Refusal.WRONG_DIGEST
        values = {"ended_as": "received", "received_at": self._now()}
        self._move(link_id, [LinkState.CLAIMED], LinkState.RECEIVED, LinkEvent.RECEIVED, **values)
        return self.get(link_id)

    # How

    def _insert(self, file: SealedFile, expires_at: datetime) -> Link:
        try:
            with self._engine.begin() as db:
                link_id = self._add(db, file, expires_at)
        except IntegrityError:
            other = self.of_deliverable(file.deliverable_id)
            if other is None:
                raise
            return other
        return self.get(link_id)

    def _add(self, db: Connection, file: SealedFile, expires_at: datetime, **values: str) -> str:
        link_id, now = secrets.token_hex(16), self._now()
        db.execute(
            insert(links).values(
                link_id=link_id,
                token_hash=_sha256(self.token(link_id)),
                state=LinkState.SEALED,
                expires_at=expires_at,
                created_at=now,
                updated_at=now,
                **asdict(file),
                **values,
            )
        )
        self._record(db, link_id, LinkEvent.CREATED)
        return link_id

    def _replacement(self, link_id: str) -> Link | None:
        """The link that was made in place of this one."""
        with self._reading() as db:
            row = db.execute(select(links).where(links.c.replaces == link_id)).one_or_none()
        return None if row is None else link_of(row)

    def _move(
        self,
        link_id: str,
        expected: Collection[LinkState],
        state: LinkState,
        event: LinkEvent,
        *conditions: ColumnElement[bool],
        **values: Any,
    ) -> bool:
        with self._engine.begin() as db:
            moved = self._set(db, link_id, expected, *conditions, state=state, **values)
            if moved:
                self._record(db, link_id, event)
            return moved

    def _set(
        self,
        db: Connection,
        link_id: str,
        expected: Collection[LinkState],
        *conditions: ColumnElement[bool],
        **values: Any,
    ) -> bool:
        """The compare-and-set that all rests on: true for exactly one of those who try the same move."""
        statement = (
            update(links)
            .where(links.c.link_id == link_id, links.c.state.in_(expected), *conditions)
            .values(updated_at=self._now(), **values)
        )
        return db.execute(statement).rowcount == 1

    def _record(self, db: Connection, link_id: str, event: LinkEvent, **values: int) -> None:
        told = {"link_id": link_id, "at": self._now(), "event": event, "visitor": self._seen_by(link_id)}
        db.execute(insert(link_events).values(**told, **values))

    def _seen_by(self, link_id: str) -> str | None:
        return None if self._visitor is None else self._derive("visitor", link_id, self._visitor).hex()[:16]

    def _why_not(self, link_id: str, otherwise: Refusal) -> Refusal:
        link = self.get(link_id)
        if link.state is LinkState.SEALED:
            return Refusal.NOT_READY
        if link.state is LinkState.CLAIMED:
            return Refusal.ALREADY_CLAIMED
        if link.state is not LinkState.READY:
            return Refusal.ENDED
        if link.expires_at <= self._now():
            return Refusal.EXPIRED
        return Refusal.LOCKED if link.code_tries >= CODE_TRIES else otherwise

    def _reading(self) -> Connection:
        """A connection that only looks: on SQLite it takes no lock that others wait for."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _derive(self, purpose: str, *parts: str) -> bytes:
        return hmac.digest(self._secret, json.dumps(["casework link", purpose, *parts]).encode(), "sha256")

    def _code_hash(self, link_id: str, code: str) -> str:
        return self._derive("code", link_id, code).hex()


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _spans_text(spans: Collection[Span]) -> str:
    return json.dumps([list(span) for span in spans], separators=(",", ":"))
