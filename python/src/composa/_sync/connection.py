# Made from _aio/connection.py by generate.py: change it there.
"""Calls the server: one Connection to one server, as one principal.

Every change carries a key, so that it is safe to send it again where the answer was lost: up to 8 times
within about 11 seconds. A token goes to the server that was chosen and to nobody else: redirects are not
followed.
"""

from __future__ import annotations

import secrets
import ssl
import time
import weakref
from collections.abc import Generator, Callable
from typing import Any, TypeVar

import httpx2

from composa import _limits, _proxies, _wire, _words
from composa._sync import pausing
from composa._call import Answer, Call, Query
from composa._servers import Server, plain
from composa._sockets import Sockets
from composa._tries import Tries
from composa._version import __version__
from composa._wirebase import Wire
from composa.errors import Error, Failed, Invalid, Refused

W = TypeVar("W", bound=Wire)

# needed are the features without which this module cannot work with a server.
needed = (
    "devices",
    "events",
    "explain",
    "fabrics",
    "idempotency",
    "machines",
    "machines-by-id",
    "operations",
    "plans",
    "wait",
    "wait-newer",
)


class Connection:
    """Calls one server. It may be used from several threads at once, and after a fork.

    Args:
        server: The server, and who one is there.
        timeout: Seconds without a byte from the server after which a call counts as lost; a call that waits
            on the server has that much more. None: never.
        transport: Makes the connections in place of the network; None: the network.

    Attributes:
        server: The server.
        again: Told before a call is sent again, or a stream opened again: why, and the seconds that are
            waited before. None: nobody is told. It may be called from several threads at once.

    Raises:
        Invalid: The authorities or the environment's proxy cannot be used. No connection is made yet.
    """

    def __init__(
        self,
        server: Server,
        *,
        timeout: float | None = _limits.timeout,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.server = server
        self.again: Callable[[Error, float], None] | None = None
        self._timeout = timeout
        self._transport = transport
        self._proxy = _proxies.before(server.url) if transport is None else ""
        self._tls = _trusted(server)
        self._clients: dict[pausing.Place, httpx2.Client] = {}
        self._sockets = Sockets()
        self._closed = False
        weakref.finalize(self, pausing.close_left, self._clients)  # also where nobody closed it, at the end

    def site(self) -> _wire.Site:
        """Ask the server what it is and who asks.

        Raises:
            NotAllowed: The token is not known, or has ended.
            Unreachable: There is no answer, or something else answers there.
            Refused: The server lacks what this module needs: it is of another version (code unsupported).
        """
        answer = self.answer(Tries(self._call("GET", "/v1")))
        said = answer.body
        features = said.get("features") if isinstance(said, dict) else None
        if not isinstance(features, list):
            raise answer.call.stranger(answer.status, answer.headers, answer.content)
        missing = [f for f in needed if f not in features]
        if missing:
            raise self._without(str(said.get("version", "of no version"))[:40], missing)
        return answer.read(_wire.Site)

    def _without(self, version: str, missing: list[str]) -> Error:
        return Refused(
            f"cannot use the server at {self.server.url}: it is Composa {version}, "
            f"which has no {', '.join(missing)}; this module, {__version__}, needs that",
            next="update the server, or install the module of its version",
            code="unsupported",
        )

    def get(self, path: str, query: Query | None = None, *, model: type[W], within: float | None = None) -> W:
        """Ask for a document.

        Args:
            path: Escaped (see part), such as "/v1/machines/default/train".
            query: Values by name; None is left out.
            model: What the document is.
            within: Seconds without a byte after which the call counts as lost, if the connection has no fewer
                with those that the call waits; None: as the connection has it.

        Raises:
            Error: What the server answered, or why there was no answer.
        """
        return (self.answer(Tries(self._call("GET", path, query, within=within)))).read(model)

    def change(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        key: str | None = None,
        match: int | None = None,
    ) -> Answer:
        """Make a change, at most once however often it is sent.

        Args:
            method: PUT, POST, PATCH or DELETE.
            path: Escaped.
            query: Values by name; None is left out.
            body: A document, or what can be written as JSON; None: nothing.
            key: Idempotency key, 1 to 128 visible characters of ASCII; None: one of its own.
            match: The revision that the thing must have; None: any.

        Returns:
            The answer: 200 or 201 done, 202 goes on. `answer.read(model)` decodes it.

        Raises:
            Error: What the server answered, or why there was no answer. Code unknown: the answer was lost and
                could not be had by further tries; `key` asks again.
        """
        return self.answer(self.asked(method, path, query, body, key=key, match=match))

    def asked(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        key: str | None = None,
        match: int | None = None,
    ) -> Tries:
        """Make the tries of a change, of which nothing is sent yet: answer() sends it.

        Who holds them knows after an interrupt whether the change was sent, and can ask what came of it.

        Raises:
            Invalid: The key cannot be sent.
        """
        if key is not None and (not isinstance(key, str) or not key or len(key) > 128 or not plain(key)):
            raise Invalid(
                f"cannot use the key {_words.abridge(key, 140)}: "
                "it is not 1 to 128 visible characters of ASCII"
            )
        own = key or secrets.token_hex(16)
        return Tries(self._call(method, path, query, body, own, match, own_key=key is not None))

    def pages(self, path: str, query: Query | None = None, *, model: type[W]) -> Generator[W, None]:
        """Ask for a list, a page at a time.

        Args:
            path: Escaped.
            query: Values by name; None is left out. Without limit the pages are as large as the server gives.
            model: What a page is; its `next` names the next one.

        Raises:
            Error: What the server answered, or why there was no answer.
        """
        asked: dict[str, Any] = {"limit": _limits.page_size, **(query or {})}
        while True:
            page = self.get(path, asked, model=model)
            yield page
            following = getattr(page, "next", None)
            if not following:
                return
            if following == asked.get("cursor"):
                raise Failed(
                    f"cannot list {path} of {self.server.url}: the server names one page again and again",
                    code="internal",
                )
            asked["cursor"] = following

    def stream(
        self, path: str, query: Query | None = None, opened: Callable[[], None] | None = None
    ) -> Generator[dict[str, Any], None]:
        """Follow events as they happen; see stream.follow."""
        from composa._sync import stream

        return stream.follow(self, path, query or {}, opened)

    def close(self) -> None:
        """Close the connections, those of other running loops too; later calls are Invalid.

        What another thread waits for ends at once. A loop that stands still closes its own when this is
        called in it.
        """
        self._closed = True
        pausing.hang_up(self._sockets)
        here = pausing.place()
        for place in list(self._clients):
            client = self._clients.get(place)
            if client is not None and place == here:
                self._clients.pop(place, None)
                client.close()
            elif client is not None and pausing.close_there(place, client.close):
                self._clients.pop(place, None)

    def __reduce__(self) -> tuple[Any, ...]:
        raise Invalid(
            f"cannot pickle the connection to {self.server.url}: a token does not go along",
            next="connect() where it is needed",
        )

    def _call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        key: str = "",
        match: int | None = None,
        own_key: bool = False,
        within: float | None = None,
    ) -> Call:
        return Call(
            self.server.url,
            method,
            path,
            query or {},
            body,
            key,
            match,
            own_key=own_key,
            within=within,
            proxy=self._proxy,
        )

    def answer(self, tries: Tries) -> Answer:
        """Make a call, again where that is safe and may help."""
        began = time.monotonic()
        while True:
            try:
                return self._once(tries)
            except Error as e:
                error = e
            if not error.key:
                self.check_open()
            elif self._closed:
                raise error
            wait = tries.after(error, time.monotonic() - began)
            if self.again is not None:
                self.again(error, wait)
            pausing.pause(wait)

    def _once(self, tries: Tries) -> Answer:
        call = tries.call
        response = self.send(call, tries=tries)
        try:
            return Answer(call, response.status_code, response.headers, self._content(call, response))
        finally:
            response.close()

    def send(self, call: Call, timeout: float | None = None, tries: Tries | None = None) -> httpx2.Response:
        """Make a call once and return a successful answer, unread: the caller closes it.

        Args:
            call: The call.
            timeout: Seconds without a byte; None: those of the connection and those that the call waits.
            tries: Of which it is one: they are told when it is sent; None: it is made this once.

        Raises:
            Error: What the server answered, or why there was no answer.
        """
        client = self._client()

        def trace(what: str, more: Any) -> None:
            self._sockets.note(what, more)
            if tries is not None and what.endswith("send_request_headers.started"):
                tries.sent = True

        try:
            request = client.build_request(
                call.method,
                call.url,
                headers=call.headers(self.server.token),  # in no variable, which a traceback would show
                content=call.content,
                timeout=timeout or self._patience(call),
                extensions={"trace": trace},
            )
            response = client.send(request, stream=True)
        except httpx2.HTTPError as e:
            raise call.lost(e) from e
        except (httpx2.InvalidURL, UnicodeError) as e:
            raise Invalid(f"cannot call {call.shown}: no host can have that name: {e}") from None
        if 200 <= response.status_code < 300 and _is_ours(response):
            return response
        try:
            content = self._content(call, response)
        finally:
            response.close()
        if response.status_code < 300:
            raise call.stranger(response.status_code, response.headers, content)
        raise call.answered(response.status_code, response.headers, content)

    def _content(self, call: Call, response: httpx2.Response) -> bytes:
        """Read an answer to its end, but not what is too large or never ends."""
        began, patience = time.monotonic(), self._patience(call)
        parts, size = [], 0
        try:
            for chunk in response.iter_bytes():
                parts.append(chunk)
                size += len(chunk)
                if size > _limits.answer_bytes:
                    raise call.too_large()
                if patience is not None and time.monotonic() - began > patience * _limits.answer_takes:
                    raise httpx2.ReadTimeout("")
        except httpx2.HTTPError as e:
            raise call.lost(e) from e
        return b"".join(parts)

    def _patience(self, call: Call) -> float | None:
        usual = None if self._timeout is None else self._timeout + call.waits
        return min((s for s in (call.within, usual) if s is not None), default=None)

    def _client(self) -> httpx2.Client:
        """Return the connections of the place where the call is made."""
        self.check_open()
        place = pausing.place()
        client = self._clients.get(place)
        if client is None:
            for over in [p for p in list(self._clients) if pausing.is_over(p)]:
                self._clients.pop(over, None)
            client = self._clients.setdefault(place, self._new_client())  # whichever thread was first
        return client

    def check_open(self) -> None:
        """Refuse to go on where this was closed.

        Raises:
            Invalid: So it is.
        """
        if self._closed:
            raise Invalid(f"cannot call {self.server.url}: this connection was closed", next="connect again")

    def _new_client(self) -> httpx2.Client:
        try:
            return httpx2.Client(
                verify=self._tls,
                transport=self._transport,
                trust_env=not _proxies.is_here(self.server.url),
                follow_redirects=False,
                limits=httpx2.Limits(
                    max_connections=_limits.connections, max_keepalive_connections=_limits.connections
                ),
            )
        except ImportError:
            raise Invalid(
                f"cannot call {self.server.url}: the proxy {self._proxy} is one of SOCKS, "
                "and the package socksio is not installed",
                next="pip install socksio, or name the server in NO_PROXY",
            ) from None
        except (ValueError, httpx2.InvalidURL) as e:
            raise Invalid(
                f"cannot call {self.server.url}: the proxy of the environment cannot be used: {e}",
                next="mend HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or name the server in NO_PROXY",
            ) from None


def _is_ours(response: httpx2.Response) -> bool:
    """Say whether an answer is of a type that a Composa server gives."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("application/json", "application/x-ndjson") or response.status_code == 204


def _trusted(server: Server) -> ssl.SSLContext | bool:
    """Return whom to trust: the server's own authorities, else those of the system."""
    if server.url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used; to load the system's takes time
    if not server.ca:
        return True
    try:
        return ssl.create_default_context(cafile=server.ca)
    except (OSError, ValueError) as e:
        what = (
            "it holds no PEM certificate"
            if isinstance(e, ssl.SSLError)
            else getattr(e, "strerror", None) or e
        )
        raise Invalid(f"cannot trust the authorities in {server.ca} for {server.url}: {what}") from None
