"""Lists as a notebook shows them: a table in HTML, and the same in text."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

from composa import _html, _limits
from composa import _wording as w
from composa._columns import Column, Shape, shapes

if TYPE_CHECKING:
    import pandas

__all__ = ["Listing", "columns_of_text", "html", "text"]

T = TypeVar("T")


class Listing(list[T]):
    """A list of a moment: items in natural order, shown as a table.

    A notebook shows at most 200 rows, then how many more there are; the list has all of them. A slice and a
    copy are Listings too. What else is made of lists (`a + b`, `a * 2`, `sorted(a)`) is a plain list, for it
    is of no one moment or order; Listing(..., kind="devices") makes one of it.

    Attributes:
        kind: What it is of: devices, machines, operations, fabrics, pools, events or available.
        as_of: When the server read it.
        read_at: When it came here, by the clock of this computer: its age counts from then.

    Example:
        >>> site.devices(kind="gpu", free=True)[:2]
        device       kind  model        capacity  use   machine  health  free
        rack1/gpu0   gpu   NVIDIA A100  40 GiB    free  -        ok      yes
        rack1/gpu1   gpu   NVIDIA A100  40 GiB    free  -        ok      yes
        2 devices, as of 3 s ago (2026-11-23T05:10:29Z)
    """

    kind: str
    as_of: datetime.datetime
    read_at: datetime.datetime

    def __init__(
        self,
        items: Iterable[T] = (),
        as_of: datetime.datetime | None = None,
        kind: str = "machines",
        read_at: datetime.datetime | None = None,
    ) -> None:
        """Make the list of what was read.

        Args:
            items: What it is of; they are put in natural order, but for operations (newest first) and events
                (oldest first), which stay as they come.
            as_of: When the server read it; None: now.
            kind: One of the kinds of lists.
            read_at: When it came here; None: now.

        Raises:
            Invalid: There is no such kind of list.
        """
        if kind not in shapes:
            from composa.errors import Invalid

            raise Invalid(
                f"cannot make a list of {w.clean(kind)!r}: there is no such kind",
                next=f"the kinds are {', '.join(shapes)}",
            )
        order = shapes[kind].order
        super().__init__(items if order is None else sorted(items, key=order))
        self.kind = kind
        self.read_at = read_at or datetime.datetime.now(datetime.timezone.utc)
        self.as_of = as_of or self.read_at

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...
    @overload
    def __getitem__(self, index: slice, /) -> Listing[T]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> T | Listing[T]:
        """Give an item, or a part of the list, in the order that the slice has, of the same moment."""
        if not isinstance(index, slice):
            return super().__getitem__(index)
        part: Listing[T] = Listing((), self.as_of, self.kind, self.read_at)
        part.extend(super().__getitem__(index))
        return part

    @property
    def age(self) -> float:
        """Seconds since it was read."""
        return max(0.0, (_now() - self.read_at).total_seconds())

    def to_pandas(self) -> pandas.DataFrame:
        """Give all items as a table of pandas: a row each, a column for each field of the REST document.

        Names are those of the attributes; quantities are bytes, bits per second and seconds; what a
        fabric does not say is missing (pandas.NA). Lists and objects in an item stay lists and dicts.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as e:
            from composa.errors import MissingExtra

            raise MissingExtra.of(f"cannot make a DataFrame of {self.kind}", "pandas", "pandas") from e
        from composa import _wire

        fields = list(getattr(_wire, shapes[self.kind].model).model_fields)
        rows = [[_plain(getattr(item, f)) for f in fields] for item in self]
        return pandas.DataFrame(rows, columns=fields).convert_dtypes()

    def __repr__(self) -> str:
        return text(self, _now())

    def _repr_html_(self) -> str:
        return html(self, _now())


