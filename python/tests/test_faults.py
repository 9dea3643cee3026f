"""Any verbs in any order over directors that fail: what the module says is what the site has."""

from __future__ import annotations

import itertools
import os
import pathlib
import tempfile
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

import composa
from tests.conftest import ask
from tests.processes import Director, Server

prove = bool(os.environ.get("COMPOSA_PROVE"))
numbers = itertools.count(1)

counts = ("--cpus", "4", "--gpus", "8", "--ssds", "4", "--nics", "2", "--scms", "0", "--fpgas", "0")
faults = {
    "2.5": ("1/25 * drop-after", "1/40 * status=500", "1/60 * drop-before"),
    "3.4": ("1/30 * drop-before", "1/50 * half", "1/70 * html"),
}

wants = st.fixed_dictionaries(
    {}, optional={"gpu": st.integers(1, 4), "ssd": st.integers(1, 2), "nic": st.integers(1, 1)}
)


def puts_back(e: composa.Error) -> bool:
    """Say whether an error promises that everything is as before."""
    return isinstance(e, composa.Refused) or e.code in ("failed", "conflict")


class Site:
    """One server over two failing directors, for all examples."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        home = pathlib.Path(self._folder.name)
        directors = {}
        for n, (api, kinds) in enumerate(faults.items(), 1):
            said = [a for f in kinds for a in ("--fault", f)]
            directors[f"rack{n}"] = Director(home, "--api", api, "--seed", str(n), *counts, *said)
        self.server = Server(home, directors)
        self.site = composa.connect(self.server.url, token=self.server.token, progress="none")

    def close(self) -> None:
        self.site.close()
        self.server.close()
        self._folder.cleanup()


class Verbs(RuleBasedStateMachine):
    """Composes, changes and frees machines, and holds the module to what the server lists."""

    shared: Site

    machines: Bundle[Any] = Bundle("machines")

    def __init__(self) -> None:
        super().__init__()
        self.made: list[composa.Machine] = []

    @rule(target=machines, wish=wants)
    def compose(self, wish: dict[str, int]) -> Any:
        name = f"m{next(numbers)}"
        try:
            m = self.shared.site.compose(name, **wish)
        except composa.Error as e:
            self.is_told(e)
            self.is_put_back(e, name not in self.listed(), name)
            self.forget(name)
            return None
        self.made.append(m)
        assert [d.kind for d in m.devices].count("gpu") == wish.get("gpu", 0)
        assert self.shared.site.compose(name, **wish).id == m.id, "the same again is the same machine"
        return m

    @rule(m=machines, wish=wants)
    def plug(self, m: Any, wish: dict[str, int]) -> None:
        if m is not None and wish:
            self.tries(m, lambda: m.plug(**wish))

    @rule(m=machines, n=st.integers(0, 4))
    def reshape(self, m: Any, n: int) -> None:
        if m is not None and self.tries(m, lambda: m.reshape(gpu=n)):
            assert [d.kind for d in m.devices].count("gpu") == n

    @rule(m=machines)
    def unplug(self, m: Any) -> None:
        if m is not None:
            self.tries(m, lambda: m.unplug(gpu=1))

    @rule(m=machines, n=st.integers(1, 3))
    def planned(self, m: Any, n: int) -> None:
        if m is not None:
            self.tries(m, lambda: (m.plan("reshape", gpu=n).carry_out(), m.refresh()))

    @rule(m=consumes(machines))
    def free(self, m: Any) -> None:
        if m is not None:
            self.tries(m, lambda: m.free(grace=0))

    def tries(self, m: Any, verb: Any) -> bool:
        """Do something; the machine is as the server has it afterwards, and after an error that says so as before."""
        before = self.places(m)
        try:
            verb()
        except composa.Error as e:
            self.is_told(e)
            self.is_put_back(e, self.places(m) == before, m.name)
            m.refresh()
            return False
        assert sorted(d.place for d in m.devices) == self.places(m)
        return True

    def places(self, m: composa.Machine) -> list[str]:
        """List where the devices of a machine are, as the server has it."""
        return sorted(d["place"] for d in self.ask(f"/v1/machines/{m.id}")["devices"])

    def listed(self) -> dict[str, Any]:
        """Give the living machines of the server by name."""
        return {m["name"]: m for m in self.ask("/v1/machines?limit=1000")["items"]}

    def ask(self, path: str) -> Any:
        return ask(self.shared.server.url, self.shared.server.token, "GET", path)

    def is_told(self, e: composa.Error) -> None:
        assert e.code, repr(e)
        assert str(e), repr(e)
        assert type(e) is not composa.Error

    def is_put_back(self, e: composa.Error, same: bool, name: str) -> None:
        if puts_back(e):
            assert same, f"{e!r} left {name} changed"

    def forget(self, name: str) -> None:
        """Free what a compose that failed may have left under way."""
        try:
            self.shared.site.machine(name).free(grace=0)
        except composa.NotFound:
            return

    @invariant()
    def no_device_is_in_two_machines(self) -> None:
        places = [d["place"] for m in self.listed().values() for d in m["devices"] if d["place"]]
        assert len(places) == len(set(places)), places

    def teardown(self) -> None:
        for m in self.made:
            try:
                m.refresh()
                if m.state != "freed":
                    m.free(grace=0)
            except composa.Error as e:
                self.is_told(e)
        for op in self.ask("/v1/operations?open=true")["items"]:
            self.ask(f"/v1/operations/{op['id']}?wait=60")
        held = {d["place"] for m in self.listed().values() if m["state"] == "held" for d in m["devices"]}
        used = {d["place"] for d in self.ask("/v1/devices?limit=1000")["items"] if d["use"] != "free"}
        assert used <= held, f"left behind: {used - held}"


def test_any_verbs_over_failing_directors() -> None:
    shared = Site()
    try:
        Verbs.shared = shared
        Verbs.TestCase.settings = settings(
            max_examples=200 if prove else 3,
            stateful_step_count=20 if prove else 8,
            deadline=None,
            phases=(
                Phase.explicit,
                Phase.reuse,
                Phase.generate,
            ),  # shrinking against real directors takes an hour
            suppress_health_check=list(HealthCheck),
        )
        Verbs.TestCase().runTest()
    finally:
        shared.close()
