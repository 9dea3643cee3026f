"""What one thing looks like, before it is written as HTML or as text: both are made of the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from composa import _html
from composa import _wording as w


class Row(NamedTuple):
    """A name and a value; a row without a value is left out.

    Attributes:
        name: What it is.
        value: The value in words.
        show: Makes HTML of the value, where that is more than the value escaped.
        lines: What the value is made of, a line each, below it.
    """

    name: str
    value: str | None
    show: Callable[[str], str] | None = None
    lines: Sequence[str] = ()


class Line(NamedTuple):
    """A line of words, with a sign before it where it is a change.

    Attributes:
        words: The line.
        change: What it changes, a word of palette.changes; "" where it is no change.
        sign: The sign of that, in one character or two.
        code: It is something to run.
    """

    words: str
    change: str = ""
    sign: str = ""
    code: bool = False


class Look(NamedTuple):
    """What one thing looks like.

    Attributes:
        title: What it is, in a few words.
        rows: What is told of it by name.
        lines: What is told of it in sentences, behind the rows. Changes among them are numbered.
    """

    title: str
    rows: Sequence[Row] = ()
    lines: Sequence[Line] = ()


def text(look: Look, age: str) -> str:
    """Write a look as lines: aligned names and values, then sentences, then its age."""
    rows = [r for r in look.rows if r.value or r.lines]
    width = max((len(r.name) for r in rows), default=0)
    out = [] if rows else [w.clean(look.title) + (":" if look.lines else "")]
    for r in rows:
        values = [w.clean(v) for v in (r.value, *r.lines) if v]
        out += [f"{r.name if i == 0 else '':<{width}}  {value}" for i, value in enumerate(values)]
    number = 0
    for line in look.lines:
        number += bool(line.change)
        steps = f"{number:3d}  {line.sign:<2} " if line.change else "" if rows else "  "
        out.append(steps + w.clean(line.words))
    return "\n".join([*out, *([age] if age else [])])


def html(look: Look, age: str) -> str:
    """Show a look as the output of a cell: names and values as a table, steps as a list, sentences."""
    parts = []
    rows = [(r.name, _value(r)) for r in look.rows if r.value or r.lines]
    if rows:
        parts.append(_html.details(look.title, rows, age))
    else:
        head = _html.element("b", _html.text(look.title))
        told = _html.element("span", _html.text(age), class_="f") if age else ""
        parts.append(_html.element("p", f"{head} {told}".strip()))
    changes = [line for line in look.lines if line.change]
    if changes:
        parts.append(_html.element("ol", "".join(map(_change, changes))))
    parts += [_sentence(line) for line in look.lines if not line.change]
    return _html.output(*parts)


def _value(row: Row) -> str:
    value = "" if not row.value else row.show(row.value) if row.show else _html.text(row.value)
    return value + "".join(_html.element("div", _html.text(line)) for line in row.lines)


def _change(line: Line) -> str:
    sign = _html.element("i", _html.text(line.sign))
    return _html.element("li", sign + _html.text(line.words), class_=f"d-{line.change}")


def _sentence(line: Line) -> str:
    words = _html.text(line.words)
    return _html.element("p", _html.element("code", words) if line.code else words)
