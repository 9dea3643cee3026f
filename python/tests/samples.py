"""Documents as a server sends them, always the same, and documents of any content."""

from __future__ import annotations

import datetime
import functools
import os
import types
import typing
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime

from composa import _wire

#: The moment at which the samples were read.
read = datetime.datetime(2026, 11, 23, 12, 0, 0, tzinfo=datetime.timezone.utc)
#: The moment at which they are shown.
now = read + datetime.timedelta(seconds=3)


def at(seconds: float) -> datetime.datetime:
    """Give the moment so many seconds before the samples were read."""
    return read - datetime.timedelta(seconds=seconds)


def device(place: str, kind: str = "gpu", **more: Any) -> _wire.Device:
    """Make a device; what is not said of it is usual for its kind."""
    usual: dict[str, dict[str, Any]] = {
        "cpu": {"model": "EPYC 7763", "vendor": "AMD", "cores": 64, "memory": 512 << 30},
        "gpu": {"model": "A100", "vendor": "NVIDIA", "memory": 40 << 30, "bus": "gen4", "lanes": 16},
        "ssd": {"model": "P4510", "vendor": "Intel", "size": 2_000_000_000_000},
        "nic": {"model": "ConnectX-6", "vendor": "NVIDIA", "speed": 100_000_000_000},
    }
    told = {"health": "ok", "hygiene": "clean", "use": "free", "free": True, "emulated": True} | usual.get(
        kind, {}
    )
    return _wire.Device(
        **told
        | {"place": place, "kind": kind, "fabric": place.split("/")[0], "id": f"dev_{place.replace('/', '')}"}
        | more,
        firstSeen=at(86400),
        revision=1,
    )


devices = [
    device("rack2/gpu0"),
    device("rack1/gpu10", use="attached", free=False, machine="train", whyNot="claimed"),
    device("rack1/gpu2", use="claimed", free=False, machine="train", whyNot="claimed"),
    device("rack1/gpu3", use="foreign", free=False, whyNot="foreign"),
    device("rack1/gpu4", health="failed", free=False, whyNot="failed"),
    device("rack1/pcpu0", "cpu", use="attached", free=False, machine="train", whyNot="claimed"),
    device("rack1/ssd0", "ssd", hygiene="used"),
    device("rack1/nic0", "nic"),
]


def part(
    place: str, kind: str = "gpu", model: str | None = "A100", state: str = "attached"
) -> _wire.MachineDevice:
    """Make a device of a machine."""
    return _wire.MachineDevice(place=place, kind=kind, model=model, state=state, id="dev_1", entry=kind)


parts = [part("rack1/gpu10"), part("rack1/gpu2", state="claimed"), part("rack1/pcpu0", "cpu", "EPYC 7763")]


def machine(name: str = "train", **more: Any) -> _wire.Machine:
    """Make a machine."""
    told: dict[str, Any] = {
        "name": name, "state": "ready", "fabric": "rack1", "emulated": True, "devices": parts, "owner": "ada",
        "project": "default", "power": "on", "reach": "no address", "id": f"mach_{name}", "revision": 3,
        "state_age": 0.4, "created_at": at(90), "updated_at": at(60), "labels": {"team": "vision"},
        "wish": _wire.Wish(devices=[
            _wire.Want(kind="cpu", count=1), _wire.Want(kind="gpu", count=2, model="A100", min={"memory": "40GB"}),
        ]),
    }  # fmt: skip
    return _wire.Machine(**told | more)


machines = [
    machine("train10"),
    machine("train2", state="stale", stateAge=12.4, address="10.0.0.12", login="ubuntu"),
    machine(
        "train1",
        state="held",
        drift=[_wire.Drift(sort="vanished", device="rack1/gpu10"), _wire.Drift(sort="lost")],
    ),
    machine("train0", state="queued", fabric=None, devices=[], emulated=None),
]


def step(
    ordinal: int, text: str, act: str = "reshape", state: str | None = "planned", **more: Any
) -> _wire.Step:
    """Make a step."""
    return _wire.Step(ordinal=ordinal, text=text, act=act, state=state, **more)


