"""Reads the lines of %composa and %%composa. Nothing is done here."""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import dataclass, field

from composa import _words
from composa.errors import Invalid
from composa.notebook.magics_words import Flag, Verb, cell, cell_ssh, verbs


class Misread(Invalid):
    """A line that cannot be meant."""


@dataclass
class Call:
    """A line that was read: the verb, its arguments, its flags by name, and what stood behind " -- "."""

    verb: Verb
    arguments: list[str] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)
    rest: str = ""

    def has(self, name: str) -> bool:
        """Tell whether a flag was given."""
        return name in self.flags

    def get(self, name: str) -> str | None:
        """Return the value of a flag; None where it was not given."""
        return self.flags[name][-1] if name in self.flags else None

    def all(self, name: str) -> list[str]:
        """Return every value of a flag."""
        return self.flags.get(name, [])


_nouns = {name.split()[0] for name in verbs if " " in name}
_short = {"-y": "--yes", "-f": "--follow", "-A": "--all-projects", "-h": "--help"}
_other_flags = {
    "output": "results are objects: they show themselves, and lists have .to_pandas()",
    "columns": "results are objects: lists have .to_pandas()",
    "color": "results are objects: they show themselves",
    "progress": "say it when connecting: composa.connect(progress=…)",
    "context": "choose the server with %composa connect --context NAME",
}

_by_operators = "operators do that, on the command line: composa help"
#: The command line's verbs that a notebook does not have, and what there is in their place.
_other_verbs = {
    "apply": "keep the plan and carry it out: p = %composa plug train --gpu 1 --dry-run, then p.carry_out()",
    "watch": "follow what happens with %composa event ls -f, or look at site.draw()",
    "context": "choose the server with %composa connect [URL] [--context NAME]",
    "completion": "TAB completes here",
    "version": "%composa whoami shows the server's, composa.__version__ this module's",
    **dict.fromkeys(("user", "token", "serve", "demo", "emulate"), _by_operators),
}


def read(line: str) -> Call:
    """Read the line of %composa.

    Raises:
        Misread: There is no such verb or flag (the nearest is suggested), or arguments are missing.
    """
    words, rest = _split("cannot run %composa", line)
    if not words:
        return Call(verbs["help"])
    name, words = _verb(words)
    if rest is not None and name != "ssh":
        raise Misread(f"cannot run %composa {name}: only ssh takes a command behind --")
    call = _read("%composa " + name, verbs[name], words)
    call.rest = (rest or "").strip()
    return call


def read_cell(line: str) -> Call:
    """Read the first line of a cell with %%composa.

    Raises:
        Misread: As read does.
    """
    words, rest = _split("cannot run %%composa", line)
    if rest is not None:
        raise Misread("cannot run %%composa: nothing stands behind --", next="the lines below are what runs")
    if words[:1] == ["ssh"]:
        return _read("%%composa ssh", cell_ssh, words[1:])
    return _read("%%composa", cell, words)


def _split(begin: str, line: str) -> tuple[list[str], str | None]:
    """Take a line apart into words, and what stands behind a word --, as it is; None: there is none."""
    text = io.StringIO(line)
    reading = shlex.shlex(text, posix=True, punctuation_chars=False)
    reading.whitespace_split, reading.commenters = True, ""
    words: list[str] = []
    try:
        while (word := reading.get_token()) is not None:
            if word == "--":
                return words, text.read()
            words.append(word)
    except ValueError as e:
        raise Misread(f"{begin}: {str(e).lower()}", next="a quotation mark stands alone") from None
    return words, None


def _verb(words: list[str]) -> tuple[str, list[str]]:
    """Find the verb that a line begins with; lists may be asked for as `machines`, `machine list`."""
    first = words[0]
    noun = first.removesuffix("s")
    if noun in _nouns:
        given = words[1] if len(words) > 1 and not words[1].startswith("-") else ""
        second = {"": "ls", "list": "ls", "get": "show"}.get(given, given)
        if f"{noun} {second}" in verbs:
            return f"{noun} {second}", words[2:] if given else words[1:]
        if noun == "machine" and second in verbs:
            return second, words[2:]
        known = [name.split()[1] for name in verbs if name.startswith(noun + " ")]
        raise Misread(
            f"cannot run %composa {noun} {second}: there is no such verb", next=_hint(second, known)
        )
    if first in verbs:
        return first, words[1:]
    if hint := _other_verbs.get(noun):
        raise Misread(f"cannot run %composa {first}: notebooks do not have it", next=hint)
    known = [name for name in verbs if " " not in name] + sorted(_nouns)
    raise Misread(f"cannot run %composa {first}: there is no such verb", next=_hint(first, known))


