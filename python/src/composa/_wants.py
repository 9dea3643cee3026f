"""Reads what Python's words want of devices: gpu="A100:4", ssd=1, min={"gpu.memory": "40GB"}.

Nothing is sent here.

Messages begin with what could not be done: begin is `cannot compose "train"`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from composa import _limits, _words
from composa._wire import Want
from composa._words import abridge
from composa.errors import Invalid


class Placed(Protocol):
    """Whatever is a device in a place: a Device, or one of a machine's devices."""

    kind: str
    place: str


class Named(Protocol):
    """Whatever has a name: a Fabric, a Pool."""

    name: str


#: What an argument such as gpu= takes: 4, "A100:4", "A100", "rack1/gpu[4-7]", a device, or several of these.
Wanted: TypeAlias = "int | str | Placed | Iterable[int | str | Placed] | None"

#: What min= takes: {"gpu.memory": "40GB"}.
Least: TypeAlias = "Mapping[str, int | str] | None"

#: What where= takes: {"gpu": "device.memory >= 40*GB"}.
Where: TypeAlias = "Mapping[str, str] | None"


def wants(
    begin: str, asked: Mapping[str, Wanted], min: Least = None, where: Where = None, implied_cpu: bool = False
) -> list[Want]:
    """Read what is wanted of each kind, in table order of kinds.

    Args:
        begin: What messages begin with.
        asked: By kind, what its argument says; None: nothing.
        min: The least that each device must have.
        where: Conditions on each device, in CEL.
        implied_cpu: One compute node is wanted although none is named.

    Raises:
        Invalid: Something cannot be meant.
    """
    read = [w for kind in _words.kinds for w in _of_kind(begin, kind, asked.get(kind))]
    return checked(begin, conditioned(begin, read, min, where, implied_cpu))


def checked(begin: str, read: list[Want]) -> list[Want]:
    """Refuse more lines or devices than a machine may have, and devices named twice or of two fabrics.

    Raises:
        Invalid: So it is.
    """
    if len(read) > _limits.entries:
        raise Invalid(f"{begin}: it has {len(read)} entries, {_limits.entries} are allowed")
    together([p for w in read for p in w.ids or []], begin)
    total = sum(w.count or len(w.ids or []) for w in read)
    if total > _limits.devices_of_machine:
        raise Invalid(
            f"{begin}: it wants {total} devices, {_limits.devices_of_machine} are allowed in one machine"
        )
    return read


def _of_kind(begin: str, kind: str, value: Wanted) -> list[Want]:
    """Read what one argument says."""
    if value is None:
        return []
    lines: list[Want] = []
    named: list[str] = []
    for one in _several(value):
        if isinstance(one, str) and not _is_place(one):
            lines.append(_of_text(begin, kind, one.strip()))
        elif isinstance(one, str) or hasattr(one, "place"):
            named += ids(begin, [one], kind)
        elif kind == "cpu" and _words.whole(one) == 0:
            lines.append(Want(kind=kind))  # a machine without a compute node
        else:
            lines.append(Want(kind=kind, count=_words.count(begin, kind, one)))
    if named:
        lines.append(Want(kind=kind, count=len(named), ids=named))
    if not lines:
        raise Invalid(
            f"{begin}: {kind}={abridge(value)} names no device", next=f"leave {kind} out, or write {kind}=1"
        )
    return lines


def _several(value: Any) -> list[Any]:
    """Return the parts of an argument: itself, or the items of what holds several."""
    if isinstance(value, str | bytes | Mapping) or hasattr(value, "place") or not isinstance(value, Iterable):
        return [value]
    return list(value)


def _is_place(text: str) -> bool:
    return "/" in text or text.startswith("dev_")


