"""Follows an operation to its end, over restarts of the server and breaks of the network."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Protocol

from composa import _limits, _wire
from composa._aio import pausing
from composa._call import part
from composa.errors import Error, NotAllowed, TimedOut, Unreachable, error_of

if TYPE_CHECKING:
    from composa._aio.connection import Connection


class Shows(Protocol):
    """What shows how an operation goes: composa.progress."""

    def show(self, op: _wire.Operation) -> None:
        """Show its newest state."""

    def note(self, text: str) -> None:
        """Say something beside."""


def settled(op: _wire.Operation) -> bool:
    """Say whether nothing will happen to an operation any more without a person."""
    return op.phase in ("done", "undone", "cancelled", "held")


def gives_back(op: _wire.Operation) -> bool:
    """Say whether an operation gives something back: then an interrupt does not cancel it."""
    return op.verb in ("free", "unplug")


def title(op: _wire.Operation) -> str:
    """Say in words what an operation does: `compose "train"`."""
    names = ", ".join(f'"{m.name}"' for m in op.machines)
    return f"{op.verb} {names}" if names else op.verb


def goes_on(op: _wire.Operation) -> str:
    """Say that an operation goes on, and how to go on with it."""
    text = f'site.operation("{op.id}").wait() follows it'
    return text if gives_back(op) else f"{text}, .cancel() ends it"


def failure(op: _wire.Operation) -> Error | None:
    """Return the error of an operation that did not end as it was asked, or is held; None: it was done."""
    if op.phase == "done":
        return None
    result = op.result
    code = {"held": "held", "cancelled": "cancelled"}.get(op.phase) or (result and result.code) or "failed"
    text = (result and result.text) or op.reason or f"cannot {title(op)}: the operation is {op.phase}"
    ways = "; or ".join(_way(op, w) for w in (result and result.ways) or [])
    return error_of({"code": code, "detail": text, "next": ways, "operation": op.id})


def _way(op: _wire.Operation, word: str) -> str:
    """Say what a person can do about an operation that is held."""
    return f'site.operation("{op.id}").{word}()' if word in ("retry", "undo", "resolve") else word


class Seen:
    """An operation as it was last seen.

    Attributes:
        op: The operation.
        shows: Is shown every step, and told what is not usual.
    """

    def __init__(self, op: _wire.Operation, shows: Shows) -> None:
        self.shows = shows
        self.op = op

    def see(self, op: _wire.Operation) -> None:
        """Take a newer state; an older one is dropped."""
        if op.revision >= self.op.revision:
            self.op = op
            self.shows.show(op)

    def leave(self) -> str:
        """Say that it goes on without whoever followed it, or what came of it where it has ended."""
        if settled(self.op):
            return _came_of(self.op)
        return f"stopped waiting: operation {self.op.id} goes on; {goes_on(self.op)}"


async def follow(connection: Connection, seen: Seen, patience: float | None = None) -> _wire.Operation:
    """Follow an operation until it ended or is held.

    Args:
        connection: To its server.
        seen: The operation. Where this is interrupted, it is as it was seen last.
        patience: Seconds to wait; None: without end.

    Returns:
        The operation, settled. Whether it did what was asked its phase says; `failure` makes an error of it.

    Raises:
        TimedOut: The time has passed. The operation goes on.
        Error: It cannot be followed any more: the server was away or in trouble for too long, the token has
            ended, or the answer cannot be read. The operation goes on.
    """
    seen.shows.show(seen.op)
    return await _until_settled(connection, seen, patience)


async def read(connection: Connection, seen: Seen, path: str) -> _wire.Machine:
    """Read the machine of an operation that is done, for a while also where the server is away.

    Raises:
        Error: It cannot be read. The error says that the operation is done.
    """
    away = _Away()
    while True:
        try:
            machine = await connection.get(path, model=_wire.Machine)
            away.over(seen.shows)
            return machine
        except Error as e:
            if not _passes(e):
                raise
            await pausing.pause(away.again(e, seen))


async def cancel(connection: Connection, seen: Seen) -> str:
    """Ask the server to cancel what an interrupted call began, and wait for the end of that.

    A second interrupt stops the waiting.

    Returns:
        What came of it, in a sentence. Nothing is raised.
    """
    op, shows, late = seen.op, seen.shows, " before it could be cancelled"
    if settled(op):
        return _came_of(op, late)
    try:
        shows.note(
            f"interrupted: asking the server to cancel operation {op.id}, so that everything goes back to "
            "what was before; interrupt again to stop waiting"
        )
        answer = await connection.change("POST", f"/v1/operations/{part(op.id)}/cancel")
        seen.see(answer.read(_wire.Operation))
        ended = await _until_settled(connection, seen, None)
    except pausing.Interrupted:
        return seen.leave()
    except Error as e:
        return f"cannot tell what came of cancelling: {e}"
    return _came_of(ended, late)


async def _until_settled(connection: Connection, seen: Seen, patience: float | None) -> _wire.Operation:
    end = None if patience is None else time.monotonic() + patience
    away = _Away()
    while not settled(seen.op):
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            raise _out_of_time(seen.op, patience)
        try:
            seen.see(await _newer(connection, seen.op, left, away.left))
            away.over(seen.shows)
        except Error as e:
            if not _passes(e):
                raise _told_of(e, seen.op, _how_on(e)) from None
            rest = away.again(e, seen)
            await pausing.pause(rest if end is None else max(0.0, min(rest, end - time.monotonic())))
    return seen.op


async def _newer(
    connection: Connection, op: _wire.Operation, left: float | None, away: float | None
) -> _wire.Operation:
    """Ask for the next state of an operation, or the same after some seconds.

    The server waits whole seconds. What is left beside them is waited here, and then looked once more.

    Args:
        connection: To its server.
        op: As it was seen last.
        left: Seconds left to wait; None: without end.
        away: Seconds for which a server that was away may go on to be so; None: it answered.
    """
    wait, within = _limits.step_wait, None
    if away is not None:  # only a look: a network that swallows everything takes no longer than that
        wait, within = 0, max(away if left is None else min(away, left), _limits.last_look)
    elif left is not None:
        wait = min(_limits.step_wait, math.floor(left))
        within = max(left, _limits.last_look)
        if wait == 0:
            await pausing.pause(left)
    query = {"wait": wait, "newer": op.revision}
    path = f"/v1/operations/{part(op.id)}"
    return await connection.get(path, query, model=_wire.Operation, within=within)


def _passes(error: Error) -> bool:
    """Say whether a server that answers so, or not at all, may do better soon."""
    return isinstance(error, Unreachable) or error.status >= 500


def _how_on(error: Error) -> str:
    """Say what is to be done before an operation can be followed again."""
    if isinstance(error, NotAllowed):
        return "the operation goes on: connect with a token that is valid, then "
    return "the operation goes on: "


class _Away:
    """How long a server is away."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.pause = _limits.first_pause

    def again(self, error: Error, seen: Seen) -> float:
        """Return the seconds to wait before the next try.

        Raises:
            Error: It is away for too long.
        """
        now = time.monotonic()
        if self.since is None:
            self.since = now
            seen.shows.note(f"{error.detail}; trying again for {_limits.patience:.0f} s")
        elif now - self.since >= _limits.patience:
            raise _told_of(
                error,
                seen.op,
                f"tried for {_limits.patience:.0f} s; the operation goes on if the server does: ",
            )
        self.pause = min(2 * self.pause, _limits.longest_rest)
        return max(self.pause, error.retry_after)

    @property
    def left(self) -> float | None:
        """Seconds for which it may go on to be away; None: it is not."""
        return None if self.since is None else _limits.patience - (time.monotonic() - self.since)

    def over(self, shows: Shows) -> None:
        """Take note that the server answered."""
        if self.since is not None:
            shows.note("the server answers again")
            self.since, self.pause = None, _limits.first_pause


