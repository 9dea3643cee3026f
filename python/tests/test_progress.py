"""Progress of operations: in a cell, on a terminal, in a pipe, and not at all."""

from __future__ import annotations

import datetime
import fcntl
import io
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

import nbclient
import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import _limits, _progress_bar, _progress_cell, _wire, palette, progress
from composa.errors import Invalid
from tests import samples
from tests.golden import Golden
from tests.kernels import Kernel
from tests.pages import Page
from tests.processes import Demo

python = pathlib.Path(__file__).parent.parent


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = samples.read

    def __call__(self) -> datetime.datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += datetime.timedelta(seconds=seconds)


#: An operation as it goes on well.
well = [samples.queued, *(samples.operation("running", n) for n in range(4)), samples.done]
#: An operation that waits, is cancelled, goes back, and is held.
badly = [
    samples.operation("running", 2, revision=4),
    samples.waiting,
    samples.waiting.model_copy(update={"cancel_requested": True}),
    samples.undoing,
    samples.held,
]


def told(kind: str, ops: list[_wire.Operation], summary: str = "") -> str:
    out = io.StringIO()
    shown = progress.choose(kind, out)
    shown.begin("compose train")
    for op in ops:
        shown.show(op)
    shown.note("the server does not answer: trying on")
    shown.end(summary)
    shown.end(summary)
    return out.getvalue()


def test_a_pipe_gets_a_line_for_each_step(golden: Golden) -> None:
    golden.check("progress-well.txt", told("auto", well).rstrip("\n"))
    golden.check("progress-badly.txt", told("auto", badly).rstrip("\n"))


def test_a_state_that_was_shown_is_told_once() -> None:
    assert told("plain", [op for op in well for _ in range(3)]) == told("plain", well)


def test_an_older_state_is_dropped() -> None:
    assert told("plain", [*well, well[2]]) == told("plain", well)


def test_none_shows_nothing_at_all() -> None:
    assert told("none", well, "train is ready") == ""


def test_the_line_that_stays_is_the_last() -> None:
    assert told("plain", well, "train is ready: 1 cpu").endswith("trying on\ntrain is ready: 1 cpu\n")


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(Invalid, match="cannot show progress 'loud': it is not one of auto, plain, none"):
        progress.choose("loud")


def test_without_standard_error_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert type(progress.choose("auto")) is progress.Progress


