"""Says which argument a place in a request is, where a server refuses one and names the place."""

from __future__ import annotations

import re
from typing import Any

from composa import _words
from composa.errors import Error, Invalid

_read = "cannot read the request: "

#: Headers that an argument says.
_headers = {"Idempotency-Key": "key"}


def reword(error: Error, body: Any) -> Error:
    """Name what is wrong in a request as who called named it.

    Args:
        error: What the server answered; one that names no places stays as it is.
        body: What was sent, by which a line of a wish is known by its kind; None: nothing.

    Returns:
        The same error: of `query.state` it says state, of `body.devices[1].where` it says where["gpu"].
    """
    if not isinstance(error, Invalid):
        return error
    for i, place in enumerate(error.errors):
        said, called = place.location, argument(place.location, body)
        begin = f"{_read}{said}: "
        if i == 0 and error.detail.startswith(begin):
            rest = error.detail[len(begin) :]
            error.detail = rest if rest.startswith("cannot ") else f"cannot use {called}: {rest}"
        place.location = called
    return error


def argument(location: str, body: Any) -> str:
    """Say which argument a place is: query.state is state, body.devices[0].where is where["gpu"]."""
    source, _, where = location.partition(".")
    if source == "header":
        return _headers.get(where, location)
    if source not in ("query", "body") or not where:
        return location
    first, _, rest = where.partition(".")
    inner = getattr(body, first, None)
    if source == "body" and rest and hasattr(inner, "model_fields_set"):  # a plan says the verb's request
        where, body = rest, inner
        first, _, rest = where.partition(".")
    line = re.fullmatch(r"devices\[([0-9]+)\]", first)
    if line is not None:
        return _of_line(_kind(body, int(line[1])), rest) or where
    if first in ("counts", "totals"):
        return rest or where
    return "fabric" if first.partition("[")[0] == "fabrics" else where


def _kind(body: Any, i: int) -> str:
    """Return the kind of a line of a wish; "" where it is not known."""
    lines = getattr(body, "devices", None) or []
    kind = getattr(lines[i], "kind", "") if i < len(lines) else ""
    return kind if kind in _words.kinds else ""


def _of_line(kind: str, field: str) -> str:
    if not kind:
        return ""
    name, _, of = field.partition(".")
    if name == "min":
        return f'min["{kind}.{of}"]' if of else "min"
    return f'where["{kind}"]' if name == "where" else kind
