"""Checks words and numbers of a request before anything is sent. The server has the last word."""

from __future__ import annotations

import math
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from composa import _limits
from composa._version import __version__
from composa.errors import Invalid

#: Every kind of device, in table order.
kinds = ("cpu", "gpu", "ssd", "scm", "nic", "fpga", "memory")

#: The fields of which a least can be asked, by kind.
min_fields: dict[str, tuple[str, ...]] = {
    "cpu": ("memory", "cores", "threads", "lanes"),
    "gpu": ("memory", "lanes"),
    "ssd": ("size", "lanes"),
    "scm": ("size", "lanes"),
    "nic": ("speed", "lanes"),
    "fpga": ("memory", "lanes"),
    "memory": ("memory", "size", "lanes"),
}

#: What happens, by what it happens to: "machine.ready" is a type of event, "machine" its family.
event_types: dict[str, tuple[str, ...]] = {
    "claim": ("changed", "closed", "opened", "released"),
    "device": (
        *("added", "changed", "cordoned", "failed", "gone", "moved"),
        *("replaced", "returned", "uncordoned", "used"),
    ),
    "fabric": ("added", "answered", "changed", "probed", "probing", "silent"),
    "machine": (
        *("changed", "changing", "composing", "degraded", "freed", "freeing"),
        *("held", "lost", "queued", "ready", "stale"),
    ),
    "operation": (
        *("cancel_requested", "cancelled", "changed", "done", "held", "queued"),
        *("running", "undoing", "undone", "waiting"),
    ),
    "pool": ("changed", "created", "deleted"),
    "step": ("done", "failed", "planned", "running"),
    "token": ("created", "deleted"),
    "user": ("created",),
}

_reserved = ("all", "any", "default", "free", "me", "new", "none", "self", "system")

_label_rule = (
    "use 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit"
)


def abridge(text: object, n: int = 40) -> str:
    """Write a value of somebody else for a message: quoted if it is a text, and cut."""
    shown = f'"{text}"' if isinstance(text, str) else repr(text)
    return shown if len(shown) <= n + 2 else shown[: n + 1] + "…" + ('"' if isinstance(text, str) else "")


def nearest(word: str, words: Iterable[str]) -> str:
    """Return the one of words that is most like word: two letters may differ, one in short ones; "": none."""
    best, best_distance = "", 2 if len(word) <= 4 else 3
    for w in words:
        d = _distance(word, w)
        if d < best_distance:
            best, best_distance = w, d
    return best


def _distance(a: str, b: str) -> int:
    """Count the letters to add, leave out, exchange or swap with their neighbour to make b of a."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            d = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                d = min(d, before[j - 2] + 1)
            row.append(d)
        before, last = last, row
    return last[-1]


def kind_of(begin: str, word: object) -> str:
    """Read a kind.

    Raises:
        Invalid: There is no such kind; the nearest one is suggested.
    """
    if isinstance(word, str) and word in kinds:
        return word
    low = word.lower() if isinstance(word, str) else ""
    near = low.removesuffix("s") if low.removesuffix("s") in kinds else nearest(low, kinds)
    hint = f"did you mean {near}? " if near else ""
    raise Invalid(
        f"{begin}: there is no kind {abridge(word)}", next=f"{hint}the kinds are {', '.join(kinds)}"
    )


def event_type(begin: str, word: object) -> str:
    """Read a type of events, or a family of types.

    One that is not known here may be of a newer server, which is asked; where it is nearly a known one, that
    is said in a warning to who reads the events.

    Raises:
        Invalid: It is no text, or no type is written so.
    """
    hint = f"the families are {', '.join(event_types)}"
    if not isinstance(word, str) or not word:
        raise Invalid(f"{begin}: type={abridge(word)} is no type of events", next=hint)
    known = [*event_types, *(f"{family}.{what}" for family, those in event_types.items() for what in those)]
    if word in known:
        return word
    near = nearest(word.lower(), known)
    meant = f'did you mean "{near}"? ' if near else ""
    if re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", word) is None:
        raise Invalid(f"{begin}: there is no type {abridge(word)} of events", next=meant + hint)
    if near:
        warnings.warn(
            f"there is no type {abridge(word)} of events that this module, {__version__}, knows; {meant}"
            "the server is asked: a newer one may have it",
            stacklevel=3,
        )
    return word


def no_others(begin: str, others: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse arguments that a call does not have.

    Raises:
        Invalid: There are some; the nearest one is suggested.
    """
    for word in others:
        low = word.lower()
        near = low.removesuffix("s") if low.removesuffix("s") in known else nearest(low, known)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
        raise Invalid(f"{begin}: there is no argument {abridge(word)}", next=hint)


