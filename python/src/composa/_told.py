"""What is only told, and has no verbs: who one is, what can be had, one fact, why something was chosen.

And what stands in other objects: a machine's devices, and its wish.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from composa import _wire
from composa._moment import Moment
from composa._wirebase import Wire
from composa.looks import Looks


@dataclasses.dataclass(frozen=True, repr=False)
class Whoami(Looks):
    """Who one is on a server.

    Attributes:
        principal: The name under which changes are recorded.
        projects: Names of the projects that one is in.
        project: The one that is used where none is named; "" where it must be named each time.
        server: The server's URL.
        version: Its version.
        emulated: Some fabric of it is pretend hardware.
    """

    principal: str
    projects: list[str]
    project: str
    server: str
    version: str
    emulated: bool


class Available(Looks, _wire.Available, Moment):
    """What can be had now of one kind and model.

    Attributes:
        kind: cpu, gpu, ssd, scm, nic, fpga or memory.
        model: As the fabric tells it; "unknown" where it does not.
        free: How many are free now, in no pool. all: how many there are.
        most: The most that one machine could get now.
        fabrics: The same by fabric: name and free.
    """

    def _same(self) -> tuple[Any, ...]:
        return "Available", self.kind, self.model


class Event(Looks, _wire.Event, Moment):
    """One fact: something that happened on the site.

    Attributes:
        id: Opaque; `site.events(after=id)` goes on behind it.
        at: When it happened.
        type: Such as "machine.ready" or "operation.done". "reset": what lies between the event before and
            this one is not to be had any more; read again what you keep.
        subject: Id of what it is about, or the name of a fabric.
        project: Project of that; None where it belongs to none.
        principal: Who did it.
        body: The state of the subject after it, as REST writes it: keys in camelCase.
        cause: What it came of, such as the id of an operation; None where nothing is known.
    """

    def _same(self) -> tuple[Any, ...]:
        return "Event", self.id


class Explanation(Looks, _wire.Explanation):
    """Why these devices of this fabric, or why none.

    Attributes:
        text: The shortest true reason.
        lines: All of it for people, line by line.
        fabric: The fabric that was chosen; None in a refusal.
        chosen: What each line of the wish was given, and why.
        fabrics: What the request met on each fabric: which condition removed how many devices.
        nearest: Of a refusal: the nearest request that fits now.
        earliest: Of a refusal: what must happen first so that exactly this fits.
        cut: Not all was found out, since it cost too much to tell.
    """

    def __str__(self) -> str:
        return "\n".join(self.lines) or self.text

    @classmethod
    def of(cls, document: _wire.Explanation | None) -> Explanation | None:
        """Make one of what the server told; None stays None."""
        told: Explanation | None = shown(document)
        return told


class MachineDevice(Looks, _wire.MachineDevice):
    """One device of a machine or a plan. It can be given wherever a place is; site.device(place) tells more.

    Attributes:
        place: Where it is, such as "rack1/gpu3"; "" while it is in no place, gone or exchanged.
        id: Its id, such as "dev_k3v9q2xwabcdefgh".
        kind: cpu, gpu, ssd, scm, nic, fpga or memory.
        model: As the fabric tells it; None where it does not.
        state: How it stands in the machine, such as "attached".
        entry: Line of the wish that it serves; None: of none.
    """


class Wish(Looks, _wire.Wish):
    """What was asked for when a machine was composed.

    Attributes:
        devices: Line by line: kind, count, model, ids, ipmi, min, where.
        fabrics: Those that will do; None: any.
        pool: The one to take from; None: devices in no pool.
        labels: Words of your own. p2p: peer-to-peer traffic. power: on or keep.
    """


_looking: dict[type, type[Wire]] = {
    _wire.Explanation: Explanation,
    _wire.MachineDevice: MachineDevice,
    _wire.Wish: Wish,
}


def shown(value: Any) -> Any:
    """Make what stands in a document show itself as all objects do; what has no looks of its own stays."""
    if type(value) is list:
        return [shown(v) for v in value]
    looking = _looking.get(type(value))
    if looking is None:
        return value
    return looking.model_construct(value.model_fields_set, **value.__dict__)
