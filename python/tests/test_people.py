"""Two people on one site: two clear answers, and nobody's machine found or freed by the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conftest import MakeServer, ask
from tests.kernels import Kernel
from tests.test_kills import begun, machines, rack, settled, used

Kernels = Callable[[str, str], Kernel]
People = Callable[..., tuple[str, ...]]

notebook = """
import composa
site = composa.connect()
m = site.compose("train", gpu=1)
print("READY", m.name, m.owner)
"""

block = """
import composa
site = composa.connect()
with site.compose("train", gpu=1) as m:
    print("INSIDE", m.name, m.owner)
print("AFTER")
"""


def test_two_people_run_the_same_notebook(server: MakeServer, kernel: Kernels, people: People) -> None:
    s = server(*rack)
    ana, ben = people(s.url, s.token, "ana", "ben")
    cells = [k.begin(notebook) for k in (kernel(s.url, ana), kernel(s.url, ben))]
    for cell in cells:
        cell.end()
    (got,) = [c for c in cells if not c.error]
    (lost,) = [c for c in cells if c.error]
    (m,) = machines(s)
    assert f"READY train {m['owner']}" in got.text
    assert lost.error == "Conflict", lost.told
    assert m["owner"] in lost.traceback
    assert m["owner"] in ("ana", "ben")


def test_a_block_frees_nobody_elses_machine(server: MakeServer, kernel: Kernels, people: People) -> None:
    s = server(*rack)
    ana, ben = people(s.url, s.token, "ana", "ben")
    kernel(s.url, ana).run(notebook)
    cell = kernel(s.url, ben).begin(block).end()
    assert cell.error == "Conflict", cell.told
    assert "INSIDE" not in cell.text
    (m,) = machines(s)
    assert (m["owner"], m["state"]) == ("ana", "ready")


def test_a_block_frees_only_what_it_made(server: MakeServer, kernel: Kernels) -> None:
    s = server(*rack)
    k = kernel(s.url, s.token)
    k.run(notebook)
    assert "AFTER" in k.run(block).text
    assert [m["name"] for m in machines(s)] == ["train"], "the block found the machine, so it stays"
    k.run("m.free(grace=0)")
    assert "AFTER" in k.run(block).text
    assert machines(s) == []
    assert used(s) == set()


def test_a_block_that_joins_frees_nothing(server: MakeServer, kernel: Kernels) -> None:
    s = server(*rack)
    first, second = kernel(s.url, s.token), kernel(s.url, s.token)
    making = first.begin(notebook).until(begun)
    assert "AFTER" in second.run(block).text
    making.done()
    assert [m["name"] for m in machines(s)] == ["train"]


def test_a_token_that_ends_half_way(server: MakeServer, kernel: Kernels, people: People) -> None:
    s = server(*rack)
    (ana,) = people(s.url, s.token, "ana")
    cell = kernel(s.url, ana).begin(notebook).until(begun)
    (token,) = ask(s.url, s.token, "GET", "/v1/tokens?user=ana")["items"]
    ask(s.url, s.token, "DELETE", f"/v1/tokens/{token['id']}")
    cell.end()
    assert cell.error == "NotAllowed", cell.told
    assert "token" in cell.traceback
    assert "goes on" in cell.told
    settled(s)
    (m,) = machines(s)
    assert (m["owner"], m["state"]) == ("ana", "ready")


def test_a_machine_that_somebody_else_freed(server: MakeServer, kernel: Kernels, people: People) -> None:
    s = server(*rack)
    (ana,) = people(s.url, s.token, "ana")
    k = kernel(s.url, ana)
    k.run(notebook)
    ask(s.url, s.token, "POST", "/v1/machines/default/train/free?wait=60", {"grace": 0})
    for verb in ("m.plug(gpu=1)", "m.reshape(gpu=2)", "m.unplug(gpu=1)"):
        cell = k.begin(verb).end()
        assert cell.error in ("NotFound", "Conflict"), cell.told
        assert "train" in cell.traceback
        assert "compose" in cell.traceback, "the way out is said"
    assert "freed" in k.run("m.refresh(); print(m.state)").text
    k.run("m.free()")


def test_two_threads_on_one_site(server: MakeServer, kernel: Kernels) -> None:
    s = server(*rack)
    code: Any = """
import composa, concurrent.futures
site = composa.connect()
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    made = list(pool.map(lambda i: site.compose("train", gpu=2), range(4)))
print("READY", len({m.id for m in made}))
"""
    assert "READY 1" in kernel(s.url, s.token).run(code).text
    assert len(machines(s)) == 1
