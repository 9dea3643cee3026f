# Made from _aio/fabric.py by generate.py: change it there.
"""Fabric: one composable system with one manager, usually a rack."""

from __future__ import annotations

from typing import Any

from composa import _wire
from composa._call import part
from composa._moment import Moment
from composa.looks import Looks


class Fabric(Looks, _wire.Fabric, Moment):
    """One composable system with one manager, usually a rack, as it was when it was read.

    Attributes:
        name: Its name, such as "rack1".
        driver: The vendor's protocol, such as "liqid". era: the line of its software; None: not found out.
        access: manage, or observe (it is looked at and never changed).
        state: ok, silent, stale (shown from before the server's start) or new (not read yet).
        reason: Why it is silent. silent_since: since when. seen: when its newest complete picture began.
        acts: What it can do.
        kinds: How many devices of each kind: kind, all, free.
        machines: How many machines of ours are in it. foreign: how many of others.
        read_only: Why nothing is changed on it although access is manage; None: it can be changed.
        emulated: It is pretend hardware.
    """

    def refresh(self) -> Fabric:
        """Read it anew.

        Returns:
            Itself, as it is now.

        Raises:
            NotFound: It is not part of the site any more.
        """
        self._renew(self._site._connection.get(f"/v1/fabrics/{part(self.name)}", model=_wire.Fabric))
        return self

    def _same(self) -> tuple[Any, ...]:
        return "Fabric", self.name
