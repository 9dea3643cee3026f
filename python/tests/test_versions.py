"""Servers of another version, and what answers in a server's place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import composa
from composa._sync.connection import needed
from tests.processes import Demo
from tests.proxy import Proxy


@pytest.fixture
def proxy(demo: Demo) -> Iterator[Proxy]:
    """Put a proxy before the demo."""
    p = Proxy(demo.url)
    yield p
    p.close()


# maps are fields whose names are people's or the server's words, not a document's.
maps = {"limits", "labels", "min", "counts", "totals"}


def grown(value: Any) -> Any:
    """Add to every document what a newer server may add."""
    if isinstance(value, dict):
        kept = {k: v if k in maps else grown(v) for k, v in value.items()}
        return kept | {"addedLater": {"deep": [1, 2]}}
    return [grown(v) for v in value] if isinstance(value, list) else value


def test_a_newer_server_adds_what_is_not_known(demo: Demo, proxy: Proxy, name: str) -> None:
    def newer(path: str, body: Any) -> Any:
        body = grown(body)
        if isinstance(body, dict) and body.get("state") == "ready":
            body["state"] = "hibernating"
        return body

    proxy.rewrite = newer
    with composa.connect(proxy.url, token=demo.token) as site:
        m = site.compose(name, gpu=1)
        assert m.state == "hibernating"
        assert name in repr(m)
        assert name in [x.name for x in site.machines()]
        m.free(grace=0)


def test_a_newer_server_refuses_with_a_code_that_is_not_known(demo: Demo, proxy: Proxy) -> None:
    said = b'{"status": 409, "code": "eclipsed", "detail": "cannot compose: the moon is in the way", "next": "wait", "retryable": false}'
    with composa.connect(proxy.url, token=demo.token) as site:
        proxy.instead = (409, {"Content-Type": "application/problem+json"}, said)
        with pytest.raises(composa.Failed) as caught:
            site.compose("eclipsed", gpu=1)
        assert caught.value.code == "eclipsed"
        assert "the moon" in str(caught.value)


@pytest.mark.parametrize("lacks", needed)
def test_a_server_that_lacks_what_is_needed_is_refused(demo: Demo, proxy: Proxy, lacks: str) -> None:
    def older(path: str, body: Any) -> Any:
        return {**body, "features": [f for f in body["features"] if f != lacks]}

    proxy.rewrite = older
    with pytest.raises(composa.Refused, match=f"has no {lacks};"):
        composa.connect(proxy.url, token=demo.token)


def test_an_older_server_is_followed_without_what_it_lacks(demo: Demo, proxy: Proxy, name: str) -> None:
    def older(path: str, body: Any) -> Any:
        if path == "/v1":
            body["features"] = [f for f in body["features"] if f not in ("users", "tokens")]
            del body["emulated"]
        return body

    proxy.rewrite = older
    with composa.connect(proxy.url, token=demo.token) as site:
        m = site.compose(name, gpu=1)
        assert m.state == "ready"
        m.free(grace=0)


@pytest.mark.parametrize(
    ("what", "status", "headers", "body"),
    [
        ("a gateway's page", 502, {"Content-Type": "text/html"}, b"<html><h1>Bad Gateway</h1></html>"),
        (
            "a page of another program",
            200,
            {"Content-Type": "text/html"},
            b"<!doctype html><title>Welcome</title>",
        ),
        ("a sign-in page", 302, {"Location": "https://login.example/?next=1"}, b""),
        ("another program's JSON", 200, {"Content-Type": "application/json"}, b'{"hello": "world"}'),
        ("no JSON at all", 200, {"Content-Type": "application/json"}, b"<html>"),
        ("an empty answer", 200, {"Content-Type": "application/json"}, b""),
    ],
)
def test_something_else_answers(
    demo: Demo, proxy: Proxy, what: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    proxy.instead = (status, headers, body)
    with pytest.raises(composa.Error) as caught:
        composa.connect(proxy.url, token=demo.token)
    assert proxy.url in str(caught.value), what
    assert caught.value.next, what
    with composa.connect(demo.url, token=demo.token) as site:
        assert site.principal == "admin"


def test_a_page_in_the_middle_of_things_is_safe_to_repeat(demo: Demo, proxy: Proxy, name: str) -> None:
    with composa.connect(proxy.url, token=demo.token) as site:
        m = site.compose(name, gpu=1)
        proxy.instead = (200, {"Content-Type": "text/html"}, b"<html>sign in to the wireless network</html>")
        with pytest.raises(composa.Error) as caught:
            site.machines()
        assert isinstance(caught.value, composa.Unreachable), repr(caught.value)
        proxy.instead = None
        assert site.compose(name, gpu=1).id == m.id
        m.free(grace=0)


@pytest.mark.parametrize("token", ["", "composa_" + "a" * 32])
def test_a_token_that_nobody_gave_out(demo: Demo, token: str) -> None:
    with pytest.raises(composa.NotAllowed) as caught:
        composa.connect(demo.url, token=token)
    assert "token" in str(caught.value)


def test_no_server_named() -> None:
    with pytest.raises(composa.Invalid) as caught:
        composa.connect()
    told = str(caught.value)
    for way in ("COMPOSA_URL", "context", "connect("):
        assert way in told


def test_nobody_is_there() -> None:
    with pytest.raises(composa.Unreachable) as caught:
        composa.connect("http://127.0.0.1:9", token="composa_" + "a" * 32)
    assert "127.0.0.1:9" in str(caught.value)


def test_a_closed_site(demo: Demo) -> None:
    site = composa.connect(demo.url, token=demo.token)
    site.close()
    site.close()
    with pytest.raises(composa.Invalid) as caught:
        site.machines()
    assert "closed" in str(caught.value)
