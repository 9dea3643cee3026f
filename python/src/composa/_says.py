"""Says in a sentence what came of a change, in the words of the command line."""

from __future__ import annotations

from composa import _wire
from composa import _wording as w
from composa.errors import NotFound


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


def freed(begin: str, machine: _wire.Machine, cause: NotFound | None = None) -> NotFound:
    """Make the error of a machine that was freed meanwhile.

    Args:
        begin: What messages begin with.
        machine: The machine as it is now.
        cause: What the server answered; None: nothing but the machine.
    """
    at = f" at {machine.freed_at:%Y-%m-%d %H:%M:%S} UTC" if machine.freed_at is not None else ""
    return NotFound(
        f"{begin}: it was freed{at}",
        next=f'make it anew with site.compose("{machine.name}", …)',
        status=cause.status if cause is not None else 0,
        request=cause.request if cause is not None else "",
    )
