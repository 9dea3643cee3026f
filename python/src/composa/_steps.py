"""How an operation and its steps stand, in words: the same as the command line has."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from composa import _wording as w

if TYPE_CHECKING:
    from composa import _wire


def current(op: _wire.Operation) -> list[_wire.Step]:
    """Give the steps of the newest generation: those that are carried out."""
    newest = max((s.generation or 0 for s in op.steps), default=0)
    return [s for s in op.steps if (s.generation or 0) == newest]


def stood(s: _wire.Step, running: bool = False) -> str:
    """Write a step with how it stands: "attach rack1/gpu0 to train: done, 2 s".

    Args:
        s: The step.
        running: Say of a running one that it is.
    """
    if s.state == "running":
        again = f" (attempt {s.attempt})" if (s.attempt or 0) > 1 else ""
        return s.text + again + (": running" if running else "")
    if s.state == "done":
        took = w.seconds((s.ended_at - s.began_at).total_seconds()) if s.began_at and s.ended_at else ""
        return s.text + ": done" + (f", {took}" if took else "")
    if s.state == "failed":
        return with_reason(s.text + ": failed", s.evidence)
    return s.text


def with_reason(words: str, reason: str | None) -> str:
    """Write words with the reason behind them, where there is one."""
    return f"{words}: {reason}" if reason else words


def machines_of(op: _wire.Operation) -> str:
    """Name the machines that an operation is about; empty where there are none."""
    return ", ".join(m.name for m in op.machines if m.name)


def name_of(op: _wire.Operation) -> str:
    """Name an operation by its machines, else by its id."""
    return machines_of(op) or op.id


def elapsed(op: _wire.Operation, now: datetime.datetime) -> float:
    """Say for how many seconds an operation runs, or ran; 0 where it did not start."""
    if op.started_at is None:
        return 0.0
    return max(0.0, ((op.ended_at or now) - op.started_at).total_seconds())


def phase(op: _wire.Operation) -> str:
    """Write the phase of an operation as it follows a machine's name; empty for a usual one."""
    told = {
        "queued": f"waits behind operation {op.behind}" if op.behind else "",
        "waiting": f"waits for {op.fabric or 'its fabric'}",
        "undoing": "goes back to what was before",
        "held": "is held, a person must decide",
    }.get(op.phase, "")
    stops = op.cancel_requested and op.phase in ("queued", "running", "waiting")
    words = ", ".join(part for part in (told, "is being cancelled" if stops else "") if part)
    return with_reason(words, op.reason) if op.phase in ("waiting", "undoing", "held") else words


def opening(op: _wire.Operation) -> str:
    """Write the first line about an operation: "compose on rack1, 4 steps, about 2 s the last times, …"."""
    words = op.verb + (f" on {w.marked(op.fabric, op.emulated)}" if op.fabric else "")
    steps = current(op)
    words += f", {w.plural(len(steps), 'step')}" if steps else ""
    words += f", about {w.seconds(op.typical)} the last times" if op.typical else ""
    return f"{words}, operation {op.id}"


def ending(op: _wire.Operation, now: datetime.datetime) -> str:
    """Write how an operation ended, in one line: "train: compose is done, 1.4 s"."""
    took = elapsed(op, now)
    words = f"{name_of(op)}: {op.verb} is {op.phase}" + (f", {w.seconds(took)}" if took else "")
    return w.clean(with_reason(words, op.result.text if op.result and op.phase != "done" else None))
