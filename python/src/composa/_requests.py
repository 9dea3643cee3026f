"""Makes the documents of requests from Python's arguments. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from composa import _limits, _wants, _wire, _words
from composa.errors import Invalid

#: The verbs, and what each may be told beside message and timeout.
verbs: dict[str, tuple[str, ...]] = {
    "compose": (*_words.kinds, "min", "where", "fabric", "pool", "labels", "p2p", "power"),
    "plug": ("ids", *_words.kinds, "min", "where"),
    "unplug": ("ids", *_words.kinds),
    "reshape": _words.kinds,
    "move": ("ids", "to"),
    "free": ("grace",),
}


def compose(begin: str, said: Mapping[str, Any]) -> _wire.PutMachine:
    """Make the wish of a machine."""
    devices = _wants.wants(begin, said, said.get("min"), said.get("where"), implied_cpu=True)
    if not devices:
        raise Invalid(
            f"{begin}: it would be made of nothing", next="ask for at least one device, for example gpu=1"
        )
    return _whole(begin, said, devices)


def compose_offered(
    begin: str, asked: _wire.PutMachine, offer: _wire.Nearest, said: Mapping[str, Any]
) -> _wire.PutMachine:
    """Make the wish that takes a counter-offer: its devices, and the rest as it was asked or is said now."""
    kept = {k: getattr(asked, k) for k in ("labels", "p2p", "power", "message", "timeout")}
    whole = _whole(begin, {**kept, **said}, offer.devices)
    return whole.model_copy(update={"fabrics": [offer.fabric], "pool": offer.pool})


def _whole(begin: str, said: Mapping[str, Any], devices: list[_wire.Want]) -> _wire.PutMachine:
    """Make a wish of its devices and all that is said beside."""
    power = said.get("power")
    if power is not None and power not in ("on", "keep"):
        raise Invalid(f"{begin}: power={_words.abridge(power)} is neither 'on' nor 'keep'")
    p2p = said.get("p2p") or False
    if not isinstance(p2p, bool):
        raise Invalid(f"{begin}: p2p={_words.abridge(p2p)} is neither True nor False")
    pool = said.get("pool")
    return _wire.PutMachine(
        devices=devices,
        fabrics=_wants.fabrics(begin, said.get("fabric")),
        pool=None if pool is None else _wants.named(begin, "pool", pool),
        labels=_words.labels(said.get("labels")),
        p2p=p2p or None,
        power=power,
        **_ask(begin, said),
    )


def plug(begin: str, said: Mapping[str, Any], named: list[_wire.Want]) -> _wire.Plug:
    """Make the request to add devices; named are those of ids, whose kinds were looked up."""
    wants = _wants.wants(begin, said)
    wants = _wants.conditioned(begin, [*wants, *named], said.get("min"), said.get("where"))
    if not wants:
        raise Invalid(f"{begin}: no devices are named", next='write plug("rack1/gpu3"), or plug(gpu=1)')
    return _wire.Plug(devices=_wants.checked(begin, wants), **_ask(begin, said))


def unplug(begin: str, said: Mapping[str, Any]) -> _wire.Unplug:
    """Make the request to take devices away."""
    counts, ids = _counts_and_ids(begin, said)
    if not counts and not ids:
        raise Invalid(f"{begin}: no devices are named", next='write unplug("rack1/gpu3"), or unplug(gpu=1)')
    return _wire.Unplug(ids=ids or None, counts=counts or None, **_ask(begin, said))


def _counts_and_ids(begin: str, said: Mapping[str, Any]) -> tuple[dict[str, int], list[str]]:
    """Read what a kind's argument names of the machine's own devices: a number, or places."""
    ids = _wants.ids(begin, said.get("ids") or ())
    numbers: dict[str, Any] = {}
    for kind in _words.kinds:
        value = said.get(kind)
        if (
            (isinstance(value, str) and "/" in value)
            or hasattr(value, "place")
            or isinstance(value, list | tuple)
        ):
            ids += _wants.ids(begin, [value], kind)
        elif value is not None:
            numbers[kind] = value
    _wants.together(ids, begin)
    return _wants.counts(begin, numbers, 1), ids


def reshape(begin: str, said: Mapping[str, Any]) -> _wire.Reshape:
    """Make the request to set totals."""
    totals = _wants.counts(begin, said, 0)
    if not totals:
        raise Invalid(f"{begin}: no total is named", next="write reshape(gpu=4), for example")
    return _wire.Reshape(totals=totals, **_ask(begin, said))


def move(begin: str, said: Mapping[str, Any]) -> _wire.Move:
    """Make the request to give devices to another machine."""
    ids = _wants.ids(begin, said.get("ids") or ())
    _wants.together(ids, begin)
    if not ids:
        raise Invalid(f"{begin}: no device is named", next='write move("rack1/gpu3", to="render")')
    if said.get("to") is None:
        raise Invalid(
            f"{begin}: no machine is named that gets them", next='write move("rack1/gpu3", to="render")'
        )
    return _wire.Move(ids=ids, to=_meant(begin, said["to"]), **_ask(begin, said))


def _meant(begin: str, machine: Any) -> str:
    """Name a machine: by id where one is given, so that no other that has its name by now is meant."""
    id = machine if isinstance(machine, str) else getattr(machine, "id", None)
    if isinstance(id, str) and id.startswith("mach_"):
        return id
    return _wants.named(begin, "machine", machine)


def free(begin: str, said: Mapping[str, Any]) -> _wire.FreeMachine:
    """Make the request to give a machine back."""
    grace = _words.seconds(begin, "grace", said.get("grace"), _limits.most_grace)
    return _wire.FreeMachine(grace=grace, **_ask(begin, said))


def only(begin: str, verb: str, said: Mapping[str, Any]) -> None:
    """Refuse what a verb cannot be told.

    Raises:
        Invalid: There is no such verb, or it does not take what was said.
    """
    if not isinstance(verb, str) or verb not in verbs:
        near = _words.nearest(str(verb), verbs)
        hint = f"did you mean {near}? " if near else ""
        raise Invalid(
            f"{begin}: there is no verb {_words.abridge(verb)}",
            next=f"{hint}the verbs are {', '.join(verbs)}",
        )
    for word, value in said.items():
        if word in ("message", "timeout") or word in verbs[verb] or value is None or value == ():
            continue
        raise Invalid(f"{begin}: {verb} takes no {word}", next=f"it takes {', '.join(verbs[verb])}")


def _ask(begin: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Read what every change may say about itself."""
    return {
        "message": _words.message(said.get("message") or ""),
        "timeout": _words.seconds(begin, "timeout", said.get("timeout"), _limits.most_timeout) or None,
    }


def wants_of(devices: Iterable[Any]) -> list[_wire.Want]:
    """Make wants of exactly these devices, whose kinds are known, in table order of kinds."""
    by_kind: dict[str, list[str]] = {}
    for d in devices:
        by_kind.setdefault(d.kind, []).append(d.place)
    return [_wire.Want(kind=k, count=len(by_kind[k]), ids=by_kind[k]) for k in _words.kinds if k in by_kind]


def arguments(verb: str) -> tuple[str, ...]:
    """Return the names of all arguments of a verb."""
    own = tuple(word for word in verbs[verb] if word != "ids")
    more = ("project", "explain") if verb == "compose" else ()
    return (*own, "message", "timeout", *more, "wait", "key")
