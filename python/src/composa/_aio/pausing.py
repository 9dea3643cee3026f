"""What differs between the async face and the other in more than its words. Its twin is _sync/pausing.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx2

from composa._sockets import Sockets

T = TypeVar("T")

#: What is raised in the middle of a call when a person, or the program around it, stops it.
Interrupted = asyncio.CancelledError


async def pause(seconds: float) -> None:
    """Wait, and let others run."""
    await asyncio.sleep(seconds)


async def aside(call: Callable[[], T]) -> T:
    """Make a call that blocks, and let others run."""
    return await asyncio.to_thread(call)


Place = tuple[int, asyncio.AbstractEventLoop]


def place() -> Place:
    """Say where a call is made. Open connections of one place are of no use in another.

    A fork has the sockets of its parent, and must not speak on them; a socket belongs to its event loop.
    """
    return os.getpid(), asyncio.get_running_loop()


def is_over(place: Place) -> bool:
    """Say whether no call is made at a place any more."""
    process, loop = place
    return process != os.getpid() or loop.is_closed()


def close_there(place: Place, close: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Have what belongs to another place closed there, which is not waited for.

    False where that is left to the place itself: its loop stands still.
    """
    process, loop = place
    if process != os.getpid() or loop.is_closed():
        return True
    if not loop.is_running():
        return False
    closing = close()
    try:
        asyncio.run_coroutine_threadsafe(closing, loop)
    except RuntimeError:  # the loop was closed meanwhile
        closing.close()
    return True


def hang_up(sockets: Sockets) -> None:
    """Leave what others wait for to their loops: these hear of what is closed at once."""


def close_left(clients: dict[Place, httpx2.AsyncClient]) -> None:
    """Leave connections that nobody closed: to close them is awaited, and nobody awaits any more."""
