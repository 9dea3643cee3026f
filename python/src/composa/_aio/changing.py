"""Makes a change of a machine and sees it through: the call, its operation, the machine in the end."""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import TYPE_CHECKING, Any

from composa import _says, _wire
from composa._aio import following, pausing
from composa._call import Answer, part
from composa._told import Explanation
from composa._wirebase import Wire
from composa.errors import Error, NotFound, Refused

if TYPE_CHECKING:
    from composa._aio.site import Site


@dataclasses.dataclass(frozen=True)
class Change:
    """What is asked for.

    Attributes:
        verb: Such as "plug".
        machine: Name of the machine.
        method: PUT or POST.
        path: Escaped.
        body: The request.
        key: Idempotency key of the caller; None: one of its own.
        patience: Seconds to wait for the end; None: without end; 0: not at all.
        explain: Tell why these devices were chosen.
        machine_id: Id of the machine, where it exists already.
    """

    verb: str
    machine: str
    method: str
    path: str
    body: Wire
    key: str | None = None
    patience: float | None = None
    explain: bool = False
    machine_id: str = ""

    @property
    def begin(self) -> str:
        """What messages begin with."""
        return f'cannot {self.verb} "{self.machine}"'


@dataclasses.dataclass(frozen=True)
class Came:
    """What came of a change.

    Attributes:
        machine: The machine as it is now.
        made: That very call made it: it was neither found nor being made already.
    """

    machine: _wire.Machine
    made: bool


async def carry_out(site: Site, change: Change) -> Came:
    """Make a change, and wait for its end as long as the caller wants.

    Raises:
        Error: The server refused it, or it ended otherwise than it was asked.
        TimedOut: The time passed. The operation goes on.
    """
    shows = site._progress()
    began = time.monotonic()
    shows.begin(f'{change.verb} "{change.machine}"')
    summary = f'stopped waiting for {change.verb} "{change.machine}"'
    try:
        answer = await _begin(site, change, shows)
        if answer.status != 202:
            came = Came(answer.read(_wire.Machine), answer.status == 201)
            summary = _says.at_once(change.verb, came.machine, came.made)
            return came
        op = answer.read(_wire.Operation)
        why = op.explanation
        made = answer.headers.get("composa-made") == "true"
        if change.patience == 0:
            summary = f"{following.title(op)}: operation {op.id} goes on"
            return Came(await _machine_of(site, change, op, why), made)
        op = await following.follow(site._connection, op, shows, change.patience)
        error = following.failure(op)
        if error is not None:
            raise error
        came = Came(await _machine_of(site, change, op, why), made)
        came.machine.operation = op.id
        summary = _says.done(change.verb, came.machine, time.monotonic() - began)
        return came
    except Error as e:
        summary = str(e)
        if isinstance(e, Refused):
            e.explanation = Explanation.of(e.explanation)
        raise
    finally:
        shows.end(summary)


async def _begin(site: Site, change: Change, shows: Any) -> Answer:
    """Make the call. Interrupted before the answer, it asks what came of that, and cancels it."""
    key = change.key or secrets.token_hex(16)
    call = (change.method, change.path, {"explain": change.explain or None}, change.body)
    begun = "it may have begun; see site.operations(open=True)"
    try:
        return await site._connection.change(*call, key=key)
    except pausing.Interrupted:
        if change.verb in ("free", "unplug"):
            shows.note(f"interrupted before the server answered: {begun}")
            raise
        shows.note(
            "interrupted before the server answered: asking what came of it, to cancel that; "
            "interrupt again to leave at once"
        )
        try:
            answer = await site._connection.change(*call, key=key)
            if answer.status == 202:
                await following.cancel(site._connection, answer.read(_wire.Operation), shows)
        except (Error, pausing.Interrupted) as e:
            shows.note(f"{begun}: {e}" if isinstance(e, Error) else begun)
        raise


async def _machine_of(
    site: Site, change: Change, op: _wire.Operation, why: _wire.Explanation | None
) -> _wire.Machine:
    """Read the machine that an operation is about, also where it was freed since."""
    id = change.machine_id or next((m.id for m in op.machines if m.name == change.machine), "")
    if not id:
        raise NotFound(f"{change.begin}: operation {op.id} names no machine of that name", operation=op.id)
    machine = await site._connection.get(f"/v1/machines/{part(id)}", model=_wire.Machine)
    machine.explanation = why
    return machine
