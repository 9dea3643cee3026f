"""The file of contexts, which the command line writes: servers by name, and one that is current."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping

import yaml

from composa import _limits
from composa._servers import abridged, checked_url, plain
from composa.errors import Invalid, NotFound


@dataclasses.dataclass(frozen=True)
class Context:
    """One server as it is saved.

    Attributes:
        name: Its name, unique in the file.
        url: Where it is.
        token: Sent to url and nowhere else; "": none.
        ca: Path of a PEM file with the authorities to trust there; "": those of the system.
        project: Used where none is named; "": the only one there is.
    """

    name: str
    url: str
    token: str = dataclasses.field(default="", repr=False)
    ca: str = ""
    project: str = ""


@dataclasses.dataclass(frozen=True)
class Contexts:
    """What the file says.

    Attributes:
        current: Name of the context that is used where nothing is said; "": none.
        saved: All contexts, as they stand in the file.
    """

    current: str = ""
    saved: tuple[Context, ...] = ()

    def named(self, name: str) -> Context:
        """Return the context of a name.

        Raises:
            NotFound: There is none; the text says which there are.
        """
        for c in self.saved:
            if c.name == name:
                return c
        what = f"cannot use context {abridged(name)!r}: there is none of that name"
        if not self.saved:
            save = "no context is saved; `composa context create NAME --url URL --token-file FILE` saves one"
            raise NotFound(what, next=save)
        raise NotFound(what, next="saved are " + ", ".join(c.name for c in self.saved))


def path_of(environ: Mapping[str, str]) -> pathlib.Path:
    """Say where contexts are saved: composa/contexts.yaml under $XDG_CONFIG_HOME, else under $HOME/.config.

    Raises:
        Invalid: Neither is set, or the first is no absolute path.
    """
    base, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    if not base and not home:
        raise Invalid("cannot find the file of contexts: neither XDG_CONFIG_HOME nor HOME is set")
    base = base or os.path.join(home, ".config")
    if not os.path.isabs(base):
        raise Invalid(f"cannot find the file of contexts: XDG_CONFIG_HOME {base!r} is not an absolute path")
    return pathlib.Path(base, "composa", "contexts.yaml")


def read(path: pathlib.Path) -> Contexts:
    """Read the file; one that does not exist is empty.

    Raises:
        Invalid: It cannot be read, is too large, or is not what the command line writes. The text never
            shows a token.
    """
    try:
        with open(path, "rb") as f:
            data = f.read(_limits.contexts_file_bytes + 1)
    except FileNotFoundError:
        return Contexts()
    except (OSError, ValueError) as e:
        raise Invalid(f"cannot read the contexts in {path}: {getattr(e, 'strerror', None) or e}") from None
    try:
        if len(data) > _limits.contexts_file_bytes:
            raise _Wrong(f"the file has more than the {_limits.contexts_file_bytes} bytes allowed")
        return _contexts_of(data.decode())
    except (_Wrong, yaml.YAMLError, UnicodeDecodeError, RecursionError) as e:
        mend = "mend the file, or remove it and save the contexts again"
        raise Invalid(f"cannot read the contexts in {path}: {_why(e)}", next=mend) from None


class _Wrong(Exception):
    """What is wrong with the file, in words that show no value of it."""


def _why(e: Exception) -> str:
    """Say what is wrong without the lines around it, which may hold tokens."""
    if isinstance(e, yaml.MarkedYAMLError):
        mark = e.problem_mark or e.context_mark
        return f"line {mark.line + 1}: it is not YAML" if mark else "it is not YAML"
    if isinstance(e, UnicodeDecodeError | yaml.YAMLError):
        return "it is not text"
    if isinstance(e, RecursionError):
        return "it is nested too deeply"
    return str(e)


def _contexts_of(text: str) -> Contexts:
    """Decode the file. Every value is a text: a name such as 7 or yes is one too."""
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    if root is None:
        return Contexts()
    fields = _fields(root, {"current", "contexts"})
    entries = fields.get("contexts")
    saved: list[Context] = []
    if entries is not None and not _empty(entries):
        if not isinstance(entries, yaml.SequenceNode):
            raise _Wrong(f"line {_line(entries)}: contexts is not a list")
        saved = [_context(entry) for entry in entries.value]
    current = fields.get("current")
    return Contexts(_scalar(current) if current is not None else "", tuple(saved))


def _context(node: yaml.Node) -> Context:
    values = {k: _scalar(v) for k, v in _fields(node, {"name", "url", "token", "ca", "project"}).items()}
    name = values.get("name", "")
    if not name or len(name.encode()) > 63 or name[0] == "-" or any(c <= " " or c in "/\x7f" for c in name):
        raise _Wrong(f"line {_line(node)}: a context's name is empty, too long or not a name")
    try:
        checked_url(values.get("url", ""))
    except Invalid:
        raise _Wrong(f"line {_line(node)}: the URL of context {name!r} cannot be used") from None
    if not plain(values.get("token", "")):
        raise _Wrong(f"line {_line(node)}: the token of context {name!r} holds spaces or control characters")
    return Context(**{"url": "", **values})


def _fields(node: yaml.Node, known: set[str]) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _Wrong(f"line {_line(node)}: there is no mapping of {', '.join(sorted(known))}")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _scalar(key)
        if name not in known:
            raise _Wrong(f"line {_line(key)}: there is a field that is none of {', '.join(sorted(known))}")
        if name in fields:
            raise _Wrong(f"line {_line(key)}: {name} stands there twice")
        fields[name] = value
    return fields


def _scalar(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _Wrong(f"line {_line(node)}: there is no text where one must be")
    return "" if _empty(node) else str(node.value)


def _empty(node: yaml.Node) -> bool:
    """Say whether a node is YAML's way to say nothing."""
    return (
        isinstance(node, yaml.ScalarNode)
        and not node.style
        and node.value in ("", "~", "null", "Null", "NULL")
    )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
