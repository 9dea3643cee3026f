"""Makes a change of a machine and sees it through: the call, its operation, the machine in the end."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from composa import _says, _shown, _wire
from composa._aio import following, pausing
from composa._call import Answer, part
from composa._wirebase import Wire
from composa.errors import Error, NotFound

if TYPE_CHECKING:
    from composa._aio.composing import Composing


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
        made: That very call made it: it was neither found nor being made already. None: nobody knows.
    """

    machine: _wire.Machine
    made: bool | None


async def carry_out(site: Composing, change: Change) -> Came:
    """Make a change, and wait for its end as long as the caller wants.

    Interrupted, it asks the server to cancel what it began, waits for the end of that, and lets the interrupt
    go on its way. What gives something back, and what another call began, goes on.

    Raises:
        Error: The server refused it, or it ended otherwise than it was asked.
        TimedOut: The time passed. The operation goes on.
    """
    shows = site._progress()
    summary = f'stopped waiting for {change.verb} "{change.machine}"'
    try:
        shows.begin(f'{change.verb} "{change.machine}"')
        run = _Run(site, change, shows)
        try:
            came, summary = await run.through()
        except pausing.Interrupted:
            summary = await run.interrupted()
            raise
        return came
    except pausing.Interrupted as stopped:
        _shown.briefly(stopped)
        raise
    except Error as e:
        summary = str(e)
        raise
    finally:
        shows.end(summary)


class _Run:
    """One change on its way: what an interrupt anywhere in it has to go by."""

    def __init__(self, site: Composing, change: Change, shows: following.Shows) -> None:
        self._connection = site._connection
        self._change = change
        self._shows = shows
        self._asked = self._connection.asked(
            change.method, change.path, {"explain": change.explain or None}, change.body, key=change.key
        )
        self._answer: Answer | None = None
        self._seen: following.Seen | None = None

    async def through(self) -> tuple[Came, str]:
        """Make the change and see it through; return what came of it, and that in a sentence."""
        change, began = self._change, time.monotonic()
        try:
            answer = self._answer = await self._connection.answer(self._asked)
        except NotFound as e:
            came = Came(await self._freed(e), made=False)
            return came, _says.at_once(change.verb, came.machine, made=False)
        made = self._made(answer)
        if answer.status != 202:
            came = Came(answer.read(_wire.Machine), made)
            return came, _says.at_once(change.verb, came.machine, bool(made))
        seen = self._seen = following.Seen(answer.read(_wire.Operation), self._shows)
        op = seen.op
        why = op.explanation
        if change.patience == 0:
            came = Came(await self._machine_of(op, why), made)
            return came, f"{following.title(op)}: operation {op.id} goes on"
        op = await following.follow(self._connection, seen, change.patience)
        error = following.failure(op)
        if error is not None:
            raise error
        came = Came(await self._machine_of(op, why), made)
        came.machine.operation = op.id
        return came, _says.done(change.verb, came.machine, time.monotonic() - began)

    async def interrupted(self) -> str:
        """Put back what was begun, and return what came of that in a sentence."""
        change = self._change
        if not self._asked.sent:
            return "interrupted before anything was sent: nothing was done"
        begun = "it may have begun; see site.operations(open=True)"
        if self._answer is None and change.verb in ("free", "unplug"):
            return f"interrupted before the server answered: {begun}"
        try:
            answer = self._answer or await self._ask_again()
            if answer.status != 202:
                now = _says.at_once(change.verb, answer.read(_wire.Machine), bool(self._made(answer)))
                return f"interrupted, and nothing is left to cancel: {now}"
            seen = self._seen or following.Seen(answer.read(_wire.Operation), self._shows)
            if self._began(answer) and not following.gives_back(seen.op):
                return await following.cancel(self._connection, seen)
            return seen.leave()
        except pausing.Interrupted:
            return f'stopped waiting for {change.verb} "{change.machine}": {begun}'
        except Error as e:
            return f"{begun}: {e}" if e.key else str(e)

    async def _ask_again(self) -> Answer:
        """Ask what came of a change that was interrupted before its answer."""
        self._shows.note(
            "interrupted before the server answered: asking what came of it, to cancel that; "
            "interrupt again to leave at once"
        )
        self._asked = self._asked.again()
        self._answer = await self._connection.answer(self._asked)
        return self._answer

    def _made(self, answer: Answer) -> bool | None:
        """Say whether this very call made the machine, or began to; None: nobody knows."""
        if answer.status != 201 and answer.headers.get("composa-made") != "true":
            return False
        return self._is_own(answer)

    def _began(self, answer: Answer) -> bool:
        """Say whether this very call is known to have begun the operation, not another compose or call."""
        return bool(self._made(answer) if self._change.verb == "compose" else self._is_own(answer))

    def _is_own(self, answer: Answer) -> bool | None:
        """Say whether an answer is of what this call did, and not of an earlier one with the same key.

        Where an answer was lost, a key of the caller's may have been used before, and nobody knows.
        """
        if not answer.replayed:
            return True
        if not self._asked.lost:
            return False
        return None if self._asked.call.own_key else True

    async def _freed(self, cause: NotFound) -> _wire.Machine:
        """Read the machine that is not found: freed meanwhile, it is what a free would have made of it.

        Raises:
            NotFound: It was freed and can only be made anew; or the cause itself, where it was not.
        """
        change = self._change
        if not change.machine_id:
            raise cause
        try:
            machine = await self._connection.get(
                f"/v1/machines/{part(change.machine_id)}", model=_wire.Machine
            )
        except Error:
            raise cause from None
        if machine.freed_at is None:
            raise cause
        if change.verb == "free":
            return machine
        raise _says.freed(change.begin, machine, cause) from None

    async def _machine_of(self, op: _wire.Operation, why: _wire.Explanation | None) -> _wire.Machine:
        """Read the machine that an operation is about, also where it was freed since."""
        change = self._change
        id = change.machine_id or next((m.id for m in op.machines if m.name == change.machine), "")
        if not id:
            raise NotFound(
                f"{change.begin}: operation {op.id} names no machine of that name", operation=op.id
            )
        path = f"/v1/machines/{part(id)}"
        if self._seen is not None and following.settled(self._seen.op):
            machine = await following.read(self._connection, self._seen, path)
        else:
            machine = await self._connection.get(path, model=_wire.Machine)
        machine.explanation = why
        return machine
