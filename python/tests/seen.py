"""Waits until a server has read its fabrics: before that nothing can be composed on them."""

from __future__ import annotations

from composa import Site


def fabrics_of(site: Site) -> None:
    """Wait until every fabric was read once; the events tell when to look."""
    last = None
    for event in site.events():
        last = event.id
    if all(fabric.seen for fabric in site.fabrics()):
        return
    for _ in site.events(after=last, follow=True):
        if all(fabric.seen for fabric in site.fabrics()):
            return
