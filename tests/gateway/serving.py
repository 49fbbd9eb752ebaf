"""A gateway behind a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from casework.gateway import server
from tests.gateway.conftest import Place


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
