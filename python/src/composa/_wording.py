"""How values are written for people: the same words as the command line has."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composa import _ssh, palette

if TYPE_CHECKING:
    from composa import _wire

#: What stands in a table where there is nothing to say.
nothing = "-"


def clean(text: object) -> str:
    """Make one line of a text, with nothing in it that moves a cursor, hides, or turns the text around."""
    line = str(text)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else " " if c in "\n\t" or c.isspace() else "?" for c in line)


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Give the key that sorts names as people do: gpu2 before gpu10."""
    parts = re.findall(r"[0-9]+|[^0-9]", name)
    return [(0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts], name


def plural(n: int, noun: str) -> str:
    """Count a noun: "1 step", "2 steps"."""
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"


def memory(n: int | None) -> str:
    """Write bytes of memory: "40 GiB". None and 0, not known, are empty."""
    return _scaled(n, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


def size(n: int | None) -> str:
    """Write the bytes of a drive as drives are sold: "960 GB"."""
    return _scaled(n, 1000, ("B", "KB", "MB", "GB", "TB", "PB"))


def speed(n: int | None) -> str:
    """Write bits per second: "100 Gb/s"."""
    return _scaled(n, 1000, ("b/s", "Kb/s", "Mb/s", "Gb/s", "Tb/s"))


def _scaled(n: int | None, step: int, names: Sequence[str]) -> str:
    if n is None or n <= 0:
        return ""
    value, i = float(n), 0
    while value >= step and i < len(names) - 1:
        value, i = value / step, i + 1
    return f"{value:.1f}".removesuffix(".0") + " " + names[i]


def seconds(s: float) -> str:
    """Write seconds: "20 ms", "0.4 s", "14 s", "3 min 20 s", "2 h 5 min"."""
    if s <= 0:
        return "0 s"
    if s < 0.0995:
        return f"{max(1.0, s * 1000):.0f} ms"
    if s < 9.95:
        return f"{s:.1f}".removesuffix(".0") + " s"
    if s < 99.5:
        return f"{s:.0f} s"
    if s < 3600:
        return f"{int(s) // 60} min {int(s) % 60} s"
    return f"{int(s) // 3600} h {int(s) % 3600 // 60} min"


def moment(at: datetime.datetime | None) -> str:
    """Write a moment in RFC 3339 and UTC, to the second; None is empty."""
    if at is None:
        return ""
    return at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_of(at: datetime.datetime, now: datetime.datetime) -> str:
    """Say how old what is shown is: "as of now" or "as of 3 s ago", and the moment, which stays true."""
    age = (now - at).total_seconds()
    ago = "now" if age < 1 else f"{seconds(age if age >= 99.5 else float(int(age)))} ago"
    return f"as of {ago} ({moment(at)})"


def marked(name: str | None, emulated: bool | None) -> str:
    """Write a name; of what is pretend hardware it says so."""
    return f"{name} (emulated)" if name and emulated else name or ""


def labels(pairs: Mapping[str, str] | None) -> str:
    """Write labels: "team=vision,use=train"."""
    return ",".join(f"{k}={v}" for k, v in sorted((pairs or {}).items()))


def capacity(d: _wire.Device) -> str:
    """Write what a device has, by its kind: "32 cores, 256 GiB"."""
    cores = plural(d.cores, "core") if d.cores and d.kind == "cpu" else ""
    return ", ".join(p for p in (cores, memory(d.memory), size(d.size), speed(d.speed)) if p)


def link(d: _wire.Device) -> str:
    """Write the link that a device has: "gen4 x16"."""
    return " ".join(p for p in (d.bus or "", f"x{d.lanes}" if d.lanes else "") if p)


def free(d: _wire.Device) -> str:
    """Write yes, or why not."""
    if d.free:
        return "yes"
    return f"no: {d.why_not}" if d.why_not else "no"


def cordon(c: _wire.Cordon | None) -> str:
    """Write why a device is kept from being given out, who said so, and when."""
    return f"{c.reason} ({c.by}, {moment(c.at)})" if c else ""


def devices(parts: Iterable[_wire.MachineDevice]) -> str:
    """Count devices by kind and model: "1 cpu, 4 gpu A100, 2 ssd (1 P4510, 1 P5510)"."""
    counts: dict[str, dict[str, int]] = {}
    for d in parts:
        models = counts.setdefault(d.kind, {})
        models[d.model or ""] = models.get(d.model or "", 0) + 1
    words = []
    for kind in sorted(counts, key=lambda k: (palette.kind_rank(k), k)):
        models = counts[kind]
        words.append(f"{sum(models.values())} {kind} {_models(models)}".strip())
    return ", ".join(words)


def _models(counts: Mapping[str, int]) -> str:
    names = sorted(counts, key=natural)
    if len(names) == 1:
        return names[0]
    return "(" + ", ".join(f"{counts[n]} {n or 'unknown'}" for n in names) + ")"


def places(parts: Iterable[_wire.MachineDevice]) -> str:
    """List the places of devices in natural order; of a part that is in no place, its id."""
    return ", ".join(sorted((d.place or d.id for d in parts), key=natural))


def shares(kinds: Iterable[_wire.Share]) -> str:
    """Write how much of each kind is free: "cpu 2/4, gpu 5/16"."""
    return ", ".join(f"{s.kind} {s.free}/{s.all}" for s in kinds)


def there(fabrics: Iterable[_wire.AvailableThere]) -> str:
    """Write each fabric's share, alike ones in a row together: "rack[1-14] 4/8 each, rack15 0/8"."""
    alike: dict[str, list[str]] = {}
    for f in fabrics:
        alike.setdefault(f"{f.free}/{f.all}", []).append(f.fabric)
    words = []
    for share, names in alike.items():
        words += [f"{name} {share}" + (" each" if name.endswith("]") else "") for name in ranges(names)]
    return ", ".join(words)


def ranges(names: Sequence[str]) -> list[str]:
    """Write three and more names that differ by a number in a row as one: "rack[1-14]"."""
    out: list[str] = []
    run: list[str] = []
    for name in names:
        if run and not _follows(run[-1], name):
            out += _told(run)
            run = []
        run.append(name)
    return out + _told(run)


def _follows(name: str, other: str) -> bool:
    stem, number = _numbered(name)
    return number is not None and _numbered(other) == (stem, number + 1)


def _numbered(name: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(.*?)(0|[1-9][0-9]*)", name, re.DOTALL)
    return (found[1], int(found[2])) if found else (name, None)


def _told(run: list[str]) -> list[str]:
    if len(run) < 3:
        return run
    stem, first = _numbered(run[0])
    return [f"{stem}[{first}-{_numbered(run[-1])[1]}]"]


def wish(w: _wire.Wish | _wire.Nearest) -> str:
    """Write what was asked for as compose takes it in Python: gpu="A100:4", ssd=1."""
    kinds: dict[str, list[Any]] = {}
    least: dict[str, Any] = {}
    where: dict[str, str] = {}
    for d in w.devices:
        kinds.setdefault(d.kind, []).append(_want(d))
        least.update({f"{d.kind}.{field}": q for field, q in sorted((d.min or {}).items())})
        if d.where:
            where[d.kind] = d.where
    told: dict[str, Any] = {kind: asked[0] if len(asked) == 1 else asked for kind, asked in kinds.items()}
    fabrics = getattr(w, "fabrics", None) or [f for f in [getattr(w, "fabric", None)] if f]
    told |= {
        "min": least,
        "where": where,
        "fabric": fabrics[0] if len(fabrics) == 1 else fabrics,
        "pool": w.pool,
    }
    return ", ".join(
        f"{name}={json.dumps(v, ensure_ascii=False, default=str)}" for name, v in told.items() if v
    )


def _want(w: _wire.Want) -> str | int | list[str]:
    if w.ids:
        return w.ids[0] if len(w.ids) == 1 else list(w.ids)
    if w.ipmi:
        return f"ipmi={w.ipmi}"
    return f"{w.model}:{w.count}" if w.model else w.count or 1


def reach(m: _ssh.Machine) -> str:
    """Say what gets one into a machine, or what an operator must run so that it can be said; "" if freed."""
    if m.freed_at is not None:
        return ""
    if m.address:
        return f"ssh {_ssh.at(m.login, m.address)}"
    line = _ssh.address_line(m)
    return f"its address is not known; {line}" if line else ""


def machine_state(m: _wire.Machine) -> str:
    """Write a machine's state; a stale one has its age beside it."""
    if m.state == "stale" and m.state_age > 0:
        return f"stale (last seen {seconds(m.state_age)} ago)"
    return m.state


def access(f: _wire.Fabric) -> str:
    """Write what may be done on a fabric."""
    return f"{f.access}, read-only" if f.read_only else f.access


def trouble(f: _wire.Fabric) -> str:
    """Say why a fabric is of no use as it is; empty where it is of use."""
    if f.state == "silent":
        return f"{f.name} is silent since {moment(f.silent_since)}: {f.reason or 'nobody knows why'}"
    return f"{f.name} is read-only: {f.read_only}" if f.read_only else ""
