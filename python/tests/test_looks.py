"""Single things as they are shown: machines, plans as differences, refusals, errors."""

from __future__ import annotations

import datetime
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import _wire, errors, looks, palette
from tests import samples
from tests.golden import Golden
from tests.pages import Page


class Whoami:
    principal, project, projects, server, version, emulated = (
        "ada",
        "default",
        ["default", "vision"],
        "http://127.0.0.1:7080",
        "0.5.0",
        True,
    )


class Site:
    url, version, principal, projects, project, emulated = (
        "http://127.0.0.1:7080",
        "0.5.0",
        "ada",
        ["default"],
        "default",
        False,
    )


class Machine(looks.Looks, _wire.Machine):
    """A machine as the package makes it: the document, with looks and the moment when it was read."""

    read_at: datetime.datetime = samples.read


def refused() -> errors.Error:
    error = errors.error_of({
        "code": "refused", "status": 409, "detail": 'cannot compose "big": no fabric has 40 free gpu devices like A100',
        "next": "the nearest that fits now is 1 cpu, 12 gpu, on rack2", "request": "req_1", "retryable": False,
        "refusal": samples.explanation.model_dump(by_alias=True, mode="json"),
    })  # fmt: skip
    assert isinstance(error, errors.Refused)
    assert error.explanation is not None
    assert error.explanation.nearest is not None
    error.nearest = errors.Nearest(error.explanation.nearest, lambda offer, **more: None)
    return error


invalid = errors.error_of({
    "code": "invalid", "status": 422, "detail": "cannot compose: the request is wrong in 1 place",
    "errors": [{"location": "body.devices[1].count", "message": "must be at least 1"}],
})  # fmt: skip
moved = errors.error_of({
    "code": "moved", "status": 409, "detail": "cannot carry out plan_1: it is not as it was",
    "moved": [{"subject": "rack1/gpu3", "text": 'rack1/gpu3 is claimed by "render"', "what": "device"}],
})  # fmt: skip

things: dict[str, Any] = {
    "machine": Machine(**samples.machine().model_dump()),
    "machine-address": samples.machine("render", address="10.0.0.12", login="ubuntu"),
    "machine-held": samples.machines[2],
    "machine-device": samples.machine().devices[1],
    "machine-device-gone": samples.machine()
    .devices[1]
    .model_copy(update={"place": "", "state": "missing", "entry": None}),
    "wish": _wire.Wish(
        devices=[
            _wire.Want(kind="gpu", count=4, model="A100", min={"memory": "40GB"}),
            _wire.Want(kind="nic", ids=["rack1/nic0"]),
        ],
        fabrics=["rack1", "rack2"],
        pool="vision",
        labels={"team": "<vision>"},
        p2p=True,
        power="keep",
    ),
    "device": samples.devices[1],
    "device-broken": samples.devices[4].model_copy(
        update={"cordon": _wire.Cordon(at=samples.read, by="ada", reason="fan is loud"), "learning": True}
    ),
    "fabric": samples.fabrics[0],
    "fabric-silent": samples.fabrics[1],
    "pool": samples.pools[0],
    "event": samples.events[0],
    "available": samples.available[0],
    "operation-running": samples.operation("running", 2),
    "operation-done": samples.done,
    "operation-waiting": samples.waiting,
    "operation-held": samples.held,
    "plan": samples.plan(),
    "plan-nothing": samples.plan(
        steps=[], disturbs=[], needs_owner=None, devices=[], why=None, operation="op_1"
    ),
    "plan-expired": samples.plan(expires_at=samples.read, explanation=samples.explanation),
    "explanation": samples.explanation,
    "nearest": refused().nearest,  # type: ignore[attr-defined]
    "refused": refused(),
    "invalid": invalid,
    "moved": moved,
    "whoami": Whoami(),
    "site": Site(),
}


@pytest.mark.parametrize("name", things)
def test_what_it_looks_like(name: str, golden: Golden) -> None:
    golden.check(f"{name}.txt", looks.text(things[name], samples.now))
    golden.check_html(f"{name}.html", looks.html(things[name], samples.now))


