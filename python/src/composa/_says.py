"""Says in a sentence what came of a change, in the words of the command line."""

from __future__ import annotations

from collections.abc import Iterable

from composa import _wire, _words


def devices(of: Iterable[_wire.MachineDevice]) -> str:
    """Count devices by kind and model: "1 cpu Xeon Gold 6338, 4 gpu T4"."""
    counts: dict[tuple[str, str], int] = {}
    for d in of:
        counts[d.kind, d.model or ""] = counts.get((d.kind, d.model or ""), 0) + 1
    order = {k: i for i, k in enumerate(_words.kinds)}
    rows = sorted(counts.items(), key=lambda row: (order.get(row[0][0], len(order)), row[0][1]))
    return ", ".join(f"{n} {kind}{' ' + model if model else ''}" for (kind, model), n in rows) or "no devices"


def _whole(m: _wire.Machine) -> str:
    """Say what a machine is made of, and where."""
    return f"{devices(m.devices)} on {m.fabric or 'no fabric'}{' (emulated)' if m.emulated else ''}"


def reach(m: _wire.Machine) -> str:
    """Say how one gets into a machine, or what an operator must do for that; "" where it was freed."""
    if m.freed_at is not None:
        return ""
    if m.address:
        return f"ssh {m.login + '@' if m.login else ''}{m.address}"
    cpu = next((d for d in m.devices if d.kind == "cpu"), None)
    if cpu is None:
        return ""
    return (
        "its address is not known; an operator can say it: "
        f"composa device set {cpu.place} --address ADDRESS --login LOGIN"
    )


def done(verb: str, m: _wire.Machine, seconds: float) -> str:
    """Say what a machine is after an operation."""
    took = f", in {seconds:.1f} s"
    if m.freed_at is not None:
        return f"{m.name} is freed{took}"
    said = f"{m.name} is {m.state}: {_whole(m)}{took}"
    return "; ".join(part for part in (said, reach(m) if verb == "compose" else "") if part)


def at_once(verb: str, m: _wire.Machine, made: bool) -> str:
    """Say what a machine is where nothing had to be done."""
    if m.freed_at is not None:
        return f"{m.name} was freed at {m.freed_at:%Y-%m-%d %H:%M:%S} UTC"
    how = "" if made else ", as it was" if verb == "compose" else ": nothing had to be done"
    return f"{m.name} is {m.state}{how}: {_whole(m)}"
