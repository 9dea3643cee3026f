"""A server that stands in for Composa's where a test wants what Composa's does not do."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked, with the connection to answer on."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket
    ended: threading.Event


Answer = bytes | Callable[[Request], None]


def answer(status: str, body: bytes | Any = b"", *headers: str, kind: str = "application/json") -> bytes:
    """Write an answer; a body that is no bytes is JSON."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def never(request: Request) -> None:
    """Do not answer until the test ends."""
    request.ended.wait()


def hang_up(request: Request, after: bytes = b"") -> None:
    """Close the connection after some bytes of an answer."""
    request.connection.sendall(after)
    request.connection.shutdown(socket.SHUT_RDWR)


class StandIn:
    """Answers the calls with these answers, one after the other; the last one answers all further calls."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Request] = []
        self._answers = list(answers)
        self._tls = tls
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> StandIn:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for c in self._open:
            with contextlib.suppress(OSError):
                c.shutdown(socket.SHUT_RDWR)
        for t in self._threads:
            t.join(10)
        for c in self._open:
            c.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                    self._open.append(connection)
            except OSError:
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            for request in self._requests(connection):
                with self._turn:
                    given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    self.asked.append(request)
                if callable(given):
                    given(request)
                else:
                    connection.sendall(given)

    def _requests(self, connection: socket.socket) -> Iterator[Request]:
        with connection.makefile("rb") as incoming:
            if incoming.peek(1)[:1] == b"\x16":  # somebody begins to speak TLS
                connection.sendall(answer("400 Bad Request"))
                connection.shutdown(socket.SHUT_RDWR)
                return
            while line := incoming.readline().decode().strip():
                headers = {}
                while text := incoming.readline().decode().strip():
                    name, _, value = text.partition(":")
                    headers[name.lower()] = value.strip()
                body = incoming.read(int(headers.get("content-length", "0")))
                yield Request(line, headers, body, connection, self._ended)
