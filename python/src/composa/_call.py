"""One call of the server, as values: what is asked, what came back, what a failed try means."""

from __future__ import annotations

import dataclasses
import http
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx2
from pydantic import ValidationError

from composa import _arguments, _limits, _words
from composa._version import __version__
from composa._wirebase import Wire
from composa.errors import Error, Failed, Invalid, Unreachable, error_of, retry_after

W = TypeVar("W", bound=Wire)

Query = Mapping[str, Any]

# not_sent are the failures after which the server cannot have seen the call.
not_sent = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)


def part(text: str) -> str:
    """Write one part of a path, such as a machine's name, so that it stays one part.

    Raises:
        Invalid: It is "", "." or "..", which would name another path.
    """
    if text in ("", ".", ".."):
        raise Invalid(f"cannot ask for {text!r}: it is no name or id")
    return quote(_words.whole_text(f"cannot ask for {_words.abridge(text)}", text), safe="")


@dataclasses.dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        base: The server's URL.
        method: GET, PUT, POST, PATCH or DELETE.
        path: Escaped, such as "/v1/machines/default/train".
        query: Values by name; None is left out, a list is said once for each, True is "true".
        body: Sent as JSON; None: nothing.
        key: Idempotency-Key of a change; "": the call changes nothing.
        match: Revision for If-Match; None: any.
        accept: The type that is asked for.
        own_key: The caller gave the key, so that the same call can be made again.
        within: Seconds without a byte after which it counts as lost, if the connection has no fewer; None: as
            the connection has it.
        proxy: The proxy that it goes through; "": none.
    """

    base: str
    method: str
    path: str
    query: Query = dataclasses.field(default_factory=dict)
    body: Any = None
    key: str = ""
    match: int | None = None
    accept: str = "application/json"
    own_key: bool = False
    within: float | None = None
    proxy: str = ""

    @property
    def url(self) -> str:
        said = [(k, _said(one)) for k, v in self.query.items() for one in _each(v)]
        return self.base + self.path + ("?" + urlencode(said) if said else "")

    @property
    def waits(self) -> float:
        """Seconds that the server is asked to wait before it answers."""
        wait = self.query.get("wait")
        return float(wait) if isinstance(wait, int | float) else 0.0

    @property
    def content(self) -> bytes | None:
        if self.body is None:
            return None
        body = self.body
        if isinstance(body, Wire):
            body = body.model_dump(mode="json", by_alias=True, exclude_none=True)
        try:
            return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as e:
            raise Invalid(f"cannot call {self.shown}: the request cannot be written as JSON: {e}") from None

    def headers(self, token: str) -> dict[str, str]:
        """Return the headers, with the token that is sent to base."""
        said = {"Accept": self.accept, "User-Agent": f"composa-python/{__version__}"}
        if self.body is not None:
            said["Content-Type"] = "application/json"
        if token:
            said["Authorization"] = f"Bearer {token}"
        if self.key:
            said["Idempotency-Key"] = self.key
        if self.match is not None:
            said["If-Match"] = f'"{self.match}"'
        return said

    @property
    def shown(self) -> str:
        """The call in words."""
        through = f" through the proxy {self.proxy}" if self.proxy else ""
        return f"{self.method} {self.path} at {self.base}{through}"

    # What a try without a usable answer means.

    def lost(self, cause: Exception) -> Error:
        """Return the error of a try that got no answer, or not all of it."""
        why = _why(cause)
        if not isinstance(cause, not_sent) and self.key:
            return self.unknown(f"the connection was lost before the answer: {why}")
        trust = "certificate verify failed" in why.lower()
        then = "nothing was changed, so the call may be repeated" if self.key else "then ask again"
        return Unreachable(
            f"cannot call {self.shown}: {why}",
            next=_advice(why, self.base) or f"check {self._checks}; {then}",
            retryable=not trust,
        )

    @property
    def _checks(self) -> str:
        if self.proxy:
            return (
                "the proxy, which HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names, or name the server in NO_PROXY"
            )
        return "that the server runs and that the address is right"

    def unknown(self, why: str, status: int = 0, wait: float = 0.0) -> Error:
        """Return the error of a change of which nobody knows whether it was made."""
        return Unreachable(
            f"cannot call {self.shown}: {why}",
            next=f"it may have happened; the same call with key={self.key!r} tells what came of it, "
            "and does nothing twice",
            code="unknown",
            status=status,
            retryable=self.own_key or self.method == "PUT",
            key=self.key,
            retry_after=wait,
        )

    def answered(self, status: int, headers: Mapping[str, str], content: bytes) -> Error:
        """Return the error of an unsuccessful answer."""
        problem = _json(content)
        if isinstance(problem, dict) and isinstance(problem.get("code"), str) and problem["code"]:
            return _arguments.reword(error_of(problem, status, headers), self.body)
        to = headers.get("location", "")
        if 300 <= status < 400 and to:
            return Unreachable(
                f"cannot call {self.shown}: the server sends callers on to {to[:200]}",
                next="use that address, if you trust it; a token is not sent on",
                status=status,
            )
        return self.stranger(status, headers, content)

    def stranger(self, status: int, headers: Mapping[str, str], content: bytes) -> Error:
        """Return the error of an answer that no Composa server gives.

        A proxy's answer says nothing of what happened behind it.
        """
        why = f"something that is not a Composa server answered {_status(status)}{_kind(headers, content)}"
        wait = retry_after(headers)
        if self.key and (status >= 500 or status < 300):
            return self.unknown(why, status, wait)
        passing = status in (429, 502, 503, 504)
        return Unreachable(
            f"cannot call {self.shown}: {why}",
            next=_advice(content[:200].decode("latin-1"), self.base)
            or "check the address, and whether a proxy stands between (HTTP_PROXY, HTTPS_PROXY, NO_PROXY)",
            code="unavailable" if passing else "unreachable",
            status=status,
            retryable=passing,
            retry_after=wait,
        )

    def document(self, body: Any, model: type[W]) -> W:
        """Read a document out of what was decoded: one of several in an answer.

        Raises:
            Failed: It has another shape: the server is of another version.
        """
        try:
            return model.model_validate(body)
        except ValidationError as e:
            raise self.strange(_first(e), 200) from None

    def strange(self, why: str, status: int) -> Error:
        """Return the error of a document that has another shape than it should."""
        return Failed(
            f"cannot read the answer to {self.shown}: "
            f"it is not a document that this module, {__version__}, knows: {why}",
            next="the server may be of another version: `composa version` and site.version tell which",
            code="internal",
            status=status,
        )

    def too_large(self) -> Error:
        """Return the error of an answer that is not read to its end."""
        return Failed(
            f"cannot call {self.shown}: the answer is larger than {_limits.answer_bytes} bytes",
            next="ask for less at once",
            code="internal",
        )


@dataclasses.dataclass(frozen=True)
class Answer:
    """A successful answer.

    Attributes:
        call: What was asked.
        status: 200, 201, 202 or 204.
        headers: By name, whatever its case.
        content: The bytes of the body.
    """

    call: Call
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def replayed(self) -> bool:
        """The answer is by what came of an earlier request with the same key."""
        return self.headers.get("idempotency-replayed", "") == "true"

    @property
    def body(self) -> Any:
        """The decoded body; None where there is none.

        Raises:
            Failed: It is not JSON.
        """
        if not self.content:
            return None
        body = _json(self.content)
        if body is _not_json:
            raise self._strange("it is not JSON")
        return body

    def read(self, model: type[W]) -> W:
        """Decode the body as a document.

        Raises:
            Failed: It has another shape: the server is of another version, or no Composa server.
        """
        try:
            return model.model_validate_json(self.content)
        except ValidationError as e:
            raise self._strange(_first(e)) from None

    def _strange(self, why: str) -> Error:
        return self.call.strange(why, self.status)


def _first(error: ValidationError) -> str:
    """Say what is wrong with a document, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(p) for p in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])


