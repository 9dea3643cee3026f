"""What a Connection makes of servers that answer badly, late, or not at all."""

from __future__ import annotations

import os
import pathlib
import pickle
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from composa import _limits, _proxies, _wire, errors
from composa._call import part
from composa._servers import Server
from composa._sync.connection import Connection, needed
from composa._version import __version__
from tests.faces import Async, Sync
from tests.stand_in import Answer, Request, StandIn, answer, hang_up, never

Connect = Callable[..., Any]

site = {
    "version": "1.2.3",
    "site": "site_a",
    "incarnation": "inc_a",
    "principal": "ada",
    "role": "member",
    "projects": ["default"],
    "limits": {},
    "features": list(needed),
    "now": "2026-01-01T00:00:00Z",
}
cpu = {"devices": [{"kind": "cpu", "count": 1}]}
html = b"<html><head><title>Sign in to  the\nhotel</title></head></html>"


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Make connections of both faces; all end with the test."""
    made: list[Any] = []

    def make(url: str, token: str = "secret", timeout: float | None = 10, **more: Any) -> Any:
        made.append(request.param(Server(url, token, **more), timeout=timeout))
        return made[-1]

    yield make
    for c in made:
        c.close()


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once: what is tested is what is tried, not how long is waited."""
    monkeypatch.setattr(_limits, "first_pause", 0.0)
    monkeypatch.setattr(_limits, "longest_retry_after", 0.001)


def put(connection: Any, **more: Any) -> Any:
    return connection.change("PUT", "/v1/machines/default/train", {"wait": 1}, cpu, **more)


def test_a_call_carries_what_it_says(connect: Connect) -> None:
    with StandIn(answer("200 OK", {"id": "x"}, "Idempotency-Replayed: true")) as s:
        got = connect(s.url).change(
            "POST", f"/v1/{part('a/b c')}", {"wait": 5, "dry": True, "none": None, "kind": ["gpu", "ssd"]},
            {"name": "ü"}, key="k1", match=7,
        )  # fmt: skip
        asked = s.asked[0]
    assert asked.line == "POST /v1/a%2Fb%20c?wait=5&dry=true&kind=gpu&kind=ssd HTTP/1.1"
    assert asked.body == '{"name": "ü"}'.encode()
    sent = {
        k: asked.headers[k] for k in ("authorization", "idempotency-key", "if-match", "accept", "user-agent")
    }
    assert sent == {
        "authorization": "Bearer secret",
        "idempotency-key": "k1",
        "if-match": '"7"',
        "accept": "application/json",
        "user-agent": f"composa-python/{__version__}",
    }
    assert (got.status, got.body, got.replayed) == (200, {"id": "x"}, True)


def test_a_call_that_asks_carries_no_key_and_without_a_token_none(connect: Connect) -> None:
    with StandIn(answer("200 OK", site)) as s:
        connect(s.url, token="").get("/v1", model=_wire.Site)
        assert not {"authorization", "idempotency-key", "content-type"} & s.asked[0].headers.keys()


@pytest.mark.parametrize(
    "breaks", [hang_up, answer("500 Internal Server Error", html), answer("200 OK", html)]
)
def test_no_traceback_shows_the_token(connect: Connect, breaks: Answer) -> None:
    with StandIn(breaks) as s:
        connection = connect(s.url, "hunter2")
        with pytest.raises(errors.Error) as e:
            connection.get("/v1/projects", model=_wire.Projects)
    shown = "".join(traceback.TracebackException.from_exception(e.value, capture_locals=True).format())
    assert "connection.py" in shown
    assert "hunter2" not in shown


def test_a_host_that_cannot_be_looked_up_is_told(connect: Connect) -> None:
    for host in ("a..b", "h\u200bost"):
        with pytest.raises(errors.Error, match=r"no host can have that name|Name or service not known"):
            connect(f"http://{host}").site()


