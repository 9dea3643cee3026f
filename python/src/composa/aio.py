"""The module for async programs: the same names, whose calls are awaited.


async with await aio.connect() as site:
    m = await site.compose("train", gpu="A100:4")
    await m.free()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composa._aio.device import Device
    from composa._aio.event import Event
    from composa._aio.fabric import Fabric
    from composa._aio.machine import Machine
    from composa._aio.operation import Operation
    from composa._aio.plan import Explanation, Plan
    from composa._aio.pool import Pool
    from composa._aio.site import Site, Whoami, connect
    from composa.errors import (
        Conflict,
        Error,
        Failed,
        Held,
        Invalid,
        MissingExtra,
        Nearest,
        NotAllowed,
        NotFound,
        Refused,
        TimedOut,
        Unreachable,
    )
    from composa.tables import Listing

__all__ = [
    "Conflict",
    "Device",
    "Error",
    "Event",
    "Explanation",
    "Fabric",
    "Failed",
    "Held",
    "Invalid",
    "Listing",
    "Machine",
    "MissingExtra",
    "Nearest",
    "NotAllowed",
    "NotFound",
    "Operation",
    "Plan",
    "Pool",
    "Refused",
    "Site",
    "TimedOut",
    "Unreachable",
    "Whoami",
    "connect",
]

# places are where a name is, for all that is not of _aio or in errors.
_places = {
    "Listing": "tables",
    "connect": "_aio.site",
    "Site": "_aio.site",
    "Whoami": "_aio.site",
    "Machine": "_aio.machine",
    "Device": "_aio.device",
    "Fabric": "_aio.fabric",
    "Pool": "_aio.pool",
    "Operation": "_aio.operation",
    "Event": "_aio.event",
    "Plan": "_aio.plan",
    "Explanation": "_aio.plan",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'composa.aio' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"composa.{_places.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
