"""What each verb of %composa does with a Site. Lines are read by magics_lines; this acts on them."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from composa import _limits, _words, errors
from composa import _wording as wording
from composa.notebook import magics_lines
from composa.notebook.magics_lines import Call, Misread
from composa.tables import Listing

if TYPE_CHECKING:
    from composa import Machine, Site


@dataclass(frozen=True)
class Status:
    """The site at a glance, as `%composa status` shows it."""

    site: Site
    fabrics: Any
    machines: Any
    operations: Any

    def __repr__(self) -> str:
        return "\n\n".join(repr(part) for part in self._parts())

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self._parts())

    def _parts(self) -> list[Any]:
        return [self.site, self.fabrics, self.machines, self.operations]


def carry_out(site: Site, call: Call) -> Any:
    """Do what a line says.

    Returns:
        What the Site's own call returns; None where there is nothing to show.

    Raises:
        Error: As the Site's own call does.
        Misread: A value cannot be meant.
    """
    return _doing[call.verb.name](site, call)


def machine_named(site: Site, name: str, project: str | None) -> Machine:
    """Read a machine by NAME or PROJECT/NAME."""
    place, slash, rest = name.partition("/")
    return site.machine(rest, place) if slash else site.machine(name, project)


def ssh_words(call: Call) -> dict[str, Any]:
    """Read the flags that say how ssh gets there, as run and ssh take them."""
    words: dict[str, Any] = {}
    if call.has("login"):
        words["login"] = call.get("login")
    if options := call.get("options"):
        try:
            words["options"] = shlex.split(options)
        except ValueError as e:
            raise Misread(f"cannot use --options: {str(e).lower()}") from None
    return words


def making(call: Call) -> dict[str, Any]:
    """Read the flags of compose, as compose takes them."""
    begin = "cannot compose"
    words = _wanted(begin, call)
    if fabrics := call.get("fabric"):
        words["fabric"] = fabrics.split(",") if "," in fabrics else fabrics
    if labels := _pairs(begin, "label", "=", call):
        words["labels"] = labels
    if call.has("p2p"):
        words["p2p"] = call.get("p2p") == "true"
    return words | _given(call, "pool", "power", "project")


def _wanted(begin: str, call: Call) -> dict[str, Any]:
    """Read what is wanted of each kind, and the conditions."""
    words: dict[str, Any] = {kind: call.all(kind) for kind in _words.kinds if call.has(kind)}
    for kind, values in words.items():
        if len(values) == 1:
            words[kind] = values[0]
    if call.has("min"):
        words["min"] = _pairs(begin, "min", "=", call)
    if call.has("where"):
        words["where"] = _pairs(begin, "where", ":", call)
    return words


def _counted(begin: str, call: Call) -> dict[str, Any]:
    """Read how many of each kind."""
    words = {}
    for kind in _words.kinds:
        if call.has(kind):
            text = call.get(kind) or ""
            if not text.isdigit():
                raise Misread(
                    f"{begin}: --{kind} {text[:24]!r} is not a number", next=f"write --{kind} 2, for example"
                )
            words[kind] = int(text)
    return words


def _pairs(begin: str, flag: str, mark: str, call: Call) -> dict[str, str]:
    """Read the values of a flag that has a key and a mark before its value."""
    pairs: dict[str, str] = {}
    for text in call.all(flag):
        key, found, value = text.partition(mark)
        if not found:
            raise Misread(f"{begin}: --{flag} {text[:40]!r} has no {mark!r}", next=f"write {_examples[flag]}")
        if key in pairs:
            raise Misread(f"{begin}: --{flag} says {key} twice")
        pairs[key.strip()] = value.strip()
    return pairs


_examples = {
    "min": "--min gpu.memory=40GB, for example",
    "where": "--where 'gpu:device.memory >= 40*GB', for example",
    "label": "--label team=vision, for example",
}


def _given(call: Call, *names: str) -> dict[str, Any]:
    return {name: call.get(name) for name in names if call.has(name)}


def _asked(begin: str, call: Call) -> dict[str, Any]:
    """Read the flags of every change: how long to wait, why, and with which key."""
    words = _given(call, "message", "key")
    if call.has("no-wait") and call.has("timeout"):
        raise Misread(
            f"{begin}: --no-wait does not wait, so --timeout says nothing", next="use one of the two"
        )
    if call.has("no-wait"):
        words["wait"] = False
    elif text := call.get("timeout"):
        words["wait"] = magics_lines.seconds(begin, text)
    return words


def _change(site: Site, call: Call, verb: str, name: str, ids: list[str], words: dict[str, Any]) -> Any:
    """Change a machine, or plan the change."""
    m = machine_named(site, name, call.get("project"))
    asked = _asked(f'cannot {verb} "{name}"', call)
    if call.has("dry-run"):
        return site.plan(verb, m, *ids, **words, **_given(call, "message"))
    return getattr(m, verb)(*ids, **words, **asked)


def _compose(site: Site, call: Call) -> Any:
    (name,) = call.arguments
    words = making(call)
    asked = _asked(f'cannot compose "{name}"', call)
    if call.has("dry-run"):
        return site.plan("compose", name, **words, **_given(call, "message"))
    if call.has("explain"):
        asked["explain"] = True
    return site.compose(name, **words, **asked)


def _plug(site: Site, call: Call) -> Any:
    name, *ids = call.arguments
    words = _wanted(f'cannot plug "{name}"', call)
    if not words and not ids:
        raise Misread(
            f'cannot plug "{name}": no devices are named', next=f"write %composa plug {name} --gpu 1"
        )
    return _change(site, call, "plug", name, _listed(ids), words)


def _unplug(site: Site, call: Call) -> Any:
    name, *ids = call.arguments
    words = _counted(f'cannot unplug "{name}"', call)
    if not words and not ids:
        raise Misread(
            f'cannot unplug "{name}": no devices are named', next=f"write %composa unplug {name} --gpu 1"
        )
    return _change(site, call, "unplug", name, _listed(ids), words)


def _reshape(site: Site, call: Call) -> Any:
    (name,) = call.arguments
    words = _counted(f'cannot reshape "{name}"', call)
    if not words:
        raise Misread(
            f'cannot reshape "{name}": no kind is named', next=f"write %composa reshape {name} --gpu 4"
        )
    return _change(site, call, "reshape", name, [], words)


def _move(site: Site, call: Call) -> Any:
    for flag, what in (("from", "has them"), ("to", "gets them")):
        if not call.has(flag):
            raise Misread(
                f"cannot move {call.arguments[0]}: --{flag} is missing", next=f"name the machine that {what}"
            )
    return _change(
        site, call, "move", call.get("from") or "", _listed(call.arguments), {"to": call.get("to")}
    )


def _listed(ids: list[str]) -> list[str]:
    """Take lists apart: "rack1/gpu3,rack1/gpu[4-7]"."""
    return [place for text in ids for place in text.split(",") if place] if "[" not in "".join(ids) else ids


def _free(site: Site, call: Call) -> Any:
    begin = "cannot free"
    labels = _pairs(begin, "label", "=", call)
    if bool(call.arguments) == bool(labels):
        raise Misread(f"{begin}: name the machines, or say --label K=V", next="%composa help free")
    words: dict[str, Any] = {}
    if grace := call.get("grace"):
        words["grace"] = magics_lines.seconds(begin, grace)
    machines = _to_free(site, call, labels)
    if labels:
        print(_told(labels, machines), flush=True)  # noqa: T201 (what a person must know before it is done)
    if call.has("dry-run"):
        plans = [site.plan("free", m, **words, **_given(call, "message")) for m in machines]
        return plans[0] if len(plans) == 1 else plans or None
    asked = _asked(begin, call)
    if len(machines) > 1 and call.has("key"):
        raise Misread(f"{begin}: one key is for one machine, and {len(machines)} are named")
    for m in machines:
        m.free(**words, **asked)
    if len(machines) < 2:
        return machines[0] if machines else None
    return Listing(machines, as_of=min(m.read_at for m in machines), kind="machines")


def _told(labels: dict[str, str], machines: list[Machine]) -> str:
    """Say which machines have labels, and whose they are."""
    if not machines:
        return wording.clean(f"no machine has label {wording.labels(labels)}")
    names = ", ".join(f"{m.name} (of {m.owner})" for m in machines)
    return wording.clean(f"label {wording.labels(labels)}: {names}")


def _to_free(site: Site, call: Call, labels: dict[str, str]) -> list[Machine]:
    """Read the machines before any is freed, so that a name that is wrong frees none."""
    if labels:
        return site.machines(call.get("project") or site.project or None, labels=labels)
    machines = []
    for name in call.arguments:
        with contextlib.suppress(*[errors.NotFound] if call.has("if-exists") else []):
            machines.append(machine_named(site, name, call.get("project")))
    return machines


def _ssh(site: Site, call: Call) -> Any:
    m = machine_named(site, call.arguments[0], call.get("project"))
    if call.rest:
        return m.run(call.rest, **ssh_words(call))
    return m.ssh(**ssh_words(call))


def _machines(site: Site, call: Call) -> Any:
    words = _given(call, "state", "fabric", "project")
    if labels := _pairs("cannot list machines", "label", "=", call):
        words["labels"] = labels
    if call.has("freed"):
        words["freed"] = True
    if not call.has("all-projects"):
        words.setdefault("project", site.project or None)
    return site.machines(**words)


def _devices(site: Site, call: Call) -> Any:
    words = _given(call, "kind", "model", "fabric", "pool", "use", "where")
    if call.has("free"):
        words["free"] = call.get("free") == "true"
    return site.devices(**words)


def _operations(site: Site, call: Call) -> Any:
    words = _given(call, "machine", "verb")
    if call.has("open"):
        words["open"] = True
    return site.operations(**words)


def _wait(site: Site, call: Call) -> Any:
    text = call.get("timeout")
    limit = None if text is None else magics_lines.seconds("cannot wait", text)
    return site.operation(call.arguments[0]).wait(limit)


def _events(site: Site, call: Call) -> Any:
    words = _given(call, "after", "type", "subject")
    if call.has("follow"):
        for event in site.events(follow=True, **words):
            print(repr(event), flush=True)  # noqa: T201 (the verb prints what happens as it happens)
        return None
    text = call.get("limit") or str(_limits.usual_events)
    if not text.isdigit():
        raise Misread(f"cannot list events: --limit {text[:24]!r} is not a number")
    items = list(site.events(**words))
    newest = items[-int(text) :] if int(text) else items
    return Listing(newest, as_of=newest[-1].at if newest else None, kind="events")


def _of(read: Callable[[Site, str], Any]) -> Callable[[Site, Call], Any]:
    return lambda site, call: read(site, call.arguments[0])


_doing: dict[str, Callable[[Site, Call], Any]] = {
    "whoami": lambda site, call: site.whoami(),
    "status": lambda site, call: Status(site, site.fabrics(), site.machines(), site.operations(open=True)),
    "available": lambda site, call: site.available(call.get("kind")),
    "compose": _compose,
    "plug": _plug,
    "unplug": _unplug,
    "reshape": _reshape,
    "move": _move,
    "free": _free,
    "explain": lambda site, call: machine_named(site, call.arguments[0], call.get("project")).explain(),
    "ssh": _ssh,
    "machine ls": _machines,
    "machine show": lambda site, call: machine_named(site, call.arguments[0], call.get("project")),
    "device ls": _devices,
    "device show": _of(lambda site, name: site.device(name)),
    "fabric ls": lambda site, call: site.fabrics(),
    "fabric show": _of(lambda site, name: site.fabric(name)),
    "pool ls": lambda site, call: site.pools(),
    "pool show": _of(lambda site, name: site.pool(name)),
    "operation ls": _operations,
    "operation show": _of(lambda site, name: site.operation(name)),
    "operation wait": _wait,
    "operation cancel": _of(lambda site, name: site.operation(name).cancel()),
    "operation retry": _of(lambda site, name: site.operation(name).retry()),
    "operation undo": _of(lambda site, name: site.operation(name).undo()),
    "operation resolve": _of(lambda site, name: site.operation(name).resolve()),
    "event ls": _events,
}