def _of_text(begin: str, kind: str, text: str) -> Want:
    """Read "4", "A100:4", "A100" or, for a cpu, "ipmi=192.0.2.12"."""
    if text.startswith("ipmi="):
        return _of_ipmi(begin, kind, text[len("ipmi=") :])
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return Want(kind=kind, count=_words.count(begin, kind, int(text[:20])))
    model, colon, number = (part.strip() for part in text.rpartition(":"))
    if not colon:
        return Want(kind=kind, count=1, model=_model(begin, kind, text))
    if not re.fullmatch(r"[+-]?[0-9]+", number):
        example = f"{abridge(model, 24)[1:-1] if model else 'A100'}:1"
        raise Invalid(
            f"{begin}: {kind}={abridge(text)} has no count behind the colon", next=f'write {kind}="{example}"'
        )
    n = _words.count(begin, kind, int(number[:20]))
    if not model:
        raise Invalid(
            f"{begin}: {kind}={abridge(text)} has no model before the colon",
            next=f"write {kind}={n} for any model",
        )
    return Want(kind=kind, count=n, model=_model(begin, kind, model))


def _model(begin: str, kind: str, text: str) -> str:
    """Read a part of a model's name. A word such as gpu3 is a device without its fabric."""
    if not text:
        raise Invalid(f"{begin}: {kind} is an empty text", next=f"write {kind}=1, for example")
    if re.fullmatch(rf"p?{kind}\[?[0-9,\-]*\]?", text.lower()):
        raise Invalid(
            f"{begin}: {kind}={abridge(text)} names no fabric",
            next=f'name the fabric too, for example {kind}="rack1/{text[:24]}"',
        )
    _words.whole_text(f"{begin}: {kind}={abridge(text)}", text)
    if len(text) > _limits.name_length:
        raise Invalid(
            f"{begin}: model {abridge(text, 24)} has {len(text)} characters, "
            f"{_limits.name_length} are allowed"
        )
    return text


def _of_ipmi(begin: str, kind: str, address: str) -> Want:
    if kind != "cpu":
        raise Invalid(f"{begin}: ipmi chooses a cpu, not a {kind}")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise Invalid(
            f"{begin}: {abridge(address)} is not an IP address",
            next='write cpu="ipmi=ADDRESS", as site.devices(kind="cpu") tells it',
        ) from None
    return Want(kind=kind, count=1, ipmi=address)


def conditioned(
    begin: str, read: list[Want], min: Least = None, where: Where = None, implied_cpu: bool = False
) -> list[Want]:
    """Add conditions to the lines of their kinds.

    Raises:
        Invalid: One cannot be read, or is about a kind that nobody asks for.
    """
    leasts, wheres = _leasts(begin, min), _wheres(begin, where)
    asked = {w.kind for w in read}
    about = dict.fromkeys((*leasts, *wheres))
    if implied_cpu and "cpu" in about and "cpu" not in asked:
        read = [Want(kind="cpu", count=1), *read]
        asked.add("cpu")
    for kind in about:
        if kind not in asked:
            what = "min" if kind in leasts else "where"
            raise Invalid(
                f"{begin}: {what} is about {kind} devices, and none are asked for",
                next=f"ask for some with {kind}=1",
            )
    return [
        w.model_copy(update={"min": leasts.get(w.kind), "where": wheres.get(w.kind)})
        if w.kind in about
        else w
        for w in read
    ]


def _leasts(begin: str, min: Least) -> dict[str, dict[str, Any]]:
    """Read {"gpu.memory": "40GB"}, by kind and field."""
    example = 'write min={"gpu.memory": "40GB"}'
    if min is None:
        return {}
    if not isinstance(min, Mapping):
        raise Invalid(f"{begin}: min={abridge(min)} is no mapping", next=example)
    read: dict[str, dict[str, Any]] = {}
    for key, value in min.items():
        kind, dot, field = key.partition(".") if isinstance(key, str) else ("", "", "")
        if not dot:
            raise Invalid(f"{begin}: min {abridge(key)} names no field", next=example)
        kind = _words.kind_of(f"{begin}: min {abridge(key)}", kind)
        known = _words.min_fields[kind]
        if field not in known:
            near = _words.nearest(field, known)
            hint = (
                f"did you mean {kind}.{near}?"
                if near
                else f"of a {kind} these can be asked for: {', '.join(known)}"
            )
            raise Invalid(f"{begin}: min {abridge(key)}: a {kind} has no {abridge(field, 24)}", next=hint)
        read.setdefault(kind, {})[field] = _words.quantity(begin, key, value)
    return read


