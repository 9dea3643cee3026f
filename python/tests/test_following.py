"""Following an operation in a process: interrupts, silence, ends of tokens, and what a person must decide."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import composa
from composa import _limits, _wire
from composa._sync import following
from tests.conftest import MakeServer, ask
from tests.processes import Demo, Server
from tests.relay import Relay

rack = ("--cpus", "2", "--gpus", "4", "--ssds", "2", "--nics", "0", "--scms", "0", "--fpgas", "0")


class Told:
    """Progress that keeps what it is told, and calls at with each state of an operation."""

    def __init__(self, at: Callable[[_wire.Operation], None] | None = None) -> None:
        self.at = at
        self.notes: list[str] = []
        self.phases: list[str] = []
        self.summary = ""

    def begin(self, title: str) -> None:
        self.summary = ""

    def show(self, op: _wire.Operation) -> None:
        self.phases.append(op.phase)
        if self.at is not None:
            self.at(op)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def end(self, summary: str = "") -> None:
        self.summary = summary


def once(what: Callable[[], Any], verb: str = "compose") -> Callable[[_wire.Operation], None]:
    """Return what does something at the first step of an operation of a verb."""
    left = [what]

    def at(op: _wire.Operation) -> None:
        if left and op.verb == verb and any(s.state == "running" for s in op.steps):
            left.pop()()

    return at


def interrupt() -> None:
    raise KeyboardInterrupt


def telling(site: Any, told: Told) -> Any:
    """Let a site show its operations to told."""
    site._progress = lambda kind=None: told
    return site


@pytest.fixture
def site(demo: Demo) -> Iterator[Any]:
    with composa.connect(demo.url, token=demo.token, progress="none") as it:
        yield it


@contextlib.contextmanager
def connected(s: Server, url: str = "", token: str = "") -> Iterator[Any]:
    """Connect to a server once it has seen its rack."""
    with composa.connect(url or s.url, token=token or s.token, progress="none") as it:
        for _ in it.events(after="0", follow=True):
            if it.fabric("rack1").state == "ok":
                break
        yield it


def gone(site: composa.Site, name: str) -> bool:
    return name not in [m.name for m in site.machines()]


def test_an_interrupt_puts_back_what_was_made(site: Any, name: str) -> None:
    told = Told(once(interrupt))
    with pytest.raises(KeyboardInterrupt):
        telling(site, told).compose(name, gpu=1)
    assert "asking the server to cancel" in told.notes[0]
    assert told.phases[-1] == "cancelled"
    assert gone(site, name)
    assert site.operations()[0].phase == "cancelled"


def test_a_second_interrupt_stops_waiting(site: Any, name: str) -> None:
    def twice(op: _wire.Operation) -> None:
        if op.cancel_requested or any(s.state == "running" for s in op.steps):
            raise KeyboardInterrupt

    told = Told(twice)
    with pytest.raises(KeyboardInterrupt):
        telling(site, told).compose(name, gpu=1)
    assert "stopped waiting" in told.notes[-1]
    op = site.operation(next(o.id for o in site.operations() if name in [m.name for m in o.machines]))
    told.at = None
    with pytest.raises(composa.Failed) as e:
        op.wait()
    assert e.value.code == "cancelled"
    assert gone(site, name)


def test_an_interrupt_lets_giving_back_go_on(site: Any, name: str) -> None:
    told = Told(once(interrupt, "free"))
    m = telling(site, told).compose(name, gpu=1)
    with pytest.raises(KeyboardInterrupt):
        m.free(grace=0)
    assert "goes on" in told.notes[-1]
    told.at = None
    m.refresh().wait()
    assert m.refresh().state == "freed"


def test_an_interrupt_before_the_answer_cancels_what_was_begun(site: Any, name: str) -> None:
    told = Told()
    telling(site, told)
    change = site._connection.change
    calls: list[str] = []

    def lost(method: str, path: str, *more: Any, **words: Any) -> Any:
        answer = change(method, path, *more, **words)
        calls.append(f"{method} {path}")
        if len(calls) == 1:
            raise KeyboardInterrupt
        return answer

    site._connection.change = lost
    with pytest.raises(KeyboardInterrupt):
        site.compose(name, gpu=1)
    assert calls[0] == calls[1] == f"PUT /v1/machines/default/{name}"
    assert calls[2].endswith("/cancel")
    assert gone(site, name)


def test_a_block_frees_what_it_made_also_after_an_error(site: Any, name: str) -> None:
    told = telling(site, Told())._progress()
    with pytest.raises(ZeroDivisionError), site.compose(name, gpu=1) as m:
        _ = 1 / 0
    assert m.state == "freed"
    assert gone(site, name)
    kept = site.compose(name, gpu=1)
    with site.compose(name, gpu=1) as same:
        assert same == kept
    assert "stays" in told.summary
    assert kept.refresh().state == "ready"
    kept.free(grace=0)


def test_a_block_that_joined_frees_nothing(demo: Demo, site: Any, name: str) -> None:
    begun = site.compose(name, gpu=1, wait=False)
    with (
        composa.connect(demo.url, token=demo.token, progress="none") as other,
        other.compose(name, gpu=1) as joined,
    ):
        assert joined == begun
    assert site.machine(name).state == "ready"
    begun.free(grace=0)


def test_time_passes_and_the_operation_goes_on(server: MakeServer, name: str) -> None:
    s = server(*rack, "--commit-latency", "1s")
    with connected(s) as site:
        with pytest.raises(composa.TimedOut) as e:
            site.compose(name, gpu=1, wait=0.1)
        assert e.value.operation
        assert f'site.operation("{e.value.operation}").wait()' in str(e.value)
        assert site.operation(e.value.operation).wait().phase == "done"
        assert site.compose(name, gpu=1).state == "ready", "run again, it is found"


def test_a_server_that_stays_away(
    server: MakeServer, relay: Callable[[str], Relay], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_limits, "patience", 0.3)
    s = server(*rack, "--commit-latency", "1s")
    network = relay(s.url)
    with connected(s, network.url) as site:
        told = Told(once(lambda: network.cut("reset")))
        with pytest.raises(composa.Unreachable) as e:
            telling(site, told).compose(name, gpu=1)
        assert e.value.operation in str(e.value)
        assert "trying again" in told.notes[0]
        network.mend()
        told.at = None
        assert site.compose(name, gpu=1).state == "ready"


def test_a_server_that_comes_back(server: MakeServer, name: str) -> None:
    s = server(*rack, "--commit-latency", "1s")

    def restart() -> None:
        s.kill()
        threading.Thread(target=s.start).start()

    with connected(s) as site:
        told = Told(once(restart))
        assert telling(site, told).compose(name, gpu=1).state == "ready"
        assert "the server answers again" in told.notes


def test_a_token_that_ends_while_waiting(server: MakeServer, name: str) -> None:
    s = server(*rack, "--commit-latency", "1s")
    ask(s.url, s.token, "POST", "/v1/users", {"name": "ana"})
    token = ask(s.url, s.token, "POST", "/v1/tokens", {"user": "ana"})
    with connected(s, token=token["token"]) as site:
        end = once(lambda: ask(s.url, s.token, "DELETE", f"/v1/tokens/{token['id']}"))
        with pytest.raises(composa.NotAllowed) as e:
            telling(site, Told(end)).compose(name, gpu=1)
    assert "goes on" in str(e.value)
    op = ask(s.url, s.token, "GET", f"/v1/operations/{e.value.operation}?wait=60")
    assert op["phase"] == "done"


def failing(server: MakeServer, *faults: str) -> Server:
    return server(*rack, *[word for f in faults for word in ("--fault", f)])


def test_what_fails_is_undone_and_told(server: MakeServer, name: str) -> None:
    s = failing(server, "* POST relate/gpu status=500")
    with connected(s) as site:
        with pytest.raises(composa.Error) as e:
            site.compose(name, gpu=1)
        assert e.value.operation
        assert site.operation(e.value.operation).phase == "undone"
        assert site.machines() == []


def operation(**said: Any) -> _wire.Operation:
    """Make an operation that ended."""
    document = {
        "id": "op_abc2", "verb": "compose", "direction": "undo", "project": "default", "principal": "ana", "steps": [],
        "createdAt": "2026-01-01T00:00:00Z", "revision": 3, "machines": [{"id": "mach_abc2", "name": "train"}], **said,
    }  # fmt: skip
    return _wire.Operation.model_validate(document)


@pytest.mark.parametrize(
    ("said", "error", "code", "text"),
    [
        (
            {
                "phase": "held",
                "result": {"code": "failed", "text": "cannot undo", "ways": ["retry", "look at rack1"]},
            },
            composa.Held,
            "held",
            'cannot undo; site.operation("op_abc2").retry(); or look at rack1',
        ),
        (
            {"phase": "cancelled", "result": {"text": "it was cancelled"}},
            composa.Failed,
            "cancelled",
            "it was cancelled",
        ),
        (
            {"phase": "undone", "result": {"code": "refused", "text": "cannot"}},
            composa.Refused,
            "refused",
            "cannot",
        ),
        (
            {"phase": "undone", "result": {"code": "unheard", "text": "cannot"}},
            composa.Failed,
            "unheard",
            "cannot",
        ),
        ({"phase": "undone", "reason": "rack1 is silent"}, composa.Failed, "failed", "rack1 is silent"),
        ({"phase": "undone"}, composa.Failed, "failed", 'cannot compose "train": the operation is undone'),
    ],
)
def test_how_an_operation_ended_is_an_error(said: Any, error: Any, code: str, text: str) -> None:
    told = following.failure(operation(**said))
    assert type(told) is error
    assert (told.code, str(told), told.operation) == (code, text, "op_abc2")
    assert following.failure(operation(phase="done")) is None
