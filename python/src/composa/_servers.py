"""Which server is called, and as whom: arguments, the environment, the file of contexts.

The rules are those of the command line. A token goes only to the URL that it was saved with or stands beside.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from composa import _limits
from composa.errors import Invalid

if TYPE_CHECKING:
    from composa._contexts import Context, Contexts

three_ways = (
    "say connect(URL, token=…), or set COMPOSA_URL and COMPOSA_TOKEN (or COMPOSA_TOKEN_FILE), "
    "or save a context with `composa context create NAME --url URL --token-file FILE`, as `composa demo` does"
)


@dataclasses.dataclass(frozen=True)
class Server:
    """The server that was chosen.

    Attributes:
        url: Where it is, without a slash at the end.
        token: Sent to url and nowhere else; "": none.
        ca: Path of a PEM file with the authorities to trust there; "": those of the system.
        context: Name of the context that it was taken from; "": none.
        project: To use where none is named; "": not said.
    """

    url: str
    token: str = dataclasses.field(default="", repr=False)
    ca: str = ""
    context: str = ""
    project: str = ""


def choose(
    url: str | None = None,
    token: str | None = None,
    context: str | None = None,
    ca: str | None = None,
    project: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Server:
    """Say which server: the arguments, then the environment, then the current context.

    Args:
        url: Where the server is, such as "http://127.0.0.1:7080".
        token: The token for it; None: the one that stands beside the same URL in the environment, or is
            saved with it. It needs url or context, so that it goes nowhere by chance.
        context: Name of a saved context.
        ca: Path of a PEM file with the authorities to trust, in place of the system's.
        project: The project to use where none is named.
        environ: The environment.

    Raises:
        Invalid: No server is named, or two are; what is named cannot be used.
        NotFound: There is no context of that name.
    """
    project = project or environ.get("COMPOSA_PROJECT") or ""
    chosen = _chosen(url, token, context, environ)
    return dataclasses.replace(
        chosen, token=_checked_token(chosen), ca=ca or chosen.ca, project=project or chosen.project
    )


def _chosen(url: str | None, token: str | None, context: str | None, environ: Mapping[str, str]) -> Server:
    if url is not None and context is not None:
        raise Invalid(
            f"cannot choose a server: url says {url} and context says {context!r}", next="give one of the two"
        )
    if token is not None and url is None and context is None:
        raise Invalid(
            "cannot choose a server: a token is given and no URL",
            next="say connect(URL, token=…), so that the token goes to that server and to no other",
        )
    if url is not None:
        return _of_url(checked_url(url), token, environ)
    if context is not None:
        saved = _saved(environ).named(context)
        return (
            _of_context(saved)
            if token is None
            else dataclasses.replace(_of_context(saved), token=token.strip())
        )
    return _of_environment(environ)


def _of_environment(environ: Mapping[str, str]) -> Server:
    named = environ.get("COMPOSA_CONTEXT", "")
    if environ.get("COMPOSA_URL"):
        try:
            url = checked_url(environ["COMPOSA_URL"])
        except Invalid as e:
            raise Invalid(f"cannot use COMPOSA_URL: {e.detail}", next=e.next) from None
        if named:
            raise Invalid(
                f"cannot choose a server: COMPOSA_URL is {url} and COMPOSA_CONTEXT {abridged(named)!r}",
                next="unset one of the two",
            )
        return _of_url(url, None, environ)
    if environ.get("COMPOSA_TOKEN") or environ.get("COMPOSA_TOKEN_FILE"):
        raise Invalid(
            "cannot choose a server: a token is in the environment and COMPOSA_URL is not",
            next="set COMPOSA_URL to the server that the token is for, or unset the token to use a context",
        )
    contexts = _saved(environ)
    if named or contexts.current:
        return _of_context(contexts.named(named or contexts.current))
    if contexts.saved:
        raise Invalid(
            "cannot choose a server: COMPOSA_URL is not set and no context is current",
            next="choose one with connect(context=…) or `composa context use NAME`; saved are "
            + ", ".join(c.name for c in contexts.saved),
        )
    raise Invalid("cannot choose a server: none is named and no context is saved", next=three_ways)


def _of_url(url: str, token: str | None, environ: Mapping[str, str]) -> Server:
    """Take the server at url, with what stands beside it in the environment or is saved with it."""
    beside = _same(environ.get("COMPOSA_URL", ""), url)
    ca = environ.get("COMPOSA_CA", "") if beside else ""
    if token is not None:
        return Server(url, token.strip(), ca)
    if beside and environ.get("COMPOSA_TOKEN"):
        return Server(url, environ["COMPOSA_TOKEN"].strip(), ca)
    if beside and environ.get("COMPOSA_TOKEN_FILE"):
        return Server(url, token_of(environ["COMPOSA_TOKEN_FILE"]), ca)
    if environ.get("XDG_CONFIG_HOME") or environ.get("HOME"):
        for saved in _saved(environ).saved:
            if _same(saved.url, url):
                return dataclasses.replace(_of_context(saved), ca=ca or saved.ca)
    return Server(url, "", ca)


def _of_context(c: Context) -> Server:
    return Server(checked_url(c.url), c.token, c.ca, c.name, c.project)


def _saved(environ: Mapping[str, str]) -> Contexts:
    from composa import _contexts  # brings YAML, which a server that is named needs not

    return _contexts.read(_contexts.path_of(environ))


def _same(text: str, url: str) -> bool:
    """Say whether text is another way to write url."""
    try:
        return bool(text) and checked_url(text) == url
    except Invalid:
        return False


def token_of(path: str) -> str:
    """Read the token that stands in a file.

    Raises:
        Invalid: There is no such file, it cannot be read, is empty or larger than a token.
    """
    what = f"cannot read the token from COMPOSA_TOKEN_FILE {path}"
    try:
        with open(path, "rb") as f:
            data = f.read(_limits.token_file_bytes + 1)
    except (OSError, ValueError) as e:
        raise Invalid(f"{what}: {getattr(e, 'strerror', None) or e}") from None
    if len(data) > _limits.token_file_bytes:
        raise Invalid(f"{what}: it has more than the {_limits.token_file_bytes} bytes allowed")
    token = data.decode("utf-8", "replace").strip()
    if not token:
        raise Invalid(f"{what}: it is empty")
    return token


def _checked_token(server: Server) -> str:
    """Refuse a token that cannot stand in a header; the message does not show it."""
    if not plain(server.token):
        raise Invalid(
            f"cannot use the token for {server.url}: it holds more than visible characters of ASCII",
            next="give the token alone, as `composa token create` prints it",
        )
    return server.token


def plain(token: str) -> bool:
    """Say whether a text has only visible characters of ASCII."""
    return re.fullmatch(r"[!-~]*", token) is not None


def checked_url(text: str) -> str:
    """Refuse what cannot be a server, and return the one way to write it.

    Raises:
        Invalid: It is not http:// or https:// and a host, or more than that and a path.
    """
    write = "write it as http://127.0.0.1:7080"
    if not isinstance(text, str) or not text:
        raise Invalid("cannot use the URL: it is empty", next=write)
    shown = f"cannot use the URL {abridged(text, 60)!r}"
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise Invalid(f"{shown}: it holds spaces or control characters", next=write)
    try:
        u = urlsplit(text)
        _ = u.port  # read here, for what is wrong with it
    except ValueError:
        raise Invalid(f"{shown}: it cannot be read", next=write) from None
    if "@" in u.netloc:
        raise Invalid(f"cannot use the URL of {u.hostname}: it holds a password", next="give a token instead")
    if u.scheme not in ("http", "https") or not u.hostname:
        raise Invalid(f"{shown}: it is neither http:// nor https:// and a host", next=write)
    if "?" in text or "#" in text:
        raise Invalid(f"{shown}: it goes on behind the path", next=write)
    return _written(u)


def _written(u: SplitResult) -> str:
    return f"{u.scheme}://{u.netloc.lower()}{u.path.rstrip('/')}"


def abridged(text: str, n: int = 40) -> str:
    """Cut a text from somebody else so that a message stays readable."""
    return text if len(text) <= n else text[:n] + "…"
