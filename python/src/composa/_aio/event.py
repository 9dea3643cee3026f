"""Event: one fact; and how facts are read, past ones and those to come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from composa import _wire
from composa._call import Call
from composa._told import Event

if TYPE_CHECKING:
    from composa._aio.readings import Readings

__all__ = ["Event", "events"]


async def events(
    site: Readings, after: str | None, follow: bool, type: str | None, subject: str | None
) -> AsyncIterator[Event]:
    """Read what happened, and go on as it happens where that is wanted."""
    call = Call(site.url, "GET", "/v1/events")
    query = {"after": after, "type": type, "subject": subject}
    if follow:
        async with aclosing(site._connection.stream("/v1/events", query)) as told:
            async for document in told:
                yield Event._of(site, call.document(document, _wire.Event))
        return
    async for page in site._connection.pages("/v1/events", query, model=_wire.Events):
        for item in page.items:
            yield Event._of(site, item)