def test_each_change_has_a_key_of_its_own(connect: Connect) -> None:
    with StandIn(answer("200 OK", {})) as s:
        connection = connect(s.url)
        for _ in range(3):
            put(connection)
        keys = {r.headers["idempotency-key"] for r in s.asked}
    assert len(keys) == 3
    assert all(len(k) >= 26 for k in keys)


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 129, "a\nb"])
def test_a_key_that_cannot_be_sent_is_refused_before_anything_is_sent(connect: Connect, key: str) -> None:
    with StandIn(answer("200 OK", {})) as s, pytest.raises(errors.Invalid, match="cannot use the key"):
        put(connect(s.url), key=key)
    assert s.asked == []


# What stands where Composa's server should: (answer, what a call that asks comes to, what a change comes to).
lost = "it may have happened; the same call with key='k1' tells what came of it, and does nothing twice"
look = "check the address, and whether a proxy stands between (HTTP_PROXY, HTTPS_PROXY, NO_PROXY)"
strangers: list[Any] = [
    pytest.param(
        answer("200 OK", html, kind="text/html; charset=utf-8"),
        ("unreachable", f'something that is not a Composa server answered 200 OK with text/html ("Sign in to the hotel"); {look}'),
        ("unknown", f'something that is not a Composa server answered 200 OK with text/html ("Sign in to the hotel") (tried 8 times); {lost}'),
        id="a hotel's page",
    ),
    pytest.param(
        answer("502 Bad Gateway", b"<h1>nginx</h1>", kind="text/html"),
        ("unavailable", f"something that is not a Composa server answered 502 Bad Gateway with text/html; {look}"),
        ("unknown", f"something that is not a Composa server answered 502 Bad Gateway with text/html (tried 8 times); {lost}"),
        id="a gateway without a server behind",
    ),
    pytest.param(
        answer("404 Not Found", b"no", kind="text/plain"),
        ("unreachable", f"something that is not a Composa server answered 404 Not Found with text/plain; {look}"),
        ("unreachable", f"something that is not a Composa server answered 404 Not Found with text/plain; {look}"),
        id="another site",
    ),
    pytest.param(
        answer("407 Proxy Authentication Required", b"", "Proxy-Authenticate: Basic"),
        ("unreachable", f"something that is not a Composa server answered 407 Proxy Authentication Required with application/json; {look}"),
        ("unreachable", f"something that is not a Composa server answered 407 Proxy Authentication Required with application/json; {look}"),
        id="a proxy that wants a password",
    ),
    pytest.param(
        answer("302 Found", b"", "Location: https://elsewhere.example/v1"),
        ("unreachable", "the server sends callers on to https://elsewhere.example/v1; use that address, if you trust it; a token is not sent on"),
        ("unreachable", "the server sends callers on to https://elsewhere.example/v1; use that address, if you trust it; a token is not sent on"),
        id="a redirect",
    ),
    pytest.param(
        answer("400 Bad Request", b"Client sent an HTTP request to an HTTPS server.\n", kind="text/plain"),
        ("unreachable", "something that is not a Composa server answered 400 Bad Request with text/plain; the server speaks TLS there: write https://"),
        ("unreachable", "something that is not a Composa server answered 400 Bad Request with text/plain; the server speaks TLS there: write https://"),
        id="a server that speaks TLS",
    ),
    pytest.param(
        answer("799 Odd", b""),
        ("unreachable", f"something that is not a Composa server answered 799 with application/json; {look}"),
        ("unknown", f"something that is not a Composa server answered 799 with application/json (tried 8 times); {lost}"),
        id="a status that nobody knows",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "asks", "changes"), strangers)