steps = [
    step(
        1, "take rack1/gpu2, rack1/gpu10 into the site's group", "enter", attach=["rack1/gpu2", "rack1/gpu10"]
    ),
    step(2, "make train on rack1", "make"),
    step(3, "attach rack1/gpu2, rack1/gpu10 to train", attach=["rack1/gpu2", "rack1/gpu10"]),
    step(4, "power train on", "power"),
]


def operation(phase: str = "running", done: int = 0, **more: Any) -> _wire.Operation:
    """Make an operation of four steps; so many are done, and in a running one the next runs."""
    states = ["done"] * done + (["running"] if phase == "running" else []) + ["planned"] * 4
    told = [
        s.model_copy(
            update={
                "state": state,
                "began_at": at(10 - i),
                "ended_at": at(9.6 - i) if state == "done" else None,
            }
        )
        for i, (s, state) in enumerate(zip(steps, states, strict=False))
    ]
    usual: dict[str, Any] = {
        "id": "op_1", "verb": "compose", "phase": phase, "direction": "forward", "fabric": "rack1", "emulated": True,
        "machines": [_wire.OperationMachine(id="mach_train", name="train")], "steps": told, "principal": "ada",
        "project": "default", "revision": done + 1, "created_at": at(11), "started_at": at(10), "typical": 8.0,
    }  # fmt: skip
    return _wire.Operation(**usual | more)


done = operation("done", 4, endedAt=at(6.2), result=_wire.Result(text="done"), revision=9)
waiting = operation("waiting", 2, reason="rack1 does not answer", revision=5)
undoing = operation("undoing", 2, reason="cancelled by ada", revision=6)
held = operation(
    "held", 2, revision=7, reason="the fabric shows another machine there",
    result=_wire.Result(code="held", text="cannot tell whose rack1/gpu2 is", where=["rack1/gpu2 in ?"], ways=["retry", "undo"]),
)  # fmt: skip
queued = operation("queued", 0, behind="op_0", startedAt=None, steps=[], typical=None)

explanation = _wire.Explanation(
    text="no fabric has 40 free gpu devices like A100; the most is 12, in rack2",
    lines=[
        "rack1: 4 of 8 gpu left for 40 wanted (4 model is not like A100)",
        "rack2: 12 of 24 gpu left for 40 wanted (12 model is not like A100)",
        "fits now: --fabric rack2 --cpu 1 --gpu A100:12 (gpu: 12 instead of 40)",
    ],
    fabrics=[],
    nearest=_wire.Nearest(
        fabric="rack2",
        counts={"cpu": 1, "gpu": 12},
        devices=[_wire.Want(kind="cpu", count=1), _wire.Want(kind="gpu", count=12, model="A100")],
        relaxed=[
            _wire.Relaxed(entry="gpu", what="count", **{"from": "40"}, to="12"),
            _wire.Relaxed(what="pool", **{"from": "vision"}),
        ],
        text="the nearest that fits now is 1 cpu, 12 gpu, on rack2",
        write="--fabric rack2 --cpu 1 --gpu A100:12",
    ),
)


def plan(**more: Any) -> _wire.Plan:
    """Make a plan that reshapes a running machine."""
    usual: dict[str, Any] = {
        "id": "plan_1", "verb": "reshape", "machine": "train", "fabric": "rack1", "emulated": True, "project": "default",
        "created_at": read, "expires_at": read + datetime.timedelta(hours=1), "devices": parts, "machines": [],
        "disturbs": ["host", "data"], "why": ["rack1 is where train is"], "typical": 2.0, "needs_owner": ["rack1/ssd0"],
        "steps": [
            step(1, "exchange rack1/gpu3 for rack1/gpu2 in train", attach=["rack1/gpu2"], detach=["rack1/gpu3"], disturbs=["host"]),
            step(2, "attach rack1/gpu10 to train", attach=["rack1/gpu10"], disturbs=["host"]),
            step(3, "detach rack1/ssd0 from train", detach=["rack1/ssd0"], disturbs=["data"]),
            step(4, "power train on", "power"),
            step(5, "give rack1/gpu3 back to rack1", "leave", detach=["rack1/gpu3"]),
        ],
    }  # fmt: skip
    return _wire.Plan(**usual | more)


