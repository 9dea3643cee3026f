"""What differs between the sync face and the other in more than its words. Its twin is _aio/pausing.py."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

import httpx2

from composa._sockets import Sockets

T = TypeVar("T")

#: What is raised in the middle of a call when a person stops it.
Interrupted = KeyboardInterrupt


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def aside(call: Callable[[], T]) -> T:
    """Make a call that blocks."""
    return call()


Place = int


def place() -> Place:
    """Say where a call is made. Open connections of one place are of no use in another.

    A fork has the sockets of its parent, and must not speak on them.
    """
    return os.getpid()


def is_over(place: Place) -> bool:
    """Say whether no call is made at a place any more."""
    return place != os.getpid()


def close_there(place: Place, close: Callable[[], None]) -> bool:
    """Leave what a fork has of its parent: those sockets are the parent's."""
    return True


def hang_up(sockets: Sockets) -> None:
    """End what other threads wait for."""
    sockets.shut()


def close_left(clients: dict[Place, httpx2.Client]) -> None:
    """Close connections that nobody can use any more, and nobody closed."""
    for made_at, client in list(clients.items()):
        if not is_over(made_at):
            client.close()