def name(noun: str, text: object) -> str:
    """Read the name of something that may be made: a DNS label that is not reserved.

    Raises:
        Invalid: It cannot be one.
    """
    label = dns_label(noun, text)
    if label in _reserved or label.startswith("composa"):
        raise Invalid(
            f"cannot name a {noun} {abridge(label)}: the name is reserved",
            next=f"choose another; reserved are {', '.join(_reserved)} and what begins with composa",
        )
    return label


def dns_label(noun: str, text: object) -> str:
    """Read a DNS label.

    Raises:
        Invalid: It is none.
    """
    if not isinstance(text, str):
        raise Invalid(f"cannot name a {noun} {abridge(text)}: it is no text", next=_label_rule)
    if not text:
        raise Invalid(f"cannot name a {noun}: the name is empty", next=_label_rule)
    if len(text) > _limits.name_length:
        raise Invalid(
            f"cannot name a {noun} {abridge(text, 24)}: the name has {len(text)} characters, "
            f"{_limits.name_length} are allowed",
            next=_label_rule,
        )
    for i, c in enumerate(text):
        if not (("a" <= c <= "z") or ("0" <= c <= "9") or (c == "-" and 0 < i < len(text) - 1)):
            raise Invalid(
                f'cannot name a {noun} "{text}": {c!r} may not stand at position {i + 1}', next=_label_rule
            )
    return text


def whole(value: object) -> int | None:
    """Return a whole number as an int, also one of numpy; None where it is none. True and False are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def count(begin: str, kind: str, value: object, least: int = 1) -> int:
    """Read how many devices of a kind.

    Raises:
        Invalid: It is no whole number, less than least, or more than a machine may have.
    """
    n = whole(
        int(value) if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()) else value
    )
    if n is None:
        raise Invalid(
            f"{begin}: {kind}={abridge(value)} is not a number of devices",
            next=f"write {kind}=2, for example",
        )
    if n > _limits.devices_of_machine:
        raise Invalid(
            f"{begin}: {n} {kind} devices are more than the {_limits.devices_of_machine} "
            "allowed in one machine"
        )
    if n < least:
        raise Invalid(
            f"{begin}: {n} is not a count of {kind} devices",
            next=f"ask for {least} or more, or leave {kind} out",
        )
    return n


_units = {
    **dict.fromkeys(("", "B", "b"), 1),
    **{p + u: 1000**i for i, p in enumerate("KMGTP", 1) for u in ("", "B")},
    "k": 1000,
    "kB": 1000,
    **{p + u: 1024**i for i, p in enumerate("KMGTP", 1) for u in ("i", "iB")},
    **{p + u: 1000**i for i, p in enumerate("KMGT", 1) for u in ("b", "bit")},
}

_units_shown = ("KB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "PiB", "Kb", "Mb", "Gb", "Tb")


def quantity(begin: str, field: str, value: object) -> str | int:
    """Read a least: a whole number, or a text such as "40GB". The server says what it means.

    Raises:
        Invalid: It is no quantity; the nearest unit is suggested.
    """
    example = "write a number and perhaps a unit: 8, 40GB, 40GiB, 1.5TB, 100Gb"
    what = f"{begin}: min {field}: cannot read quantity {abridge(value, 32)}"
    n = whole(value)
    if n is not None:
        if n < 1:
            raise Invalid(f"{begin}: the least {field} is {n}", next="ask for 1 or more, or leave it out")
        return n if n < _limits.exact_in_json else str(n)
    if not isinstance(value, str):
        raise Invalid(what, next=example)
    m = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", value.strip())
    if m is None or len(value) > _limits.quantity_length:
        raise Invalid(what, next=example)
    if m[2] not in _units:
        near = next((u for u in _units_shown if u.lower() == m[2].lower()), "") or nearest(m[2], _units_shown)
        hint = f"did you mean {near}?" if near else f"use one of {', '.join(_units_shown)}"
        raise Invalid(f'{what}: "{m[2]}" is no unit', next=hint)
    return value.strip()


def labels(value: object) -> dict[str, str] | None:
    """Read labels: a mapping of texts to texts; None: none.

    Raises:
        Invalid: They are none, too many or too long, or hold control characters.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Invalid(
            f"cannot set labels {abridge(value)}: they are no mapping", next='write labels={"team": "vision"}'
        )
    if len(value) > _limits.labels:
        raise Invalid(f"cannot set {len(value)} labels: {_limits.labels} are allowed")
    for k, v in value.items():
        if not isinstance(k, str) or not isinstance(v, str):
            raise Invalid(
                f"cannot set label {abridge(k)}: key and value must be texts",
                next='write labels={"team": "vision"}',
            )
        whole_text(f"cannot set label {abridge(k, 24)}", k + v)
        if not k:
            raise Invalid("cannot set a label: its key is empty", next='write labels={"team": "vision"}')
        if len(k.encode()) > _limits.label_key or len(v.encode()) > _limits.label_value:
            raise Invalid(
                f"cannot set label {abridge(k, 24)}: keys have {_limits.label_key} bytes at most, "
                f"values {_limits.label_value}"
            )
        if any(ord(c) < 0x20 or ord(c) == 0x7F for c in k + v):
            raise Invalid(f"cannot set label {abridge(k, 24)}: it holds control characters")
    return dict(value) or None


