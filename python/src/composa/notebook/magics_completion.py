"""Completes lines of %composa: verbs, flags, kinds, and the names of what the site has."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from composa import _limits, _words
from composa.notebook import magics_words

if TYPE_CHECKING:
    from composa import Site


def candidates(text: str, names: Callable[[str], Iterable[str]]) -> list[str]:
    """Tell what may stand where a line of %composa or %%composa ends.

    Args:
        text: The line up to the cursor, with the magic.
        names: Tells the names of things that there are of a noun: "machine", "device" and so on.

    Returns:
        Whole words; whoever asks picks those that begin like the word before the cursor.
    """
    magic, _, line = text[text.index("%") :].partition("composa")
    typed = re.split(r"\s+", line.lstrip())
    done, last = typed[:-1], typed[-1]
    if magic == "%%":
        verb = magics_words.cell_ssh if done[:1] == ["ssh"] else magics_words.cell
        if not done:
            return ["ssh", *_flags(verb), *(f"{kind}=" for kind in _words.kinds)]
        return _behind(verb, done[1:] if verb is magics_words.cell_ssh else done, last, names)
    if not done:
        return sorted({name.split()[0] for name in magics_words.verbs})
    if done[0] == "help":
        return sorted({name.split()[0] for name in magics_words.verbs})
    under = [name.split()[1] for name in magics_words.verbs if name.startswith(done[0] + " ")]
    if under and len(done) == 1:
        return under
    verb_name, rest = (" ".join(done[:2]), done[2:]) if under else (done[0], done[1:])
    found = magics_words.verbs.get(verb_name)
    return [] if found is None else _behind(found, rest, last, names)


def _behind(
    verb: magics_words.Verb, done: list[str], last: str, names: Callable[[str], Iterable[str]]
) -> list[str]:
    """Tell what may stand behind a verb: the value of a flag, a flag, or one of its arguments."""
    flags = {"--" + flag.name: flag for flag in verb.flags}
    before = flags.get(done[-1]) if done else None
    if before is not None and before.takes:
        return list(_values(before, names))
    if last.startswith("-"):
        return _flags(verb)
    noun = (
        "device"
        if verb.names == "machine" and verb.most == 2 and _arguments(flags, done) == 1
        else verb.names
    )
    return list(names(noun)) if noun else _flags(verb)


def _arguments(flags: dict[str, magics_words.Flag], done: list[str]) -> int:
    """Count the words that are neither flags nor their values."""
    count = 0
    for i, word in enumerate(done):
        before = flags.get(done[i - 1]) if i else None
        count += not word.startswith("-") and not (before is not None and before.takes)
    return count


def _values(flag: magics_words.Flag, names: Callable[[str], Iterable[str]]) -> Iterable[str]:
    """Tell what may stand behind a flag."""
    match flag.name:
        case "kind":
            return _words.kinds
        case "fabric":
            return names("fabric")
        case "pool":
            return names("pool")
        case "machine" | "from" | "to":
            return names("machine")
        case "power":
            return ["on", "keep"]
        case "use":
            return ["free", "claimed", "attached", "foreign"]
        case "min":
            return [f"{kind}.{name}=" for kind, fields in _words.min_fields.items() for name in fields]
        case "where":
            return [f"{kind}:" for kind in _words.kinds]
    return names("device") if flag.name in _words.kinds and flag.takes == "WANT" else ()


def _flags(verb: magics_words.Verb) -> list[str]:
    return ["--" + flag.name for flag in verb.flags]


def names_of(site: Callable[[], Site]) -> Callable[[str], list[str]]:
    """Make what tells names of a site: within a second, and none where it does not answer by then."""

    def read(noun: str) -> list[str]:
        match noun:
            case "machine":
                return [m.name for m in site().machines()]
            case "device":
                return [d.place for d in site().devices()]
            case "fabric":
                return [f.name for f in site().fabrics()]
            case "pool":
                return [p.name for p in site().pools()]
            case "operation":
                return [o.id for o in site().operations(open=True)]
        return []

    def names(noun: str) -> list[str]:
        answer: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

        def ask() -> None:
            # Whatever goes wrong while somebody types is no news: the line itself will tell it.
            try:
                answer.put(read(noun))
            except Exception:
                answer.put([])

        threading.Thread(target=ask, daemon=True, name="composa-completion").start()
        try:
            return answer.get(timeout=_limits.completing)
        except queue.Empty:
            return []

    return names


#: A line of the magics up to the cursor: the whole line, or what is assigned.
_line = re.compile(r"(?:[^%]*=)?\s*(%%?composa\s.*)", re.DOTALL)


def matched(context: CompletionContext, names: Callable[[str], Iterable[str]]) -> SimpleMatcherResult:
    """Tell IPython what may stand at the cursor; in a line of the magics nothing of Python's may."""
    line = _line.fullmatch(context.text_until_cursor)
    typed = line.group(1) if line else ""
    word = re.split(r"\s", typed)[-1] if line else context.token
    found = [c for c in candidates(typed, names) if c.lower().startswith(word.lower())] if line else []
    # What differs in case is offered only where nothing has the case of the word.
    found = [c for c in found if c.startswith(word)] or found
    return {
        "completions": [SimpleCompletion(c) for c in found],
        "matched_fragment": word,
        "suppress": line is not None,
        "do_not_suppress": set(),
        "ordered": True,
    }


#: By which IPython knows what completes here; loaded again, the newer takes its place.
_identifier = "composa.magics"


def add(shell: Any, site: Callable[[], Site]) -> None:
    """Have a shell complete the lines of composa's magics."""
    names = names_of(site)

    @context_matcher(identifier=_identifier)  # type: ignore[untyped-decorator] # IPython types it loosely
    def complete(context: CompletionContext) -> SimpleMatcherResult:
        return matched(context, names)

    others = [
        m for m in shell.Completer.custom_matchers if getattr(m, "matcher_identifier", "") != _identifier
    ]
    shell.Completer.custom_matchers = [*others, complete]
