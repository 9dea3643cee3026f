"""Calls of the real server: keys, revisions, pages, streams, what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from composa import _wire, errors
from composa._call import part
from composa._servers import Server
from tests.faces import Async, Sync
from tests.processes import Demo

Connect = Callable[..., Any]
cpu = {"devices": [{"kind": "cpu", "count": 1}]}


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def connection(request: pytest.FixtureRequest, demo: Demo) -> Iterator[Any]:
    """Connect to the demo by either face."""
    made = request.param(Server(demo.url, demo.token))
    yield made
    made.close()


def test_a_repeated_change_is_answered_by_what_came_of_the_first(connection: Any, name: str) -> None:
    path = f"/v1/machines/default/{part(name)}"
    key = f"{name}-{id(connection)}"
    first = connection.change("PUT", path, {"wait": 60}, cpu, key=key)
    again = connection.change("PUT", path, {"wait": 60}, cpu, key=key)
    assert (first.status, first.replayed) == (201, False)
    assert again.replayed
    assert again.read(_wire.Machine).id == first.read(_wire.Machine).id
    with pytest.raises(errors.Conflict) as e:
        connection.change("PUT", path, None, {"devices": [{"kind": "cpu", "count": 2}]}, key=key)
    assert e.value.code == "key_reused"
    freed = connection.change("POST", f"{path}/free", {"wait": 60}, {"grace": 0})
    assert freed.status in (200, 204)


def test_a_change_of_another_revision_is_told(connection: Any, name: str) -> None:
    path = f"/v1/machines/default/{part(name)}"
    made = connection.change("PUT", path, {"wait": 60}, cpu).read(_wire.Machine)
    with pytest.raises(errors.Conflict) as e:
        connection.change("POST", f"{path}/free", {"wait": 60}, {"grace": 0}, match=made.revision + 1000)
    assert (e.value.code, e.value.status) == ("revision_differs", 412)
    connection.change("POST", f"{path}/free", {"wait": 60}, {"grace": 0}, match=made.revision)


def test_pages_of_any_size_give_the_same_list(connection: Any) -> None:
    def places(**query: Any) -> list[str]:
        pages = connection.some(99, "pages", "/v1/devices", query, model=_wire.Devices)
        return [d.place for page in pages for d in page.items]

    assert len(places()) > 60
    assert places() == places(limit=7)


def test_events_of_one_machine_are_followed(connection: Any, name: str) -> None:
    began = connection.get("/v1/events", {"limit": 1000}, model=_wire.Events)
    path = f"/v1/machines/default/{part(name)}"
    made = connection.change("PUT", path, {"wait": 60}, cpu).read(_wire.Machine)
    after = began.items[-1].id if began.items else "0"
    got = connection.some(
        1, "stream", "/v1/events", {"after": after, "subject": made.id, "type": "machine.ready"}
    )
    assert [(e["type"], e["subject"]) for e in got] == [("machine.ready", made.id)]
    connection.change("POST", f"{path}/free", {"wait": 60}, {"grace": 0})


@pytest.mark.parametrize("face", [Sync, Async])
def test_a_token_that_nobody_gave_out_is_refused_everywhere(demo: Demo, face: Any) -> None:
    connection = face(Server(demo.url, "composa_nobody"))
    asks: list[Callable[[], Any]] = [
        connection.site,
        lambda: connection.change("PUT", "/v1/machines/default/x", None, cpu),
        lambda: connection.some(1, "pages", "/v1/devices", model=_wire.Devices),
        lambda: connection.some(1, "stream", "/v1/events"),
    ]
    for ask in asks:
        with pytest.raises(errors.NotAllowed) as e:
            ask()
        assert (e.value.code, e.value.status) == ("unauthenticated", 401)
        assert e.value.next
    connection.close()


def test_what_is_wrong_with_a_request_is_told_place_by_place(connection: Any) -> None:
    with pytest.raises(errors.Invalid) as e:
        connection.change(
            "PUT", "/v1/machines/default/wrong", None, {"devices": [{"kind": "cpu", "count": "two"}]}
        )
    assert e.value.errors
    assert e.value.errors[0].location == "devices[0].count"
    assert e.value.request


def test_a_refusal_explains(connection: Any, name: str) -> None:
    with pytest.raises(errors.Refused) as e:
        connection.change(
            "PUT", f"/v1/machines/default/{part(name)}", None, {"devices": [{"kind": "gpu", "count": 500}]}
        )
    assert e.value.explanation is not None
    assert e.value.explanation.lines


@pytest.mark.parametrize("word", ["a/b", "a b", "ü", "", ".", "..", "%2e", "a?b", "a#b", "\n"])
def test_a_word_stays_one_part_of_a_path(connection: Any, word: str) -> None:
    with pytest.raises((errors.NotFound, errors.Invalid)):
        connection.get(f"/v1/machines/default/{part(word)}", model=_wire.Machine)
