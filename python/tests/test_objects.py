"""The objects of a site against a real server: what they say, what they do, and what goes wrong."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

import composa
from tests.conftest import ask
from tests.processes import Demo


@pytest.fixture
def site(demo: Demo) -> Iterator[composa.Site]:
    with composa.connect(demo.url, token=demo.token, progress="none") as it:
        yield it


@pytest.fixture
def machine(site: composa.Site, name: str) -> Iterator[composa.Machine]:
    """Make a machine of a gpu and a drive, freed at the end."""
    m = site.compose(name, gpu="T4", ssd=1)
    yield m
    site.machine(m.id).free(grace=0)


def kinds(m: composa.Machine) -> dict[str, int]:
    counts: dict[str, int] = {}
    for d in m.devices:
        counts[d.kind] = counts.get(d.kind, 0) + 1
    return counts


def test_a_site_says_what_it_is(site: composa.Site, demo: Demo) -> None:
    who = site.whoami()
    assert (who.principal, who.project, who.server, who.emulated) == ("admin", "default", demo.url, True)
    assert site.projects == ["default"]
    assert site.limits["machineDevices"] == 512
    assert "machines" in site.features
    for shown in (repr(site), repr(who)):
        assert demo.url in shown
        assert demo.token not in shown


def test_a_machine_changes_and_is_freed(site: composa.Site, name: str) -> None:
    m = site.compose(name, gpu=2, ssd=1, labels={"team": "vision"}, message="why not", explain=True)
    assert (m.name, m.state, m.owner, m.project) == (name, "ready", "admin", "default")
    assert kinds(m) == {"cpu": 1, "gpu": 2, "ssd": 1}
    assert m.labels == {"team": "vision"}
    assert m.explanation is not None
    assert m.explanation.chosen
    assert m.operation is not None
    assert site.operation(m.operation).message == "why not"
    changes: list[tuple[Any, int]] = [
        (lambda: m.plug(gpu=1), 3),
        (lambda: m.unplug(gpu=1), 2),
        (lambda: m.unplug(next(d for d in m.devices if d.kind == "gpu")), 1),
        (lambda: m.reshape(gpu=2), 2),
    ]
    for change, gpus in changes:
        assert change() is m
        assert (m.state, kinds(m)["gpu"]) == ("ready", gpus)
    assert m == site.machine(name)
    assert m in site.machines(labels={"team": "vision"}, state="ready")
    assert [o.verb for o in site.operations(machine=m)] == ["reshape", "unplug", "unplug", "plug", "compose"]
    told = m.explain()
    assert told is not None
    assert told.lines
    assert m.free(grace=0).state == "freed"
    assert m.freed_at is not None
    assert m in site.machines(freed=True)
    assert m.free() is m


def test_devices_are_plugged_by_place_and_moved(
    site: composa.Site, machine: composa.Machine, name: str
) -> None:
    m = machine
    free = site.devices("nic", free=True, fabric=m.fabric)
    m.plug(free[0], free[1].place)
    assert {free[0].place, free[1].place} <= {d.place for d in m.devices}
    assert free[0].refresh().machine == m.name
    with site.compose(f"{name[:50]}-to", cpu=1, fabric=m.fabric) as other:
        m.move(free[0], to=other)
        assert free[0].place in {d.place for d in other.devices}
        assert free[0].place not in {d.place for d in m.devices}
    assert other.state == "freed"
    assert m.refresh().state == "ready"


def test_lists_and_their_items(site: composa.Site, machine: composa.Machine) -> None:
    gpus = site.devices("gpu", where="device.memory >= 10*GB")
    assert {d.kind for d in gpus} == {"gpu"}
    d = gpus[0]
    assert site.device(d.place) == site.device(d.id) == d
    assert 0 <= d.age < 60
    assert [f.name for f in site.fabrics()] == ["rack1", "rack2", "rack3"]
    assert site.fabric("rack1").refresh().driver == "liqid"
    assert {a.kind for a in site.available("gpu")} == {"gpu"}
    assert sum(a.free for a in site.available("gpu")) == len(site.devices("gpu", free=True))
    assert site.pools() == []
    used = next(x for x in machine.devices if x.kind == "gpu")
    assert site.device(used.place).machine == machine.name
    for listing in (gpus, site.fabrics(), site.available(), site.machines(), site.operations()):
        assert str(len(listing)) in repr(listing)


def test_pools_are_read_and_taken_from(site: composa.Site, demo: Demo, name: str) -> None:
    pool, taken = (
        f"p-{name[:20].strip('-')}",
        [d.place for d in site.devices(free=True, fabric="rack2") if d.kind in ("cpu", "gpu")][-20:],
    )
    cpu = next(d.place for d in site.devices("cpu", free=True, fabric="rack2"))
    gpu = next(p for p in taken if "gpu" in p)
    ask(demo.url, demo.token, "POST", "/v1/pools", {"name": pool, "ids": [cpu, gpu]})
    try:
        p = site.pool(pool)
        assert p in site.pools()
        assert (sorted(p.devices), p.free) == (sorted([cpu, gpu]), 2)
        with site.compose(name, gpu=1, pool=p) as m:
            assert {d.place for d in m.devices} == {cpu, gpu}
            assert p.refresh().free == 0
    finally:
        ask(demo.url, demo.token, "POST", f"/v1/pools/default/{pool}/remove", {"ids": [cpu, gpu]})
        ask(demo.url, demo.token, "DELETE", f"/v1/pools/default/{pool}")
    with pytest.raises(composa.NotFound):
        p.refresh()


def test_a_plan_is_carried_out_exactly_or_not_at_all(site: composa.Site, machine: composa.Machine) -> None:
    plan = machine.plan("plug", ssd=1)
    assert kinds(machine.refresh()) == {"cpu": 1, "gpu": 1, "ssd": 1}
    assert plan.steps
    assert plan.disturbs
    other = machine.plan("plug", ssd=1)
    m = plan.carry_out()
    assert {d.place for d in m.devices} == {d.place for d in plan.devices}
    assert plan.carry_out() == m
    with pytest.raises(composa.Conflict) as e:
        other.carry_out()
    assert e.value.code == "moved"
    assert e.value.moved
    assert e.value.moved[0].text


def test_a_plan_of_each_verb(site: composa.Site, machine: composa.Machine, name: str) -> None:
    gpu = next(d for d in machine.devices if d.kind == "gpu")
    assert site.plan("compose", f"{name[:50]}-new", gpu=1).devices
    assert machine.plan("unplug", gpu).steps
    assert site.plan("reshape", machine.name, gpu=2).steps
    assert machine.plan("free", grace=0).devices == []
    with pytest.raises(composa.Invalid, match="free takes no gpu"):
        machine.plan("free", gpu=1)
    with pytest.raises(composa.NotFound):
        machine.plan("move", gpu, to="nobody")


def test_a_refusal_has_a_counter_offer(site: composa.Site, name: str) -> None:
    with pytest.raises(composa.Refused) as e:
        site.compose(name, gpu=100, labels={"a": "b"})
    assert e.value.explanation is not None
    assert e.value.explanation.fabrics
    assert e.value.nearest is not None
    assert e.value.nearest.text in str(e.value)
    with e.value.nearest.compose(message="the nearest") as m:
        assert kinds(m)["gpu"] == e.value.nearest.offer.counts["gpu"]
        assert m.labels == {"a": "b"}
    with pytest.raises(composa.Invalid, match="there is no argument"):
        e.value.nearest.compose(gpu=3)


def test_a_machine_freed_by_somebody_else(site: composa.Site, demo: Demo, name: str) -> None:
    m = site.compose(name, gpu=1)
    ask(demo.url, demo.token, "POST", f"/v1/machines/default/{name}/free?wait=60", {"grace": 0})
    again = site.compose(name, gpu=1)
    assert again.id != m.id
    for verb in (
        lambda: m.plug(gpu=1),
        lambda: m.reshape(gpu=2),
        lambda: m.unplug(gpu=1),
        lambda: m.plan("free"),
    ):
        with pytest.raises(composa.NotFound) as e:
            verb()
        assert "it was freed at" in str(e.value)
    with pytest.raises(composa.NotFound, match=f'site.compose."{name}"'):
        m.plug(gpu=1)
    assert m.state == "freed"
    m.free()
    assert again.refresh().state == "ready", "freeing the old one does not free the new one of its name"
    again.free(grace=0)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda s: s.machine("no-such"), composa.NotFound, "site.machines() lists what there is"),
        (lambda s: s.device("rack1/gpuu3"), composa.NotFound, 'did you mean "rack1/gpu3"?'),
        (lambda s: s.device("rack9/gpu3"), composa.NotFound, 'did you mean "rack'),
        (lambda s: s.device("rack1/gpu[0-3]"), composa.Invalid, "it names 4 devices"),
        (lambda s: s.fabric("rak1"), composa.NotFound, 'did you mean "rack1"?'),
        (lambda s: s.operation("op_nothing"), composa.NotFound, "op_nothing"),
        (lambda s: s.operation(""), composa.Invalid, "it is no id"),
        (lambda s: s.devices("gpus"), composa.Invalid, "did you mean gpu?"),
        (lambda s: s.devices(where="device.memry > 1"), composa.Invalid, "memory"),
        (lambda s: s.devices(use="idle"), composa.Invalid, "use"),
        (lambda s: s.machines("nobody"), composa.NotFound, "nobody"),
        (lambda s: s.available("gpuz"), composa.Invalid, "did you mean gpu?"),
        (lambda s: s.compose("train", gpus=4), composa.Invalid, 'there is no argument "gpus"; did you mean gpu?'),
        (lambda s: s.compose("train"), composa.Invalid, "it would be made of nothing"),
        (lambda s: s.compose("Train", gpu=1), composa.Invalid, "'T' may not stand at position 1"),
        (lambda s: s.compose("train", gpu=1, power="of"), composa.Invalid, "neither 'on' nor 'keep'"),
        (lambda s: s.compose("train", gpu=1, pool="no-pool"), composa.NotFound, "no-pool"),
        (lambda s: s.compose("train", gpu=1, fabric="rack7"), composa.NotFound, "rack7"),
        (lambda s: s.compose("train", gpu=1, project="nobody"), composa.NotFound, "nobody"),
        (lambda s: s.compose("train", gpu=1, where={"gpu": "device.x"}), composa.Invalid, "device"),
        (lambda s: s.compose("train", gpu=1, key="a b"), composa.Invalid, "key"),
        (lambda s: s.plan("grow", "train"), composa.Invalid, "there is no verb"),
        (lambda s: list(s.events(after="nonsense!")), composa.Error, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(site: composa.Site, call: Any, error: type[composa.Error], text: str) -> None:
    with pytest.raises(error) as e:
        call(site)
    assert text in str(e.value)


def test_events_of_a_machine_past_and_to_come(site: composa.Site, machine: composa.Machine) -> None:
    past = list(site.events(subject=machine))
    assert past[-1].type == "machine.ready"
    assert [e.id for e in site.events(after=past[0].id, subject=machine)] == [e.id for e in past[1:]]
    follow = site.events(after=past[-1].id, follow=True, subject=machine)
    machine.plug(ssd=1)
    types = [e.type for e in itertools.islice(follow, 2)]
    follow.close()  # type: ignore[attr-defined]
    assert all(t.startswith("machine.") for t in types)


def test_waiting_is_the_callers_choice(site: composa.Site, name: str) -> None:
    m = site.compose(name, gpu=1, wait=False)
    assert m.state == "composing"
    assert m.wait(timeout=60).state == "ready"
    assert m.operation is not None
    op = site.operation(m.operation)
    assert (op.settled, op.wait().phase) == (True, "done")
    assert op.cancel().phase == "done", "what has ended stays as it is"
    with pytest.raises(composa.Error):
        op.retry()
    m.free(grace=0, wait=False)
    m.wait()
    assert m.state == "freed"


def test_a_key_is_used_once(site: composa.Site, machine: composa.Machine) -> None:
    key = f"k-{os.urandom(4).hex()}"
    machine.plug(ssd=1, key=key)
    machine.plug(ssd=1, key=key)
    assert kinds(machine)["ssd"] == 2
    with pytest.raises(composa.Conflict) as e:
        machine.plug(ssd=2, key=key)
    assert e.value.code == "key_reused"


def test_a_closed_site_says_so(demo: Demo) -> None:
    site = composa.connect(demo.url, token=demo.token, progress="none")
    gpu = site.devices("gpu")[0]
    site.close()
    for call in (
        site.machines,
        gpu.refresh,
        lambda: site.compose("train", gpu=1),
        lambda: next(iter(site.events(follow=True))),
    ):
        with pytest.raises(composa.Invalid, match="closed"):
            call()


def test_progress_has_three_words(demo: Demo) -> None:
    with pytest.raises(composa.Invalid, match="progress"):
        composa.connect(demo.url, token=demo.token, progress="loud")