def whole_text(what: str, text: str) -> str:
    """Refuse a text that cannot be sent: half a pair of surrogates is no character.

    Raises:
        Invalid: It holds one.
    """
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise Invalid(f"{what}: {text[e.start]!r} at position {e.start + 1} is half a character") from None
    return text


def message(text: object) -> str | None:
    """Read the message of a change; "": none.

    Raises:
        Invalid: It is no text, or longer than the server keeps.
    """
    if not isinstance(text, str):
        raise Invalid(f"cannot use the message {abridge(text)}: it is no text")
    if len(text) > _limits.message_length:
        raise Invalid(
            f"cannot use the message: it has {len(text)} characters, {_limits.message_length} are allowed"
        )
    return whole_text("cannot use the message", text) or None


def seconds(begin: str, what: str, value: object, most: int) -> int | None:
    """Read a number of seconds, rounded up to whole ones; None stays None.

    Raises:
        Invalid: It is no number, negative, or more than most.
    """
    if value is None:
        return None
    n = number(value)
    if n is None:
        raise Invalid(
            f"{begin}: {what}={abridge(value)} is not a number of seconds",
            next=f"write {what}=600, for example",
        )
    if n < 0 or n > most:
        raise Invalid(f"{begin}: {what}={value} is not between 0 and {most} seconds")
    return math.ceil(n)


def patience(begin: str, value: object, what: str = "wait") -> float | None:
    """Read how long is waited: None (or True) without end, 0 (or False) not at all, else seconds.

    what is the argument's name.

    Raises:
        Invalid: It is neither, or negative.
    """
    if value is None or value is True:
        return None
    if value is False:
        return 0.0
    n = number(value)
    if n is None or n < 0:
        raise Invalid(f"{begin}: {what}={abridge(value)} is neither True, False nor a number of seconds")
    return n


def number(value: object) -> float | None:
    """Return a finite number as a float; also a timedelta's seconds."""
    if isinstance(value, (bool, str | bytes)):
        return None
    total: Callable[[], Any] | None = getattr(value, "total_seconds", None)
    try:
        n = float(total() if total is not None else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return n if math.isfinite(n) else None
