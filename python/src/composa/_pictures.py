"""The pictures that a site has drawn and that follow: they end with it."""

from __future__ import annotations

import threading
import weakref
from typing import Protocol

from composa.errors import Invalid

__all__ = ["Pictures"]


class Following(Protocol):
    """What follows until it is ended."""

    def end(self, reason: str = "") -> None: ...


class Pictures:
    """What follows for the pictures of a site. A picture that nobody has is not kept by it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._those: weakref.WeakSet[Following] = weakref.WeakSet()
        self._over = False

    def add(self, one: Following) -> None:
        """Have one end with the site.

        Raises:
            Invalid: The site was closed.
        """
        with self._guard:
            if self._over:
                raise Invalid("cannot draw racks: this site was closed", next="connect again")
            self._those.add(one)

    def end(self) -> None:
        """End them, and return when they have ended; no more are added."""
        with self._guard:
            self._over = True
            those = list(self._those)
        for one in those:
            one.end("the site was closed")
