# Made from _aio/following.py by generate.py: change it there.
"""Follows an operation to its end, over restarts of the server and breaks of the network."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Protocol

from composa import _limits, _wire
from composa._sync import pausing
from composa._call import part
from composa.errors import Error, NotAllowed, TimedOut, Unreachable, error_of

if TYPE_CHECKING:
    from composa._sync.connection import Connection


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
    return error_of({"code": code, "detail": text, "next": ways, "operation": op.id}, 409)


def _way(op: _wire.Operation, word: str) -> str:
    """Say what a person can do about an operation that is held."""
    return f'site.operation("{op.id}").{word}()' if word in ("retry", "undo", "resolve") else word


def follow(
    connection: Connection, op: _wire.Operation, shows: Shows, patience: float | None = None
) -> _wire.Operation:
    """Follow an operation until it ended or is held.

    Where it is interrupted while something is made, the server is asked to cancel, the end of that is
    awaited, and the interrupt goes on its way. While something is given back it only stops waiting.

    Args:
        connection: To its server.
        op: As it was last seen.
        shows: Is shown every step, and told what is not usual.
        patience: Seconds to wait; None: without end.

    Returns:
        The operation, settled. Whether it did what was asked its phase says; `failure` makes an error of it.

    Raises:
        TimedOut: The time has passed. The operation goes on.
        Unreachable: The server was away for too long. The operation goes on.
        NotAllowed: The token has ended. The operation goes on.
    """
    seen = _Seen(op, shows)
    try:
        shows.show(op)
        return _until_settled(connection, seen, patience)
    except pausing.Interrupted:
        if settled(seen.op):
            raise
        if gives_back(seen.op):
            shows.note(f"stopped waiting: operation {op.id} goes on; {goes_on(seen.op)}")
            raise
        _cancelled(connection, seen)
        raise


def cancel(connection: Connection, op: _wire.Operation, shows: Shows) -> None:
    """Ask the server to cancel what an interrupted call began, and wait for the end of that."""
    _cancelled(connection, _Seen(op, shows))


class _Seen:
    """An operation as it was last seen."""

    def __init__(self, op: _wire.Operation, shows: Shows) -> None:
        self.shows = shows
        self.op = op

    def see(self, op: _wire.Operation) -> None:
        """Take a newer state; an older one is dropped."""
        if op.revision >= self.op.revision:
            self.op = op
            self.shows.show(op)


def _until_settled(connection: Connection, seen: _Seen, patience: float | None) -> _wire.Operation:
    end = None if patience is None else time.monotonic() + patience
    away = _Away()
    while not settled(seen.op):
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            raise _out_of_time(seen.op, patience)
        try:
            seen.see(_newer(connection, seen.op, left))
            away.over(seen.shows)
        except Unreachable as e:
            rest = away.again(e, seen)
            pausing.pause(rest if left is None else min(rest, left))
        except NotAllowed as e:
            raise _told_of(
                e, seen.op, "the operation goes on: connect with a token that is valid, then "
            ) from None
    return seen.op


def _newer(connection: Connection, op: _wire.Operation, left: float | None) -> _wire.Operation:
    """Ask for the next state of an operation, or the same after some seconds."""
    wait = _limits.step_wait if left is None else min(_limits.step_wait, max(1, math.ceil(left)))
    query = {"wait": wait, "newer": op.revision}
    return connection.get(f"/v1/operations/{part(op.id)}", query, model=_wire.Operation)


class _Away:
    """How long a server is away."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.pause = _limits.first_pause

    def again(self, error: Error, seen: _Seen) -> float:
        """Return the seconds to wait before the next try.

        Raises:
            Unreachable: It is away for too long.
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

    def over(self, shows: Shows) -> None:
        """Take note that the server answered."""
        if self.since is not None:
            shows.note("the server answers again")
            self.since, self.pause = None, _limits.first_pause


def _cancelled(connection: Connection, seen: _Seen) -> None:
    """Ask the server to cancel, and wait for the end of that; a second interrupt stops the waiting."""
    op, shows = seen.op, seen.shows
    shows.note(
        f"interrupted: asking the server to cancel operation {op.id}, so that everything goes back to what "
        "was before; interrupt again to stop waiting"
    )
    try:
        answer = connection.change("POST", f"/v1/operations/{part(op.id)}/cancel")
        seen.see(answer.read(_wire.Operation))
        ended = _until_settled(connection, seen, None)
    except pausing.Interrupted:
        shows.note(f"stopped waiting: operation {op.id} goes on; {goes_on(seen.op)}")
    except Error as e:
        shows.note(f"cannot tell what came of cancelling: {e}")
    else:
        shows.note(_came_of_cancelling(ended))


def _came_of_cancelling(op: _wire.Operation) -> str:
    text = op.result.text if op.result is not None else ""
    if op.phase == "done":
        return f"{title(op)} was done before it could be cancelled"
    if op.phase == "held":
        return f"{title(op)} is held: {text}"
    return text if text else f"{title(op)} was cancelled, and everything is as it was before"


def _out_of_time(op: _wire.Operation, patience: float | None) -> TimedOut:
    return TimedOut(
        f"cannot {title(op)} within {patience:g} s: operation {op.id} goes on",
        next=goes_on(op),
        operation=op.id,
    )


def _told_of(error: Error, op: _wire.Operation, how: str) -> Error:
    """Return an error that ended the waiting for an operation, with what becomes of that."""
    told = type(error)(
        f"cannot go on waiting for operation {op.id} ({title(op)}): {error.detail}",
        next=how + goes_on(op),
        code=error.code,
        operation=op.id,
        status=error.status,
        retryable=error.retryable,
        request=error.request,
    )
    told.__cause__ = error
    return told
