"""A gateway behind a real socket: beside a test, or in a process of its own that a test can kill."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from casework.gateway import server
from tests.desk import Desk
from tests.gateway.conftest import Place, open_place


@contextmanager
def served(place: Place) -> Iterator[str]:
    """Serve the place's gateway on a loopback port; the address. Its links lead there meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        delivery = replace(place.gateway.delivery, public_url=url)
        running = server(replace(place.gateway, delivery=delivery), "127.0.0.1", port)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield url
        finally:
            running.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the gateway does not stop"


def main(database: str, folder: str, descriptor: str, address: str = "") -> None:
    """Serve what the database and the folder hold on a socket that the parent has opened, logging all that can be.

    Browsers come to `address`, or to the socket's own. The cases run elsewhere: what they are to look at is recorded.
    """
    logging.basicConfig(level=logging.DEBUG, force=True)
    listening = socket.socket(fileno=int(descriptor))
    port = listening.getsockname()[1]
    with Desk(database, datetime(2026, 3, 2, 9, tzinfo=UTC)) as desk:
        desk.engine.away = True
        place = open_place(desk, Path(folder))
        delivery = replace(place.gateway.delivery, public_url=address or f"http://127.0.0.1:{port}")
        server(replace(place.gateway, delivery=delivery), "127.0.0.1", port).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
