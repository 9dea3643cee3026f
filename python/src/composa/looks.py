"""How single things look in a notebook: HTML, and the same in text.

html() and text() are pure: they take a thing and the moment it is shown, and give what is shown of it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from composa import _look, _looks_changes, _looks_things
from composa import _wording as w

__all__ = ["Looks", "html", "text"]

#: How things look, by the name of their class or of one that it is made of.
_looks: dict[str, Callable[[Any, datetime.datetime], _look.Look]] = {
    "Machine": _looks_things.machine,
    "MachineDevice": _looks_things.machine_device,
    "Wish": _looks_things.wish,
    "Device": _looks_things.device,
    "Fabric": _looks_things.fabric,
    "Pool": _looks_things.pool,
    "Event": _looks_things.event,
    "Available": _looks_things.available,
    "Site": _looks_things.site,
    "Whoami": _looks_things.whoami,
    "Operation": _looks_changes.operation,
    "Plan": _looks_changes.plan,
    "Explanation": _looks_changes.explanation,
    "Nearest": _looks_changes.nearest,
    "Error": _looks_changes.error,
}


class Looks:
    """Gives an object its looks: HTML in a notebook, text everywhere else."""

    def _repr_html_(self) -> str:
        return html(self)

    def __repr__(self) -> str:
        return text(self)

    def __str__(self) -> str:
        return text(self)


def text(thing: object, now: datetime.datetime | None = None) -> str:
    """Write a thing in lines of text.

    Args:
        thing: A machine, device, fabric, pool, event, operation, plan, explanation, site, error or what
            else has looks: an object of this package, or the model of its REST document.
        now: The moment when it is shown, for its age; None: now.

    Raises:
        TypeError: It has no looks.
    """
    now = now or _now()
    return _look.text(_of(thing)(thing, now), _age(thing, now))


def html(thing: object, now: datetime.datetime | None = None) -> str:
    """Show a thing as the output of a cell: escaped HTML with a style that reaches nothing else.

    Args:
        thing: As text() takes it.
        now: The moment when it is shown, for its age; None: now.

    Raises:
        TypeError: It has no looks.
    """
    now = now or _now()
    return _look.html(_of(thing)(thing, now), _age(thing, now))


def _of(thing: object) -> Callable[[Any, datetime.datetime], _look.Look]:
    for cls in type(thing).__mro__:
        if cls.__name__ in _looks:
            return _looks[cls.__name__]
    raise TypeError(f"cannot show a {type(thing).__name__}: it has no looks")


def _age(thing: object, now: datetime.datetime) -> str:
    """Say how old what is shown is. What happened, and what was planned or said then, stays as it is."""
    if not _ages(thing):
        return ""
    read_at = getattr(thing, "read_at", None)
    return w.as_of(read_at, now) if isinstance(read_at, datetime.datetime) else ""


def _ages(thing: object) -> bool:
    return not any(
        cls.__name__ in ("Event", "Plan", "Explanation", "Nearest", "Error") for cls in type(thing).__mro__
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
