"""Progress of operations: a bar in a cell or a terminal, lines elsewhere, and one line that stays.

    shown = progress.choose("auto")
    shown.begin("compose train")
    shown.show(operation)                      # at each newer state
    shown.note("the server does not answer, trying on")
    shown.end("train is ready: …")

One Progress belongs to one call, and to the thread that makes it; calls in several threads have one each,
each with a line of its own.
"""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TextIO

from composa import _steps
from composa import _wording as w

if TYPE_CHECKING:
    from composa import _wire

__all__ = ["Lines", "Progress", "Seen", "choose", "in_kernel"]

Clock = Callable[[], datetime.datetime]


def now() -> datetime.datetime:
    """Give the moment by this computer's clock."""
    return datetime.datetime.now(datetime.timezone.utc)


class Progress:
    """Progress that shows nothing (kind "none"), and what all kinds have."""

    def begin(self, title: str) -> None:
        """Say what is asked for, such as "compose train", before the server answered."""

    def show(self, op: _wire.Operation) -> None:
        """Show a newer state of an operation; several operations are told apart by their ids."""

    def note(self, text: str) -> None:
        """Show a line that stays, such as that the server does not answer."""

    def end(self, summary: str = "") -> None:
        """Take the progress away and leave one line.

        Args:
            summary: What came of it; empty: how the operations ended, as far as they were shown.
        """


def choose(kind: str = "auto", stream: TextIO | None = None, clock: Clock = now) -> Progress:
    """Choose how progress is shown.

    Args:
        kind: "auto": a bar in the cell in a notebook's kernel, a bar on a terminal, lines elsewhere. "plain":
            lines. "none": nothing.
        stream: Where bars and lines are written; None: standard error.
        clock: Gives the moment.

    Raises:
        Invalid: There is no such kind.
    """
    if kind not in ("auto", "plain", "none"):
        from composa.errors import Invalid

        raise Invalid(f"cannot show progress {kind!r}: it is not one of auto, plain, none")
    out = stream if stream is not None else sys.stderr
    if kind == "none" or out is None:  # a process may have no standard error
        return Progress()
    if kind == "auto" and stream is None and in_kernel():
        from composa._progress_cell import Cell

        return Cell(clock)
    if kind == "auto" and out.isatty() and os.environ.get("TERM") != "dumb":
        from composa._progress_bar import Bar

        return Bar(out, clock)
    return Lines(out, clock)


def in_kernel() -> bool:
    """Say whether this runs in a notebook's kernel; IPython is not imported for it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return getattr(shell, "kernel", None) is not None


class Seen:
    """The operations that a Progress was shown, each in its newest state.

    Attributes:
        ops: The operations by id, in the order in which they were met.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ops: dict[str, _wire.Operation] = {}
        self._since: dict[str, datetime.datetime] = {}
        self._still: dict[str, tuple[str, datetime.datetime]] = {}

    def take(self, op: _wire.Operation) -> bool:
        """Take a newer state of an operation; False: it is older than what was shown, and is dropped."""
        last = self.ops.get(op.id)
        if last is not None and op.revision < last.revision:
            return False
        self.ops[op.id] = op
        self._since.setdefault(op.id, self.clock())
        if self._still.get(op.id, ("",))[0] != op.phase:
            self._still[op.id] = (op.phase, self.clock())
        return True

    def views(self) -> list[View]:
        """Give what is to be seen of each operation now."""
        return [self._view(op) for op in self.ops.values()]

    def _view(self, op: _wire.Operation) -> View:
        at = self.clock()
        # The server's clock may differ from ours: what runs is measured by ours alone.
        ran = _steps.elapsed(op, at) if op.ended_at else max(0.0, (at - self._since[op.id]).total_seconds())
        steps = _steps.current(op)
        return View(
            w.clean(f"{_steps.name_of(op)}: {op.verb}"),
            op.phase,
            sum(s.state == "done" for s in steps),
            len(steps),
            w.clean(self._words(op, at)),
            ran,
            op.typical or 0.0,
        )

    def _words(self, op: _wire.Operation, at: datetime.datetime) -> str:
        """Say what it does now: what it waits for, or the step that runs."""
        phase = _steps.phase(op)
        running = [_steps.stood(s) for s in _steps.current(op) if s.state == "running"]
        if phase and op.phase == "waiting":
            return f"{phase} ({w.seconds(int((at - self._still[op.id][1]).total_seconds()))} so far)"
        if phase:
            return "; ".join([phase, *running])
        return ", ".join(running) or (op.phase if op.phase != "running" else "")

    def endings(self) -> str:
        """Say in one line how the operations ended."""
        return "; ".join(_steps.ending(op, self.clock()) for op in self.ops.values())


