"""Says in a sentence what came of a change, in the words of the command line."""

from __future__ import annotations

from composa import _wire
from composa import _wording as w


def _whole(m: _wire.Machine) -> str:
    """Say what a machine is made of, and where."""
    devices = w.devices(m.devices) or "no devices"
    return f"{devices} on {m.fabric or 'no fabric'}{' (emulated)' if m.emulated else ''}"


def done(verb: str, m: _wire.Machine, seconds: float) -> str:
    """Say what a machine is after an operation."""
    took = f", in {seconds:.1f} s"
    if m.freed_at is not None:
        return f"{m.name} is freed{took}"
    said = f"{m.name} is {m.state}: {_whole(m)}{took}"
    return "; ".join(part for part in (said, w.reach(m) if verb == "compose" else "") if part)


def at_once(verb: str, m: _wire.Machine, made: bool) -> str:
    """Say what a machine is where nothing had to be done."""
    if m.freed_at is not None:
        return f"{m.name} was freed at {m.freed_at:%Y-%m-%d %H:%M:%S} UTC"
    how = "" if made else ", as it was" if verb == "compose" else ": nothing had to be done"
    return f"{m.name} is {m.state}{how}: {_whole(m)}"
