"""How a worker is told of runs: Prefect's event stream, which also carries what is done in the Prefect UI.

While the stream is connected there is nothing to poll for but what it might have dropped. It connects again by
itself, and says so each time: what happened in between has to be looked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.events.schemas.events import Event
from prefect.logging import get_logger

__all__ = ["News"]

AGAIN_SECONDS = 1.0
BACK = timedelta(seconds=5)
"""How old the oldest event is that comes with a connect; more than clocks differ. Prefect's own minute is thousands of
events on a busy server, when there is most to do, and what they tell is being looked for anyway."""

RUN, DEPLOYMENT = "prefect.flow-run.", "prefect.deployment."
NO_NEWS = (
    "Pending",
    "Submitting",
    "Running",
    "Suspended",
    "Paused",
    "Completed",
    "Failed",
    "Crashed",
    "Cancelled",
    "heartbeat",
)
"""What happens to every run and means nothing here; it is not sent at all."""

logger = get_logger("workers.casework-warm")


class News:
    """What happens in one work pool. `connected` tells the callbacks' owner whether they can be relied on.

    `on_connected` is called after each connect, `on_scheduled` and `on_cancelling` with a run whose state became so,
    `on_deployment` when a deployment of the pool was changed or deleted.
    """

    def __init__(
        self,
        *,
        on_connected: Callable[[], object],
        on_scheduled: Callable[[UUID], object],
        on_cancelling: Callable[[UUID], object],
        on_deployment: Callable[[UUID], object],
    ) -> None:
        self.connected = False
        self._on_connected, self._on_deployment = on_connected, on_deployment
        self._on_state: dict[str | None, Callable[[UUID], object]] = {
            StateType.SCHEDULED.value: on_scheduled,
            StateType.CANCELLING.value: on_cancelling,
        }

    async def listen(self, work_pool_id: UUID) -> None:
        """Listen until cancelled."""
        silent = False
        while True:
            try:
                stream = get_events_subscriber(filter=self._of(work_pool_id), reconnection_attempts=0)
                stream._backfill_since = datetime.now(UTC) - BACK  # type: ignore[assignment]
                async with stream:
                    self.connected, silent = True, False
                    self._on_connected()
                    async for event in stream:
                        self._hear(event)
            except Exception as error:  # noqa: BLE001 - a websocket breaks in many ways, and each time we poll instead
                if not silent:
                    logger.warning("No event stream (%s): runs are polled for meanwhile.", type(error).__name__)
                silent = True
            finally:
                self.connected = False
            await asyncio.sleep(AGAIN_SECONDS)

    def _of(self, work_pool_id: UUID) -> EventFilter:
        return EventFilter(
            event=EventNameFilter(prefix=[RUN, DEPLOYMENT], exclude_name=[RUN + name for name in NO_NEWS]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{work_pool_id}"]),
        )

    def _hear(self, event: Event) -> None:
        what = event.resource.id
        if what.startswith(DEPLOYMENT):
            self._on_deployment(UUID(what.removeprefix(DEPLOYMENT)))
        elif act := self._on_state.get(event.resource.get("prefect.state-type")):
            act(UUID(what.removeprefix(RUN)))
