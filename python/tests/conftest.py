"""What the tests share: real servers, real directors, and people on them."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from tests.golden import Golden
from tests.kernels import Kernel
from tests.processes import Demo, Director, Server
from tests.relay import Relay

numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the way to write what tests/golden.py compares with."""
    parser.addoption("--update", action="store_true", help="write the golden files")


def pytest_configure() -> None:
    """Keep the tests from the contexts and the server of who runs them."""
    for name in list(os.environ):
        if name.startswith("COMPOSA_") and name not in ("COMPOSA_PROVE", "COMPOSA_BROWSER", "COMPOSA_SHOTS"):
            del os.environ[name]
    os.environ["XDG_CONFIG_HOME"] = os.devnull + "-no-contexts"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare what is shown with golden files; with --update, write them."""
    return Golden(bool(request.config.getoption("--update")))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Start a demo of three racks that all tests share."""
    it = Demo(tmp_path_factory.mktemp("demo"))
    yield it
    it.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Give a name of a machine that no other test uses."""
    return f"t{next(numbers)}-" + "".join(
        c if c.isalnum() else "-" for c in request.node.originalname.lower()
    )[:40].strip("-")


class MakeServer(Protocol):
    """Starts a server: args are those of its one director, or of each by name."""

    def __call__(self, *args: str, racks: dict[str, list[str]] | None = None, config: str = "") -> Server: ...


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[MakeServer]:
    """Start servers over directors of their own; all end with the test."""
    made: list[Server] = []

    def make(*args: str, racks: dict[str, list[str]] | None = None, config: str = "") -> Server:
        home = tmp_path / f"server{len(made) + 1}"
        home.mkdir()
        wanted = racks or {"rack1": list(args)}
        made.append(Server(home, {rack: Director(home, *a) for rack, a in wanted.items()}, config))
        return made[-1]

    yield make
    for s in made:
        s.close()


@pytest.fixture
def relay() -> Iterator[Callable[[str], Relay]]:
    """Put a relay before a server of a URL; all end with the test."""
    made: list[Relay] = []

    def make(url: str) -> Relay:
        made.append(Relay(url))
        return made[-1]

    yield make
    for r in made:
        r.close()


@pytest.fixture
def kernel() -> Iterator[Callable[[str, str], Kernel]]:
    """Start kernels whose environment names a server and a token; all end with the test."""
    made: list[Kernel] = []

    def make(url: str, token: str) -> Kernel:
        made.append(Kernel(os.environ | {"COMPOSA_URL": url, "COMPOSA_TOKEN": token}))
        return made[-1]

    yield make
    for k in made:
        k.close()


def ask(url: str, token: str, method: str, path: str, body: Any = None) -> Any:
    """Make one REST call beside the module that is tested; return the decoded answer."""
    request = urllib.request.Request(
        url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@pytest.fixture
def people() -> Callable[..., tuple[str, ...]]:
    """Make users on a site and return a token for each: people(url, token, "ana", "ben", expires=SECONDS)."""

    def make(url: str, token: str, *names: str, expires: int = 0) -> tuple[str, ...]:
        tokens = []
        for who in names:
            ask(url, token, "POST", "/v1/users", {"name": who})
            wanted = {"user": who} | ({"expires": expires} if expires else {})
            tokens.append(ask(url, token, "POST", "/v1/tokens", wanted)["token"])
        return tuple(tokens)

    return make
