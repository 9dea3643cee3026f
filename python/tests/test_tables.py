"""Lists as they are shown: what a person sees in a cell and in a terminal."""

from __future__ import annotations

import builtins
import copy
import dataclasses
import datetime
import pickle
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import _columns, _limits, _wire, tables
from composa import _wording as w
from composa.errors import Invalid, MissingExtra
from composa.tables import Listing
from tests import samples
from tests.golden import Golden
from tests.pages import Page


def listing(kind: str, items: list[Any] | None = None) -> Listing[Any]:
    return Listing(samples.lists[kind] if items is None else items, samples.read, kind, samples.read)


@pytest.mark.parametrize("kind", samples.lists)
def test_what_a_list_looks_like(kind: str, golden: Golden) -> None:
    golden.check(f"list-{kind}.txt", tables.text(listing(kind), samples.now))
    golden.check_html(f"list-{kind}.html", tables.html(listing(kind), samples.now))


def test_what_nothing_looks_like(golden: Golden) -> None:
    golden.check("list-empty.txt", tables.text(listing("machines", []), samples.now))
    golden.check_html("list-empty.html", tables.html(listing("machines", []), samples.now))


def test_the_style_reaches_nothing_else(golden: Golden) -> None:
    page = Page(tables.html(listing("devices"), samples.now))
    golden.check("style.css", page.style.replace("}", "}\n").rstrip())
    name = "." + page.attributes[0]
    assert re.fullmatch(r"\.composa-[0-9a-f]{8}", name)
    for selectors in re.findall(r"([^{}]+)\{", page.style):
        for selector in selectors.split(","):
            assert name * 3 in re.split(r"[ :]", selector), selector
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_a_table_can_be_read_without_seeing_it() -> None:
    shown = tables.html(listing("devices"), samples.now)
    assert shown.count("<caption>") == 1
    assert shown.count('scope="col"') == len(_columns.shapes["devices"].columns)
    assert shown.count('scope="row"') == len(samples.devices)
    assert shown.count('scope="rowgroup"') == 2
    for use in ("free", "claimed", "attached", "foreign"):
        assert f"</i>{use}</span>" in shown


@pytest.mark.parametrize("kind", samples.lists)
@samples.often
@given(data=st.data())
def test_no_text_breaks_out_of_a_table(kind: str, data: st.DataObject) -> None:
    model = getattr(_wire, _columns.shapes[kind].model)
    items = listing(kind, data.draw(st.lists(samples.any_of(model), max_size=3)))
    page = Page(tables.html(items, samples.now))
    page.text.encode()
    columns = _columns.shapes[kind].columns
    cells = [row for row in page.rows[1:] if len(row) == len(columns)]
    assert len(cells) == len(items)
    for row, item in zip(cells, items, strict=True):
        for cell, column in zip(row, columns, strict=True):
            assert cell.endswith(w.clean(column.text(item)) or w.nothing) or column.html


@pytest.mark.parametrize("kind", samples.lists)
@samples.often
@given(data=st.data())
def test_every_row_is_in_the_text_and_none_breaks_its_line(kind: str, data: st.DataObject) -> None:
    model = getattr(_wire, _columns.shapes[kind].model)
    items = listing(kind, data.draw(st.lists(samples.any_of(model), min_size=1, max_size=3)))
    shown = tables.text(items, samples.now)
    lines = shown.split("\n")
    assert all(line.isprintable() for line in lines)
    for line, item in zip(lines[1:], items, strict=False):
        at = 0
        for column in _columns.shapes[kind].columns:
            told = (w.clean(column.text(item)) or w.nothing).rstrip()
            at = line.index(told, at) + len(told)


@samples.often
@given(names=st.lists(st.tuples(st.sampled_from(["rack", "gpu", ""]), st.integers(0, 30)), unique=True))
def test_order_is_natural(names: list[tuple[str, int]]) -> None:
    items = [samples.machine(f"{stem}{n}") for stem, n in names]
    assert [m.name for m in Listing(items)] == [f"{stem}{n}" for stem, n in sorted(names)]


def test_operations_and_events_keep_the_order_in_which_they_came() -> None:
    for kind in ("operations", "events"):
        items = list(reversed(samples.lists[kind]))
        assert list(listing(kind, items)) == items


def test_a_part_of_a_list_is_a_list_of_the_same_moment() -> None:
    whole = listing("devices")
    part = whole[5:1:-2]
    assert isinstance(part, Listing)
    assert [d.place for d in part] == [d.place for d in list(whole)[5:1:-2]]
    assert (part.kind, part.as_of, part.read_at) == (whole.kind, whole.as_of, whole.read_at)
    assert whole[0] is next(iter(whole))


def test_a_kind_of_list_that_is_not_there() -> None:
    with pytest.raises(
        Invalid,
        match=r"^cannot make a list of 'rack': there is no such kind; the kinds are devices, machines",
    ):
        Listing([], kind="rack")