def _wheres(begin: str, where: Where) -> dict[str, str]:
    """Read {"gpu": "device.memory >= 40*GB"}. What a condition means the server says."""
    example = 'write where={"gpu": "device.memory >= 40*GB"}'
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise Invalid(f"{begin}: where={abridge(where)} does not say for which kind", next=example)
    read = {}
    for kind, condition in where.items():
        kind = _words.kind_of(f"{begin}: where", kind)
        if not isinstance(condition, str) or not condition.strip():
            raise Invalid(f"{begin}: where of {kind} says no condition", next=example)
        _words.whole_text(f"{begin}: where of {kind}", condition)
        if len(condition) > _limits.condition_length:
            raise Invalid(
                f"{begin}: the condition of {kind} has {len(condition)} characters, "
                f"{_limits.condition_length} are allowed"
            )
        read[kind] = condition
    return read


# Devices by place


def ids(begin: str, named: Iterable[object], kind: str = "") -> list[str]:
    """Read devices that are named: places, lists and ranges of them, and device objects.

    Args:
        begin: What messages begin with.
        named: Each a text ("rack1/gpu3,rack1/gpu[4-7]"), an object with a place, or several of those.
        kind: That they must have, where it is known; "": any.

    Raises:
        Invalid: One does not name a device, or is of another kind.
    """
    places: list[str] = []
    for one in named:
        if isinstance(one, str):
            places += _expanded(begin, one)
        elif hasattr(one, "place"):
            places.append(_place_of(begin, one, kind))
        elif isinstance(one, Iterable) and not isinstance(one, bytes | Mapping):
            places += ids(begin, one, kind)
        else:
            raise Invalid(
                f"{begin}: {abridge(one)} does not name a device", next='write "rack1/gpu3", or give a Device'
            )
        if len(places) > _limits.devices_of_machine:
            raise Invalid(
                f"{begin}: it names more than the {_limits.devices_of_machine} devices allowed in one machine"
            )
    return places


def _place_of(begin: str, one: Any, kind: str) -> str:
    if not one.place:
        raise Invalid(f"{begin}: device {getattr(one, 'id', '')} is in no place: it is gone or was exchanged")
    if kind and getattr(one, "kind", kind) != kind:
        raise Invalid(f"{begin}: {one.place} is a {one.kind}, not a {kind}", next=f"write {one.kind}=…")
    return str(one.place)


def together(places: Sequence[str], begin: str) -> None:
    """Refuse devices that are named twice or lie in two fabrics.

    Raises:
        Invalid: So it is.
    """
    seen = set()
    for place in places:
        if place in seen:
            raise Invalid(f"{begin}: {place} is named twice")
        seen.add(place)
        if place.partition("/")[0] != places[0].partition("/")[0]:
            raise Invalid(
                f"{begin}: {places[0]} and {place} lie in two fabrics",
                next="a machine is made of devices of one fabric; name devices of one",
            )


def _expanded(begin: str, text: str) -> list[str]:
    """Read "rack1/gpu3,rack1/gpu[4-7,9]"."""
    if text.count("[") != text.count("]"):
        raise _unreadable(begin, text, "its brackets do not match")
    return [
        place for word in re.split(r",(?![^\[]*\])", text) for place in _one_expanded(begin, word.strip())
    ]


