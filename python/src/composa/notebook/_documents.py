"""What a rack picture is drawn from: documents of fabrics, devices and machines, and how they differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from composa import _wire

if TYPE_CHECKING:
    from composa._aio.connection import Connection

Document = dict[str, Any]

#: Documents by sort (fabrics, devices, machines) and by id; the id of a fabric is its name. In changes None
#: stands for one that left.
Documents = dict[str, dict[str, Document]]
Changes = dict[str, dict[str, "Document | None"]]

# kept are the fields that a picture needs. What differs at every look, such as when a fabric was seen, is not
# among them: it would make everything a change.
_kept = {
    "fabrics": ("name", "driver", "emulated", "state", "silentSince", "reason"),
    "devices": (
        "id", "place", "fabric", "kind", "vendor", "model", "switch", "memory", "size", "speed", "cores",
        "health", "use", "free", "whyNot", "hygiene", "cordon", "machine", "machineId", "project", "pool",
    ),
    "machines": ("id", "name", "project", "owner", "state", "fabric", "createdAt", "devices"),
}  # fmt: skip


def nothing() -> Documents:
    """Return no documents."""
    return {"fabrics": {}, "devices": {}, "machines": {}}


async def read(
    connection: Connection, wanted: tuple[str, ...], again: Iterable[str] | None, was: Documents
) -> Documents:
    """Read what a picture is drawn from.

    Args:
        connection: The connection.
        wanted: Names of the fabrics that are drawn; none: all.
        again: Names of those of which devices and machines are read again; None: all.
        was: What was read before: of the other fabrics it stays.

    Raises:
        Error: What the server answered, or why there was no answer.
    """
    now = nothing()
    async for page in connection.pages("/v1/fabrics", model=_wire.Fabrics):
        for f in page.items:
            if not wanted or f.name in wanted:
                now["fabrics"][f.name] = _short("fabrics", f)
    if again is None and not wanted:
        await _read_parts(connection, None, now)
        return now
    fresh = {name for name in now["fabrics"] if again is None or name in again or name not in was["fabrics"]}
    for name in sorted(fresh):
        await _read_parts(connection, name, now)
    for sort in ("devices", "machines"):
        for id, doc in was[sort].items():
            if doc.get("fabric") in now["fabrics"] and doc["fabric"] not in fresh:
                now[sort].setdefault(id, doc)
    return now


async def _read_parts(connection: Connection, fabric: str | None, now: Documents) -> None:
    """Read devices and machines of a fabric, or of all."""
    async for devices in connection.pages("/v1/devices", {"fabric": fabric}, model=_wire.Devices):
        now["devices"].update((d.id, _short("devices", d)) for d in devices.items)
    async for machines in connection.pages("/v1/machines", {"fabric": fabric}, model=_wire.Machines):
        now["machines"].update((m.id, _machine(m)) for m in machines.items)


def _short(sort: str, item: Any) -> Document:
    """Write a document with the fields that are kept, without those that say nothing."""
    whole = item.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {k: whole[k] for k in _kept[sort] if k in whole and whole[k] not in ("", 0)}


def _machine(m: _wire.Machine) -> Document:
    short = _short("machines", m)
    short["devices"] = [{"id": d.id, "state": d.state} for d in m.devices]
    return short


def differences(was: Documents, now: Documents) -> Changes:
    """Return what differs: documents that are new or other, None for those that left. Empty: nothing does."""
    out: Changes = {}
    for sort, docs in now.items():
        before = was[sort]
        found: dict[str, Document | None] = {id: doc for id, doc in docs.items() if before.get(id) != doc}
        found.update((id, None) for id in before if id not in docs)
        if found:
            out[sort] = found
    return out
