"""A notebook whose kernel, server or network goes away: the cell, run again, ends with the one machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import MakeServer, ask
from tests.kernels import Cell, Kernel
from tests.processes import Server
from tests.relay import Relay

Kernels = Callable[[str, str], Kernel]
Relays = Callable[[str], Relay]

rack = (
    "--cpus",
    "2",
    "--gpus",
    "4",
    "--ssds",
    "2",
    "--nics",
    "0",
    "--scms",
    "0",
    "--fpgas",
    "0",
    "--commit-latency",
    "1s",
)

compose = """
import composa
site = composa.connect()
m = site.compose("train", gpu=2, ssd=1)
print("READY", m.name, m.state, len(m.devices))
"""
ready = "READY train ready 4"

free = """
import composa
composa.connect().machine("train").free(grace=0)
print("FREED")
"""


def begun(cell: Cell) -> bool:
    """Say whether a step of the operation was shown."""
    return any(word in cell.told for word in ("attach", "make", "enter", "detach"))


def machines(s: Server) -> list[dict[str, Any]]:
    """List the living machines of a site, beside the module."""
    listed: list[dict[str, Any]] = ask(s.url, s.token, "GET", "/v1/machines")["items"]
    return listed


def used(s: Server) -> set[str]:
    """List the places of the devices that are not free, beside the module."""
    return {d["place"] for d in ask(s.url, s.token, "GET", "/v1/devices")["items"] if not d["free"]}


def settled(s: Server) -> None:
    """Wait until nothing is under way on a site."""
    for op in ask(s.url, s.token, "GET", "/v1/operations?open=true")["items"]:
        ask(s.url, s.token, "GET", f"/v1/operations/{op['id']}?wait=60")


def one_machine(s: Server) -> None:
    """Hold a site to the one machine of the notebook, and to no device beside it."""
    (m,) = machines(s)
    assert (m["name"], m["state"]) == ("train", "ready")
    assert {d["place"] for d in m["devices"]} == used(s)


def test_a_killed_kernel_finds_its_machine(server: MakeServer, kernel: Kernels) -> None:
    s = server(*rack)
    first = kernel(s.url, s.token)
    first.begin(compose).until(begun)
    first.kill()
    assert ready in kernel(s.url, s.token).run(compose).text
    one_machine(s)


def test_a_cell_outlives_its_server(server: MakeServer, kernel: Kernels) -> None:
    s = server(*rack)
    cell = kernel(s.url, s.token).begin(compose).until(begun)
    s.kill()
    s.start()
    assert ready in cell.done().text
    one_machine(s)


@pytest.mark.parametrize("how", ["reset", "hole"])
def test_a_cell_outlives_a_cut(how: Any, server: MakeServer, relay: Relays, kernel: Kernels) -> None:
    s = server(*rack)
    network = relay(s.url)
    cell = kernel(network.url, s.token).begin(compose).until(begun)
    network.cut(how)
    settled(s)
    network.mend()
    assert ready in cell.done().text
    one_machine(s)


@pytest.mark.skipif(not os.environ.get("COMPOSA_PROVE"), reason="the cut lasts over a minute: make prove")
@pytest.mark.parametrize("how", ["reset", "hole"])
def test_a_cell_run_again_after_a_minute_without_network(
    how: Any, server: MakeServer, relay: Relays, kernel: Kernels
) -> None:
    s = server(*rack)
    network = relay(s.url)
    k = kernel(network.url, s.token)
    cell = k.begin(compose).until(begun)
    network.cut(how)
    cell.end()
    assert cell.error == "Unreachable", cell.told
    assert "train" in cell.told
    network.mend()
    assert ready in k.run(compose).text
    one_machine(s)


def test_a_stopped_cell_puts_back_what_it_made(server: MakeServer, kernel: Kernels) -> None:
    s = server(*rack)
    k = kernel(s.url, s.token)
    cell = k.begin(compose).until(begun)
    k.interrupt()
    cell.end()
    assert cell.error == "KeyboardInterrupt", cell.told
    assert "cancel" in cell.told
    settled(s)
    assert machines(s) == []
    assert used(s) == set()
    assert ready in k.run(compose).text


def test_a_stopped_cell_lets_giving_back_go_on(server: MakeServer, kernel: Kernels) -> None:
    s = server(*rack)
    k = kernel(s.url, s.token)
    k.run(compose)
    cell = k.begin(free).until(begun)
    k.interrupt()
    cell.end()
    assert cell.error == "KeyboardInterrupt", cell.told
    assert "goes on" in cell.told
    settled(s)
    assert machines(s) == []
    assert used(s) == set()
