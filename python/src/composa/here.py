"""Which machine this computer is: its serial numbers, addresses and name, and the device that has them.

Reading them (facts) and comparing them (find) are two things, so that the second can be asked about any
computer.
"""

from __future__ import annotations

import contextlib
import ipaddress
import pathlib
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

__all__ = ["Facts", "facts", "find"]


class Device(Protocol):
    """What is read of a device."""

    @property
    def kind(self) -> str: ...
    @property
    def serial(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...


D = TypeVar("D", bound=Device)


@dataclass(frozen=True)
class Facts:
    """What tells this computer from others.

    Attributes:
        serials: Serial numbers of its board, as its firmware tells them; empty where only root may read
            them.
        addresses: Addresses of all its interfaces but loopback and link-local ones.
        name: The name it has for itself; "" where it has none.
    """

    serials: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    name: str = ""


def find(here: Facts, devices: Iterable[D]) -> D | None:
    """Find the cpu device whose host is this computer.

    A serial number says more than an address, and an address more than a name: what says less is asked only
    where what says more names no device at all. A device whose serial number is known, as this computer's is,
    and is another one is left out: private addresses are given more than once. A name tells where it has its
    domain: "train" is many computers.

    Args:
        here: What tells this computer from others.
        devices: The devices that one may see; only those of kind cpu are looked at.

    Returns:
        The device; None where none is told, or more than one is.
    """
    cpus = [device for device in devices if device.kind == "cpu"]
    serials = {_plain(serial) for serial in here.serials if _tells(serial)}
    addresses = {_address(address) for address in here.addresses}
    others = [device for device in cpus if not (serials and device.serial and _tells(device.serial))]
    ways = (
        [device for device in cpus if device.serial and _plain(device.serial) in serials],
        [device for device in others if device.address and _address(device.address) in addresses],
        [device for device in others if device.address and _same_name(device.address, here.name)],
    )
    for found in ways:
        if found:
            return found[0] if len(found) == 1 else None
    return None


def facts() -> Facts:
    """Read what tells this computer from others. What cannot be read is left out; nothing is sent."""
    return Facts(
        frozenset(_serials(pathlib.Path("/sys/class/dmi/id"))),
        frozenset(_addresses(pathlib.Path("/proc/net"))),
        socket.gethostname(),
    )


#: What firmware writes where nobody gave a board a number: they tell nothing.
_no_serials = {
    "",
    "0",
    "none",
    "na",
    "unknown",
    "default",
    "defaultstring",
    "notspecified",
    "notapplicable",
    "systemserialnumber",
    "tobefilledbyoem",
    "invalid",
    "empty",
    "0123456789",
    "123456789",
}


def _plain(serial: str) -> str:
    """Write a serial number without what is written differently from place to place."""
    return re.sub(r"[^0-9a-z]", "", serial.lower())


def _tells(serial: str) -> bool:
    plain = _plain(serial)
    return plain not in _no_serials and len(set(plain)) > 1


def _address(text: str) -> str:
    """Write an address in its one usual way; a name stays as it is."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text.lower()
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _same_name(address: str, name: str) -> bool:
    """Tell whether both are one name with its domain."""
    one, other = address.lower().rstrip("."), name.lower().rstrip(".")
    return one == other and "." in one and not _is_ip(one)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _serials(folder: pathlib.Path) -> Iterable[str]:
    """Read the serial numbers that Linux tells of the board."""
    for name in ("product_serial", "board_serial", "chassis_serial"):
        with contextlib.suppress(OSError):
            yield (folder / name).read_text(errors="replace").strip()


def _addresses(proc: pathlib.Path) -> Iterable[str]:
    """Read the addresses of all interfaces: on Linux from the kernel's tables, elsewhere by the name."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        table = (proc / "fib_trie").read_text()
        found.update(re.findall(r"\|-- ([0-9.]+)\n\s*/32 host LOCAL", table))
    with contextlib.suppress(OSError):
        for line in (proc / "if_inet6").read_text().splitlines():
            found.add(str(ipaddress.IPv6Address(int(line.split()[0], 16))))
    if not found:
        with contextlib.suppress(OSError):
            found.update(str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None))
    for text in found:
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(text.partition("%")[0])
            if not address.is_loopback and not address.is_link_local:
                yield str(address)
