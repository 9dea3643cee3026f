"""The sockets that a connection has open: closing it ends what other threads read from them."""

from __future__ import annotations

import contextlib
import os
import socket
import weakref
from collections.abc import Mapping
from typing import Any


class Sockets:
    """The open sockets of one process. It may be used from several threads."""

    def __init__(self) -> None:
        # By id of what httpx reads from: the process that opened it, and that. It goes when httpx lets it go.
        self._open: dict[int, tuple[int, weakref.ref[Any]]] = {}

    def note(self, what: str, more: Mapping[str, Any]) -> None:
        """Take note of what a connection does, as httpx tells it: of sockets that were opened."""
        if not what.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        opened, stream = self._open, more["return_value"]
        key = id(stream)
        opened[key] = os.getpid(), weakref.ref(stream, lambda _: opened.pop(key, None))

    def shut(self) -> None:
        """Have whoever reads from one hear of its end at once; to close it does not wake a thread that reads.

        Those of the process that this is a fork of are left alone: it uses them.
        """
        for process, held in list(self._open.values()):
            stream = held() if process == os.getpid() else None
            opened = stream.get_extra_info("socket") if stream is not None else None
            if opened is not None:
                with contextlib.suppress(OSError):  # it was closed meanwhile
                    # TLS is not ended in words: that is not for a thread beside the one that reads.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)
