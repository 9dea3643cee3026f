"""The words of %composa: its verbs, and what each takes.

They are the command line's, as far as they make sense in a notebook: what only shapes its output (-o,
--columns, --color) is not here, since objects show themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from composa import _limits, _words


@dataclass(frozen=True)
class Flag:
    """One flag. takes names its value; "" where it has none."""

    name: str
    takes: str
    help: str
    repeatable: bool = False


@dataclass(frozen=True)
class Verb:
    """One verb: its words, how many arguments it takes, and its flags.

    names says of what the arguments are: machine, device, fabric, pool, operation; "" for none of these.
    """

    name: str
    takes: str
    help: str
    least: int = 0
    most: int = 0
    names: str = ""
    flags: tuple[Flag, ...] = ()


_wants = tuple(Flag(kind, "WANT", f"{kind} devices: 4, A100:4 or places", True) for kind in _words.kinds)
_counts = tuple(Flag(kind, "N", f"how many {kind} devices") for kind in _words.kinds)
_conditions = (
    Flag("min", "KIND.FIELD=Q", "each device of a kind has at least this", True),
    Flag("where", "KIND:EXPR", "each device of a kind meets this", True),
)
_project = Flag("project", "NAME", "in this project")
_changing = (
    Flag("dry-run", "", "show what would be done, and do nothing"),
    Flag("no-wait", "", "do not wait for the end"),
    Flag("timeout", "D", "stop waiting after D (90s, 10m, 2h); the operation goes on"),
    Flag("message", "TEXT", "why, for the record"),
    Flag("key", "KEY", "safe to repeat for a day: with the same KEY it is done once"),
    Flag("yes", "", "consent; a notebook never asks, so the line itself is it"),
    _project,
)
_making = (
    *_wants,
    *_conditions,
    Flag("fabric", "F", "on fabric F, or one of F,F"),
    Flag("pool", "P", "take devices of pool P only"),
    Flag("label", "K=V", "label it K=V", True),
    Flag("p2p", "", "peer-to-peer traffic between its GPUs"),
    Flag("power", "WORD", "on powers it on once made, keep leaves power alone"),
)
_login = (
    Flag("login", "NAME", "log in as NAME"),
    Flag("options", "TEXT", "more for ssh, such as '-p 2222'"),
)
_label = Flag("label", "K=V", "only those labelled K=V", True)
_all_projects = Flag("all-projects", "", "of every project of yours")

_kind = Flag("kind", "KIND", "only of this kind")
_fabric = Flag("fabric", "NAME", "only of this fabric")
_context = Flag("context", "NAME", "the saved context NAME")
_explain = Flag("explain", "", "tell why this fabric and these devices")
_move = (
    Flag("from", "NAME", "the machine that has them"),
    Flag("to", "NAME", "the machine that gets them"),
)
_free = (
    Flag("grace", "D", "a host may take D to shut down (2m unless said)"),
    Flag("if-exists", "", "a machine that is not there is no error"),
    Flag("label", "K=V", "the machines labelled K=V", True),
)
_machines = (
    Flag("state", "STATE", "only those in this state"),
    _fabric,
    _label,
    Flag("freed", "", "those that were freed"),
    _all_projects,
    _project,
)
_devices = (
    _kind,
    Flag("free", "", "only free ones"),
    Flag("model", "TEXT", "only those whose model's name contains TEXT"),
    _fabric,
    Flag("pool", "NAME", "only those in this pool"),
    Flag("use", "USE", "free, claimed, attached or foreign"),
    Flag("where", "EXPR", "only those that meet EXPR"),
)
_operations = (
    Flag("open", "", "only those that have not ended"),
    Flag("machine", "NAME", "only those of this machine"),
    Flag("verb", "VERB", "only those of this verb"),
)
_wait = (Flag("timeout", "D", "stop waiting after D"),)
_events = (
    Flag("after", "ID", "only those behind this one"),
    Flag("type", "TYPE", "only of this type"),
    Flag("subject", "ID", "only about this"),
    Flag("limit", "N", "only the newest N (100 unless said; 0: all)"),
    Flag("follow", "", "go on with those that happen, until the cell is stopped"),
)


def _one(name: str, takes: str, names: str, help: str, *flags: Flag) -> Verb:
    """Make a verb of one thing."""
    return Verb(name, takes, help, 1, 1, names, flags)


def _some(name: str, help: str, *flags: Flag) -> Verb:
    """Make a verb that takes no argument."""
    return Verb(name, "", help, flags=flags)


#: Every verb of %composa, as help lists them.
verbs: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb("connect", "[URL]", "use this server from here on", 0, 1, "", (_context, _project)),
        _some("whoami", "show who you are, and where"),
        _some("status", "show the racks, your machines and open operations"),
        _some("available", "show what can be had now, by kind and model", _kind),
        _one("compose", "NAME", "", "make a machine out of free devices", *_making, _explain, *_changing),
        Verb(
            "plug",
            "NAME [IDS]",
            "add devices to a machine",
            1,
            2,
            "machine",
            (*_wants, *_conditions, *_changing),
        ),
        Verb("unplug", "NAME [IDS]", "take devices from a machine", 1, 2, "machine", (*_counts, *_changing)),
        _one("reshape", "NAME", "machine", "set how many devices of a kind it has", *_counts, *_changing),
        _one("move", "IDS", "device", "move devices from one machine to another", *_move, *_changing),
        Verb("free", "NAME…", "give machines back", 0, _limits.most_freed, "machine", (*_free, *_changing)),
        _one("explain", "NAME", "machine", "tell why a machine has its devices", _project),
        _one("ssh", "NAME [-- COMMAND]", "machine", "run a command on a machine", *_login, _project),
        _some("machine ls", "list machines", *_machines),
        _one("machine show", "NAME", "machine", "show one machine", _project),
        _some("device ls", "list devices", *_devices),
        _one("device show", "PLACE", "device", "show one device"),
        _some("fabric ls", "list fabrics"),
        _one("fabric show", "NAME", "fabric", "show one fabric"),
        _some("pool ls", "list pools"),
        _one("pool show", "NAME", "pool", "show one pool", _project),
        _some("operation ls", "list operations, newest first", *_operations),
        _one("operation show", "ID", "operation", "show one operation"),
        _one("operation wait", "ID", "operation", "wait until it has ended", *_wait),
        _one("operation cancel", "ID", "operation", "ask for it to end, and be put back"),
        _one("operation retry", "ID", "operation", "try again what is held"),
        _one("operation undo", "ID", "operation", "put back what is held"),
        _one("operation resolve", "ID", "operation", "take what the fabric shows as the end of what is held"),
        _some("event ls", "list events", *_events),
        Verb("help", "[VERB]", "show this, or what a verb takes", 0, 2),
    )
}

_name = Flag("name", "NAME", "its name; one of the cell's own unless said")
_message = Flag("message", "TEXT", "why, for the record")
_end = Flag("timeout", "D", "end it after D")

#: What %%composa takes on its first line: what compose does, and a name that may be left out.
cell = _some("", "compose a machine for the life of the cell", _name, *_making, _message, _project)

#: What %%composa ssh NAME takes.
cell_ssh = _one(
    "ssh", "NAME", "machine", "run the lines of the cell on it, with bash", *_login, _end, _project
)
