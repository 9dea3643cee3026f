"""Events are followed over broken connections, and none is missed or told twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import _limits, errors
from composa._call import Call
from composa._servers import Server
from composa._sync.stream import _event_of
from tests.faces import Async, Sync
from tests.stand_in import Answer, Request, StandIn, answer, hang_up, never

Connect = Callable[..., Any]
head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    made: list[Any] = []

    def make(url: str) -> Any:
        made.append(request.param(Server(url, "secret"), timeout=10))
        return made[-1]

    yield make
    for c in made:
        c.close()


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "first_pause", 0.0)


def event(id: str, type: str = "machine.ready") -> bytes:
    return json.dumps({"id": id, "type": type}).encode() + b"\n"


def stream(*parts: bytes, begins: str = "", then: Callable[[Request], None] = hang_up) -> Answer:
    """Answer a stream in these pieces, then do something."""

    def give(r: Request) -> None:
        r.connection.sendall(head + (f"Last-Event-Id: {begins}\r\n".encode() if begins else b"") + b"\r\n")
        for p in parts:
            r.connection.sendall(b"%x\r\n%s\r\n" % (len(p), p))
        then(r)

    return give


def end(r: Request) -> None:
    r.connection.sendall(b"0\r\n\r\n")


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [e["id"] for e in events]


def asked(s: StandIn) -> list[str]:
    return [r.line.split()[1] for r in s.asked]


def test_a_stream_goes_on_after_the_last_event_that_came_whole(connect: Connect) -> None:
    cut_off = event("3")[:-4]
    with StandIn(
        stream(event("1") + event("2"), cut_off), stream(event("3")[:5], event("3")[5:] + event("4"))
    ) as s:
        got = connect(s.url).some(4, "stream", "/v1/events", {"after": "0", "type": "machine"})
        assert ids(got) == ["1", "2", "3", "4"]
        assert asked(s) == [
            "/v1/events?after=0&type=machine&follow=true",
            "/v1/events?after=2&type=machine&follow=true",
        ]
        assert s.asked[0].headers["accept"] == "application/x-ndjson"


def test_a_stream_from_now_on_goes_on_from_where_it_began(connect: Connect) -> None:
    with StandIn(stream(begins="41"), stream(event("42"))) as s:
        assert ids(connect(s.url).some(1, "stream", "/v1/events")) == ["42"]
        assert asked(s) == ["/v1/events?follow=true", "/v1/events?after=41&follow=true"]


@pytest.mark.parametrize(
    "breaks",
    [
        hang_up,
        end,
        stream(),
        stream(then=end),
        answer(
            "503 Service Unavailable",
            {"code": "unavailable", "detail": "cannot: stopping", "retryable": True},
        ),
    ],
)
def test_a_server_that_is_only_not_there_is_waited_for(connect: Connect, breaks: Answer) -> None:
    with StandIn(stream(event("1")), breaks, breaks, breaks, stream(event("2"))) as s:
        connection, told = connect(s.url), []
        connection.connection.again = lambda e, seconds: told.append((type(e), seconds))
        assert ids(connection.some(2, "stream", "/v1/events", {"after": "0"})) == ["1", "2"]
        assert len(s.asked) == 5
        assert asked(s)[1:] == ["/v1/events?after=1&follow=true"] * 4
    assert [t for t, _ in told] == [errors.Unreachable] * 4


def test_the_pauses_grow_until_something_comes(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "first_pause", 0.001)
    monkeypatch.setattr(_limits, "longest_pause", 0.004)
    with StandIn(hang_up, hang_up, hang_up, hang_up, stream(event("1")), stream(event("2"))) as s:
        connection, told = connect(s.url), []
        connection.connection.again = lambda e, seconds: told.append(seconds)
        connection.some(2, "stream", "/v1/events")
    assert told == [0.001, 0.002, 0.004, 0.004, 0.001]


def test_a_reset_is_passed_on(connect: Connect) -> None:
    with StandIn(stream(event("9", "reset") + event("10"))) as s:
        got = connect(s.url).some(2, "stream", "/v1/events", {"after": "1"})
    assert [e["type"] for e in got] == ["reset", "machine.ready"]


def test_signs_of_life_are_no_events(connect: Connect) -> None:
    with StandIn(stream(b"\n", b" \r\n\n", event("1"), b"\n")) as s:
        assert ids(connect(s.url).some(1, "stream", "/v1/events")) == ["1"]


def test_a_silent_stream_is_opened_again(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _limits.silence == 45  # three times what the server lets pass between two signs of life
    monkeypatch.setattr(_limits, "silence", 0.2)
    with StandIn(stream(event("1"), then=never), stream(event("2"))) as s:
        assert ids(connect(s.url).some(2, "stream", "/v1/events")) == ["1", "2"]


def test_who_follows_knows_when_the_stream_stands(connect: Connect) -> None:
    opened: list[int] = []
    with StandIn(hang_up, stream(event("1")), stream(event("2"))) as s:
        connection = connect(s.url)
        connection.some(2, "stream", "/v1/events", opened=lambda: opened.append(len(s.asked)))
    assert opened == [2, 3]


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        (answer("401 Unauthorized", {"code": "unauthenticated", "detail": "cannot: no"}), errors.NotAllowed),
        (answer("400 Bad Request", {"code": "invalid", "detail": "cannot: no"}), errors.Invalid),
        (answer("200 OK", b"<html>", kind="text/html"), errors.Unreachable),
        (answer("302 Found", b"", "Location: http://x.example"), errors.Unreachable),
        (stream(b"{]\n"), errors.Failed),
        (stream(b"7\n"), errors.Failed),
        (stream(b"[" * 50_000 + b"\n"), errors.Failed),
    ],
)
def test_a_stream_ends_with_what_the_server_refuses(
    connect: Connect, given_: Answer, error: type[errors.Error]
) -> None:
    with StandIn(stream(event("1")), given_) as s:
        with pytest.raises(error):
            connect(s.url).some(9, "stream", "/v1/events")
        assert len(s.asked) == 2


def test_an_event_without_end_is_not_read_to_it(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _limits.event_bytes == 4 << 20
    monkeypatch.setattr(_limits, "event_bytes", 1000)
    with (
        StandIn(stream(b'{"id": "', b"x" * 2000)) as s,
        pytest.raises(errors.Failed, match="more than 1000 bytes"),
    ):
        connect(s.url).some(1, "stream", "/v1/events")


def test_who_wants_no_more_ends_the_connection(connect: Connect) -> None:
    closed: list[bytes] = []

    def until_closed(r: Request) -> None:
        closed.append(r.connection.recv(1))

    with StandIn(stream(event("1"), then=until_closed)) as s:
        connect(s.url).some(1, "stream", "/v1/events")
    assert closed == [b""]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["id", "type", "body"]), inner)
    ),
)


@given(st.binary() | st.text().map(str.encode) | anything.map(lambda v: json.dumps(v).encode()))
def test_any_line_is_an_event_or_an_error(line: bytes) -> None:
    try:
        read = _event_of(Call("http://x", "GET", "/v1/events"), line)
    except errors.Failed:
        return
    assert read is None or isinstance(read, dict)