fabrics = [
    _wire.Fabric(
        name="rack1", driver="liqid", era="2.5", state="ok", access="manage", acts=["make", "power"], epoch=1, foreign=0,
        kinds=[_wire.Share(kind="gpu", all=8, free=3)], machines=1, revision=1, source="config", emulated=True,
    ),
    _wire.Fabric(
        name="rack10", driver="liqid", state="silent", access="observe", acts=[], epoch=1, foreign=2, kinds=[], machines=0,
        revision=1, source="api", silentSince=at(60), reason="it does not answer",
    ),
    _wire.Fabric(
        name="rack2", driver="liqid", era="3.4", state="ok", access="manage", acts=[], epoch=1, foreign=0, kinds=[], machines=0,
        revision=1, source="api", readOnly="its line 9.9 is not known",
    ),
]  # fmt: skip

pools = [
    _wire.Pool(
        name="vision", project="default", owner="ada", id="pool_1", devices=["rack1/gpu10", "rack1/gpu2"], free=1, revision=1,
        createdAt=at(500), where='device.labels.team == "vision"', labels={"team": "vision"},
    )
]  # fmt: skip

events = [
    _wire.Event(
        id="7",
        at=at(90),
        type="machine.ready",
        subject="mach_train",
        principal="ada",
        revision=3,
        body={"name": "train"},
    ),
    _wire.Event(
        id="8", at=at(50), type="device.claimed", subject="rack1/gpu2", principal="system", cause="op_1"
    ),
]

available = [
    _wire.Available(
        kind="gpu", model="A100", free=9, all=16, most=4,
        fabrics=[_wire.AvailableThere(fabric=f"rack{i}", free=2, all=4) for i in (1, 2, 3)]
        + [_wire.AvailableThere(fabric="rack9", free=3, all=4)],
    ),
    _wire.Available(kind="cpu", model="EPYC 7763", free=1, all=2, most=1, fabrics=[_wire.AvailableThere(fabric="rack1", free=1, all=2)]),
]  # fmt: skip

#: A sample of every kind of list.
lists: dict[str, list[Any]] = {
    "available": available, "devices": devices, "events": events, "fabrics": fabrics, "machines": machines,
    "operations": [done, held, queued], "pools": pools,
}  # fmt: skip


moments = st.datetimes(
    min_value=datetime.datetime(2000, 1, 1),
    max_value=datetime.datetime(2100, 1, 1),
    timezones=st.just(datetime.timezone.utc),
)
#: How often documents of any content are made.
often = settings(
    max_examples=500 if os.environ.get("COMPOSA_PROVE") else 15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
#: Any text, often one that means something in HTML, to a terminal, or to nobody.
hostile = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td></table>", "<!--", "&lt;b&gt;", "</style>", "]]>",
         "\x1b[2J", "a\r\nb", "‮gpu", "\ud800", "' onmouseover='x", "{{7*7}}", "\u2028", "%s %(x)d", "gpu{0}"]
    ),
)  # fmt: skip
numbers = st.integers(0, 2**62)


@functools.cache
def any_of(model: Any) -> st.SearchStrategy[Any]:
    """Make documents of a model with any content."""
    fields = {name: _any(field.annotation) for name, field in model.model_fields.items()}
    return st.fixed_dictionaries(fields).map(lambda told: model.model_construct(**told))


def _any(kind: Any) -> st.SearchStrategy[Any]:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _any(args[0])
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_any(a) for a in args])
    if origin is list:
        return st.lists(_any(args[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(_any(args[0]), _any(args[1]), max_size=2)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: hostile, int: numbers, bool: st.booleans(), float: st.floats(0, 1e9), type(None): st.none(),
        AwareDatetime: moments, datetime.datetime: moments, Any: hostile,
    }  # fmt: skip
    return simple[kind] if kind in simple else any_of(kind)
