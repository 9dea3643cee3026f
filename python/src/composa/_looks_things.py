"""How what is there looks: machines, devices, fabrics, pools, events, the site and who asks."""

from __future__ import annotations

import datetime
from typing import Any

from composa import _html
from composa import _wording as w
from composa._look import Line, Look, Row


def machine(m: Any, now: datetime.datetime) -> Look:
    """Tell what a machine is made of, how it is, and how to get in."""
    devices = sorted(m.devices, key=lambda d: w.natural(d.place or d.id))
    rows = [
        Row("name", m.name),
        Row("state", w.machine_state(m), _html.condition),
        Row("project", m.project),
        Row("owner", m.owner),
        Row("fabric", w.marked(m.fabric, m.emulated)),
        Row("devices", w.devices(devices), lines=[_part(d) for d in devices]),
        Row("power", m.power),
        Row("p2p", "on" if m.p2p else ""),
        Row("address", m.address),
        Row("login", m.login),
        Row("os", m.os),
        Row("boot image", m.boot_image),
        Row("reach", m.reach),
        Row("labels", w.labels(m.labels)),
        Row("wish", w.wish(m.wish)),
        Row("operation", m.operation),
        Row("created", w.moment(m.created_at)),
        Row("changed", w.moment(m.updated_at)),
        Row("freed", w.moment(m.freed_at)),
        Row("id", m.id),
        Row("differs", "", lines=[f"{d.sort} {_differs(d)}" for d in m.drift or ()]),
    ]
    into = w.reach(m)
    return Look(f"machine {m.name}", rows, [Line(into, code=bool(m.address))] if into else [])


def _part(d: Any) -> str:
    told = f"{d.place or d.id}  {d.kind} {d.model or ''}".strip()
    return told if d.state == "attached" else f"{told}  ({d.state})"


def _differs(d: Any) -> str:
    return str(d.text or d.device or "a part that is gone")


def machine_device(d: Any, now: datetime.datetime) -> Look:
    """Tell what one device of a machine is, in one line: they are read below each other."""
    words = [d.place, f"{d.kind} {d.model or ''}".strip(), d.state]
    words.append(f"for {d.entry}" if d.entry else "")
    return Look("  ".join(word for word in (*words, d.id) if word))


def wish(x: Any, now: datetime.datetime) -> Look:
    """Tell what was asked for, as compose takes it."""
    rows = [
        Row("wish", w.wish(x)),
        Row("p2p", "on" if x.p2p else ""),
        Row("power", x.power),
        Row("labels", w.labels(x.labels)),
    ]
    return Look("wish", rows)


def device(d: Any, now: datetime.datetime) -> Look:
    """Tell what a device is, where it is, and who has it."""
    healthy = d.health not in ("failed", "missing")
    rows = [
        Row("device", w.marked(d.place, d.emulated)),
        Row("kind", d.kind),
        Row("vendor", d.vendor),
        Row("model", d.model),
        Row("serial", d.serial),
        Row("firmware", d.firmware),
        Row("cores", str(d.cores or "")),
        Row("threads", str(d.threads or "")),
        Row("memory", w.memory(d.memory)),
        Row("size", w.size(d.size)),
        Row("speed", w.speed(d.speed)),
        Row("link", w.link(d)),
        Row("switch", d.switch),
        Row("ipmi", d.ipmi),
        Row("learning", "its details were not read yet" if d.learning else ""),
        Row("health", d.health, _html.condition),
        Row("use", d.use, lambda use: _html.use(use, healthy)),
        Row("free", w.free(d)),
        Row("hygiene", d.hygiene),
        Row("cordon", w.cordon(d.cordon)),
        Row("machine", d.machine),
        Row("project", d.project),
        Row("pool", d.pool),
        Row("address", d.address),
        Row("login", d.login),
        Row("labels", w.labels(d.labels)),
        Row("first seen", w.moment(d.first_seen)),
        Row("id", d.id),
    ]
    return Look(f"device {d.place}", rows)


def fabric(f: Any, now: datetime.datetime) -> Look:
    """Tell what a fabric can do, and whether it answers."""
    rows = [
        Row("name", w.marked(f.name, f.emulated)),
        Row("driver", f"{f.driver} {f.era or ''}".strip()),
        Row("url", f.url),
        Row("source", f.source),
        Row("access", w.access(f)),
        Row("read-only", f.read_only),
        Row("state", f.state, _html.condition),
        Row("seen", w.moment(f.seen)),
        Row("silent since", w.moment(f.silent_since)),
        Row("reason", f.reason),
        Row("free", w.shares(f.kinds)),
        Row("machines", str(f.machines)),
        Row("foreign", str(f.foreign)),
        Row("can", ", ".join(f.acts)),
        Row("epoch", str(f.epoch)),
    ]
    return Look(f"fabric {f.name}", rows)


def pool(p: Any, now: datetime.datetime) -> Look:
    """Tell what a pool holds, and for whom."""
    rows = [
        Row("name", p.name),
        Row("project", p.project),
        Row("owner", p.owner),
        Row("free", f"{p.free} of {len(p.devices)}"),
        Row("where", p.where),
        Row("most", str(p.most or "")),
        Row("devices", ", ".join(sorted(p.devices, key=w.natural))),
        Row("labels", w.labels(p.labels)),
        Row("created", w.moment(p.created_at)),
        Row("id", p.id),
    ]
    return Look(f"pool {p.name}", rows)


def event(e: Any, now: datetime.datetime) -> Look:
    """Tell what happened, to what, and who did it, in one line: events are read below each other."""
    cause = f", caused by {e.cause}" if e.cause else ""
    return Look(f"{w.moment(e.at)}  {e.type}  {e.subject}  by {e.principal}{cause}")


def available(v: Any, now: datetime.datetime) -> Look:
    """Tell how many devices of a model are free, and where."""
    rows = [
        Row("kind", v.kind),
        Row("model", v.model),
        Row("free", f"{v.free} of {v.all}"),
        Row("most", f"{v.most} in one machine"),
        Row("fabrics", w.there(v.fabrics)),
    ]
    return Look(f"{v.kind} {v.model}", rows)


def site(s: Any, now: datetime.datetime) -> Look:
    """Tell which server this is, and as whom one asks."""
    rows = [
        Row("site", w.marked(getattr(s, "site", None) or s.url, s.emulated)),
        Row("url", getattr(s, "url", None) if getattr(s, "site", None) else ""),
        Row("version", s.version),
        Row("principal", s.principal),
        Row("project", getattr(s, "project", None)),
        Row("projects", ", ".join(s.projects)),
    ]
    return Look("site", rows)


def whoami(me: Any, now: datetime.datetime) -> Look:
    """Tell as whom one asks, and whom."""
    rows = [
        Row("principal", me.principal),
        Row("project", me.project),
        Row("projects", ", ".join(me.projects)),
        Row("server", w.marked(me.server, me.emulated)),
        Row("version", me.version),
    ]
    return Look(f"{me.principal}", rows)
