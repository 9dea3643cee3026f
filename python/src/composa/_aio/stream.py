"""Follows the events of a server as they happen, over broken connections."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx2

from composa import _limits
from composa._aio import pausing
from composa._call import Call, Query
from composa.errors import Error, Failed, Unreachable

if TYPE_CHECKING:
    from composa._aio.connection import Connection

# reset is the type of the event that tells that those between the last one and this are not to be had any
# more: read again what you keep, and go on.
reset = "reset"


async def follow(
    connection: Connection, path: str, query: Query, opened: Callable[[], None] | None = None
) -> AsyncGenerator[dict[str, Any], None]:
    """Follow the events after one of an id, as they happen, for as long as the caller wants more.

    It goes on where it was when the connection is lost, waiting longer from try to try. An event of type
    reset is passed on like the others.

    Args:
        connection: The connection.
        path: "/v1/events".
        query: What is wanted: after (an id; None: from now on), type, subject.
        opened: Called each time the stream stands, first and after it was lost: what is read from then on
            misses no event. None: nobody is told.

    Raises:
        Error: What the server answered where it refuses. Nothing is raised while it is only not there.
        Invalid: The connection was closed, also meanwhile.
    """
    place = _Place(str(query.get("after") or ""))
    pause = _limits.first_pause
    while True:
        call = Call(
            connection.server.url,
            "GET",
            path,
            {**query, "after": place.at, "follow": True},
            accept="application/x-ndjson",
        )
        try:
            async with aclosing(_events(connection, call, place, opened)) as events:
                async for event in events:
                    pause = _limits.first_pause
                    yield event
            error: Error = Unreachable(f"cannot go on with {call.shown}: the stream ended", retryable=True)
        except Error as e:
            error = e
        connection.check_open()
        if not error.retryable:
            raise error
        wait = max(pause, error.retry_after)
        if connection.again is not None:
            connection.again(error, wait)
        await pausing.pause(wait)
        pause = min(2 * pause, _limits.longest_pause)


class _Place:
    """Where in the events a follower is: after the one of the id `at`; "": from now on."""

    def __init__(self, at: str) -> None:
        self.at = at


async def _events(
    connection: Connection, call: Call, place: _Place, opened: Callable[[], None] | None
) -> AsyncGenerator[dict[str, Any], None]:
    """Read one connection's events, and move the place along."""
    response = await connection.send(call, timeout=_limits.silence)
    place.at = place.at or response.headers.get("last-event-id", "")
    if opened is not None:
        opened()
    try:
        async with aclosing(_lines(call, response)) as lines:
            async for line in lines:
                event = _event_of(call, line)
                if event is not None:
                    place.at = str(event.get("id") or place.at)
                    yield event
    except httpx2.HTTPError as e:
        raise call.lost(e) from e
    finally:
        await response.aclose()


async def _lines(call: Call, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """Split an answer into lines. One that is cut off at the end is none: it comes again."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _limits.event_bytes:
            raise Failed(
                f"cannot read the events of {call.shown}: one has more than {_limits.event_bytes} bytes",
                code="internal",
            )


def _event_of(call: Call, line: bytes) -> dict[str, Any] | None:
    """Decode one line; None where it is a sign of life and no event."""
    if not line.strip():
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise Failed(f"cannot read the events of {call.shown}: a line is not an event", code="internal")
    return event