def _hint(word: str, known: list[str]) -> str:
    near = _words.nearest(word, known)
    return f"did you mean {near}?" if near else f"there are {', '.join(known)}"


def _read(begin: str, verb: Verb, words: list[str]) -> Call:
    """Read arguments and flags; a flag may be written --gpu 4, --gpu=4 or gpu=4."""
    flags = {flag.name: flag for flag in verb.flags}
    call = Call(verb)
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = _as_flag(begin, _short.get(word, word), flags)
        if not name:
            call.arguments.append(word)
            continue
        flag = flags[name]
        if flag.takes and not equals:
            if not left:
                raise Misread(f"cannot run {begin}: --{name} is given without its {flag.takes}")
            value = left.pop(0)
        if not flag.takes and equals and value not in ("true", "false"):
            raise Misread(f"cannot run {begin}: --{name} takes no value, and {value[:24]!r} is one")
        if name in call.flags and not flag.repeatable:
            raise Misread(f"cannot run {begin}: --{name} is given twice")
        if flag.takes or value != "false" or name == "free":
            call.flags.setdefault(name, []).append(value or "true")
    _enough(begin, call)
    return call


def _as_flag(begin: str, word: str, flags: dict[str, Flag]) -> tuple[str, str, str]:
    """Take a word apart that is a flag; one that is none gives an empty name."""
    plain = re.match(r"([a-z][a-z0-9-]*)=", word)
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if name not in flags:
            hint = _other_flags.get(name) or _flag_hint(name, flags)
            raise Misread(f"cannot run {begin}: there is no flag --{name}", next=hint)
        return name, equals, value
    if plain is not None:
        if plain[1] not in flags:
            raise Misread(f"cannot run {begin}: there is no {plain[1]}", next=_flag_hint(plain[1], flags))
        return word.partition("=")
    if word.startswith("-") and len(word) > 1:
        raise Misread(f"cannot run {begin}: there is no flag {word}", next=_flag_hint("", flags))
    return "", "", ""


def _enough(begin: str, call: Call) -> None:
    """Refuse fewer or more arguments than a verb takes."""
    how = f"%composa help {call.verb.name}".strip()
    if len(call.arguments) < call.verb.least:
        raise Misread(f"cannot run {begin}: {call.verb.takes} is missing", next=how)
    if len(call.arguments) > call.verb.most:
        more = call.arguments[call.verb.most][:40]
        raise Misread(f"cannot run {begin}: {more!r} is more than it takes", next=how)


def _flag_hint(name: str, flags: dict[str, Flag]) -> str:
    near = _words.nearest(name, flags)
    known = ", ".join("--" + flag for flag in flags) or "no flags"
    return f"did you mean --{near}?" if near else f"it has {known}"


_seconds = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(begin: str, text: str) -> float:
    """Read a duration: 90s, 90m, 8h, 2d, 1w, sums of them (1h30m), and 0.

    Raises:
        Misread: It is none.
    """
    if text == "0":
        return 0.0
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Misread(f"{begin}: {text[:24]!r} is not a duration", next="write 90s, 10m or 2h, for example")
    return sum(float(number) * _seconds[unit] for number, unit in parts)


def help_text(topic: str = "") -> str:
    """Write the help of all verbs, or of one.

    Raises:
        Misread: There is no such verb.
    """
    if topic:
        return _help_of(_verb(topic.split())[0])
    width = max(len(f"{verb.name} {verb.takes}") for verb in verbs.values())
    lines = [
        f"  %composa {f'{verb.name} {verb.takes}':<{width}}  {verb.help}".rstrip() for verb in verbs.values()
    ]
    return "\n".join(
        [
            "The command line's verbs, in a notebook; their results are composa's objects.",
            "",
            *lines,
            "",
            "  %%composa gpu=4            compose a machine for the life of the cell, as the variable",
            "                             machine; the cell itself runs here, in this kernel, not there",
            "  %%composa ssh NAME         run the lines of the cell on the machine, with bash",
            "",
            "  %composa help VERB says what a verb takes. m = %composa compose train --gpu 4",
            "  keeps the result; {name} stands for the value of a variable.",
        ]
    )


def _help_of(name: str) -> str:
    verb = verbs[name]
    lines = [f"%composa {verb.name} {verb.takes}".rstrip(), f"  {verb.help}"]
    shown = [(f"--{flag.name} {flag.takes}".rstrip(), flag) for flag in verb.flags]
    width = max((len(text) for text, _ in shown), default=0)
    lines += [
        f"  {text:<{width}}  {flag.help}{' (repeatable)' if flag.repeatable else ''}" for text, flag in shown
    ]
    return "\n".join(lines)
