"""Measures the module, and prints its figures as go test -bench does; make bench runs it.

A figure "most:UNIT" is the most that UNIT may be. Import times are medians of
pairs measured in turn, because machines are noisy.
"""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import composa
from tests.processes import Director, Server

pairs = 15

# listing is what a kernel does that lists and shows devices; it prints seconds and its memory in bytes.
listing = """
import json, resource, sys, time
import composa
site = composa.connect(sys.argv[1], token=sys.argv[2])
site.whoami()
began = time.perf_counter()
devices = site.devices()
html, text = devices._repr_html_(), repr(devices)
seconds = time.perf_counter() - began
print(json.dumps([len(devices), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


def took(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def told(name: str, runs: int, *figures: tuple[float, str]) -> None:
    words = "  ".join(f"{value:.6g} {unit}" for value, unit in figures)
    print(f"Benchmark{name} {runs} {words}", flush=True)  # noqa: T201


def import_time() -> None:
    """Measure what importing the module costs more than nothing."""
    nothing, module = [sys.executable, "-c", "pass"], [sys.executable, "-c", "import composa"]
    more = [took(module) - took(nothing) for _ in range(pairs)]
    told("Import", pairs, (statistics.median(more), "s"), (0.150, "most:s"))


def with_devices(count: int, measure: Callable[[Server], None]) -> None:
    """Measure on a site that knows so many devices, in one rack."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        rack = [
            "--cpus",
            "8",
            "--gpus",
            str(count - 8),
            *[w for k in ("ssds", "nics", "scms", "fpgas") for w in (f"--{k}", "0")],
        ]
        server = Server(home, {"rack1": Director(home, *rack)})
        try:
            with composa.connect(server.url, token=server.token) as site:
                for event in site.events(follow=True):
                    if event.type.startswith("device") and len(site.devices()) >= count:
                        break
            measure(server)
        finally:
            server.close()


def listed(name: str, most: float | None) -> Callable[[Server], None]:
    """Return what measures the listing of all devices, in a process of its own each time."""

    def measure(server: Server) -> None:
        runs = []
        for _ in range(pairs):
            said = subprocess.run(
                [sys.executable, "-c", listing, server.url, server.token],
                check=True,
                capture_output=True,
                text=True,
            )
            runs.append(json.loads(said.stdout))
        target = () if most is None else ((most, "most:s"),)
        told(
            name,
            pairs,
            (runs[0][0], "devices"),
            (statistics.median(r[1] for r in runs), "s"),
            *target,
            (max(r[2] for r in runs) / 2**20, "MiB"),
        )

    return measure


def main() -> None:
    print("pkg: python", flush=True)  # noqa: T201
    import_time()
    with_devices(1_000, listed("Listed1000", 0.3))
    with_devices(10_000, listed("Listed10000", None))


if __name__ == "__main__":
    main()
