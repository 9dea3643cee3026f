"""What differs between the async face and the other in more than its words. Its twin is _sync/pausing.py."""

from __future__ import annotations

import asyncio
import os

#: What is raised in the middle of a call when a person, or the program around it, stops it.
Interrupted = asyncio.CancelledError


async def pause(seconds: float) -> None:
    """Wait, and let others run."""
    await asyncio.sleep(seconds)


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