def test_a_stranger_is_told(
    connect: Connect, given: Answer, asks: tuple[str, str], changes: tuple[str, str]
) -> None:
    with StandIn(given) as s:
        connection = connect(s.url)
        with pytest.raises(errors.Unreachable) as e:
            connection.get("/v1/machines", model=_wire.Machines)
        assert (e.value.code, str(e.value)) == (
            asks[0],
            f"cannot call GET /v1/machines at {s.url}: {asks[1]}",
        )
        assert len(s.asked) == 1
        with pytest.raises(errors.Unreachable) as e:
            put(connection, key="k1")
        where = f"cannot call PUT /v1/machines/default/train at {s.url}"
        assert (e.value.code, str(e.value)) == (changes[0], f"{where}: {changes[1]}")
        assert len(s.asked) == 1 + (8 if changes[0] == "unknown" else 1)
        assert {r.headers["idempotency-key"] for r in s.asked[1:]} == {"k1"}


def test_a_redirect_gets_no_token(connect: Connect) -> None:
    with (
        StandIn(answer("200 OK", site)) as thief,
        StandIn(answer("307 Temporary Redirect", b"", f"Location: {thief.url}/v1")) as s,
    ):
        with pytest.raises(errors.Unreachable, match=thief.url):
            connect(s.url).site()
        assert thief.asked == []


def test_a_problem_of_the_server_is_its_error(connect: Connect) -> None:
    problem = {"code": "held", "detail": "cannot do it: a person must decide", "next": "look", "operation": "op_1",
               "request": "req_1", "status": 409, "retryable": False, "title": "Conflict"}  # fmt: skip
    with StandIn(answer("409 Conflict", problem, kind="application/problem+json")) as s:
        with pytest.raises(errors.Held) as e:
            put(connect(s.url))
        assert len(s.asked) == 1
    assert (e.value.operation, e.value.request, e.value.status) == ("op_1", "req_1", 409)
    assert str(e.value) == "cannot do it: a person must decide; look"