@pytest.mark.parametrize("name", things)
def test_nothing_is_told_in_html_alone_or_in_text_alone(name: str) -> None:
    """Every word of the text stands in the HTML too, and the other way round."""
    words = set(looks.text(things[name], samples.now).replace(":", " ").split())
    page = " ".join(Page(looks.html(things[name], samples.now)).shown).replace(":", " ")
    signs = {
        m.sign
        for m in [
            *palette.uses.values(),
            *palette.conditions.values(),
            *palette.changes.values(),
            palette.broken,
        ]
    }
    numbers = {str(n) for n in range(1, 10)}  # of steps: the list has them
    title = {"machine", "device", "fabric", "pool", "event", "operation", "site", "·"}
    assert words - set(page.split()) <= numbers
    assert set(page.split()) - words - signs - title == set()


models = [
    _wire.Machine, _wire.Device, _wire.Fabric, _wire.Pool, _wire.Event, _wire.Available, _wire.Operation, _wire.Plan,
    _wire.Explanation, _wire.Nearest,
]  # fmt: skip


@pytest.mark.parametrize("model", models, ids=lambda m: m.__name__)
@samples.often
@given(data=st.data())
def test_no_text_breaks_out(model: Any, data: st.DataObject) -> None:
    thing = data.draw(samples.any_of(model))
    Page(looks.html(thing, samples.now)).text.encode()
    told = looks.text(thing, samples.now)
    told.encode()
    assert all(line.isprintable() for line in told.split("\n"))


@samples.often
@given(detail=samples.hostile, then=samples.hostile, code=samples.hostile)
def test_no_error_breaks_out(detail: str, then: str, code: str) -> None:
    error = errors.error_of(
        {"code": code, "detail": detail, "next": then, "operation": detail, "request": then}
    )
    Page(looks.html(error, samples.now)).text.encode()
    assert all(line.isprintable() for line in looks.text(error, samples.now).split("\n"))


def test_an_object_shows_itself_and_its_age() -> None:
    shown = Machine(**samples.machine().model_dump(), read_at=datetime.datetime.now(datetime.timezone.utc))
    assert repr(shown).startswith("name     train\n")
    assert repr(shown) == str(shown)
    assert "as of now (" in repr(shown)
    assert "as of now (" in shown._repr_html_()


def test_a_change_is_told_by_sign_and_colour_and_words() -> None:
    shown = looks.html(samples.plan(), samples.now)
    for change, sign, words in [
        ("detach", "+-", "exchange"),
        ("attach", "+", "attach"),
        ("detach", "-", "detach"),
        ("power", "~", "power"),
        ("other", "·", "give"),
    ]:
        assert f'<li class="d-{change}"><i>{sign}</i>{words} ' in shown


def test_a_refusal_is_told_in_full_where_it_is_raised() -> None:
    """A traceback is plain text: the sentence that says what to do must be in it."""
    try:
        raise refused()
    except errors.Error as e:
        told = "".join(traceback.format_exception(e))
    assert (
        'cannot compose "big": no fabric has 40 free gpu devices like A100; the nearest that fits now is'
        in told
    )


def test_what_has_no_looks_says_so() -> None:
    with pytest.raises(TypeError, match="cannot show a dict: it has no looks"):
        looks.text({})


def test_an_event_is_one_line() -> None:
    assert (
        looks.text(samples.events[1])
        == "2026-11-23T11:59:10Z  device.claimed  rack1/gpu2  by system, caused by op_1"
    )


@pytest.mark.parametrize(
    "thing", [samples.plan(), samples.explanation, samples.events[0]], ids=lambda t: type(t).__name__
)
def test_what_was_said_then_does_not_age(thing: _wire.Wire) -> None:
    read = type(
        type(thing).__name__, (looks.Looks, type(thing)), {"read_at": property(lambda _: samples.read)}
    )
    assert "as of" not in looks.text(read.model_construct(**thing.__dict__), samples.now)