@pytest.fixture
def terminal() -> Iterator[tuple[io.TextIOWrapper, int]]:
    """Open a terminal of 100 columns: what is written to it, and the end where a person reads."""
    reads, writes = pty.openpty()
    os.set_blocking(reads, False)
    fcntl.ioctl(writes, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    out = os.fdopen(writes, "w", encoding="utf-8")
    yield out, reads
    out.close()
    os.close(reads)


def read(reads: int) -> str:
    got = b""
    while True:
        try:
            got += os.read(reads, 65536)
        except BlockingIOError:
            return got.decode()


def screen(written: str) -> list[str]:
    """Give the lines that stand on a terminal at the end of what was written."""
    lines, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", written):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\x1b[A":
            row = max(0, row - 1)
        elif piece == "\x1b[K":
            lines[row] = lines[row][:column]
        elif not piece.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + piece + lines[row][column + len(piece) :]
            column += len(piece)
    return [line.rstrip() for line in lines]


def test_a_terminal_gets_a_bar_and_keeps_one_line(
    terminal: tuple[io.TextIOWrapper, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, reads = terminal
    shown = progress.choose("auto", out, Clock())
    assert isinstance(shown, _progress_bar.Bar)
    shown.begin("compose train")
    written = read(reads)
    assert screen(written) == ["compose train …"]
    for op in well[:4]:
        shown.show(op)
    written += read(reads)
    [line] = screen(written)
    assert re.match(
        r"train: compose \|█+ +\| 2/4, attach rack1/gpu2, rack1/gpu10 to train \[about 8 s\]$", line
    ), line
    shown.note("the server does not answer: trying on")
    shown.show(well[-1])
    shown.end("train is ready")
    written += read(reads)
    assert screen(written)[:2] == ["the server does not answer: trying on", "train is ready"]
    assert not any(screen(written)[2:])


def test_a_bar_fits_a_narrow_terminal(
    terminal: tuple[io.TextIOWrapper, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, reads = terminal
    fcntl.ioctl(out.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    shown = progress.choose("auto", out, Clock())
    shown.show(samples.operation("running", 2))
    [line] = screen(read(reads))
    assert line.startswith("train: compose |")
    assert len(line) <= 50
    shown.end()


def test_operations_beside_each_other_have_lines_of_their_own(
    terminal: tuple[io.TextIOWrapper, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, reads = terminal
    first, second = progress.choose("auto", out, Clock()), progress.choose("auto", out, Clock())
    first.show(samples.operation("running", 1))
    second.show(
        samples.operation(
            "running", 3, id="op_2", machines=[_wire.OperationMachine(id="mach_2", name="render")]
        )
    )
    written = read(reads)
    assert [line.split(" |")[0] for line in screen(written)] == ["train: compose", "render: compose"]
    second.end("render is ready")
    first.end("train is ready")
    written += read(reads)
    assert [line for line in screen(written) if line] == ["render is ready", "train is ready"]


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    terminal: tuple[io.TextIOWrapper, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress.choose("auto", terminal[0]), progress.Lines)


def test_no_thread_is_left_or_made(
    terminal: tuple[io.TextIOWrapper, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    before = threading.active_count()
    shown = progress.choose("auto", terminal[0])
    shown.show(samples.operation("running", 1))
    assert threading.active_count() == before
    shown.end()


def views(*ops: _wire.Operation, after: float = 0) -> list[progress.View]:
    clock = Clock()
    seen = progress.Seen(clock)
    for op in ops:
        seen.take(op)
    clock.tick(after)
    return seen.views()


@pytest.mark.parametrize("name", ["queued", "running", "waiting", "undoing", "held", "late"])
def test_what_a_cell_shows(name: str, golden: Golden) -> None:
    shown = {
        "queued": views(samples.queued, after=2),
        "running": views(samples.operation("running", 2), after=3.2),
        "waiting": views(samples.waiting, after=12),
        "undoing": views(samples.undoing, after=4),
        "held": views(samples.held, after=5),
        "late": views(samples.operation("running", 3), samples.operation("running", 1, id="op_2"), after=95),
    }[name]
    notes = ["the server does not answer: trying on"]
    golden.check(f"cell-{name}.txt", _progress_cell.text("", shown, notes))
    golden.check_html(f"cell-{name}.html", _progress_cell.html("", shown, notes))


def test_only_the_newest_notes_are_shown() -> None:
    shown = _progress_cell.notes_shown([str(n) for n in range(20)])
    assert shown == [
        f"… and {20 - _limits.notes_shown} notes before",
        *map(str, range(20 - _limits.notes_shown, 20)),
    ]


@pytest.mark.parametrize("condition", palette.conditions)
def test_the_line_that_stays_has_a_sign_in_its_colour_and_is_read_out(condition: str) -> None:
    page = Page(_progress_cell.html("train is ready", [], [], condition))
    assert page.text == f"{palette.conditions[condition].sign}train is ready"
    assert len(page.classes) == 2  # those of the output and of the sign, which the style knows
    assert "status" in page.attributes


@samples.often
@given(op=samples.any_of(_wire.Operation), note=samples.hostile, after=st.floats(0, 1e6))
def test_no_text_breaks_out_of_a_cell_or_a_line(op: _wire.Operation, note: str, after: float) -> None:
    shown = views(op, after=after)
    page = Page(_progress_cell.html(note, shown, _progress_cell.notes_shown([note])))
    assert [a for a in page.attributes if a.startswith("--")] == [
        a for a in page.attributes if re.fullmatch(r"(--\w+:[\d.]+[%s];?){3}", a)
    ]
    assert all(line.isprintable() for line in _progress_cell.text(note, shown, []).split("\n"))
    assert all(line.isprintable() for line in told("plain", [op], note).split("\n"))


def test_ipython_is_not_imported_to_find_out_whether_this_is_a_notebook() -> None:
    code = "import sys; from composa import progress; progress.choose().begin('x'); print([m for m in ('IPython', 'pydantic', 'tqdm') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=python,
        env=os.environ | {"PYTHONPATH": "src"},
    )
    assert done.stdout == "[]\n"
    assert done.stderr == ""


cell = """
import threading
from composa import progress
from tests import samples
from tests.test_progress import well
def one(name):
    shown = progress.choose()
    shown.begin(f"compose {name}")
    for op in well:
        op = op.model_copy(update={"machines": [op.machines[0].model_copy(update={"name": name})]})
        shown.show(op)
        shown.show(op)
    shown.note("the server did not answer for 2 s")
    shown.end(f"{name} is ready")
"""


def new_cell(code: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(
        code, metadata={"tags": ["raises-exception"] if "raise " in code else []}
    )


def run(*cells: str) -> list[list[nbformat.NotebookNode]]:
    """Run cells in a real kernel, and give their outputs as a notebook keeps them."""
    book = nbformat.v4.new_notebook(cells=[new_cell(c) for c in cells])
    nbclient.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(python)}}
    ).execute()
    return [c.outputs for c in book.cells]


def test_a_notebook_keeps_one_output_with_one_line_for_each_call() -> None:
    outputs = run(
        "import sys; sys.path.insert(0, 'src')\n" + cell,
        "one('train')\nprint('after')",
        "threads = [threading.Thread(target=one, args=(n,)) for n in ('a', 'b')]\n[t.start() for t in threads]\n[t.join() for t in threads];",
        "from composa.tables import Listing\nListing(samples.devices, samples.read, 'devices')",
        "from tests import test_looks\nraise test_looks.refused()",
    )
    assert [o.output_type for o in outputs[1]] == ["display_data", "stream"]
    shown = outputs[1][0].data
    assert shown["text/plain"] == "train is ready\nthe server did not answer for 2 s"
    page = Page(shown["text/html"])
    assert page.text == "✓train is readythe server did not answer for 2 s"
    assert "progressbar" not in shown["text/html"]
    assert sorted(o.data["text/plain"].split("\n")[0] for o in outputs[2]) == ["a is ready", "b is ready"]
    assert {"text/plain", "text/html"} <= set(outputs[3][0].data)
    assert outputs[3][0].data["text/plain"].startswith("device ")
    [raised] = outputs[4]
    for sentence in (
        "no fabric has 40 free gpu devices like A100; the nearest that fits",
        *samples.explanation.lines[:-1],
        'fits now: fabric="rack2", cpu=1, gpu="A100:12"',
    ):
        assert sentence in "\n".join(raised.traceback)


@pytest.mark.parametrize(
    ("op", "sign"),
    [
        (samples.done, "✓"),
        (samples.held, "!"),
        (samples.operation("undone"), "!"),
        (samples.operation("running", 1), "…"),
    ],
)
def test_the_line_that_stays_says_whether_it_went_well(
    op: _wire.Operation, sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []

    class Handle:
        def update(self, data: dict[str, str], raw: bool) -> None:
            shown.append(data)

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Handle:
        shown.append(data)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    cell = _progress_cell.Cell(Clock())
    cell.begin("compose train")
    cell.show(op)
    cell.show(op)
    cell.end("the end")
    cell.end("another end")
    first, _, last = (s["text/plain"] for s in shown)  # what looks the same is not sent again
    assert (first, last) == ("compose train …", "the end")
    assert Page(shown[-1]["text/html"]).text == f"{sign}the end"


def test_a_cell_that_composes_on_a_server_keeps_a_line_for_each_verb(demo: Demo, name: str) -> None:
    kernel = Kernel(demo.env)
    try:
        cell = kernel.run(
            f"import composa\nsite = composa.connect({demo.url!r}, token={demo.token!r})\n"
            f"m = site.compose({name!r}, gpu=1)\nm.free(grace=0)\nsite.devices(kind='gpu')"
        )
    finally:
        kernel.close()
    assert cell.text == ""
    *bars, listing = cell.shown
    plain = [bar["text/plain"] for bar in bars]
    assert any(f"{name}: compose, 1/" in line for line in plain)
    assert any(line.startswith(f"{name} is ready: 1 cpu ") for line in plain)
    assert plain[-1].startswith(f"{name} is freed")
    assert all("text/html" in bar for bar in bars)
    assert "<table>" in listing["text/html"]