def _one_expanded(begin: str, word: str) -> list[str]:
    if re.fullmatch(r"dev_[a-z0-9]+", word):
        raise Invalid(
            f"{begin}: {word} is an id, not a place", next=f'give the device: site.device("{word}")'
        )
    if not word:
        raise Invalid(
            f"{begin}: the name of a device is empty", next='write "FABRIC/DEVICE", for example "rack1/gpu3"'
        )
    m = re.fullmatch(r"([^\[\]]*)(?:\[([^\[\]]*)\]([^\[\]]*))?", word)
    if m is None:
        raise _unreadable(begin, word, "it has more than one pair of brackets, or they do not match")
    head, numbers, tail = m[1], m[2], m[3] or ""
    _check_place(begin, word, head if numbers is None else f"{head}0{tail}")
    if numbers is None:
        return [word]
    places: list[str] = []
    for part in numbers.split(","):
        first, last = _range(begin, word, part)
        if len(places) + last - first >= _limits.devices_of_machine:
            raise Invalid(
                f"{begin}: {abridge(word)} names more than the {_limits.devices_of_machine} devices "
                "allowed in one machine"
            )
        places += [f"{head}{n}{tail}" for n in range(first, last + 1)]
    return places


def _range(begin: str, word: str, part: str) -> tuple[int, int]:
    """Read "4" or "4-7"."""
    m = re.fullmatch(r"(0|[1-9][0-9]{0,5})(?:-(0|[1-9][0-9]{0,5}))?", part)
    if m is None:
        raise _unreadable(begin, word, f"{abridge(part, 24)} is neither a number nor a range")
    first, last = int(m[1]), int(m[2] or m[1])
    if first > last:
        raise _unreadable(begin, word, f"the range {part} runs backwards")
    return first, last


def _check_place(begin: str, word: str, place: str) -> None:
    fabric, slash, name = place.partition("/")
    if not slash or not fabric or not name or "/" in name:
        raise _unreadable(begin, word, "it does not name a device")
    for c in place:
        if c <= " " or c == "\x7f" or c in "]?#%" or "\ud800" <= c <= "\udfff":
            raise _unreadable(begin, word, f"{c!r} may not stand in the name of a device")


def _unreadable(begin: str, text: str, why: str) -> Invalid:
    return Invalid(
        f"{begin}: cannot read {abridge(text)}: {why}",
        next='write "FABRIC/DEVICE", for example "rack1/gpu3" or "rack1/gpu[4-7]"',
    )


# Counts, fabrics, pools


def counts(begin: str, asked: Mapping[str, object], least: int) -> dict[str, int]:
    """Read numbers of devices by kind, where nothing else can be meant; None: not said.

    Raises:
        Invalid: One is no number, or not from least to what a machine may have.
    """
    return {k: _words.count(begin, k, asked[k], least) for k in _words.kinds if asked.get(k) is not None}


def fabrics(begin: str, value: str | Named | Iterable[str | Named] | None) -> list[str] | None:
    """Read fabrics that will do: a name, "rack1,rack2", a Fabric, or several; None and "any": any.

    Raises:
        Invalid: No fabric can have that name.
    """
    if value is None or value == "any":
        return None
    several = [value] if isinstance(value, str) or hasattr(value, "name") else value
    if not isinstance(several, Iterable):
        raise Invalid(f"{begin}: fabric={abridge(value)} names no fabric", next="site.fabrics() lists them")
    names: list[str] = []
    for one in several:
        for word in one.split(",") if isinstance(one, str) else [getattr(one, "name", one)]:
            names.append(named(begin, "fabric", word))
    if not names:
        raise Invalid(f"{begin}: fabric={abridge(value)} names no fabric", next="leave it out for any fabric")
    return names


def named(begin: str, noun: str, value: object) -> str:
    """Read the name of a fabric, pool, project or machine: a text, or an object that has a name.

    Raises:
        Invalid: None can have that name.
    """
    text = value if isinstance(value, str) else getattr(value, "name", value)
    if isinstance(text, str):
        text = text.strip()
    try:
        return _words.dns_label(noun, text)
    except Invalid:
        lists = "site.projects" if noun == "project" else f"site.{noun}s()"  # known without being asked for
        raise Invalid(
            f"{begin}: no {noun} can be named {abridge(text)}", next=f"{lists} lists them"
        ) from None
