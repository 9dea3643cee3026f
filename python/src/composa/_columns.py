"""The columns of every kind of list: one table of columns, which the HTML and the text both show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from composa import _html, palette
from composa import _wording as w


class Column(NamedTuple):
    """One column of a list.

    Attributes:
        name: Its header.
        text: What stands in it, for one item; empty where there is nothing to say.
        html: The same as HTML, where that is more than the text escaped.
        sort: "n" for numbers, "w" for text that may be wrapped, "" for the rest.
    """

    name: str
    text: Callable[[Any], str]
    html: Callable[[Any], str] | None = None
    sort: str = ""


class Shape(NamedTuple):
    """How one kind of list is shown.

    Attributes:
        model: The wire model of an item, whose fields are the columns of a DataFrame.
        columns: What is shown of an item.
        order: The key in whose order items stand; None: as the server gave them.
        group: What rows are grouped by in HTML; None: they are not.
    """

    model: str
    columns: tuple[Column, ...]
    order: Callable[[Any], Any] | None = None
    group: Callable[[Any], str] | None = None


def _state(word: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda item: _html.condition(word(item))


def _operation_machines(op: Any) -> str:
    return ", ".join(m.name for m in op.machines if m.name) or (op.id if op.machines else "")


_devices = (
    # The head of the group that the row is in says whether it is emulated.
    Column("device", lambda d: w.marked(d.place, d.emulated), lambda d: _html.text(d.place)),
    Column("kind", lambda d: d.kind),
    Column("model", lambda d: f"{d.vendor or ''} {d.model or ''}".strip()),
    Column("capacity", w.capacity),
    Column("use", lambda d: d.use, lambda d: _html.use(d.use, d.health not in ("failed", "missing"))),
    Column("machine", lambda d: d.machine or ""),
    Column("health", lambda d: d.health, _state(lambda d: d.health)),
    Column("free", w.free),
)

_machines = (
    Column("name", lambda m: m.name),
    Column("state", lambda m: m.state, _state(w.machine_state)),
    Column("fabric", lambda m: w.marked(m.fabric, m.emulated)),
    Column("devices", lambda m: w.devices(m.devices), sort="w"),
    Column("address", lambda m: m.address or ""),
    Column("owner", lambda m: m.owner),
)

_operations = (
    Column("id", lambda o: o.id),
    Column("verb", lambda o: o.verb),
    Column("machine", _operation_machines),
    Column("phase", lambda o: o.phase, _state(lambda o: o.phase)),
    Column("fabric", lambda o: w.marked(o.fabric, o.emulated)),
    Column("by", lambda o: o.principal),
    Column("created", lambda o: w.moment(o.created_at)),
    Column("reason", lambda o: o.reason or "", sort="w"),
)

_fabrics = (
    Column("name", lambda f: w.marked(f.name, f.emulated)),
    Column("driver", lambda f: f"{f.driver} {f.era or ''}".strip()),
    Column("state", lambda f: f.state, _state(lambda f: f.state)),
    Column("access", w.access),
    Column("machines", lambda f: str(f.machines), sort="n"),
    Column("free", lambda f: w.shares(f.kinds), sort="w"),
)

_pools = (
    Column("name", lambda p: p.name),
    Column("project", lambda p: p.project),
    Column("devices", lambda p: str(len(p.devices)), sort="n"),
    Column("free", lambda p: str(p.free), sort="n"),
    Column("most", lambda p: str(p.most or ""), sort="n"),
    Column("owner", lambda p: p.owner),
)

_events = (
    Column("at", lambda e: w.moment(e.at)),
    Column("type", lambda e: e.type),
    Column("subject", lambda e: e.subject),
    Column("by", lambda e: e.principal),
    Column("cause", lambda e: e.cause or ""),
)

_available = (
    Column("kind", lambda v: v.kind),
    Column("model", lambda v: v.model),
    Column("free", lambda v: str(v.free), sort="n"),
    Column("all", lambda v: str(v.all), sort="n"),
    Column("most", lambda v: str(v.most), sort="n"),
    Column("fabrics", lambda v: w.there(v.fabrics), sort="w"),
)


def _by_name(item: Any) -> Any:
    return w.natural(item.name)


#: Every kind of list by its name, which is the noun in the plural.
shapes: dict[str, Shape] = {
    "devices": Shape(
        "Device", _devices, lambda d: w.natural(d.place), lambda d: w.marked(d.fabric, d.emulated)
    ),
    "machines": Shape("Machine", _machines, _by_name),
    "operations": Shape("Operation", _operations),
    "fabrics": Shape("Fabric", _fabrics, _by_name),
    "pools": Shape("Pool", _pools, _by_name),
    "events": Shape("Event", _events),
    "available": Shape(
        "Available", _available, lambda v: (palette.kind_rank(v.kind), v.kind, w.natural(v.model))
    ),
}
