"""The rack picture: what it is drawn from, how it follows, how it ends."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import composa
import composa.aio
from composa import _limits, palette
from composa._aio.connection import Connection
from composa.notebook import _documents, _twins, rack
from composa.notebook._kept import Kept
from tests.conftest import ask
from tests.processes import Demo, lacking, patience, root

web = root / "web"


class Seen:
    """What a view of a picture would have now, and how to wait for it."""

    def __init__(self, picture: rack.RackPicture) -> None:
        self._widget = picture.widget
        self._changed = threading.Condition()
        self._widget.observe(self._notice, ["documents", "changes", "news"])

    def _notice(self, _: Any) -> None:
        with self._changed:
            self._changed.notify_all()

    def until(self, enough: Callable[[Seen], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self), patience), (
                f"{self.news}, {self.sort('machines')}"
            )

    @property
    def news(self) -> dict[str, str]:
        return dict(self._widget.news)

    def sort(self, sort: str) -> dict[str, dict[str, Any]]:
        return view(self._widget.documents, self._widget.changes)[sort]

    def uses(self, machine: str) -> list[str]:
        """Return how the devices of a machine are used."""
        return [d["use"] for d in self.sort("devices").values() if d.get("machine") == machine]

    def states(self, machine: str) -> list[str]:
        """Return the state of a machine, if it is there."""
        return [m["state"] for m in self.sort("machines").values() if m["name"] == machine]


def view(documents: dict[str, Any], changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Put changes onto documents, as the page does."""
    out = {sort: dict(documents.get(sort, {})) for sort in ("fabrics", "devices", "machines")}
    if changes["of"] == documents["number"]:
        for sort in out:
            out[sort].update(changes.get(sort, {}))
    return {sort: {id: doc for id, doc in docs.items() if doc is not None} for sort, docs in out.items()}


@pytest.fixture
def at_demo(demo: Demo) -> Any:
    with composa.connect(demo.url, token=demo.token, progress="none") as site:
        yield site


def test_it_follows_a_machine_from_claim_to_free(at_demo: Any, name: str) -> None:
    picture = at_demo.draw()
    seen = Seen(picture)
    assert set(seen.sort("fabrics")) == {"rack1", "rack2", "rack3"}
    assert seen.news["state"] == "live"

    machine = at_demo.compose(name, gpu=1, ssd=1)
    seen.until(lambda s: s.uses(name) == ["attached"] * 3 and s.states(name) == ["ready"])
    machine.free(grace=0)
    seen.until(lambda s: not s.uses(name) and not s.states(name))
    kept = picture._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in kept
    for still in (kept["text/html"], kept["text/plain"]):  # as a page keeps it, which does not move
        assert re.search(r"as of \d\d:\d\d:\d\dZ, followed in the notebook that drew it", still)
    picture.close()
    assert seen.news["state"] == "closed"


def test_only_the_racks_that_are_named(at_demo: Any) -> None:
    picture = at_demo.draw("rack2", at_demo.fabric("rack1"), live=False)
    seen = Seen(picture)
    assert set(seen.sort("fabrics")) == {"rack1", "rack2"}
    assert {d["fabric"] for d in seen.sort("devices").values()} == {"rack1", "rack2"}


def test_a_rack_that_is_not_there(at_demo: Any) -> None:
    before = threading.active_count()
    with pytest.raises(
        composa.NotFound, match=r"^cannot draw 'rack9': there is no such fabric; .*lists them"
    ):
        at_demo.draw("rack1", "rack9")
    assert threading.active_count() == before


def test_a_picture_that_does_not_follow_has_no_thread(at_demo: Any) -> None:
    picture = at_demo.draw("rack1", live=False)
    picture._watcher.thread.join(patience)
    assert not picture._watcher.thread.is_alive()
    assert Seen(picture).news["state"] == "still"
    assert "not followed" in repr(picture)


def test_closing_ends_the_thread(at_demo: Any) -> None:
    picture = at_demo.draw("rack1")
    assert picture._watcher.thread.is_alive()
    picture.close()
    assert not picture._watcher.thread.is_alive()
    picture.close()


