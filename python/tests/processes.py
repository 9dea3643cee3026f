"""Real processes for the tests: the binary composa as a server, a director or a demo."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from typing import NoReturn

import pytest

root = pathlib.Path(__file__).resolve().parents[2]

# patience bounds every wait of these tests, in seconds; it is far more than they need.
patience = 60.0


def lacking(what: str) -> NoReturn:
    """Skip a test because this computer lacks something; where promises are proven that is a failure.

    Args:
        what: What is lacking, and how one gets it.
    """
    if os.environ.get("COMPOSA_PROVE"):
        pytest.fail(f"not proven: {what}")
    pytest.skip(what)


def binary() -> str:
    """Build the binary where it is missing or older than its sources; return its path."""
    path = root / "bin" / "composa"
    sources = subprocess.run(
        ["git", "ls-files", "-z", "*.go", "go.mod", "go.sum", "*.sql"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout.split(b"\0")
    newest = max(
        (root / os.fsdecode(p)).stat().st_mtime for p in sources if p and (root / os.fsdecode(p)).exists()
    )
    if not path.exists() or path.stat().st_mtime < newest:
        subprocess.run(["make", "--no-print-directory", "build"], cwd=root, check=True, capture_output=True)
    return str(path)


class Process:
    """A program that runs until it is ended, and what it says on standard error.

    The constructor returns once what it said matches ready; groups are what the
    pattern's groups matched.
    """

    def __init__(self, args: Sequence[str], ready: str, env: Mapping[str, str]) -> None:
        self.args = list(args)
        self._said: list[str] = []
        self._heard = threading.Condition()
        self._over = False
        self.popen = subprocess.Popen(
            self.args,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(env),
            text=True,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.groups = self.says(ready)
        except AssertionError:
            self.kill()
            raise

    def _listen(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            with self._heard:
                self._said.append(line)
                self._heard.notify_all()
        with self._heard:
            self._over = True
            self._heard.notify_all()

    @property
    def said(self) -> str:
        """What it said so far."""
        with self._heard:
            return "".join(self._said)

    def says(self, pattern: str) -> tuple[str, ...]:
        """Wait until it said what pattern matches; return the groups."""
        found: re.Match[str] | None = None

        def there() -> bool:
            nonlocal found
            found = re.search(pattern, "".join(self._said), re.MULTILINE)
            return found is not None or self._over

        with self._heard:
            self._heard.wait_for(there, patience)
        assert found is not None, f"{' '.join(self.args)} did not say {pattern!r}:\n{self.said}"
        return found.groups()

    def kill(self) -> None:
        """End it at once, as kill -9 does, with all that it started."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait until it did."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, how)
        try:
            self.popen.wait(patience)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
        self._listener.join(patience)
        if self.popen.stderr is not None:
            self.popen.stderr.close()


def own_environment(home: pathlib.Path) -> dict[str, str]:
    """Return an environment with a home of its own, and nothing said of Composa."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSA_", "XDG_"))}
    return env | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
    }


class Director(Process):
    """One emulated Liqid director; url is where it answers."""

    def __init__(self, home: pathlib.Path, *args: str) -> None:
        super().__init__(
            [binary(), "emulate", "liqid", "--listen", "127.0.0.1:0", *args],
            r"emulated Liqid director on (\S+)",
            own_environment(home),
        )
        self.url = self.groups[0]


class Server:
    """A server over directors of its own, which can be killed and started again at the same address.

    url and token reach it; home is its folder, with composa.yaml and data.
    """

    def __init__(self, home: pathlib.Path, directors: Mapping[str, Director], config: str = "") -> None:
        self.home = home
        self.directors = dict(directors)
        self.config = home / "composa.yaml"
        fabrics = "".join(
            f"  - {{name: {name}, driver: liqid, url: '{d.url}', access: manage, settle: 2s}}\n"
            for name, d in directors.items()
        )
        self.config.write_text(f"data: {home / 'data'}\nfabrics:\n{fabrics}{config}")
        self._listen = "127.0.0.1:0"
        self.process: Process | None = None
        self.start()
        self.token = (home / "data" / "bootstrap-token").read_text().strip()
        self._see()

    def _see(self) -> None:
        """Wait until every fabric was read once: before that nothing can be composed there."""

        def get(path: str, accept: str = "application/json") -> http.client.HTTPResponse:
            asked = urllib.request.Request(
                self.url + path, headers={"Authorization": f"Bearer {self.token}", "Accept": accept}
            )
            answer: http.client.HTTPResponse = urllib.request.urlopen(asked, timeout=patience)
            return answer

        def seen() -> bool:
            with get("/v1/fabrics") as answer:
                return all("seen" in f for f in json.load(answer)["items"])

        with get("/v1/events?follow=true", "application/x-ndjson") as events:
            while not seen():
                assert events.readline(), "the server ended before it had read its fabrics"

    def start(self) -> None:
        """Start it; it serves when this returns."""
        self.process = Process(
            [binary(), "serve", "--config", str(self.config), "--listen", self._listen],
            r"serving \d+ fabrics? on (\S+)",
            own_environment(self.home),
        )
        self.url = self.process.groups[0]
        self._listen = self.url.removeprefix("http://")

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def stop(self) -> None:
        """Let it end by itself."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def close(self) -> None:
        """End it and its directors."""
        self.kill()
        for d in self.directors.values():
            d.kill()


class Demo:
    """A real demo: url and token reach it, env finds it by its saved context."""

    def __init__(self, home: pathlib.Path, racks: int = 3) -> None:
        self.home = home
        self.data = home / "demo"
        self.env = own_environment(home)
        self.process = Process(
            [binary(), "demo", "--racks", str(racks), "--listen", "127.0.0.1:0", "--data", str(self.data)],
            r"API +(http\S+)",
            self.env,
        )
        self.url = self.process.groups[0]
        self.token = (self.data / "bootstrap-token").read_text().strip()

    def close(self) -> None:
        """End it."""
        self.process.stop()
