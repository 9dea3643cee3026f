"""The rule "again": the same call finds what it made, and never what somebody else did."""

from __future__ import annotations

import concurrent.futures
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
def made(site: composa.Site, name: str) -> Iterator[composa.Machine]:
    m = site.compose(name, gpu="T4", fabric="rack1")
    yield m
    m.free(grace=0)


def test_the_same_wish_in_other_words_finds_it(site: composa.Site, made: composa.Machine) -> None:
    for said in (
        {"gpu": "T4", "fabric": "rack1"},
        {"gpu": "T4:1", "fabric": ["rack1"]},
        {"gpu": ["T4"], "cpu": 1, "fabric": site.fabric("rack1"), "min": {}, "labels": {}, "power": "on"},
    ):
        wish: dict[str, Any] = said
        again = site.compose(made.name, **wish)
        assert (again.id, again.revision) == (made.id, made.revision)


def test_another_wish_is_told_apart(site: composa.Site, made: composa.Machine) -> None:
    for wish in (
        {"gpu": "T4:2", "fabric": "rack1"},
        {"gpu": "T4"},
        {"gpu": "T4", "fabric": "rack1", "ssd": 1},
    ):
        said: dict[str, Any] = wish
        with pytest.raises(composa.Conflict) as e:
            site.compose(made.name, **said)
        assert e.value.code == "exists"
        assert made.name in str(e.value)
    assert made.refresh().state == "ready"


def test_what_is_somebody_elses_is_not_found(
    site: composa.Site, made: composa.Machine, demo: Demo, name: str
) -> None:
    who = f"u-{name[:12].strip('-')}"
    ask(demo.url, demo.token, "POST", "/v1/users", {"name": who})
    token = ask(demo.url, demo.token, "POST", "/v1/tokens", {"user": who})["token"]
    with composa.connect(demo.url, token=token, progress="none") as theirs:
        assert theirs.principal == who
        with pytest.raises(composa.Conflict) as e:
            theirs.compose(made.name, gpu="T4", fabric="rack1")
        assert e.value.code == "exists"
    assert made.refresh().owner == "admin"


def test_threads_that_ask_at_once_get_one_machine(site: composa.Site, name: str) -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: site.compose(name, gpu=1), range(4)))
    assert len({m.id for m in found}) == 1
    assert sum(m._made for m in found) == 1, "one of the calls made it"
    found[0].free(grace=0)


def test_after_it_was_freed_it_is_made_anew(site: composa.Site, name: str) -> None:
    first = site.compose(name, gpu=1)
    first.free(grace=0)
    with site.compose(name, gpu=1) as second:
        assert second.id != first.id
        assert first.refresh().state == "freed"