def _came_of(op: _wire.Operation, late: str = "") -> str:
    """Say what came of an operation whose caller was interrupted; late is added where it was done."""
    text = op.result.text if op.result is not None else ""
    if op.phase == "done":
        return f"{title(op)} was done{late}"
    if op.phase == "held":
        return f"{title(op)} is held: {text}"
    if op.phase == "cancelled" or not text:
        return f"{title(op)} was {op.phase}: everything is as it was before"
    return text


def _out_of_time(op: _wire.Operation, patience: float | None) -> TimedOut:
    return TimedOut(
        f"cannot {title(op)} within {patience:g} s: operation {op.id} goes on",
        next=goes_on(op),
        operation=op.id,
    )


def _told_of(error: Error, op: _wire.Operation, how: str) -> Error:
    """Return an error that ended the waiting for an operation, with what becomes of that."""
    begin, then = f"cannot go on waiting for operation {op.id} ({title(op)})", how + goes_on(op)
    if settled(op):
        begin = f"{title(op)} is {op.phase}, and the machine cannot be read"
        then = (
            f'site.operation("{op.id}") tells what it did; look at the machine again when the server answers'
        )
    told = type(error)(
        f"{begin}: {error.detail}",
        next=then,
        code=error.code,
        operation=op.id,
        status=error.status,
        retryable=error.retryable,
        request=error.request,
    )
    told.__cause__ = error
    return told