head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
broken: list[Any] = [
    pytest.param(hang_up, id="before the answer"),
    pytest.param(lambda r: hang_up(r, b"HTTP/1.1 20"), id="in the middle of the status"),
    pytest.param(lambda r: hang_up(r, head + b"Content-Length: 99\r\n\r\n{"), id="in the middle of the body"),
    pytest.param(
        lambda r: hang_up(r, head + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{"),
        id="in the middle of a chunk",
    ),
    pytest.param(
        lambda r: hang_up(r, head + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        id="not as it is coded",
    ),
    pytest.param(lambda r: hang_up(r, b"\x00\x01\x02 hello\r\n\r\n"), id="in another protocol"),
]


@pytest.mark.parametrize("breaks", broken)
def test_a_lost_answer_is_had_by_another_try(connect: Connect, breaks: Answer) -> None:
    told: list[errors.Error] = []
    with StandIn(breaks, breaks, answer("201 Created", {"id": "mach_1"})) as s:
        connection = connect(s.url)
        connection.connection.again = lambda e, _: told.append(e)
        assert put(connection).body == {"id": "mach_1"}
        assert len({r.headers["idempotency-key"] for r in s.asked}) == 1
        assert len(s.asked) == 3
    assert [e.code for e in told] == ["unknown", "unknown"]


@pytest.mark.parametrize("breaks", broken)
def test_an_answer_that_stays_lost_is_unknown_with_its_key(connect: Connect, breaks: Answer) -> None:
    with StandIn(breaks) as s:
        with pytest.raises(errors.Unreachable) as e:
            connect(s.url).change("POST", "/v1/plans", None, cpu)
        keys = {r.headers["idempotency-key"] for r in s.asked}
        assert len(s.asked) == 8
    assert e.value.code == "unknown"
    assert {e.value.key} == keys
    assert not e.value.retryable  # a POST without a key of the caller would be another one


def test_where_the_call_can_be_made_again_an_unknown_answer_says_so(connect: Connect) -> None:
    with StandIn(hang_up) as s:
        connection = connect(s.url)
        for method, more in [("PUT", {}), ("POST", {"key": "mine"})]:
            with pytest.raises(errors.Unreachable) as e:
                connection.change(method, "/v1/x", None, {}, **more)
            assert e.value.retryable


def test_after_a_lost_answer_only_who_looked_for_the_key_tells(connect: Connect) -> None:
    moved = {
        "code": "moved",
        "detail": "cannot: it moved",
        "status": 409,
        "retryable": True,
        "title": "Conflict",
    }
    with StandIn(
        hang_up, answer("401 Unauthorized", {"code": "unauthenticated", "detail": "no", "status": 401})
    ) as s:
        with pytest.raises(errors.Unreachable) as e:
            put(connect(s.url))
        assert e.value.code == "unknown"
        assert "(tried 2 times); then: no" in str(e.value)
        assert len(s.asked) == 2
    with StandIn(hang_up, answer("503 Service Unavailable", {"code": "unavailable", "detail": "no", "status": 503, "retryable": True}),
                 answer("409 Conflict", moved)) as s:  # fmt: skip
        with pytest.raises(errors.Conflict):
            put(connect(s.url))
        assert len(s.asked) == 3


def test_a_server_that_is_asked_too_often_is_asked_again_then(connect: Connect) -> None:
    busy = answer(
        "429 Too Many Requests",
        {"code": "too_many", "detail": "cannot: too often", "retryable": True},
        "Retry-After: 1",
    )
    with StandIn(busy, busy, answer("200 OK", site)) as s:
        assert connect(s.url).site().version == "1.2.3"
        assert len(s.asked) == 3
    with StandIn(busy) as s:
        with pytest.raises(errors.Unreachable) as e:
            put(connect(s.url))
        assert (e.value.code, len(s.asked)) == ("too_many", 4)


def test_a_kept_connection_that_the_server_closed_is_made_anew(connect: Connect) -> None:
    with StandIn(answer("200 OK", site), hang_up, answer("200 OK", {**site, "version": "2"})) as s:
        connection = connect(s.url)
        assert connection.site().version == "1.2.3"
        assert connection.site().version == "2"


def test_nobody_there(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    connection = connect(url)
    for ask, then in (
        (connection.site, "then ask again"),
        (lambda: put(connection), "nothing was changed, so the call may be repeated"),
    ):
        with pytest.raises(errors.Unreachable) as e:
            ask()
        assert (e.value.code, e.value.status, e.value.retryable, e.value.key) == ("unreachable", 0, True, "")
        assert str(e.value).endswith(then)


def test_a_server_that_never_answers(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "trying", 0.0)
    with StandIn(never) as s:
        connection = connect(s.url, timeout=0.2)
        with pytest.raises(errors.Unreachable, match="the server did not answer in time") as e:
            connection.site()
        assert e.value.code == "unreachable"
        with pytest.raises(errors.Unreachable) as e:
            connection.change("DELETE", "/v1/machines/default/train")
        assert e.value.code == "unknown"
        assert len(s.asked) == 2  # time was up: no further try


def test_a_call_that_waits_has_as_much_more_time(connect: Connect) -> None:
    late = threading.Event()

    def slow(r: Request) -> None:
        r.ended.wait(0.6)
        late.set()
        r.connection.sendall(answer("200 OK", {}))

    with StandIn(slow) as s:
        assert connect(s.url, timeout=0.3).change("PUT", "/v1/x", {"wait": 10}, {}).status == 200
    assert late.is_set()


@pytest.mark.parametrize(
    ("timeout", "within", "patience"),
    [(10, None, 11), (10, 5.0, 5.0), (10, 60.0, 11), (None, 5.0, 5.0), (None, None, None)],
)
def test_the_shorter_time_counts(timeout: float | None, within: float | None, patience: float | None) -> None:
    connection = Connection(Server("http://127.0.0.1:1"), timeout=timeout)
    call = connection._call("GET", "/v1/operations/op_a", {"wait": 1}, within=within)
    assert connection._patience(call) == patience
    connection.close()


def test_an_answer_a_byte_at_a_time_ends(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "answer_takes", 1)

    def drip(r: Request) -> None:
        r.connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
        )
        while not r.ended.wait(0.02):
            r.connection.sendall(b" ")

    with StandIn(drip) as s, pytest.raises(errors.Unreachable, match="the server did not answer in time"):
        connect(s.url, timeout=0.5).site()


def test_an_answer_without_end_is_not_read_to_it(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _limits.answer_bytes == 64 << 20
    monkeypatch.setattr(_limits, "answer_bytes", 1 << 20)

    def endless(r: Request) -> None:
        r.connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        while True:
            r.connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    with StandIn(endless) as s, pytest.raises(errors.Failed, match="larger than 1048576 bytes"):
        connect(s.url).site()


def test_an_answer_of_another_shape_says_what_is_wrong_where(connect: Connect) -> None:
    with (
        StandIn(answer("200 OK", {"items": [{"id": 1}], "asOf": "yesterday"})) as s,
        pytest.raises(errors.Failed) as e,
    ):
        connect(s.url).get("/v1/machines", model=_wire.Machines)
    assert str(e.value).startswith(
        f"cannot read the answer to GET /v1/machines at {s.url}: it is not a document that this module"
    )
    assert "items.0." in str(e.value) or "asOf" in str(e.value)


@pytest.mark.parametrize(
    "body", [b"{", b"[" * 100_000, b'{"a": ' + b"9" * 10_000 + b"}", b"\xff\xfe", b"NaN"]
)
def test_an_answer_that_is_no_json(connect: Connect, body: bytes) -> None:
    with StandIn(answer("200 OK", body)) as s:
        connection = connect(s.url)
        with pytest.raises(errors.Failed, match="cannot read the answer"):
            connection.get("/v1/machines", model=_wire.Machines)
        with pytest.raises(errors.Error):
            connection.site()


def test_a_server_of_an_older_version_is_named(connect: Connect) -> None:
    old = {**site, "version": "0.0.9", "features": [f for f in needed if f not in ("plans", "wait")]}
    with StandIn(answer("200 OK", old)) as s, pytest.raises(errors.Refused) as e:
        connect(s.url).site()
    assert str(e.value) == (
        f"cannot use the server at {s.url}: it is Composa 0.0.9, which has no plans, wait; this module, {__version__}, needs that; "
        "update the server, or install the module of its version"
    )
    assert e.value.code == "unsupported"


@pytest.mark.parametrize("said", [{}, [], None, 7, {"features": "all"}, {"swagger": "2.0"}])
def test_a_server_of_another_kind_is_no_composa(connect: Connect, said: Any) -> None:
    with (
        StandIn(answer("200 OK", said)) as s,
        pytest.raises(errors.Unreachable, match="something that is not a Composa server answered 200 OK"),
    ):
        connect(s.url).site()


def test_a_newer_server_may_say_more(connect: Connect) -> None:
    with StandIn(answer("200 OK", {**site, "features": [*needed, "teleport"], "moons": {"deep": [1]}})) as s:
        assert connect(s.url).site().version == "1.2.3"


def test_pages_follow_each_other(connect: Connect) -> None:
    def page(names: list[str], next: str | None) -> bytes:
        return answer(
            "200 OK",
            {"asOf": site["now"], "items": [{"id": n, "name": n} for n in names]}
            | ({"next": next} if next else {}),
        )

    with StandIn(page(["a"], "c 1"), page([], "c2"), page(["b"], None)) as s:
        got = connect(s.url).some(9, "pages", "/v1/projects", {"kind": None}, model=_wire.Projects)
        assert [p.name for page in got for p in page.items] == ["a", "b"]
        assert [r.line.split()[1] for r in s.asked] == [
            "/v1/projects?limit=1000",
            "/v1/projects?limit=1000&cursor=c+1",
            "/v1/projects?limit=1000&cursor=c2",
        ]
    with StandIn(page(["a"], "same")) as s, pytest.raises(errors.Failed, match="one page again and again"):
        connect(s.url).some(9, "pages", "/v1/projects", model=_wire.Projects)


def test_a_closed_connection_says_so(connect: Connect) -> None:
    with StandIn(answer("200 OK", site)) as s:
        connection = connect(s.url)
        connection.site()
        (connection.connection.close if isinstance(connection, Sync) else connection.aclose)()
        with pytest.raises(errors.Invalid, match="this connection was closed; connect again"):
            connection.site()


def asked_and_waiting(call: Callable[[Connection], Any], **more: Any) -> errors.Error:
    """Close a connection while another thread waits for what a server does not say; return what it hears."""
    waits, heard = threading.Event(), []

    def silent(r: Request) -> None:
        waits.set()
        never(r)

    with StandIn(answer("200 OK", site), silent, tls=more.pop("tls", None)) as s:
        connection = Connection(Server(s.url, "secret", **more), timeout=None)
        connection.site()

        def ask() -> None:
            with pytest.raises(errors.Error) as e:
                call(connection)
            heard.append(e.value)

        other = threading.Thread(target=ask, daemon=True)
        other.start()
        assert waits.wait(60)
        connection.close()
        other.join(60)
    assert heard, "the other thread still waits"
    return heard[0]


def test_closing_ends_what_another_thread_waits_for() -> None:
    error = asked_and_waiting(lambda c: c.get("/v1/machines/default/train", model=_wire.Machine))
    assert isinstance(error, errors.Invalid)
    assert "this connection was closed; connect again" in str(error)


def test_a_change_that_closing_cut_off_says_that_it_may_have_happened() -> None:
    error = asked_and_waiting(lambda c: put(c, key="mine"))
    assert (error.code, error.key) == ("unknown", "mine")


def test_a_fork_that_closes_leaves_its_parents_sockets() -> None:
    with StandIn(answer("200 OK", site)) as s:
        connection = Connection(Server(s.url))
        connection.site()
        child = os.fork()
        if child == 0:
            connection.close()
            os._exit(0)
        os.waitpid(child, 0)
        connection.site()
        ports = [r.connection.getpeername()[1] for r in s.asked]
        connection.close()
    assert ports[0] == ports[1]


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Make a certificate of 127.0.0.1 that signs itself, with its key behind it."""
    home = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=stand-in", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=home, check=True, capture_output=True,
    )  # fmt: skip
    return home


@pytest.fixture
def tls(certificate: pathlib.Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def test_a_server_of_a_trusted_authority(
    connect: Connect, tls: ssl.SSLContext, certificate: pathlib.Path
) -> None:
    with StandIn(answer("200 OK", site), tls=tls) as s:
        assert connect(s.url, ca=str(certificate / "cert.pem")).site().version == "1.2.3"


def test_closing_ends_what_another_thread_waits_for_by_tls(
    tls: ssl.SSLContext, certificate: pathlib.Path
) -> None:
    error = asked_and_waiting(
        lambda c: c.get("/v1/machines/default/train", model=_wire.Machine),
        tls=tls,
        ca=str(certificate / "cert.pem"),
    )
    assert "this connection was closed; connect again" in str(error)


def test_a_server_that_nobody_vouches_for_gets_no_token(connect: Connect, tls: ssl.SSLContext) -> None:
    with StandIn(answer("200 OK", site), tls=tls) as s:
        with pytest.raises(errors.Unreachable) as e:
            put(connect(s.url))
        assert s.asked == []
    assert "certificate verify failed" in str(e.value).lower()
    assert str(e.value).endswith(
        "give the authority that signed its certificate with ca=FILE, or COMPOSA_CA beside COMPOSA_URL"
    )
    assert not e.value.retryable


def test_tls_to_a_server_that_speaks_none(connect: Connect) -> None:
    with StandIn(answer("200 OK", site)) as s, pytest.raises(errors.Unreachable, match="write http://"):
        connect(s.url.replace("http:", "https:")).site()


def test_authorities_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    for path, why in [
        (empty, "it holds no PEM certificate"),
        (tmp_path / "none.pem", "No such file or directory"),
    ]:
        with pytest.raises(errors.Invalid) as e:
            Connection(Server("https://composa.example", ca=str(path)))
        assert str(e.value) == f"cannot trust the authorities in {path} for https://composa.example: {why}"


# Proxies of the environment


def test_a_server_on_this_computer_is_called_past_the_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with StandIn(answer("200 OK", site)) as s:
        assert connect(s.url).site().version == "1.2.3"


def test_another_server_is_called_through_the_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(answer("200 OK", site)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert connect("http://composa.example").site().version == "1.2.3"
        assert proxy.asked[0].line == "GET http://composa.example/v1 HTTP/1.1"


def test_a_proxy_that_cannot_be_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://proxy.example")
    with pytest.raises(
        errors.Invalid, match=r"the proxy of the environment cannot be used: .*; mend HTTP_PROXY"
    ):
        connect("http://composa.example").site()


def test_a_proxy_that_gives_no_way_is_named(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:hunter2@{proxy}")
        with pytest.raises(errors.Unreachable) as e:
            connect("http://composa.example").site()
    assert str(e.value).startswith(
        f"cannot call GET /v1 at http://composa.example through the proxy http://…@{proxy}: "
    )
    assert e.value.next.startswith("check the proxy, which HTTP_PROXY, ")
    assert e.value.retryable


def test_a_proxy_that_is_passed_by_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    monkeypatch.setenv("NO_PROXY", "composa.example")
    assert _proxies.before("https://other.example") == "http://proxy.example"
    for url in (
        "https://composa.example",
        "http://other.example",
        "https://127.0.0.1:1",
        "https://localhost",
    ):
        assert _proxies.before(url) == ""


def test_a_proxy_of_socks_says_what_it_needs(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(errors.Invalid) as e:
        connect("http://composa.example").site()
    assert str(e.value) == (
        "cannot call http://composa.example: the proxy socks5://proxy.example:1080 is one of SOCKS, "
        "and the package socksio is not installed; pip install socksio, or name the server in NO_PROXY"
    )


# One Connection in several places


def test_threads_share_a_connection() -> None:
    with StandIn(answer("200 OK", site)) as s:
        connection, got = Connection(Server(s.url)), []
        threads = [threading.Thread(target=lambda: got.append(connection.site().version)) for _ in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(20)
        connection.close()
    assert got == ["1.2.3"] * 16


def test_a_fork_makes_connections_of_its_own() -> None:
    with StandIn(answer("200 OK", site)) as s:
        connection = Connection(Server(s.url))
        connection.site()
        child = os.fork()
        if child == 0:
            os._exit(0 if connection.site().version == "1.2.3" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        connection.site()
        ports = [r.connection.getpeername()[1] for r in s.asked]
        connection.close()
    assert ports[0] == ports[2] != ports[1]


def test_an_async_connection_serves_one_loop_after_the_other() -> None:
    with StandIn(answer("200 OK", site)) as s:
        first = Async(Server(s.url))
        assert first.site().version == "1.2.3"
        second = Async(Server(s.url))
        second.connection = first.connection
        assert second.site().version == "1.2.3"
        first.close()
        second.close()


def test_closing_closes_the_sockets_of_other_loops_too() -> None:
    ended = threading.Event()

    def stays(r: Request) -> None:
        r.connection.sendall(answer("200 OK", site))
        if r.connection.recv(1) == b"":
            ended.set()

    with StandIn(stays, answer("200 OK", site)) as s:
        first = Async(Server(s.url))
        assert first.site().version == "1.2.3"
        runs = threading.Thread(target=first.loop.run_forever)
        runs.start()
        second = Async(Server(s.url))
        second.connection = first.connection
        assert second.site().version == "1.2.3"
        second.close()
        assert ended.wait(20)
        first.loop.call_soon_threadsafe(first.loop.stop)
        runs.join(20)
        first.close()


def test_a_connection_is_in_no_pickle() -> None:
    connection = Connection(Server("https://composa.example", "hunter2"))
    with pytest.raises(errors.Invalid, match=r"cannot pickle the connection to https://composa.example"):
        pickle.dumps(connection)