class View(NamedTuple):
    """What is to be seen of an operation at a moment.

    Attributes:
        title: Machine and verb.
        phase: Its phase.
        done: Steps that are done.
        all: Steps that there are; 0 while none are planned.
        words: What it does now.
        ran: Seconds since it was first shown, or that it took.
        typical: Seconds that the like of it took lately; 0: there was none.
    """

    title: str
    phase: str
    done: int
    all: int
    words: str
    ran: float
    typical: float

    def time(self) -> str:
        """Write how long it runs, and about how long it will."""
        ran = w.seconds(self.ran) if self.ran >= 1 else ""
        if not self.typical:
            return ran
        if self.ran > self.typical:
            return f"{ran}, the last times about {w.seconds(self.typical)}".lstrip(", ")
        return f"{ran} of about {w.seconds(self.typical)}" if ran else f"about {w.seconds(self.typical)}"

    def text(self) -> str:
        """Write it in one line: "train: compose, step 3 of 4: attach rack1/gpu0 to train, about 2 s"."""
        line = self.title + (f", {self.step()}" if self.all else "")
        line += f": {self.words}" if self.words else ""
        return line + (f" [{self.time()}]" if self.time() else "")

    def step(self) -> str:
        """Write which step it is at, of how many: "3/4"; empty while none are planned."""
        return f"{min(self.done + 1, self.all)}/{self.all}" if self.all else ""


class Lines(Progress):
    """Progress as a line for every change, for a pipe or a log."""

    def __init__(self, out: TextIO, clock: Clock = now) -> None:
        self._out = out
        self._seen = Seen(clock)
        self._ended = False

    def show(self, op: _wire.Operation) -> None:
        """Write a line for each thing that is new."""
        last = self._seen.ops.get(op.id)
        if self._seen.take(op):
            for line in changes(last, op):
                self.note(line)

    def note(self, text: str) -> None:
        """Write a line."""
        self._out.write(w.clean(text) + "\n")
        self._out.flush()

    def end(self, summary: str = "") -> None:
        """Write the line that stays."""
        line = summary or self._seen.endings()
        if line and not self._ended:
            self.note(line)
        self._ended = True


def changes(last: _wire.Operation | None, op: _wire.Operation) -> list[str]:
    """Tell, a line each, what is new in an operation since it was last seen.

    Args:
        last: What was last seen of it; None: nothing.
        op: What it is now.
    """
    name = _steps.name_of(op)
    told = [f"{name}: {_steps.opening(op)}"] if last is None else []
    phase = _steps.phase(op)
    if phase and (last is None or phase != _steps.phase(last)):
        told.append(f"{name}: {phase}")
    steps = _steps.current(op)
    before = {(s.generation, s.ordinal): (s.state, s.attempt) for s in last.steps} if last else {}
    for i, s in enumerate(steps, 1):
        if s.state in ("running", "done", "failed") and before.get((s.generation, s.ordinal)) != (
            s.state,
            s.attempt,
        ):
            told.append(f"{name}: {i}/{len(steps)} {_steps.stood(s)}")
    return told
