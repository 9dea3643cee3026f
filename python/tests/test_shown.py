"""What a notebook shows of an error: the caller's own lines and the sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conftest import Demo, MakeServer
from tests.kernels import Kernel


@pytest.fixture(scope="module")
def k(demo: Demo) -> Iterator[Kernel]:
    kernel = Kernel(os.environ | {"COMPOSA_URL": demo.url, "COMPOSA_TOKEN": demo.token})
    try:
        kernel.run("import composa\n%load_ext composa\nsite = composa.connect(progress='none')")
        yield kernel
    finally:
        kernel.kill()


def test_an_error_is_shown_by_the_callers_own_lines(k: Kernel) -> None:
    cell = k.begin("def mine():\n    site.compose('shown', gpu='A100:60')\n\nmine()").end()
    assert cell.error == "Refused"
    assert "----> 2     site.compose('shown'" in cell.traceback
    assert "----> 4 mine()" in cell.traceback
    assert 'Refused: cannot compose "shown": ' in cell.traceback
    for other in ("connection.py", "changing.py", "httpx2", "interactiveshell", "another exception"):
        assert other not in cell.traceback


def test_what_an_error_came_of_is_shown_where_it_is_the_callers(k: Kernel) -> None:
    cell = k.begin("try:\n    {}['mine']\nexcept KeyError:\n    site.machine('nobody')").end()
    assert "KeyError: 'mine'" in cell.traceback
    assert "NotFound: cannot find" in cell.traceback
    assert "connection.py" not in cell.traceback


def test_an_error_without_an_answer_shows_nothing_of_the_connection(k: Kernel) -> None:
    cell = k.begin("composa.connect('http://127.0.0.1:9', token='t')").end()
    assert cell.error == "Unreachable"
    assert "Unreachable: cannot call GET /v1 at http://127.0.0.1:9: " in cell.traceback
    assert "httpx2" not in cell.traceback
    assert "ConnectError" not in cell.traceback


@pytest.mark.parametrize(
    "line", ["%composa free nobody", "%composa unplugg x", "%composa machine show nobody"]
)
def test_a_line_of_magic_is_told_by_its_sentence_alone(k: Kernel, line: str) -> None:
    cell = k.begin(line).end()
    assert cell.error in ("NotFound", "Misread")
    assert cell.traceback.startswith("cannot ")
    assert len(cell.traceback.splitlines()) == 1


def test_a_stopped_cell_is_shown_by_the_callers_own_lines(server: MakeServer, name: str) -> None:
    s = server("--cpus", "1", "--gpus", "1", "--commit-latency", "1s")
    kernel = Kernel(os.environ | {"COMPOSA_URL": s.url, "COMPOSA_TOKEN": s.token})
    try:
        kernel.run("import composa\nsite = composa.connect(progress='plain')")
        cell = kernel.begin(f"site.compose({name!r}, gpu=1)").until(lambda c: name in c.text)
        kernel.interrupt()
        cell.end()
    finally:
        kernel.kill()
    assert cell.error == "KeyboardInterrupt"
    assert "----> 1 site.compose(" in cell.traceback
    assert "changing.py" not in cell.traceback
    assert len(cell.traceback.splitlines()) < 12


def test_everything_is_there_for_who_wants_it(k: Kernel) -> None:
    k.run("%xmode Verbose")
    try:
        cell = k.begin("site.machine('nobody')").end()
        assert "connection.py" in cell.traceback
    finally:
        k.run("%xmode Context")
