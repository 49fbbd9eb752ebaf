"""Typed clients of the outside systems. They know no case and no flow; everything comes in by constructor.

`use` connects this process once, at its start; `current` is where tasks find the clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from casework.systems.asana import Asana
    from casework.systems.dropbox import Dropbox
    from casework.systems.mail import Mail
    from casework.systems.product import ProductDatabase
    from casework.systems.s3 import S3
    from casework.systems.slack import Slack
    from casework.systems.zendesk import Zendesk

__all__ = ["Places", "Systems", "current", "use"]


@dataclass(frozen=True)
class Places:
    """Where in the systems our things are: ids and addresses, no secrets.

    `ticket_page` is the address of a ticket for colleagues, with `{ticket}` in it.
    """

    ticket_page: str
    asana_workspace: str
    asana_project: str
    asana_template: str


@dataclass(frozen=True)
class Systems:
    """The outside systems that this process talks to."""

    zendesk: Zendesk
    slack: Slack
    asana: Asana
    dropbox: Dropbox
    s3: S3
    product: ProductDatabase
    mail: Mail
    places: Places


_connected: Systems | None = None


def use(systems: Systems) -> None:
    """Connect this process to `systems`, in place of what was connected before."""
    global _connected
    _connected = systems


def current() -> Systems:
    """The connected systems. Raises RuntimeError when nothing was connected."""
    if _connected is None:
        raise RuntimeError(
            "No outside systems are connected in this process: call casework.systems.use(Systems(...)) at its start"
        )
    return _connected
