"""Puts the server's advice, which is the command line's, into Python's words.

A command that Python has no call for stays as it is: it is an operator's.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from composa import _words

if TYPE_CHECKING:
    from composa import _wire

E = TypeVar("E", bound="_wire.Explanation")

_name = r"([^\s,;]+)"
_flags = r"((?: --[a-z0-9]+ [0-9]+)*)"
_kinds = "|".join(_words.kinds)


def _machine(name: str) -> str:
    return f"site.machine({json.dumps(name)})"


def _listing(found: re.Match[str]) -> str:
    open_only = "open=True" if found[1] == "operation" else ""
    return f"site.{found[1]}s({open_only})" + (" lists" if found[2] else "")


def _unplug(found: re.Match[str]) -> str:
    return f"{_machine(found[1])}.unplug({', '.join(map(json.dumps, found[2].split(',')))})"


#: What the server advises, and what that is in Python. The first that fits a place is taken.
_table: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (r"composa (machine|fabric|device|pool|operation) ls( shows)?", _listing),
    (
        rf"composa machine show {_name} lists (?:its devices|them)",
        lambda f: f"{_machine(f[1])}.devices lists them",
    ),
    (rf"composa machine show {_name}", lambda f: _machine(f[1])),
    (rf"composa fabric show {_name}", lambda f: f"site.fabric({json.dumps(f[1])})"),
    (rf"composa operation show {_name}", lambda f: f"site.operation({json.dumps(f[1])})"),
    (rf"composa operation wait {_name}", lambda f: f"site.operation({json.dumps(f[1])}).wait()"),
    (rf"composa free {_name}", lambda f: f"{_machine(f[1])}.free()"),
    (rf"composa reshape {_name}{_flags}", lambda f: f"{_machine(f[1])}.reshape({arguments(f[2])})"),
    (rf"composa unplug {_name} ([^\s;]*[^\s,;])", _unplug),
    (r"the same command with --dry-run", lambda f: "site.plan(…)"),
    (rf"--({_kinds}) ([0-9]+)", lambda f: f"{f[1]}={f[2]}"),
    (rf"--({_kinds})\b", lambda f: f"{f[1]}="),
    (r"send it as: Authorization: Bearer TOKEN", lambda f: "say connect(URL, token=…)"),
]
_any = re.compile("|".join(f"(?:{pattern})" for pattern, _ in _table))


def in_python(text: str) -> str:
    """Put a text of the server into Python's words.

    Args:
        text: Such as "composa machine ls shows what there is".

    Returns:
        Such as "site.machines() lists what there is". A text in Python's words comes back as it is.
    """
    return _any.sub(lambda found: _one(found[0]), text)


def _one(command: str) -> str:
    for pattern, say in _table:
        found = re.fullmatch(pattern, command)
        if found is not None:
            return say(found)
    return command


def explanation(told: E) -> E:
    """Put the lines of an explanation into Python's words, in place."""
    write = told.nearest.write if told.nearest is not None else None
    begin = f"fits now: {write}"
    told.lines = [
        f"fits now: {arguments(write)}{line.removeprefix(begin)}"
        if write and line.startswith(begin)
        else in_python(line)
        for line in told.lines
    ]
    return told


def arguments(flags: str) -> str:
    """Write what the command line takes as Python takes it.

    Args:
        flags: Such as "--fabric rack2 --cpu 1 --gpu A100:12".

    Returns:
        Such as 'fabric="rack2", cpu=1, gpu="A100:12"'. What cannot be read comes back as it is.
    """
    try:
        words = shlex.split(flags)
    except ValueError:
        return flags
    said: dict[str, list[Any]] = {}
    by_kind: dict[str, dict[str, str]] = {}
    while words:
        name = words.pop(0).removeprefix("--")
        if name == "p2p":
            said[name] = [True]
            continue
        value = words.pop(0) if words else ""
        if name in ("min", "where"):
            of, _, asked = value.partition("=" if name == "min" else ":")
            by_kind.setdefault(name, {})[of] = asked
        else:
            said.setdefault(name, []).extend(_values(name, value))
    told: dict[str, Any] = {name: values[0] if len(values) == 1 else values for name, values in said.items()}
    return ", ".join(f"{name}={_written(value)}" for name, value in (told | by_kind).items())


def _values(name: str, value: str) -> list[Any]:
    if re.fullmatch(r"[0-9]{1,9}", value) and name in _words.kinds:
        return [int(value)]
    return value.split(",") if name == "fabric" or "/" in value else [value]


def _written(value: Any) -> str:
    return repr(value) if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
