"""Which machine this computer is."""

from __future__ import annotations

import dataclasses
import ipaddress
import pathlib
import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import here
from tests.conftest import MakeServer
from tests.processes import lacking


@dataclasses.dataclass(frozen=True)
class Part:
    place: str
    kind: str = "cpu"
    serial: str | None = None
    address: str | None = None


def place(facts: here.Facts, *parts: Part) -> str | None:
    found = here.find(facts, parts)
    return found and found.place


def of(serials: tuple[str, ...] = (), addresses: tuple[str, ...] = (), name: str = "") -> here.Facts:
    return here.Facts(frozenset(serials), frozenset(addresses), name)


def test_a_serial_number_says_more_than_an_address() -> None:
    by_serial, by_address = Part("rack1/pcpu0", serial="SN-0012"), Part("rack1/pcpu1", address="10.0.0.12")
    assert place(of(("sn0012",), ("10.0.0.12",)), by_address, by_serial) == "rack1/pcpu0"
    assert place(of((), ("10.0.0.12",)), by_serial, by_address) == "rack1/pcpu1"
    assert place(of(("other",), ("10.0.0.13",)), by_serial, by_address) is None


def test_a_device_with_another_serial_number_is_another_computer() -> None:
    somebodys = Part("rack1/pcpu0", serial="SN2", address="10.0.0.12")
    assert place(of(("SN1",), ("10.0.0.12",)), somebodys) is None
    assert place(of(("SN1",), ("10.0.0.12",)), dataclasses.replace(somebodys, serial=None)) == "rack1/pcpu0"
    assert place(of(("SN1",), ("10.0.0.12",)), dataclasses.replace(somebodys, serial="None")) == "rack1/pcpu0"
    assert place(of(("None",), ("10.0.0.12",)), somebodys) == "rack1/pcpu0"
    named = Part("rack1/pcpu0", serial="SN2", address="train.lab")
    assert place(of(("SN1",), name="train.lab"), named) is None


def test_two_that_are_alike_are_none() -> None:
    assert place(of(("SN1",)), Part("rack1/pcpu0", serial="SN1"), Part("rack2/pcpu0", serial="SN1")) is None
    behind_nat = [Part("rack1/pcpu0", address="10.0.0.12"), Part("rack2/pcpu0", address="10.0.0.12")]
    assert place(of((), ("10.0.0.12",)), *behind_nat) is None


def test_only_compute_nodes_have_hosts() -> None:
    assert place(of(("SN1",)), Part("rack1/gpu0", kind="gpu", serial="SN1")) is None


@pytest.mark.parametrize(
    "serial", ["", "0", "None", "To Be Filled By O.E.M.", "Default string", "00000000", "XXXX"]
)
def test_what_firmware_writes_for_nothing_tells_nothing(serial: str) -> None:
    assert place(of((serial,)), Part("rack1/pcpu0", serial=serial)) is None


@pytest.mark.parametrize(
    ("address", "name", "same"),
    [
        ("node1.lab", "NODE1.lab.", True),
        ("node1.lab", "node1", False),
        ("node1", "node1.lab", False),
        ("node1", "node1", False),
        ("node1.lab", "node1.other", False),
        ("node1", "node10", False),
        ("localhost", "localhost", False),
        ("10.0.0.12", "10", False),
        ("node1", "", False),
    ],
)
def test_a_name_tells_where_it_has_its_domain(address: str, name: str, same: bool) -> None:
    assert (place(of(name=name), Part("rack1/pcpu0", address=address)) is not None) == same


@given(st.ip_addresses(v=6), st.booleans())
def test_an_address_is_found_however_it_is_written(address: ipaddress.IPv6Address, exploded: bool) -> None:
    written = address.exploded.upper() if exploded else str(address)
    assert place(of((), (str(address),)), Part("rack1/pcpu0", address=written)) == "rack1/pcpu0"


@given(
    st.lists(
        st.tuples(st.sampled_from(["A1", "B2", "C3"]), st.sampled_from(["10.0.0.1", "10.0.0.2"])), max_size=5
    )
)
def test_what_has_serial_numbers_is_found_by_them_alone(parts: list[tuple[str, str]]) -> None:
    devices = [Part(f"rack1/pcpu{i}", serial=s, address=a) for i, (s, a) in enumerate(parts)]
    found = here.find(of(("A1",), ("10.0.0.2",)), devices)
    with_serial = [d for d in devices if d.serial == "A1"]
    assert found == (with_serial[0] if len(with_serial) == 1 else None)


def test_the_tables_of_linux_are_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "fib_trie").write_text(
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.0\n        /24 link UNICAST\n     |-- 10.0.0.12\n"
        "        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n"
        "     |-- 10.0.0.255\n        /32 link BROADCAST\n"
    )
    (tmp_path / "if_inet6").write_text(
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fe8000000000000000fc00fffe000001 02 40 20 80     eth0\n"
        "fd000000000000000000000000000002 02 40 00 80     eth0\n"
    )
    assert set(here._addresses(tmp_path)) == {"10.0.0.12", "fd00::2"}
    (tmp_path / "product_serial").write_text("SN0012\n")
    assert list(here._serials(tmp_path)) == ["SN0012"]


def test_this_computer_tells_what_ip_tells_of_it() -> None:
    facts = here.facts()
    assert facts.name == socket.gethostname()
    try:
        listed = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        lacking("ip is not installed: apt install iproute2")
    told = {ipaddress.ip_interface(line.split()[3]).ip for line in listed.splitlines()}
    assert facts.addresses == {str(a) for a in told if not a.is_loopback and not a.is_link_local}


def test_the_site_tells_which_machine_this_is(server: MakeServer, name: str) -> None:
    import composa

    addresses = sorted(here.facts().addresses)
    if not addresses:
        lacking("this computer has no address but loopback")
    s = server(
        "--cpus",
        "2",
        "--gpus",
        "1",
        config=f"hosts:\n  - {{place: rack1/pcpu1, address: '{addresses[0]}'}}\n",
    )
    with composa.connect(s.url, token=s.token, progress="none") as site:
        site.compose(name + "-other", cpu="rack1/pcpu0")
        assert site.here() is None
        site.compose(name, cpu="rack1/pcpu1")
        found = site.here()
        assert found is not None
        assert found.name == name
