"""The line between a browser and a gateway: a TCP proxy that a test can cut, after so many bytes if it wants."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)


class Line:
    """Passes on to the gateway at `target`, a loopback port; without one, whoever connects is turned away.

    `mishaps` are things to do once so many bytes have come from the gateway, in rising order.
    """

    def __init__(self, mishaps: list[tuple[int, Callable[[], None]]]) -> None:
        self.target: int | None = None
        self.cuts = self.passed = 0
        self._mishaps = mishaps
        self._lock = threading.RLock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(20)
        self._reset()

    def cut(self) -> None:
        """Break every connection, as a router does that loses its memory."""
        self.cuts += 1
        self._reset()

    def _reset(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    # A thread that reads from it is woken; closing alone would let it wait.
                    end.shutdown(socket.SHUT_RD)
                end.close()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self._listening.accept()
            except OSError:
                return
            try:
                gateway = socket.create_connection(("127.0.0.1", self.target or 1), timeout=5)
            except OSError:
                browser.close()
                continue
            gateway.settimeout(None)
            with self._lock:
                self._pairs.append((browser, gateway))
            for source, sink, count in ((browser, gateway, False), (gateway, browser, True)):
                threading.Thread(target=self._pump, args=(source, sink, count), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, count: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(256 * 1024):
                sink.sendall(data)
                if count:
                    self._count(len(data))
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _count(self, size: int) -> None:
        with self._lock:
            self.passed += size
            due = self._mishaps and self.passed >= self._mishaps[0][0]
            act = self._mishaps.pop(0)[1] if due else None
        if act is not None:
            act()