def test_a_site_that_is_closed_closes_its_pictures(demo: Demo) -> None:
    site = composa.connect(demo.url, token=demo.token)
    picture, still = site.draw("rack1"), site.draw("rack1", live=False)
    shown = picture.widget
    site.close()
    assert not picture._watcher.thread.is_alive()
    assert (shown.news["state"], shown.news["reason"]) == ("closed", "the site was closed")
    assert "as of" in repr(still)
    assert "closed" not in repr(still)
    with pytest.raises(composa.Invalid, match="cannot draw racks: this site was closed; connect again"):
        site.draw("rack1")


def test_drawing_lets_the_event_loop_go_on(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    gone_on = threading.Event()

    async def draw() -> Any:
        async with await composa.aio.connect(demo.url, token=demo.token) as site:
            asyncio.get_running_loop().call_soon(gone_on.set)
            return await site.draw("rack1")

    read = _documents.read

    async def read_later(*args: Any) -> Any:
        assert gone_on.wait(patience)
        return await read(*args)

    monkeypatch.setattr(_documents, "read", read_later)
    picture = asyncio.run(draw())
    assert "the site was closed" in repr(picture)


def test_a_picture_outlives_a_site_that_nobody_has(demo: Demo) -> None:
    site = composa.connect(demo.url, token=demo.token)
    picture, connection = site.draw("rack1"), site._connection
    del site
    gc.collect()
    assert picture._watcher.thread.is_alive()
    picture.close()
    connection.close()


def test_live_is_yes_or_no(at_demo: Any) -> None:
    with pytest.raises(composa.Invalid, match=r'^cannot draw racks with live="rack1"; live is True or False'):
        at_demo.draw(live="rack1")


def test_it_is_live_only_while_it_hears(at_demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "look_all_the_same", 0.01)
    monkeypatch.setattr(_limits, "between_readings", 0.01)
    followed, heard = Connection.stream, threading.Event()

    async def stream(self: Connection, *args: Any, **more: Any) -> AsyncIterator[Any]:
        while not heard.is_set():
            assert self.again is not None
            self.again(composa.Unreachable("too many streams"), 0.0)
            await asyncio.sleep(0.01)
        async for event in followed(self, *args, **more):
            yield event

    monkeypatch.setattr(Connection, "stream", stream)
    picture = at_demo.draw("rack1")
    seen = Seen(picture)
    seen.until(lambda v: v.news["state"] == "silent")
    since = seen.news["since"]
    states = []
    picture.widget.observe(lambda change: states.append(change.new["state"]), "news")
    seen.until(lambda v: v.news["since"] > since)  # it was read again, and that is told
    assert set(states) == {"silent"}
    assert seen.news["reason"] == "too many streams"
    heard.set()
    seen.until(lambda v: v.news["state"] == "live")
    picture.close()


def test_a_picture_that_nobody_has_or_sees_ends_its_thread(at_demo: Any) -> None:
    thread = at_demo.draw("rack1")._watcher.thread
    gc.collect()
    thread.join(patience)
    assert not thread.is_alive()


def test_a_picture_that_is_shown_goes_on_without_a_variable(at_demo: Any, name: str) -> None:
    picture = at_demo.draw()
    assert "application/vnd.jupyter.widget-view+json" in picture._repr_mimebundle_()
    seen, watcher = Seen(picture), picture._watcher
    del picture
    gc.collect()
    with at_demo.compose(name, gpu=1):
        seen.until(lambda s: "attached" in s.uses(name))
    watcher.end()


def test_the_oldest_of_too_many_ends(at_demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "live_pictures", 2)
    pictures = [at_demo.draw("rack1") for _ in range(3)]
    assert [p._watcher.thread.is_alive() for p in pictures] == [False, True, True]
    assert "2 newer pictures follow" in repr(pictures[0])
    for p in pictures:
        p.close()


def test_a_process_that_ends_leaves_nothing(demo: Demo) -> None:
    script = "import composa, sys; p = composa.connect().draw(); p.widget; print(len(p._kept.documents['devices']))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "COMPOSA_URL": demo.url,
            "COMPOSA_TOKEN": demo.token,
            "PYTHONPATH": str(root / "python" / "src"),
        },
        capture_output=True,
        text=True,
        timeout=patience,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 100


def test_a_server_that_goes_and_comes_back(server: Any, name: str) -> None:
    s = server("--call-latency", "1ms")
    with composa.connect(s.url, token=s.token, progress="none") as site:
        seen = Seen(picture := site.draw())
        s.kill()
        seen.until(lambda v: v.news["state"] == "silent")
        assert "no news since" in repr(picture)
        s.start()
        seen.until(lambda v: v.news["state"] == "live")
        machine = site.compose(name, gpu=1)
        seen.until(lambda v: "attached" in v.uses(name))
        machine.free(grace=0)
        picture.close()


