"""The objects of a site against a real server: what they say, what they do, and what goes wrong."""

from __future__ import annotations

import copy
import itertools
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import composa
from composa import _limits, _words
from composa._sync.connection import needed
from composa._told import Explanation
from tests.conftest import ask
from tests.processes import Demo, binary
from tests.relay import Relay
from tests.stand_in import StandIn, answer, never


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
    assert m is machine
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


def test_a_refused_plan_offers_what_fits(site: composa.Site, machine: composa.Machine, name: str) -> None:
    with pytest.raises(composa.Refused) as e:
        site.plan("compose", f"{name[:50]}-new", gpu="T4:400")
    assert type(e.value.explanation) is Explanation
    assert e.value.nearest is not None
    made = e.value.nearest.compose(wait=False)
    assert made.name == f"{name[:50]}-new"
    made.free(grace=0)
    with pytest.raises(composa.Refused) as e:
        machine.plan("plug", gpu=400)
    assert type(e.value.explanation) is Explanation
    assert e.value.nearest is None


def test_what_stands_in_a_machine_shows_itself(site: composa.Site, machine: composa.Machine) -> None:
    machine.plug(ssd=1)
    planned = machine.plan("plug", ssd=1)
    for m in (machine, machine.refresh(), site.machine(machine.name), copy.deepcopy(machine), planned):
        for d in m.devices:
            assert repr(d).startswith(f"{d.place}  {d.kind}")
            assert d.place in d._repr_html_()
            assert "\n" not in repr(d)
        assert all(d.place in repr(m.devices) for d in m.devices)
    assert machine.wish is not None
    assert 'gpu="T4:1"' in repr(machine.wish)
    assert "<table" in machine.wish._repr_html_()
    assert pickle.loads(pickle.dumps(machine)).wish == machine.wish


def test_what_was_read_is_not_set_and_lists_its_own_names(machine: composa.Machine) -> None:
    with pytest.raises(AttributeError, match="cannot set name of Machine"):
        machine.name = "other"
    names = {n for n in dir(machine) if not n.startswith("_")}
    assert {"name", "devices", "plug", "free", "read_at"} <= names
    assert not names & {"copy", "dict", "json", "schema", "construct", "model_dump", "model_fields"}


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
        (lambda s: s.compose("train", gpu=1, key=5), composa.Invalid, "cannot use the key 5"),
        (lambda s: s.compose("train", gpu=1, project="Bad Name"), composa.Invalid, "site.projects lists them"),
        (lambda s: s.compose("train", gpu=1, project=5), composa.Invalid, "no project can be named 5"),
        (lambda s: s.compose("train", gpu=1, message="\ud800"), composa.Invalid, "is half a character"),
        (lambda s: s.compose("train", gpu=1, labels={"a": "\ud800"}), composa.Invalid, "is half a character"),
        (lambda s: s.devices(model="\ud800"), composa.Invalid, "is half a character"),
        (lambda s: s.operation("\ud800"), composa.Invalid, "is half a character"),
        (lambda s: s.plan([], "train"), composa.Invalid, "there is no verb []"),
        (lambda s: s.plan("grow", "train"), composa.Invalid, "there is no verb"),
        (lambda s: list(s.events(after="nonsense!")), composa.Invalid, 'cannot use after: "nonsense!" is not the id of an event'),
        (lambda s: s.machines(state="redy"), composa.Invalid, 'cannot use state: "redy" is none of queued'),
        (lambda s: s.devices(free="yes"), composa.Invalid, 'cannot use free: "yes" is none of true, false'),
        (lambda s: s.operations(verb="grow"), composa.Invalid, 'cannot use verb: "grow" is none of'),
        (lambda s: s.devices(where="1+"), composa.Invalid, 'cannot read where "1+": 1:3: it ends too early'),
        (lambda s: s.compose("train", ssd=1, gpu=1, min={"gpu.memory": "0GB"}), composa.Invalid, 'cannot use min["gpu.memory"]: the least memory of a gpu is 0'),
        (lambda s: s.plan("compose", "train", gpu=1, min={"gpu.memory": "0GB"}), composa.Invalid, 'cannot use min["gpu.memory"]: the least memory'),
        (lambda s: next(s.events(type="Machines", follow=True)), composa.Invalid, 'there is no type "Machines" of events; did you mean "machine"?'),
        (lambda s: list(s.events(type="machine ready")), composa.Invalid, 'did you mean "machine.ready"?'),
        (lambda s: list(s.events(type=5)), composa.Invalid, "type=5 is no type of events; the families are claim, device"),
        (lambda s: list(s.events(subject="rak1")), composa.NotFound, 'subject="rak1" is neither an id nor a fabric; did you mean "rack1"?'),
        (lambda s: next(s.events(subject="train", follow=True)), composa.NotFound, "subject=site.machine(…)"),
        (lambda s: list(s.events(subject=5)), composa.Invalid, "subject=5 is nothing that events are about"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(site: composa.Site, call: Any, error: type[composa.Error], text: str) -> None:
    with pytest.raises(error) as e:
        call(site)
    assert text in str(e.value)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"timeout": "x"}, 'timeout="x" is not a number of seconds above 0'),
        ({"timeout": -1}, "timeout=-1 is not"),
        ({"timeout": 0}, "timeout=0 is not"),
        ({"timeout": True}, "timeout=True is not"),
        ({"token": 5}, "token is no text"),
        ({"project": 5}, "project is no text"),
    ],
)
def test_what_no_site_can_be_connected_with(demo: Demo, said: dict[str, Any], text: str) -> None:
    with pytest.raises(composa.Invalid) as e:
        composa.connect(demo.url, **{"token": demo.token, **said})
    assert text in str(e.value)