_not_json = object()


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return _not_json


def _each(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _words.whole_text(f"cannot ask for {_words.abridge(value)}", str(value))


def _status(status: int) -> str:
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _kind(headers: Mapping[str, str], content: bytes) -> str:
    """Say what somebody else's answer is: its type, and the title of a page."""
    kind = headers.get("content-type", "").partition(";")[0].strip()[:60]
    title = re.search(rb"<title[^>]*>\s*([^<]{1,80})", content[:8192], re.IGNORECASE)
    said = f" with {kind}" if kind else ""
    if title is not None:
        said += f' ("{" ".join(title[1].decode("utf-8", "replace").split())}")'
    return said


def _why(cause: Exception) -> str:
    """Say a failure of the connection in words, also where the library says nothing."""
    names: dict[type[Exception], str] = {
        httpx2.ConnectTimeout: "the connection was not made in time",
        httpx2.PoolTimeout: "all connections were busy for too long",
        httpx2.ReadTimeout: "the server did not answer in time",
        httpx2.WriteTimeout: "the request could not be sent in time",
    }
    return names.get(type(cause), "") or str(cause) or type(cause).__name__


def _advice(why: str, base: str) -> str:
    """Say what to do where a failure shows what is wrong with the address; "" elsewhere."""
    low = why.lower()
    if "certificate verify failed" in low:
        return "give the authority that signed its certificate with ca=FILE, or COMPOSA_CA beside COMPOSA_URL"
    if base.startswith("https:") and ("wrong version number" in low or "record layer failure" in low):
        return "the server speaks no TLS there: write http:// if you trust the network between"
    if base.startswith("http:") and "http request to an https server" in low:
        return "the server speaks TLS there: write https://"
    return ""