def test_a_token_that_is_taken_away_closes_it(server: Any) -> None:
    s = server()
    ask(s.url, s.token, "POST", "/v1/users", {"name": "ana"})
    token = ask(s.url, s.token, "POST", "/v1/tokens", {"user": "ana"})
    with composa.connect(s.url, token=token["token"]) as site:
        seen = Seen(site.draw())
        ask(s.url, s.token, "DELETE", f"/v1/tokens/{token['id']}")
        seen.until(lambda v: v.news["state"] == "closed")
        assert "token was removed" in seen.news["reason"]


def test_a_widget_that_is_closed_ends_the_thread(at_demo: Any) -> None:
    picture = at_demo.draw("rack1")
    thread = picture._watcher.thread
    picture.widget.close()
    assert thread.is_alive()  # who has the picture can still print it
    del picture
    gc.collect()
    thread.join(patience)
    assert not thread.is_alive()


def test_without_anywidget_it_is_text_and_a_table(at_demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    rack._widget_class.cache_clear()
    picture = at_demo.draw("rack1", live=False)
    with pytest.raises(
        composa.MissingExtra, match=r"anywidget is not installed; pip install 'composa\[notebook\]'"
    ):
        _ = picture.widget
    shown = picture._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert shown["text/plain"].startswith("rack1 (emulated)\n  cpu ")
    assert "pip install" not in shown["text/html"]  # it was not to move
    moving = at_demo.draw("rack1")
    html = moving._repr_mimebundle_()["text/html"]
    moving.close()
    assert "not followed: " in html
    assert "anywidget is not installed; pip install" in html
    assert "followed in the notebook" not in html
    monkeypatch.undo()
    rack._widget_class.cache_clear()


# What is sent

places = st.integers(0, 30)
documents = st.builds(
    lambda devices, machines: {
        "fabrics": {"rack1": {"name": "rack1", "state": "ok"}},
        "devices": {
            f"dev_{n}": {
                "id": f"dev_{n}",
                "place": f"rack1/gpu{n}",
                "fabric": "rack1",
                "kind": "gpu",
                "use": use,
                "health": "ok",
                "free": use == "free",
            }
            for n, use in devices.items()
        },
        "machines": {
            f"mach_{n}": {"id": f"mach_{n}", "name": f"m{n}", "state": s} for n, s in machines.items()
        },
    },
    st.dictionaries(places, st.sampled_from(["free", "claimed", "attached", "foreign"])),
    st.dictionaries(st.integers(0, 3), st.sampled_from(["ready", "freeing"])),
)


@given(st.lists(documents), st.integers(0, 8))
def test_a_view_has_what_was_read_last(readings: list[Any], least: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_limits, "least_changes", least)
        kept, traits = Kept(), dict[str, Any]()
        kept.tell(lambda values: traits.update(copy.deepcopy(values)))
        for reading in readings:
            kept.read(reading)
            assert view(traits["documents"], traits["changes"]) == reading
            late = dict[str, Any]()
            kept.tell(lambda values, late=late: late.update(copy.deepcopy(values)))
            assert view(late["documents"], late["changes"]) == reading
            kept.tell(lambda values: traits.update(copy.deepcopy(values)))


@given(documents, documents)
def test_differences_lead_from_one_to_the_other(was: Any, now: Any) -> None:
    changes = _documents.differences(was, now)
    assert view({"number": 0, **was}, {"of": 0, **changes}) == now
    assert _documents.differences(now, now) == {}


def test_a_change_of_one_device_sends_one_device() -> None:
    def reading(use: str) -> Any:
        devices = {
            f"dev_{n}": {"id": f"dev_{n}", "fabric": "rack1", "use": use if n == 7 else "free"}
            for n in range(1000)
        }
        return {"fabrics": {"rack1": {"name": "rack1"}}, "devices": devices, "machines": {}}

    kept, sent = Kept(), list[Any]()
    kept.tell(sent.append)
    kept.read(reading("free"))
    sent.clear()
    kept.read(reading("attached"))
    assert [list(s) for s in sent] == [["changes"]]
    assert list(sent[0]["changes"]["devices"]) == ["dev_7"]
    assert len(json.dumps(sent)) < 200
    kept.read(reading("attached"))
    assert len(sent) == 1


# The twins

still = {"state": "still", "since": "2026-01-01T00:00:00+00:00", "reason": ""}


def test_the_text_says_every_use_with_a_sign_and_words() -> None:
    uses = ["free", "claimed", "attached", "foreign"]
    docs = _documents.nothing()
    docs["fabrics"]["rack1"] = {"name": "rack1", "state": "silent"}
    for n, use in enumerate([*uses, "free"]):
        docs["devices"][f"d{n}"] = {
            "id": f"d{n}",
            "place": f"rack1/gpu{n}",
            "fabric": "rack1",
            "kind": "gpu",
            "use": use,
            "free": n == 0,
            "health": "failed" if n == 4 else "ok",
        }
    docs["devices"]["d2"] |= {"machine": "train", "machineId": "m"}
    docs["machines"]["m"] = {"id": "m", "name": "train", "state": "ready"}
    assert _twins.text(docs, still).splitlines() == [
        "rack1 (silent)",
        "  gpu    ○◐●◆✕  1 of 5 free",
        "train (ready): 1 device, rack1/gpu2",
        "○ free  ◐ claimed  ● attached  ◆ foreign  ✕ failed  ? missing",
        "as of 00:00:00Z, not followed",
    ]


@given(documents)
def test_the_twins_tell_every_device_once(docs: Any) -> None:
    signs = [m.sign for m in (*palette.uses.values(), palette.broken)]
    drawn = [line for line in _twins.text(docs, still).splitlines() if line.startswith("  ")]
    assert sum(c in signs for line in drawn for c in line) == len(docs["devices"])
    assert _twins.html(docs, still).count("<i ") == len(docs["devices"])


def test_each_sign_of_the_table_is_named() -> None:
    docs = _documents.nothing()
    docs["fabrics"]["r"] = {"name": "r", "state": "ok"}
    docs["devices"]["a"] = {
        "id": "a", "place": "r/gpu0", "fabric": "r", "kind": "gpu", "model": "A100", "use": "attached",
        "machine": "train", "health": "ok",
    }  # fmt: skip
    docs["devices"]["b"] = {
        "id": "b", "place": "r/gpu1", "fabric": "r", "kind": "gpu", "use": "foreign", "health": "missing",
    }  # fmt: skip
    shown = _twins.html(docs, still)
    assert 'role="img" aria-label="r/gpu0, gpu A100, attached to train"' in shown
    assert 'role="img" aria-label="r/gpu1, gpu, foreign, missing"' in shown


def test_names_are_escaped() -> None:
    docs = _documents.nothing()
    docs["fabrics"]["r"] = {"name": "r", "state": "ok"}
    docs["devices"]["d"] = {
        "id": "d", "place": "r/gpu0", "fabric": "r", "kind": "<b>", "use": "attached", "health": "ok",
        "machine": "<script>", "machineId": "m",
    }  # fmt: skip
    docs["machines"]["m"] = {"id": "m", "name": "<script>\x1b[31m", "state": "ready"}
    assert "<script" not in _twins.html(docs, still)
    assert "\x1b" not in _twins.text(docs, still)


# What it shares with the web page


def test_the_page_draws_with_the_palette() -> None:
    said = json.loads((web / "src" / "rack" / "palette.json").read_text("utf-8"))
    assert said == {
        "uses": {word: mark._asdict() for word, mark in palette.uses.items()},
        "broken": palette.broken._asdict(),
        "unknown": palette.unknown._asdict(),
        "conditions": {word: mark._asdict() for word, mark in palette.conditions.items()},
        "kinds": palette.kinds,
    }


def test_what_is_checked_in_is_what_the_sources_make(tmp_path: pathlib.Path) -> None:
    npm = shutil.which("npm")
    if npm is None or not (web / "node_modules").exists():
        lacking("web/node_modules is not there: run npm ci in web")
    subprocess.run(
        [npm, "run", "build", "--", "--outDir", str(tmp_path)],
        cwd=web,
        check=True,
        capture_output=True,
        timeout=240,
    )
    static = root / "python" / "src" / "composa" / "notebook" / "static"
    for made in ("rack.js", "rack.licenses.md"):
        same = (static / made).read_bytes() == (tmp_path / made).read_bytes()
        assert same, f"{made} is stale: run npm run build in web, and commit what it made"
