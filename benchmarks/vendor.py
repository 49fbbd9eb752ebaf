"""A vendor that sends hooks at a steady rate, signed as Zendesk signs them, and sends again what was not taken.

Each hook is due at its own moment, whatever became of those before it. A delivery that meets no answer, a 429 or a
server's fault is sent again until it is taken, with the same event in it, freshly signed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from queue import SimpleQueue
from urllib.parse import urlsplit

from casework.sandbox.hooks import sign_zendesk
from casework.sandbox.world import CREDENTIALS

__all__ = ["Acknowledged", "Vendor"]

CONNECTIONS = 24
SEND_AGAIN_SECONDS = 0.25
GIVE_UP_SECONDS = 300.0
TEMPORARY = 500
SECRET = CREDENTIALS["zendesk_webhook_secret"]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A hook that was taken: its id; Unix seconds when it was due, when the delivery that was taken went out and when
    its answer came; whether the gateway called it new; and how often it was sent."""

    id: str
    due: float
    sent: float
    answered: float
    fresh: bool
    times: int


class Vendor:
    """Sends to a gateway. Some connections are kept open, as vendors' senders do."""

    def __init__(self, gateway: str) -> None:
        place = urlsplit(gateway).netloc
        self._idle: SimpleQueue[HTTPConnection] = SimpleQueue()
        for _ in range(CONNECTIONS):
            self._idle.put(HTTPConnection(place, timeout=10))
        self._stopped = threading.Event()

    def send(self, tickets: Sequence[int], rate: float, seconds: float, name: str) -> list[Acknowledged]:
        """So many a second for so long, about one of the tickets after the other; returns when all are taken, or
        those that were due when `stop` was called."""
        began = time.time() + 0.1
        coming = []
        with ThreadPoolExecutor(CONNECTIONS) as senders:
            for number in range(int(rate * seconds)):
                due = began + number / rate
                if self._stopped.wait(max(due - time.time(), 0)):
                    break
                event = f"{name}-{number}"
                coming.append(senders.submit(self._deliver, event, tickets[number % len(tickets)], due))
            return [one.result() for one in coming]

    def stop(self) -> None:
        """Let `send` come to its end."""
        self._stopped.set()

    def again(self, event: str, ticket: int) -> bool:
        """Deliver one event once more; whether the gateway called it new."""
        return self._deliver(event, ticket, time.time()).fresh

    def _deliver(self, event: str, ticket: int, due: float) -> Acknowledged:
        for times in range(1, int(GIVE_UP_SECONDS / SEND_AGAIN_SECONDS)):
            connection = self._idle.get()
            try:
                sent = time.time()
                fresh = _post(connection, event, ticket)
                if fresh is not None:
                    return Acknowledged(event, due, sent, time.time(), fresh, times)
            except (OSError, HTTPException):
                connection.close()
            finally:
                self._idle.put(connection)
            time.sleep(SEND_AGAIN_SECONDS)
        raise RuntimeError(f"hook {event} was not taken within {GIVE_UP_SECONDS:g} s")


def _post(connection: HTTPConnection, event: str, ticket: int) -> bool | None:
    """Send one event; whether it was new, or None when it is to be sent again.

    Raises:
        RuntimeError: the gateway refuses it.
    """
    told = {
        "id": event,
        "type": "zen:event-type:ticket.priority_changed",
        "subject": f"zen:ticket:{ticket}",
        "time": datetime.now(UTC).isoformat(),
        "detail": {"id": str(ticket), "actor_id": "9001"},
        "event": {"current": "HIGH", "previous": "NORMAL"},
        "zendesk_event_version": "2022-11-06",
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {"Content-Type": "application/json", **sign_zendesk(SECRET, stamp, body)}
    connection.request("POST", "/hooks/zendesk", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status == 429 or answer.status >= TEMPORARY:
        return None
    if answer.status not in (200, 202):
        raise RuntimeError(f"the gateway answers a hook with {answer.status}: {text.decode()[:200]}")
    return answer.status == 202
