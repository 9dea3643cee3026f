"""Compose machines out of racks of composable hardware.

    import composa

    site = composa.connect()                # COMPOSA_URL and COMPOSA_TOKEN, or the current context
    m = site.compose("train", gpu="A100:4", ssd=1)
    m.address
    m.free()

Importing this package loads nothing heavy: what is used is loaded when it is first used.
`composa.aio` is the same for async programs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from composa._version import __version__

if TYPE_CHECKING:
    from composa import aio
    from composa._sync.device import Device
    from composa._sync.event import Event
    from composa._sync.fabric import Fabric
    from composa._sync.machine import Machine
    from composa._sync.operation import Operation
    from composa._sync.plan import Explanation, Plan
    from composa._sync.pool import Pool
    from composa._sync.site import Site, Whoami, connect
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
    from composa.notebook import load_ipython_extension
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
    "__version__",
    "aio",
    "connect",
    "load_ipython_extension",
]

# places are where a name is, for all that is not of _sync or in errors.
_places = {
    "Listing": "tables",
    "load_ipython_extension": "notebook",
    "connect": "_sync.site",
    "Site": "_sync.site",
    "Whoami": "_sync.site",
    "Machine": "_sync.machine",
    "Device": "_sync.device",
    "Fabric": "_sync.fabric",
    "Pool": "_sync.pool",
    "Operation": "_sync.operation",
    "Event": "_sync.event",
    "Plan": "_sync.plan",
    "Explanation": "_sync.plan",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is first used (PEP 562)."""
    if name == "aio":
        return importlib.import_module("composa.aio")
    if name not in __all__:
        raise AttributeError(f"module 'composa' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"composa.{_places.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
