"""A relay in front of a server, so that the network between can be cut."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Literal


class Relay:
    """Passes on connections to a server; url is where clients reach it.

    cut("reset") breaks every connection and refuses new ones by a reset;
    cut("hole") keeps them and passes nothing on: neither side hears anything.
    mend() lets all pass again.
    """

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._state = threading.Condition()
        self._mode: Literal["open", "reset", "hole", "closed"] = "open"
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, how: Literal["reset", "hole"] = "reset") -> None:
        """Cut the network."""
        self._enter(how)

    def mend(self) -> None:
        """Let all pass again."""
        self._enter("open")

    def close(self) -> None:
        """End every connection and take no more."""
        self._enter("closed")
        self._door.close()

    def _enter(self, mode: Literal["open", "reset", "hole", "closed"]) -> None:
        with self._state:
            self._mode = mode
            self._state.notify_all()
            broken = list(self._sockets) if mode in ("reset", "closed") else []
        for s in broken:
            _reset(s)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if self._mode in ("reset", "closed"):
                _reset(near)
                continue
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        self._passes()
        try:
            far = socket.create_connection(self._target)
        except OSError:
            _reset(near)
            return
        with self._state:
            self._sockets |= {near, far}
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        with self._state:
            self._sockets -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._passes()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(source)
            _reset(sink)

    def _passes(self) -> None:
        """Wait while nothing is passed on."""
        with self._state:
            self._state.wait_for(lambda: self._mode != "hole")


def _reset(s: socket.socket) -> None:
    """Break a connection, so that both sides hear of it at once."""
    with contextlib.suppress(OSError):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.shutdown(socket.SHUT_RDWR)
    s.close()
