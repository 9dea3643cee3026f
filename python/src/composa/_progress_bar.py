"""Progress as a bar on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from tqdm import tqdm

from composa import _wording as w
from composa.progress import Clock, Progress, Seen, View, now

if TYPE_CHECKING:
    from composa import _wire

_format = "{desc} |{bar:20}| {n_fmt}/{total_fmt}{postfix}"


class _Tqdm(tqdm):  # type: ignore[misc]
    # tqdm would start a thread that redraws bars which nothing happens to.
    monitor_interval = 0


class Bar(Progress):
    """One line for each operation, drawn anew at each newer state, and taken away at the end."""

    def __init__(self, out: TextIO, clock: Clock = now) -> None:
        self._out = out
        self._seen = Seen(clock)
        self._bars: dict[str, _Tqdm] = {}
        self._title: _Tqdm | None = None
        self._ended = False

    def begin(self, title: str) -> None:
        """Show what is asked for, until there is an operation."""
        self._title = _Tqdm(file=self._out, bar_format="{desc} …", leave=False, desc=w.clean(title))

    def show(self, op: _wire.Operation) -> None:
        """Draw the line of an operation."""
        if not self._seen.take(op):
            return
        self._untitle()
        for id_, view in zip(self._seen.ops, self._seen.views(), strict=True):
            self._draw(id_, view)

    def _draw(self, id_: str, view: View) -> None:
        bar = self._bars.get(id_)
        if bar is None:
            bar = _Tqdm(
                file=self._out,
                bar_format=_format,
                leave=False,
                dynamic_ncols=True,
                total=view.all,
                desc=view.title,
            )
            self._bars[id_] = bar
        bar.total, bar.n = max(view.all, 1), view.done
        told = view.words + (f" [{view.time()}]" if view.time() else "")
        bar.set_postfix_str(told, refresh=True)

    def note(self, text: str) -> None:
        """Write a line above the bars."""
        _Tqdm.write(w.clean(text), file=self._out)

    def end(self, summary: str = "") -> None:
        """Take the bars away and write the line that stays."""
        self._untitle()
        for bar in self._bars.values():
            bar.close()
        self._bars.clear()
        line = summary or self._seen.endings()
        if line and not self._ended:
            self.note(line)
        self._ended = True

    def _untitle(self) -> None:
        if self._title is not None:
            self._title.close()
            self._title = None
