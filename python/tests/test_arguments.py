"""Where a server says what is wrong in a request, an error names the argument."""

from __future__ import annotations

from typing import Any

import pytest

from composa import _wire
from composa._arguments import argument, reword
from composa.errors import error_of

wish = _wire.PutMachine(devices=[_wire.Want(kind="cpu"), _wire.Want(kind="gpu", count=2)])
planned = _wire.NewPlan(verb="compose", project="default", machine="train", compose=wish)


@pytest.mark.parametrize(
    ("location", "body", "called"),
    [
        ("query.state", None, "state"),
        ("body.devices[1].where", wish, 'where["gpu"]'),
        ("body.devices[1].min.memory", wish, 'min["gpu.memory"]'),
        ("body.devices[1].min", wish, "min"),
        ("body.devices[1].count", wish, "gpu"),
        ("body.devices[1]", wish, "gpu"),
        ("body.devices[7].count", wish, "devices[7].count"),
        ("body.devices[1].where", None, "devices[1].where"),
        ("body.compose.devices[1].where", planned, 'where["gpu"]'),
        ("body.compose.labels.a", planned, "labels.a"),
        ("body.fabrics[0]", wish, "fabric"),
        ("body.fabrics", wish, "fabric"),
        ("body.totals.gpu", _wire.Reshape(totals={"gpu": 1}), "gpu"),
        ("body.message", wish, "message"),
        ("body", wish, "body"),
        ("path.name", None, "path.name"),
        ("header.Idempotency-Key", wish, "key"),
        ("header.If-Match", None, "header.If-Match"),
    ],
)
def test_a_place_is_an_argument(location: str, body: Any, called: str) -> None:
    assert argument(location, body) == called


def test_the_first_place_stands_in_the_text_and_all_in_errors() -> None:
    error = error_of({
        "code": "invalid", "status": 422, "detail": "cannot read the request: query.free: it is no flag (and 1 more)",
        "errors": [{"location": "query.free", "message": "it is no flag"}, {"location": "query.use", "message": "it is none"}],
    })  # fmt: skip
    assert str(reword(error, None)) == "cannot use free: it is no flag (and 1 more)"
    assert [e.location for e in error.errors] == ["free", "use"]  # type: ignore[attr-defined]


def test_a_key_that_cannot_be_read_is_the_argument() -> None:
    where = "header.Idempotency-Key"
    error = error_of({
        "code": "invalid", "status": 422, "detail": f"cannot read the request: {where}: it is too long",
        "errors": [{"location": where, "message": "it is too long"}],
    })  # fmt: skip
    assert str(reword(error, None)) == "cannot use key: it is too long"
