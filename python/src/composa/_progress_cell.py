"""Progress in the output of a notebook's cell: one display that is updated, which needs no widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from composa import _html, _limits
from composa import _wording as w
from composa.progress import Clock, Progress, Seen, View, now

if TYPE_CHECKING:
    from composa import _wire

# An update puts new elements in the place of the old, so that a transition would never run: an animation
# does, and carries the bar on towards the end of the step without anybody polling.
_motion = (
    "@keyframes X-on{from{width:var(--from)}to{width:var(--to)}}"
    ".X .t{display:inline-block;width:160px;height:8px;border-radius:4px;margin:0 8px 0 6px;overflow:hidden;"
    "vertical-align:middle;background:var(--line)}"
    ".X .t span{display:block;height:100%;width:var(--to);border-radius:4px;background:var(--d-attach);"
    "animation:X-on var(--for) ease-out}"
    "@media (prefers-reduced-motion:reduce){.X .t span{animation:none;width:var(--from)}}"
)


class Cell(Progress):
    """One output of a cell: a bar for each operation and what was noted; at the end one line."""

    def __init__(self, clock: Clock = now) -> None:
        self._seen = Seen(clock)
        self._title = ""
        self._notes: list[str] = []
        self._summary = ""
        self._ended = False
        self._handle: Any = None
        self._shown: dict[str, str] = {}

    def begin(self, title: str) -> None:
        """Show what is asked for, until there is an operation."""
        self._title = title
        self._display()

    def show(self, op: _wire.Operation) -> None:
        """Show a newer state of an operation."""
        if self._seen.take(op):
            self._display()

    def note(self, text: str) -> None:
        """Show a line below the bars, where it stays."""
        self._notes.append(w.clean(text))
        self._display()

    def end(self, summary: str = "") -> None:
        """Put the line that stays in the place of the bars."""
        if self._ended:
            return
        self._ended = True
        self._summary = w.clean(summary or self._seen.endings())
        if self._handle is not None or self._summary:
            self._display()

    def _display(self) -> None:
        views = [] if self._ended else self._seen.views()
        head = self._summary if self._ended else "" if views else f"{self._title} …"
        notes = notes_shown(self._notes)
        data = {
            "text/plain": text(head, views, notes),
            "text/html": html(head, views, notes, self._mark()),
        }
        if data == self._shown:
            return
        self._shown = data
        if self._handle is None:
            from IPython import display

            make: Any = display.display
            self._handle = make(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

    def _mark(self) -> str:
        """Give the condition that the line which stays tells of; empty while bars are shown."""
        phases = {op.phase for op in self._seen.ops.values()} if self._ended else set()
        if phases & {"held", "undone", "cancelled"}:
            return "bad"
        return "" if not phases else "well" if phases == {"done"} else "under way"


def notes_shown(notes: list[str]) -> list[str]:
    """Give the newest notes, and how many came before."""
    over = len(notes) - _limits.notes_shown
    return notes if over <= 0 else [f"… and {over} notes before", *notes[over:]]


def text(head: str, views: list[View], notes: list[str]) -> str:
    """Write progress in lines."""
    return "\n".join([*([w.clean(head)] if head else []), *(v.text() for v in views), *notes])


def html(head: str, views: list[View], notes: list[str], mark: str = "") -> str:
    """Show progress as bars.

    Args:
        head: The line above them; empty: none.
        views: The operations.
        notes: The lines below.
        mark: Condition of palette.conditions that stands before the head; empty: none.
    """
    said = _html.signed(mark, head) if mark else _html.text(head)
    parts = [_html.element("p", said, role="status")] if head else []
    parts += [_line(v) for v in views]
    parts += [_html.element("p", _html.text(n), class_="f") for n in notes]
    return _html.output(*parts, more=_motion)


def _line(v: View) -> str:
    words = _html.element("b", _html.text(v.title)) + _bar(v)
    words += _html.text(": ".join(part for part in (v.step(), v.words) if part))
    if v.time():
        words += " " + _html.element("span", _html.text(f"[{v.time()}]"), class_="f")
    return _html.element("p", words)


def _bar(v: View) -> str:
    steps = max(v.all, 1)
    left = max(v.typical - v.ran, 1.0) / max(steps - v.done, 1)
    start, to = 100 * v.done / steps, 100 * min(v.done + 0.9, steps) / steps
    moves = v.phase in ("running", "undoing") and v.done < v.all
    style = f"--from:{start:.1f}%;--to:{to if moves else start:.1f}%;--for:{left:.1f}s"
    return _html.element(
        "span",
        f'<span style="{style}"></span>',
        class_="t",
        role="progressbar",
        aria_label=v.title,
        aria_valuemin="0",
        aria_valuemax=str(steps),
        aria_valuenow=str(v.done),
        aria_valuetext=f"{v.done} of {v.all} steps: {v.words}",
    )