@pytest.mark.parametrize(
    ("said", "environ", "text"),
    [
        ({"project": "Bad Name"}, {}, 'project names project "Bad Name", and admin is in default; name one of yours, or leave project out'),
        ({"project": "defualt"}, {}, 'and admin is in default; did you mean "default"? name one of yours, or leave project out'),
        ({}, {"COMPOSA_PROJECT": "zz"}, 'COMPOSA_PROJECT names project "zz", and admin is in default; set COMPOSA_PROJECT to one of yours, or unset it'),
    ],
)  # fmt: skip
def test_a_project_that_is_not_there_is_told_at_connect(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], environ: dict[str, str], text: str
) -> None:
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(composa.NotFound) as e:
        composa.connect(demo.url, token=demo.token, **said)
    assert str(e.value).startswith("cannot connect: ")
    assert str(e.value).endswith(text)


def test_a_project_of_a_context_that_is_not_there_is_told_at_connect(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    saved = f"contexts:\n- {{name: lab, url: '{demo.url}', token: {demo.token}, project: gone}}\n"
    (tmp_path / "composa").mkdir()
    (tmp_path / "composa" / "contexts.yaml").write_text(saved)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(composa.NotFound) as e:
        composa.connect(context="lab")
    assert str(e.value) == (
        'cannot connect: context lab names project "gone", and admin is in default; '
        "say project=…, with one of yours"
    )
    with composa.connect(context="lab", project=" default ") as site:
        assert site.project == "default"


def test_a_move_to_a_machine_means_that_one(site: composa.Site, machine: composa.Machine, name: str) -> None:
    gpu = next(d for d in machine.devices if d.kind == "gpu")
    gone = site.compose(f"{name[:50]}-to", gpu=1, fabric=machine.fabric)
    gone.free(grace=0)
    with site.compose(gone.name, gpu=1, fabric=machine.fabric) as named:
        for call in (lambda: machine.move(gpu, to=gone), lambda: machine.plan("move", gpu, to=gone)):
            with pytest.raises(composa.NotFound, match="it was freed at"):
                call()
        assert machine.plan("move", gpu, to=named).steps
        machine.move(gpu, to=named)
        assert gpu.place in [d.place for d in named.devices]


def test_copies_share_the_site_and_pickles_leave_it_out(
    site: composa.Site, machine: composa.Machine, demo: Demo
) -> None:
    of_each: list[Any] = [
        machine,
        site.operations(machine=machine)[0],
        machine.plan("free"),
        site.fabrics()[0],
    ]
    of_each += [site.device(machine.devices[0].place), site.available()[0], next(iter(site.events()))]
    for one in [*of_each, site.devices(), site.machines()]:
        here = copy.deepcopy(one)
        assert here == one
        pickled = pickle.dumps(one)
        assert demo.token.encode() not in pickled
        there = pickle.loads(pickled)
        assert there == one
        assert repr(there).splitlines()[0] == repr(one).splitlines()[0]
    assert copy.deepcopy([site])[0] is site
    assert copy.deepcopy(machine).refresh().state == "ready"
    away = pickle.loads(pickle.dumps(machine))
    for call in (away.refresh, away.explain, lambda: away.plug(gpu=1), lambda: away.plan("free"), away.free):
        with pytest.raises(composa.Invalid) as e:
            call()
        assert f"{machine.name}: it was pickled, and its connection does not go along; connect() here" in str(
            e.value
        )
    with pytest.raises(composa.Invalid, match="cannot pickle the connection to"):
        pickle.dumps(site)


def test_what_is_available_shows_itself(site: composa.Site) -> None:
    one = site.available("gpu")[0]
    assert one.model in repr(one)
    assert one.model in one._repr_html_()
    assert sum(f.free for f in one.fabrics) == one.free


def test_an_event_that_is_none_is_told() -> None:
    said = {"version": "1.2.3", "site": "s", "incarnation": "i", "principal": "ada", "role": "member", "projects": [],
            "limits": {}, "features": list(needed), "now": "2026-01-01T00:00:00Z"}  # fmt: skip
    with StandIn(
        answer("200 OK", said), answer("200 OK", b'{"id": "1"}\n', kind="application/x-ndjson"), never
    ) as s, composa.connect(s.url, token="t", progress="none") as it, pytest.raises(composa.Failed) as e:  # fmt: skip
        next(it.events(follow=True))
    assert str(e.value).startswith(
        f"cannot read the answer to GET /v1/events at {s.url}: it is not a document"
    )


def test_events_of_a_machine_past_and_to_come(site: composa.Site, machine: composa.Machine) -> None:
    past = list(site.events(subject=machine))
    assert past[-1].type == "machine.ready"
    assert [e.id for e in site.events(after=past[0].id, subject=machine)] == [e.id for e in past[1:]]
    follow = site.events(after=past[-1].id, follow=True, subject=machine)
    machine.plug(ssd=1)
    types = [e.type for e in itertools.islice(follow, 2)]
    follow.close()  # type: ignore[attr-defined]
    assert all(t.startswith("machine.") for t in types)


def test_events_are_chosen_by_type_family_and_subject(site: composa.Site, demo: Demo) -> None:
    everything = list(site.events())
    names = {f.name for f in site.fabrics()}
    assert all("_" in e.subject or e.subject in names for e in everything), "an id, or a fabric"
    assert [e.id for e in site.events(subject="rack1")] == [e.id for e in everything if e.subject == "rack1"]
    for type in ("fabric.added", "fabric"):
        assert {e.type.partition(".")[0] for e in site.events(type=type)} == {"fabric"}
    assert list(site.events(type="comet.seen")) == [], "what is not known may be of a newer server"
    told = subprocess.run(
        [binary(), "__complete", "event", "ls", "--type", ""], capture_output=True, text=True, check=True
    )
    types = [line for line in told.stdout.split() if "." in line]
    assert types == sorted(f"{f}.{what}" for f, those in _words.event_types.items() for what in those)


def test_a_type_of_a_newer_server_is_asked_for(site: composa.Site) -> None:
    said = r'there is no type "claim\.reopened" of events that this module, .*, knows; did you mean "claim\.opened"\?'
    with pytest.warns(UserWarning, match=said) as told:
        assert list(site.events(type="claim.reopened")) == []
    assert told[0].filename == __file__, "it names the caller's line"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for known in ("machine", "machine.freed", "comet.seen"):
            list(site.events(type=known))


def test_waiting_is_the_callers_choice(site: composa.Site, name: str) -> None:
    m = site.compose(name, gpu=1, wait=False)
    assert m.state == "composing"
    assert m.wait(timeout=60).state == "ready"
    assert m.operation is not None
    op = site.operation(m.operation)
    assert (op.settled, op.wait().phase) == (True, "done")
    assert op.cancel().phase == "done", "what has ended stays as it is"
    for way in (op.retry, op.undo, op.resolve):
        with pytest.raises(composa.Invalid, match=r"it is done, (not held|and only a held one)"):
            way()
    m.free(grace=0, wait=False)
    m.wait()
    assert m.state == "freed"


def test_waiting_is_for_whoever_changes_it(site: composa.Site, machine: composa.Machine) -> None:
    site.machine(machine.name).plug(ssd=1, wait=False)
    assert machine.wait().state == "ready"
    assert kinds(machine)["ssd"] == 2
    with pytest.raises(composa.Invalid, match='timeout="soon" is neither'):
        machine.wait(timeout="soon")  # type: ignore[arg-type]


def test_waiting_for_a_machine_that_somebody_else_frees_is_no_success(site: composa.Site, name: str) -> None:
    m = site.compose(name, gpu=1)
    watched = site.machine(m.id)
    m.free(grace=0, wait=False)
    with pytest.raises(
        composa.NotFound, match=rf'cannot wait for machine "{name}": it was freed at .* make it'
    ):
        watched.wait()
    assert watched.state == "freed"
    for one in (m, watched, site.machine(m.id)):
        assert one.wait().state == "freed", "who asked for it, or sees that it is freed, is told nothing new"


def test_an_older_answer_does_not_replace_a_newer_one(site: composa.Site, machine: composa.Machine) -> None:
    older = site.machine(machine.name)
    machine.plug(ssd=1)
    machine._renew(older)
    assert kinds(machine)["ssd"] == 2


def test_what_cannot_be_plugged(site: composa.Site, machine: composa.Machine, name: str) -> None:
    with site.compose(f"{name[:50]}-too", gpu=1, fabric=machine.fabric) as other:
        taken = next(d for d in other.devices if d.kind == "gpu").place
        with pytest.raises(composa.Refused, match=f"{taken} is claimed by"):
            machine.plug(taken)
    with pytest.raises(composa.NotFound) as e:
        machine.plug(f"{machine.fabric}/gpu99")
    assert str(e.value).startswith(
        f'cannot plug "{machine.name}": there is no device {machine.fabric}/gpu99; did you mean'
    )


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


def test_closing_ends_what_another_thread_follows(
    demo: Demo, relay: Callable[[str], Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_limits, "silence", None)  # nothing but closing ends it
    between = relay(demo.url)
    site = composa.connect(between.url, token=demo.token, progress="none", timeout=None)
    stands, heard = threading.Event(), []

    def follow() -> None:
        try:
            for _ in site.events(after="0", follow=True):
                stands.set()
        except composa.Invalid as e:
            heard.append(str(e))

    other = threading.Thread(target=follow, daemon=True)
    other.start()
    assert stands.wait(60)
    between.cut("hole")  # no sign of life comes any more
    site.close()
    other.join(60)
    assert heard == [f"cannot call {between.url}: this connection was closed; connect again"]


def test_a_script_need_not_close_its_site(demo: Demo) -> None:
    script = (
        "import composa\n"
        "def look(): return composa.connect(progress='none').devices()\n"
        "look()\n"
        "site = composa.connect(progress='none')\n"
        "events = site.events(after='0', follow=True)\n"
        "print(next(events).type)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script],
        env=os.environ | {"COMPOSA_URL": demo.url, "COMPOSA_TOKEN": demo.token},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_progress_has_three_words(demo: Demo) -> None:
    with pytest.raises(composa.Invalid, match="progress"):
        composa.connect(demo.url, token=demo.token, progress="loud")