def text(listing: Listing[Any], now: datetime.datetime) -> str:
    """Write a list in aligned columns, as the command line does."""
    shape, shown = shapes[listing.kind], _shown(listing)
    if not shown:
        return _summary(listing, now)
    rows = [[c.name for c in shape.columns]]
    rows += [[w.clean(c.text(item)) or w.nothing for c in shape.columns] for item in shown]
    tail = [f"… and {len(listing) - len(shown)} more"] if len(listing) > len(shown) else []
    return "\n".join([*columns_of_text(rows), *tail, *_troubles(listing), _summary(listing, now)])


def columns_of_text(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows of cells below each other; nothing trails behind the last cell."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def html(listing: Listing[Any], now: datetime.datetime) -> str:
    """Show a list as a table of a cell's output."""
    shape, shown = shapes[listing.kind], _shown(listing)
    if not shown:
        return _html.output(_html.element("p", _html.text(_summary(listing, now))))
    head = "".join(
        _html.element("th", _html.text(c.name), scope="col", class_=_numeric(c)) for c in shape.columns
    )
    table = _html.element(
        "table",
        _html.caption(_count(listing), w.as_of(listing.read_at, now))
        + _html.element("thead", _html.element("tr", head))
        + (_groups(shape, listing, shown) if shape.group else _html.element("tbody", _rows(shape, shown)))
        + _more(listing, len(shown), len(shape.columns)),
    )
    return _html.output(table, "".join(_html.element("p", _html.text(t)) for t in _troubles(listing)))


def _rows(shape: Shape, items: Iterable[Any]) -> str:
    return "".join(
        _html.element("tr", "".join(_cell(c, item, i == 0) for i, c in enumerate(shape.columns)))
        for item in items
    )


def _cell(column: Column, item: Any, first: bool) -> str:
    value = column.text(item)
    content = column.html(item) if column.html and value else _html.text(value or w.nothing)
    if first:
        return _html.element("th", content, scope="row")
    return _html.element("td", content, class_=column.sort)


def _groups(shape: Shape, listing: Listing[Any], shown: list[Any]) -> str:
    """Show rows below the name of what they belong to, with how many of them are free."""
    if shape.group is None:
        return _html.element("tbody", _rows(shape, shown))
    counts: dict[str, list[int]] = {}
    for item in listing:
        free_and_all = counts.setdefault(shape.group(item), [0, 0])
        free_and_all[0] += item.free
        free_and_all[1] += 1
    body = ""
    for name, items in itertools.groupby(shown, shape.group):
        free, every = counts[name]
        told = f"{_html.text(name)} <span>{free} of {every} free</span>"
        head = _html.element("th", told, scope="rowgroup", class_="g", colspan=str(len(shape.columns)))
        body += _html.element("tbody", _html.element("tr", head) + _rows(shape, items))
    return body


def _more(listing: Listing[Any], shown: int, width: int) -> str:
    if len(listing) == shown:
        return ""
    told = f"… and {len(listing) - shown} more"
    return _html.element(
        "tfoot", _html.element("tr", _html.element("td", told, colspan=str(width), class_="f"))
    )


def _numeric(column: Column) -> str:
    return "n" if column.sort == "n" else ""


def _shown(listing: Listing[Any]) -> list[Any]:
    return list(listing[: _limits.rows_shown])


def _troubles(listing: Listing[Any]) -> list[str]:
    """Say which fabrics are of no use as they are."""
    if listing.kind != "fabrics":
        return []
    return [w.clean(t) for t in map(w.trouble, listing) if t]


def _summary(listing: Listing[Any], now: datetime.datetime) -> str:
    return f"{_count(listing)}, {w.as_of(listing.read_at, now)}"


def _count(listing: Listing[Any]) -> str:
    if listing.kind == "available":
        return f"{len(listing)} models" if len(listing) != 1 else "1 model"
    return w.plural(len(listing), listing.kind[:-1]) if listing else f"no {listing.kind}"


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.model_dump() if hasattr(value, "model_dump") else value


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
