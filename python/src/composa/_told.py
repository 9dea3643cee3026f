"""What is only told, and has no verbs: who one is, what can be had, one fact, why something was chosen."""

from __future__ import annotations

import dataclasses
from typing import Any

from composa import _wire
from composa._moment import Moment
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
        if document is None:
            return None
        return cls.model_construct(document.model_fields_set, **document.__dict__)
