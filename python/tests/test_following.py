"""Following an operation in a process: interrupts, silence, ends of tokens, and what a person must decide."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

import composa
from composa import _limits, _says, _wire
from composa._call import Answer
from composa._sync import following
from tests.conftest import MakeServer, ask
from tests.processes import Demo, Server
from tests.proxy import Proxy
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
    assert told.summary == f'compose "{name}" was cancelled: everything is as it was before'
    assert len(told.notes) == 1
    assert gone(site, name)
    assert site.operations()[0].phase == "cancelled"


def test_a_second_interrupt_stops_waiting(site: Any, name: str) -> None:
    def twice(op: _wire.Operation) -> None:
        if op.cancel_requested or any(s.state == "running" for s in op.steps):
            raise KeyboardInterrupt

    told = Told(twice)
    with pytest.raises(KeyboardInterrupt):
        telling(site, told).compose(name, gpu=1)
    assert told.summary.startswith("stopped waiting: operation ")
    op = site.operation(next(o.id for o in site.operations() if name in [m.name for m in o.machines]))
    told.at = None
    with pytest.raises(composa.Failed) as e:
        op.wait()
    assert e.value.code == "cancelled"
    assert gone(site, name)


def test_a_machine_that_was_freed_is_told_once(site: Any, name: str) -> None:
    told = Told()
    m = telling(site, told).compose(name, gpu=1)
    again, more = site.machine(name), site.machine(name)
    m.free(grace=0)
    assert again.free(grace=0).state == "freed"
    assert told.summary == f"{name} was freed at {m.freed_at:%Y-%m-%d %H:%M:%S} UTC"
    with pytest.raises(composa.NotFound, match="make it anew") as e:
        more.plug(gpu=1)
    assert told.summary == str(e.value)


def test_an_interrupt_lets_giving_back_go_on(site: Any, name: str) -> None:
    told = Told(once(interrupt, "free"))
    m = telling(site, told).compose(name, gpu=1)
    with pytest.raises(KeyboardInterrupt):
        m.free(grace=0)
    assert "goes on" in told.summary
    told.at = None
    m.refresh().wait()
    assert m.refresh().state == "freed"


def test_an_interrupt_before_the_answer_cancels_what_was_begun(site: Any, name: str) -> None:
    told = Told()
    telling(site, told)
    answer = site._connection.answer
    calls: list[str] = []

    def lost(tries: Any) -> Any:
        answered = answer(tries)
        calls.append(f"{tries.call.method} {tries.call.path}")
        if len(calls) == 1:
            raise KeyboardInterrupt
        return answered

    site._connection.answer = lost
    with pytest.raises(KeyboardInterrupt):
        site.compose(name, gpu=1)
    assert calls[0] == calls[1] == f"PUT /v1/machines/default/{name}"
    assert calls[2].endswith("/cancel")
    assert gone(site, name)


@pytest.fixture
def read_interrupted(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """Interrupt the reading of the first answer to a change that was made."""
    read, interrupted = Answer.read, list[Answer]()

    def reads(answer: Answer, model: Any) -> Any:
        if answer.call.key and not interrupted:
            interrupted.append(answer)
            raise KeyboardInterrupt
        return read(answer, model)

    monkeypatch.setattr(Answer, "read", reads)
    return interrupted


def test_an_interrupt_while_the_answer_is_read_cancels_too(
    site: Any, name: str, read_interrupted: list[Answer]
) -> None:
    told = Told()
    with pytest.raises(KeyboardInterrupt):
        telling(site, told).compose(name, gpu=1)
    assert read_interrupted[0].status == 202
    assert "asking the server to cancel" in told.notes[0]
    assert told.phases[-1] == "cancelled"
    assert gone(site, name)


def test_an_interrupt_of_what_was_there_already_says_so(
    site: Any, name: str, request: pytest.FixtureRequest
) -> None:
    m = site.compose(name, gpu=1)
    request.getfixturevalue("read_interrupted")
    told = Told()
    with pytest.raises(KeyboardInterrupt):
        telling(site, told).compose(name, gpu=1)
    assert told.summary == (
        f"interrupted, and nothing is left to cancel: {_says.at_once('compose', m.refresh(), False)}"
    )
    m.free(grace=0)


def test_an_interrupt_before_anything_is_sent_sends_nothing(
    site: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = telling(site, Told())._progress()
    before = [o.id for o in site.operations()]
    client, left = site._connection._client, [interrupt]
    monkeypatch.setattr(site._connection, "_client", lambda: (left.pop() if left else client)())
    with pytest.raises(KeyboardInterrupt):
        site.compose(name, gpu=1)
    assert told.summary == "interrupted before anything was sent: nothing was done"
    assert told.notes == []
    assert [o.id for o in site.operations()] == before


def test_who_only_watches_cancels_nothing(
    server: MakeServer, people: Callable[..., tuple[str, ...]], name: str
) -> None:
    s = server(*rack, "--commit-latency", "1s")
    (token,) = people(s.url, s.token, "ben")
    with connected(s) as site, connected(s, token=token) as theirs:
        m = site.compose(name, gpu=1, wait=False)
        told, said = Told(lambda op: interrupt()), list[str]()
        telling(theirs, told)
        for watched in (theirs.operation(m.operation), theirs.machine(name)):
            with pytest.raises(KeyboardInterrupt):
                watched.wait()
            said.append(told.summary)
        joins = telling(site, Told(lambda op: interrupt()))
        with pytest.raises(KeyboardInterrupt):
            joins.compose(name, gpu=1)
        for summary in (*said, joins._progress().summary):
            assert summary.startswith(f"stopped waiting: operation {m.operation} goes on; ")
        telling(site, Told())
        assert m.wait().state == "ready"


def test_what_was_lost_may_be_made_again_only_with_a_key_of_ones_own(
    site: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    m = site.compose(name, gpu=1)

    def cut(tries: Any) -> Any:
        raise tries.call.lost(httpx2.ReadError("cut"))

    with monkeypatch.context() as patched:
        patched.setattr(_limits, "first_pause", 0.0)
        patched.setattr(site._connection, "_once", cut)
        for key, again in ((None, False), ("mine", True)):
            with pytest.raises(composa.Unreachable) as e:
                m.plug(ssd=1, key=key)
            assert (e.value.code, e.value.retryable) == ("unknown", again)
    m.free(grace=0)


def test_a_block_frees_nothing_that_an_earlier_call_with_its_key_made(site: Any, name: str) -> None:
    first = site.compose(name, gpu=1, key=f"k-{name}")
    with site.compose(name, gpu=1, key=f"k-{name}") as same:
        assert same == first
    assert first.refresh().state == "ready"
    first.free(grace=0)


def lose_an_answer(site: Any) -> list[int]:
    """Lose the next answer to a change; empty is returned once it was lost."""
    once_more, left = site._connection._once, [1]

    def cut(tries: Any) -> Any:
        answer = once_more(tries)
        if tries.call.key and left:
            left.pop()
            raise tries.call.lost(httpx2.ReadError("cut"))
        return answer

    site._connection._once = cut
    return left


def test_a_lost_answer_makes_it_no_less_ones_own(site: Any, name: str) -> None:
    left = lose_an_answer(site)
    with site.compose(name, gpu=1) as m:
        assert not left
    assert m.state == "freed"


def test_where_a_key_was_given_a_lost_answer_leaves_open_whose_it_is(site: Any, name: str) -> None:
    key = f"k-{name}"
    first = site.compose(name, gpu=1, key=key)
    told = telling(site, Told())._progress()
    left = lose_an_answer(site)
    with site.compose(name, gpu=1, key=key) as same:
        assert not left
        assert same == first
    assert told.summary == (
        f"{name} stays: an answer was lost, and its key= may have been used before, so that nobody knows "
        f'whether this block made it; site.machine("{name}").free() gives it back'
    )
    assert first.refresh().state == "ready"
    first.free(grace=0)


def test_an_interrupt_cancels_nothing_that_an_earlier_call_with_its_key_began(
    server: MakeServer, name: str
) -> None:
    s = server(*rack, "--commit-latency", "1s")
    with connected(s) as site:
        began = site.compose(name, gpu=1, key="k", wait=False)
        told = Told(lambda op: interrupt())
        telling(site, told)
        left = lose_an_answer(site)
        with pytest.raises(KeyboardInterrupt):
            site.compose(name, gpu=1, key="k")
        assert not left
        assert told.summary.startswith(f"stopped waiting: operation {began.operation} goes on; ")
        telling(site, Told())
        assert began.wait().state == "ready"


problem = {"Content-Type": "application/problem+json"}


def test_a_server_in_trouble_is_followed_on(demo: Demo, name: str) -> None:
    proxy = Proxy(demo.url)

    class Mends(Told):
        def note(self, text: str) -> None:
            super().note(text)
            proxy.instead = None

    def trouble() -> None:
        proxy.instead = (500, problem, b'{"code": "internal", "detail": "cannot: a bug", "status": 500}')

    try:
        with composa.connect(proxy.url, token=demo.token) as site:
            told = Mends(once(trouble))
            with telling(site, told).compose(name, gpu=1) as m:
                assert m.state == "ready"
            assert told.notes[0].startswith("cannot: a bug; trying again")
    finally:
        proxy.close()


def test_an_answer_that_cannot_be_read_ends_the_waiting_and_not_the_operation(demo: Demo, name: str) -> None:
    proxy = Proxy(demo.url)

    def stranger() -> None:
        proxy.instead = (200, {"Content-Type": "application/json"}, b'{"hello": "world"}')

    try:
        with composa.connect(proxy.url, token=demo.token) as site:
            with pytest.raises(composa.Failed) as e:
                telling(site, Told(once(stranger))).compose(name, gpu=1)
            proxy.instead = None
            assert "the operation goes on" in str(e.value)
            assert site.operation(e.value.operation).wait().phase == "done"
            site.machine(name).free(grace=0)
    finally:
        proxy.close()


def test_a_call_takes_no_longer_than_what_is_left_to_wait() -> None:
    class Swallows:
        def __init__(self) -> None:
            self.asked: list[tuple[int, float | None]] = []

        def get(self, path: str, query: Any, *, model: Any, within: float | None) -> Any:
            self.asked.append((query["wait"], within))
            raise KeyboardInterrupt

    for patience, wait, within in ((0.01, 0, 1.0), (1.9, 1, 1.9), (100.0, 15, 100.0), (None, 15, None)):
        connection: Any = Swallows()
        with pytest.raises(KeyboardInterrupt):
            following.follow(connection, following.Seen(operation(phase="running"), Told()), patience)
        ((asked, given),) = connection.asked
        assert asked == wait
        assert given == pytest.approx(within, abs=0.5)


@pytest.mark.parametrize(("patience", "within"), [(None, _limits.patience), (20.0, 20.0)])
def test_a_server_that_is_away_is_only_looked_at(
    monkeypatch: pytest.MonkeyPatch, patience: float | None, within: float
) -> None:
    monkeypatch.setattr(_limits, "first_pause", 0.0)

    class Away:
        def __init__(self) -> None:
            self.asked: list[tuple[int, float | None]] = []

        def get(self, path: str, query: Any, *, model: Any, within: float | None) -> Any:
            self.asked.append((query["wait"], within))
            if len(self.asked) == 4:
                raise KeyboardInterrupt
            if len(self.asked) == 3:
                return operation(phase="running")
            raise composa.Unreachable("cannot call it")

    connection: Any = Away()
    with pytest.raises(KeyboardInterrupt):
        following.follow(connection, following.Seen(operation(phase="running"), Told()), patience)
    assert [wait for wait, _ in connection.asked] == [15, 0, 0, 15], "until it answers again"
    for _, given in connection.asked[1:3]:
        assert given == pytest.approx(within, abs=0.5)


class Restarting:
    """A connection to a server that is away for some calls."""

    def __init__(self, away: int) -> None:
        self.away = away

    def get(self, path: str, *, model: Any) -> Any:
        self.away -= 1
        if self.away >= 0:
            raise composa.Unreachable("cannot call it", retryable=True)
        return path


def test_what_was_made_is_read_over_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "first_pause", 0.0)
    connection: Any = Restarting(3)
    told = Told()
    assert (
        following.read(connection, following.Seen(operation(phase="done"), told), "/v1/machines/m")
        == "/v1/machines/m"
    )
    assert told.notes[-1] == "the server answers again"


def test_what_was_done_is_told_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "first_pause", 0.0)
    monkeypatch.setattr(_limits, "patience", 0.0)
    connection: Any = Restarting(1000)
    seen = following.Seen(operation(phase="done"), Told())
    with pytest.raises(composa.Unreachable) as e:
        following.read(connection, seen, "/v1/machines/m")
    assert f"{following.title(seen.op)} is done, and the machine cannot be read: cannot call it" in str(
        e.value
    )
    assert "goes on" not in str(e.value)
    assert e.value.operation == seen.op.id


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
    assert (told.code, str(told), told.operation, told.status) == (code, text, "op_abc2", 0)
    assert following.failure(operation(phase="done")) is None