def test_a_list_survives_being_copied_and_pickled() -> None:
    whole = listing("fabrics")
    for other in (copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert type(other) is Listing
        assert list(other) == list(whole)
        assert other.as_of == whole.as_of
        assert tables.text(other, samples.now) == tables.text(whole, samples.now)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "now"),
        (0.4, "now"),
        (3.9, "3 s ago"),
        (60, "60 s ago"),
        (300, "5 min 0 s ago"),
        (9000, "2 h 30 min ago"),
    ],
)
def test_age_is_told(seconds: float, told: str) -> None:
    shown = tables.text(listing("machines"), samples.read + datetime.timedelta(seconds=seconds))
    assert shown.endswith(f", as of {told} (2026-11-23T12:00:00Z)")


def test_age_counts_from_when_it_came_here() -> None:
    ahead = samples.read + datetime.timedelta(hours=1)  # the server's clock is an hour ahead
    shown = Listing(samples.machines, ahead, "machines", samples.read)
    assert "as of 3 s ago" in tables.text(shown, samples.now)


def many(n: int) -> Listing[Any]:
    return listing("devices", [samples.device(f"rack{i // 64}/gpu{i % 64}") for i in range(n)])


def test_a_long_list_is_shown_in_part_and_says_so() -> None:
    items = many(1000)
    shown = tables.text(items, samples.now).split("\n")
    assert len(shown) == 1 + _limits.rows_shown + 2
    assert shown[-2:] == ["… and 800 more", "1000 devices, as of 3 s ago (2026-11-23T12:00:00Z)"]
    page = tables.html(items, samples.now)
    assert page.count('scope="row"') == _limits.rows_shown
    assert "… and 800 more" in page
    assert "rack3 (emulated) <span>64 of 64 free</span>" in page
    assert "… and" not in tables.text(many(_limits.rows_shown), samples.now)


@pytest.mark.parametrize("show", [tables.text, tables.html])
def test_no_work_is_done_for_rows_that_are_not_shown(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = _columns.shapes["devices"]
    calls = 0

    def counted(column: _columns.Column) -> _columns.Column:
        def text(item: Any) -> str:
            nonlocal calls
            calls += 1
            return column.text(item)

        return column._replace(text=text)

    monkeypatch.setitem(
        _columns.shapes, "devices", shape._replace(columns=tuple(map(counted, shape.columns)))
    )
    show(many(1000), samples.now)
    assert calls == _limits.rows_shown * len(shape.columns)


@pytest.mark.parametrize("kind", samples.lists)
def test_pandas_has_the_same_rows(kind: str) -> None:
    items = listing(kind)
    frame = items.to_pandas()
    model = getattr(_wire, _columns.shapes[kind].model)
    assert list(frame.columns) == list(model.model_fields)
    assert len(frame) == len(items)
    for row, item in zip(frame.to_dict("records"), items, strict=True):
        for field in ("name", "place", "id", "kind", "model", "free"):
            if field in model.model_fields:
                assert row[field] == getattr(item, field)


def test_pandas_keeps_numbers_whole_and_moments_with_their_zone() -> None:
    frame = listing("devices").to_pandas()
    assert str(frame["memory"].dtype) == "Int64"
    assert frame["memory"].isna().sum() == 2
    assert frame["first_seen"].dt.tz is not None
    assert listing("machines").to_pandas()["devices"][1][0]["place"] == "rack1/gpu10"
    assert list(listing("pools", []).to_pandas().columns) == list(_wire.Pool.model_fields)


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        MissingExtra,
        match=r"cannot make a DataFrame of devices: pandas is not installed; pip install 'composa\[pandas\]'",
    ):
        listing("devices").to_pandas()


@dataclasses.dataclass
class Case:
    says: str
    shown: str


@pytest.mark.parametrize(
    "case",
    [
        Case(w.memory(40 << 30), "40 GiB"),
        Case(w.memory(1536 << 30), "1.5 TiB"),
        Case(w.size(15_360_000_000_000), "15.4 TB"),
        Case(w.size(960_000_000_000), "960 GB"),
        Case(w.speed(100_000_000_000), "100 Gb/s"),
        Case(w.memory(None), ""),
        Case(w.memory(0), ""),
        Case(w.seconds(0), "0 s"),
        Case(w.seconds(0.02), "20 ms"),
        Case(w.seconds(0.4), "0.4 s"),
        Case(w.seconds(14.2), "14 s"),
        Case(w.seconds(200), "3 min 20 s"),
        Case(w.seconds(7500), "2 h 5 min"),
        Case(", ".join(w.ranges(["rack1", "rack2", "rack3", "rack5", "x", "gpu01", "gpu02", "gpu03"])), "rack[1-3], rack5, x, gpu0[1-3]"),
        Case(w.clean("a\x1b[2J\n\u202eb\ud800"), "a?[2J ?b?"),
    ],
    ids=lambda c: c.shown,
)  # fmt: skip
def test_values_are_written_as_the_command_line_writes_them(case: Case) -> None:
    assert case.says == case.shown
