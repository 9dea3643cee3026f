"""Which server is called, and as whom: arguments, the environment, the file of contexts.

The rules are those of the command line. A token goes only to the URL that it was saved with or stands beside.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from composa import _limits, _words
from composa.errors import Invalid, NotAllowed, NotFound

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
        project_by: What said so: "project", "COMPOSA_PROJECT" or "context NAME"; "": nothing.
    """

    url: str
    token: str = dataclasses.field(default="", repr=False)
    ca: str = ""
    context: str = ""
    project: str = ""
    project_by: str = dataclasses.field(default="", compare=False)


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
        NotAllowed: No token is known for the server.
    """
    for word, value in (
        ("url", url),
        ("token", token),
        ("context", context),
        ("ca", ca),
        ("project", project),
    ):
        if value is not None and not isinstance(value, str):
            raise Invalid(f"cannot choose a server: {word} is no text but of type {type(value).__name__}")
    chosen = _chosen(url, token, context, environ)
    ca = _checked_ca(ca, chosen.url) or chosen.ca
    chosen = dataclasses.replace(chosen, token=_checked_token(chosen), ca=ca)
    for by, name in (
        ("project", project),
        ("COMPOSA_PROJECT", environ.get("COMPOSA_PROJECT")),
        (f"context {chosen.context}", chosen.project),
    ):
        if name:
            return dataclasses.replace(chosen, project=name.strip(), project_by=by)
    return chosen


def check_project(server: Server, principal: str, projects: Sequence[str]) -> None:
    """Refuse a project that was said and is none of who asks.

    Args:
        server: The server that was chosen.
        principal: Who asks there.
        projects: Names of their projects.

    Raises:
        NotFound: It is none of them; the text says what named it, and what to name instead.
    """
    if not server.project or server.project in projects:
        return
    some = ", ".join(projects[:10]) + (", …" if len(projects) > 10 else "")
    near = _words.nearest(server.project, projects)
    own = "one of yours" if projects else "one once an administrator has added you to it"
    ways = {
        "project": f"name {own}, or leave project out",
        "COMPOSA_PROJECT": f"set COMPOSA_PROJECT to {own}, or unset it",
    }
    raise NotFound(
        f"cannot connect: {server.project_by} names project {_words.abridge(server.project)}, "
        f"and {principal} is in {some or 'no project'}",
        next=(f'did you mean "{near}"? ' if near else "")
        + ways.get(server.project_by, f"say project=…, with {own}"),
    )


def _chosen(url: str | None, token: str | None, context: str | None, environ: Mapping[str, str]) -> Server:
    if url is not None and context is not None:
        raise Invalid(
            f"cannot choose a server: url says {shown(url)} and context says {context!r}",
            next="give one of the two",
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
        url = checked_url(environ["COMPOSA_URL"], "COMPOSA_URL")
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
    ca = _checked_ca(environ.get("COMPOSA_CA") if beside else None, url)
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


def _checked_ca(ca: str | None, url: str) -> str:
    """Refuse authorities where nobody asks for them: who gave them believes that they protect the token."""
    if ca and url.startswith("http:"):
        raise Invalid(
            f"cannot trust the authorities in {ca} for {url}: it speaks no TLS",
            next="write https://, or leave ca and COMPOSA_CA out",
        )
    return ca or ""


def _checked_token(server: Server) -> str:
    """Refuse a token that cannot stand in a header, the empty one too; the message does not show it."""
    if not server.token:
        raise NotAllowed(
            f"cannot sign in to {server.url}: no token is known for it",
            next="say connect(URL, token=…), or set COMPOSA_TOKEN or COMPOSA_TOKEN_FILE beside COMPOSA_URL; "
            "who has none asks an administrator of the site for one",
            code="unauthenticated",
        )
    if not plain(server.token):
        raise Invalid(
            f"cannot use the token for {server.url}: it holds more than visible characters of ASCII",
            next="give the token alone, as `composa token create` prints it",
        )
    return server.token


def plain(token: str) -> bool:
    """Say whether a text has only visible characters of ASCII."""
    return re.fullmatch(r"[!-~]*", token) is not None


def checked_url(text: str, named: str = "the URL") -> str:
    """Refuse what cannot be a server, and return the one way to write it.

    Args:
        text: The URL.
        named: What messages call it.

    Raises:
        Invalid: It is not http:// or https:// and a host, or more than that and a path.
    """
    write = "write it as http://127.0.0.1:7080"
    if not isinstance(text, str) or not text:
        raise Invalid(f"cannot use {named}: it is empty", next=write)
    what = f"cannot use {named} {shown(text)!r}"
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise Invalid(f"{what}: it holds spaces or control characters", next=write)
    try:
        u = urlsplit(text)
        _ = u.port  # read here, for what is wrong with it
    except ValueError:
        raise Invalid(f"{what}: it cannot be read", next=write) from None
    if "@" in u.netloc:
        raise Invalid(f"cannot use {named} of {u.hostname}: it holds a password", next="give a token instead")
    if u.scheme not in ("http", "https") or not u.hostname:
        raise Invalid(f"{what}: it is neither http:// nor https:// and a host", next=write)
    if "?" in text or "#" in text:
        raise Invalid(f"{what}: it goes on behind the path", next=write)
    _check_host(what, u.hostname)
    return _written(u)


def shown(url: str) -> str:
    """Write an address for a message without what may be secret: who calls, and what is behind the path."""
    start = re.match(r"[A-Za-z][A-Za-z0-9+.\-]*://", url)
    scheme = start[0] if start else ""
    rest = re.sub(r"(?s)^.*(?=[@\uff20\ufe6b])", "…", url[len(scheme) :])
    return abridged(scheme + re.sub(r"(?s)(?<=[?#]).+$", "…", rest), 60)


def _check_host(what: str, host: str) -> None:
    """Refuse a host that no name can be looked up for."""
    why = ""
    if ":" in host:  # an address of IPv6
        return
    if not host.isascii():
        import httpx2  # what calls it later says how it is written then

        try:
            host = httpx2.URL(f"http://{host}").raw_host.decode()
        except (httpx2.InvalidURL, UnicodeError) as e:
            why = str(e)
    if not why and not all(1 <= len(label) <= 63 for label in host.removesuffix(".").split(".")):
        why = "each part of its name has 1 to 63 characters"
    if why:
        raise Invalid(f"{what}: no host can have that name: {why}")


def _written(u: SplitResult) -> str:
    return f"{u.scheme}://{u.netloc.lower()}{u.path.rstrip('/')}"


def abridged(text: str, n: int = 40) -> str:
    """Cut a text from somebody else so that a message stays readable."""
    return text if len(text) <= n else text[:n] + "…"
