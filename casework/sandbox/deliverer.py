"""Sends the world's signed deliveries to us, again and again until they are taken: used only when serving."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import httpx

from casework.sandbox.hooks import Delivery

if TYPE_CHECKING:
    from casework.sandbox.world import World

_log = logging.getLogger(__name__)

HOOKS: Mapping[str, str] = {
    "zendesk.events": "/hooks/zendesk",
    "slack.interactivity": "/hooks/slack",
    "jira.events": "/hooks/jira",
    "typeform.events": "/hooks/typeform",
    "salesforce.events": "/hooks/salesforce",
    "hubspot.events": "/hooks/hubspot",
    "intercom.events": "/hooks/intercom",
    "outreach.events": "/hooks/outreach",
    "sns.events": "/hooks/mail",
}
"""Where each kind of delivery goes below the gateway's address. Asana's go to their webhook's own target."""


def doubling(attempt: int) -> float:
    """Seconds to wait after a failed attempt (the first is 1): a quarter, a half, … at most thirty."""
    return float(min(30.0, 0.25 * 2 ** (attempt - 1)))


class Deliverer:
    """One thread that empties the outbox, oldest first.

    A delivery answered with anything but 2xx is sent again after `back_off(attempt)` seconds, at most
    `attempts`
    times; then it is put aside as undelivered. A delivery leaves the outbox only when it is settled, so
    that a restarted sandbox goes on with it (and may send it twice, as vendors do).

    Raises:
        LookupError: from `deliver`, when there is no address for a delivery's kind.
    """

    def __init__(
        self,
        world: World,
        targets: Mapping[str, str],
        *,
        client: httpx.Client | None = None,
        attempts: int = 12,
        back_off: Callable[[int], float] = doubling,
    ) -> None:
        self._world, self._targets = world, dict(targets)
        self._client = client or httpx.Client(timeout=10)
        self._attempts, self._back_off = attempts, back_off
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-deliverer", daemon=True)

    def start(self) -> None:
        """Begins delivering."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the delivery at hand; what is left stays in the outbox."""
        self._stopping.set()
        with self._world.delivery_waiting:
            self._world.delivery_waiting.notify_all()
        self._thread.join(timeout=15)
        self._client.close()

    def deliver(self, delivery: Delivery) -> bool:
        """Sends one delivery until it is taken; false when it was given up or the deliverer stops."""
        target = delivery.target or self._targets.get(f"{delivery.vendor}.{delivery.kind}")
        if target is None:
            raise LookupError(f"no address for {delivery.vendor}.{delivery.kind}")
        for attempt in range(1, self._attempts + 1):
            try:
                status = self._client.post(target, headers=delivery.headers, content=delivery.body).status_code
            except httpx.HTTPError as error:
                _log.info("delivery %s attempt %d: %s", delivery.id, attempt, type(error).__name__)
            else:
                if 200 <= status < 300:
                    return True
                _log.info("delivery %s attempt %d: HTTP %d", delivery.id, attempt, status)
            if self._stopping.wait(self._back_off(attempt)):
                return False
        return False

    def _run(self) -> None:
        while (delivery := self._next()) is not None:
            try:
                taken = self.deliver(delivery)
            except LookupError as error:
                _log.warning("delivery %s: %s", delivery.id, error)
                taken = False
            if not taken and self._stopping.is_set():
                return
            with self._world.changing():
                outbox = self._world.state["outbox"]
                kept = next((one for one in outbox if one["id"] == delivery.id), None)
                if kept is not None:
                    outbox.remove(kept)
                    if not taken:
                        self._world.state["undelivered"].append(kept)

    def _next(self) -> Delivery | None:
        waiting = self._world.delivery_waiting
        with waiting:
            waiting.wait_for(lambda: bool(self._world.state["outbox"]) or self._stopping.is_set())
            if self._stopping.is_set():
                return None
            return Delivery.from_dict(self._world.state["outbox"][0])
