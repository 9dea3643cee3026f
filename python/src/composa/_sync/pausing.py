"""What differs between the sync face and the other in more than its words. Its twin is _aio/pausing.py."""

from __future__ import annotations

import os
import time

#: What is raised in the middle of a call when a person stops it.
Interrupted = KeyboardInterrupt


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


Place = int


def place() -> Place:
    """Say where a call is made. Open connections of one place are of no use in another.

    A fork has the sockets of its parent, and must not speak on them.
    """
    return os.getpid()


def is_over(place: Place) -> bool:
    """Say whether no call is made at a place any more."""
    return place != os.getpid()
