"""Event: one fact; and how facts are read, past ones and those to come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from composa import _wire, _words
from composa._call import Call
from composa._told import Event
from composa.errors import Invalid, NotFound

if TYPE_CHECKING:
    from composa._aio.readings import Readings

__all__ = ["Event", "events"]


async def events(
    site: Readings, after: str | None, follow: bool, type: str | None, subject: Any
) -> AsyncIterator[Event]:
    """Read what happened, and go on as it happens where that is wanted."""
    begin = "cannot read events"
    type = None if type is None else _words.event_type(begin, type)
    about = _about(begin, subject)
    call = Call(site.url, "GET", "/v1/events")
    query = {"after": after, "type": type, "subject": about}
    if follow:
        await _check_fabric(site, begin, about)
        async with aclosing(site._connection.stream("/v1/events", query)) as told:
            async for document in told:
                yield Event._of(site, call.document(document, _wire.Event))
        return
    found = False
    async for page in site._connection.pages("/v1/events", query, model=_wire.Events):
        for item in page.items:
            found = True
            yield Event._of(site, item)
    if not found:  # of a fabric that is gone there may be some
        await _check_fabric(site, begin, about)


def _about(begin: str, subject: Any) -> str | None:
    """Read what events are to be about."""
    about = getattr(subject, "id", None) or getattr(subject, "name", None) or subject
    if about is None or (isinstance(about, str) and about):
        return about
    raise Invalid(
        f"{begin}: subject={_words.abridge(subject)} is nothing that events are about",
        next="give a Machine, Device, Operation, Fabric or Pool, or an id",
    )


async def _check_fabric(site: Readings, begin: str, about: str | None) -> None:
    """Refuse the name of no fabric where one was given: what is no id is one.

    Raises:
        NotFound: There is no fabric of that name.
    """
    if about is None or "_" in about:  # no name has that, and each id
        return
    names = [f.name for f in await site.fabrics()]
    if about not in names:
        near = _words.nearest(about, names)
        raise NotFound(
            f"{begin}: subject={_words.abridge(about)} is neither an id nor a fabric",
            next=(f'did you mean "{near}"? ' if near else "")
            + "of a machine or pool give itself: subject=site.machine(…)",
        )
