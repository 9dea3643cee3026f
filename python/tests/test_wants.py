"""What Python's words want of devices, and how wrong words are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import _requests, _wants, _words
from composa.errors import Invalid

begin = 'cannot compose "train"'


def read(**said: Any) -> list[dict[str, Any]]:
    """Read arguments, and return what is asked for as documents."""
    min, where = said.pop("min", None), said.pop("where", None)
    wants = _wants.wants(begin, said, min, where, implied_cpu=True)
    return [w.model_dump(exclude_none=True) for w in wants]


def device(place: str, kind: str) -> Any:
    return SimpleNamespace(place=place, kind=kind)


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ({"gpu": 4}, [{"kind": "gpu", "count": 4}]),
        ({"gpu": "4"}, [{"kind": "gpu", "count": 4}]),
        ({"gpu": numpy.int64(4)}, [{"kind": "gpu", "count": 4}]),
        ({"gpu": "A100"}, [{"kind": "gpu", "count": 1, "model": "A100"}]),
        ({"gpu": "A100:4"}, [{"kind": "gpu", "count": 4, "model": "A100"}]),
        ({"ssd": "CM6-R 15.36TB:2"}, [{"kind": "ssd", "count": 2, "model": "CM6-R 15.36TB"}]),
        ({"gpu": "rack1/gpu3"}, [{"kind": "gpu", "count": 1, "ids": ["rack1/gpu3"]}]),
        (
            {"gpu": "rack1/gpu[3,5-6]"},
            [{"kind": "gpu", "count": 3, "ids": ["rack1/gpu3", "rack1/gpu5", "rack1/gpu6"]}],
        ),
        (
            {"gpu": ["rack1/gpu3", "rack1/gpu4"]},
            [{"kind": "gpu", "count": 2, "ids": ["rack1/gpu3", "rack1/gpu4"]}],
        ),
        (
            {"gpu": "rack1/gpu0, rack1/gpu1"},
            [{"kind": "gpu", "count": 2, "ids": ["rack1/gpu0", "rack1/gpu1"]}],
        ),
        ({"gpu": device("rack1/gpu3", "gpu")}, [{"kind": "gpu", "count": 1, "ids": ["rack1/gpu3"]}]),
        ({"gpu": ["A100:2", 1]}, [{"kind": "gpu", "count": 2, "model": "A100"}, {"kind": "gpu", "count": 1}]),
        ({"cpu": "ipmi=10.0.0.12"}, [{"kind": "cpu", "count": 1, "ipmi": "10.0.0.12"}]),
        ({"cpu": 0, "gpu": 1}, [{"kind": "cpu"}, {"kind": "gpu", "count": 1}]),
        ({"nic": 1, "cpu": 2}, [{"kind": "cpu", "count": 2}, {"kind": "nic", "count": 1}]),
        ({"gpu": 1, "min": {"gpu.memory": "40GB"}}, [{"kind": "gpu", "count": 1, "min": {"memory": "40GB"}}]),
        (
            {"gpu": 1, "min": {"cpu.cores": 16, "gpu.lanes": 8}},
            [
                {"kind": "cpu", "count": 1, "min": {"cores": 16}},
                {"kind": "gpu", "count": 1, "min": {"lanes": 8}},
            ],
        ),
        (
            {"ssd": 1, "min": {"ssd.size": 1 << 60}},
            [{"kind": "ssd", "count": 1, "min": {"size": str(1 << 60)}}],
        ),
        (
            {"nic": 1, "where": {"nic": "device.speed > 1*Gb"}},
            [{"kind": "nic", "count": 1, "where": "device.speed > 1*Gb"}],
        ),
        ({"gpu": None}, []),
    ],
)
def test_what_is_wanted(said: dict[str, Any], want: list[dict[str, Any]]) -> None:
    assert read(**said) == want


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"gpu": 0}, "0 is not a count of gpu devices; ask for 1 or more, or leave gpu out"),
        ({"gpu": -1}, "-1 is not a count of gpu devices"),
        ({"gpu": True}, "gpu=True is not a number of devices"),
        ({"gpu": 1.5}, "gpu=1.5 is not a number of devices"),
        ({"gpu": 513}, "513 gpu devices are more than the 512 allowed in one machine"),
        ({"gpu": "A100:"}, 'gpu="A100:" has no count behind the colon; write gpu="A100:1"'),
        ({"gpu": ":4"}, "has no model before the colon; write gpu=4 for any model"),
        ({"gpu": "A100:0"}, "0 is not a count of gpu devices"),
        ({"gpu": "gpu3"}, 'gpu="gpu3" names no fabric; name the fabric too, for example gpu="rack1/gpu3"'),
        ({"cpu": "pcpu0"}, 'cpu="rack1/pcpu0"'),
        ({"gpu": ""}, "gpu is an empty text"),
        ({"gpu": []}, "gpu=[] names no device"),
        ({"gpu": {}}, "gpu={} is not a number of devices"),
        ({"gpu": "rack1/"}, 'cannot read "rack1/": it does not name a device'),
        ({"gpu": "rack1/gpu[4-2]"}, "the range 4-2 runs backwards"),
        ({"gpu": "rack1/gpu[1-]"}, '"1-" is neither a number nor a range'),
        ({"gpu": "rack1/gpu[0-600]"}, "names more than the 512 devices"),
        ({"gpu": "rack1/gpu[3"}, "its brackets do not match"),
        ({"gpu": "rack1/gpu3,rack1/gpu3"}, "rack1/gpu3 is named twice"),
        ({"gpu": "rack1/gpu3", "ssd": "rack2/ssd0"}, "rack1/gpu3 and rack2/ssd0 lie in two fabrics"),
        ({"gpu": device("rack1/ssd0", "ssd")}, "rack1/ssd0 is a ssd, not a gpu; write ssd=…"),
        ({"gpu": ["dev_abc2"]}, 'dev_abc2 is an id, not a place; give the device: site.device("dev_abc2")'),
        ({"gpu": "ipmi=10.0.0.1"}, "ipmi chooses a cpu, not a gpu"),
        ({"cpu": "ipmi=10.0.0"}, '"10.0.0" is not an IP address'),
        ({"gpu": 300, "ssd": 300}, "it wants 600 devices, 512 are allowed"),
        ({"gpu": [1] * 65}, "it has 65 entries, 64 are allowed"),
        ({"gpu": 1, "min": {"gpus.memory": 1}}, 'there is no kind "gpus"; did you mean gpu?'),
        ({"gpu": 1, "min": {"gpu.memry": 1}}, 'a gpu has no "memry"; did you mean gpu.memory?'),
        ({"gpu": 1, "min": {"gpu.cores": 1}}, "of a gpu these can be asked for: memory, lanes"),
        ({"gpu": 1, "min": {"gpu": 1}}, 'min "gpu" names no field'),
        ({"gpu": 1, "min": {"gpu.memory": "40gb"}}, '"gb" is no unit; did you mean GB?'),
        ({"gpu": 1, "min": {"gpu.memory": "much"}}, "write a number and perhaps a unit"),
        ({"gpu": 1, "min": {"gpu.memory": 0}}, "the least gpu.memory is 0"),
        (
            {"gpu": 1, "min": {"nic.speed": 1}},
            "min is about nic devices, and none are asked for; ask for some with nic=1",
        ),
        ({"gpu": 1, "min": 40}, "min=40 is no mapping"),
        ({"gpu": 1, "where": "device.memory > 1"}, 'does not say for which kind; write where={"gpu":'),
        ({"gpu": 1, "where": {"gpuz": "true"}}, "did you mean gpu?"),
        ({"gpu": 1, "where": {"gpu": " "}}, "says no condition"),
        (
            {"gpu": 1, "where": {"gpu": "a\ud800"}},
            r"where of gpu: '\ud800' at position 2 is half a character",
        ),
        ({"gpu": "A\ud800"}, r"'\ud800' at position 2 is half a character"),
        ({"gpu": "rack1/\udfff"}, "may not stand in the name of a device"),
        ({"gpu": 1, "where": {"gpu": "x" * 1025}}, "has 1025 characters, 1024 are allowed"),
    ],
)
def test_wrong_words_are_told(said: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid) as e:
        read(**said)
    assert str(e.value).startswith(begin)
    assert text in str(e.value)
    assert e.value.code == "invalid"


@pytest.mark.parametrize(
    ("value", "want"),
    [(None, None), ("any", None), ("rack1", ["rack1"]), ("rack1,rack2", ["rack1", "rack2"]),
     (["rack1", SimpleNamespace(name="rack2")], ["rack1", "rack2"]), (SimpleNamespace(name="rack3"), ["rack3"])],
)  # fmt: skip
def test_fabrics(value: Any, want: list[str] | None) -> None:
    assert _wants.fabrics(begin, value) == want


@pytest.mark.parametrize("value", ["Rack1", "", [], "rack1/gpu3", 3, ["rack1", None]])
def test_no_fabric(value: Any) -> None:
    with pytest.raises(Invalid, match=r"site\.fabrics|any fabric"):
        _wants.fabrics(begin, value)


def test_an_argument_that_there_is_not() -> None:
    with pytest.raises(Invalid, match=r'there is no argument "gpus"; did you mean gpu\?'):
        _words.no_others(begin, {"gpus": 1}, _requests.arguments("compose"))
    with pytest.raises(Invalid, match="did you mean message"):
        _words.no_others(begin, {"mesage": ""}, _requests.arguments("free"))


@pytest.mark.parametrize(
    ("verb", "said", "text"),
    [
        ("plugg", {}, 'there is no verb "plugg"; did you mean plug?'),
        ("free", {"gpu": 1}, "free takes no gpu; it takes grace"),
        ("reshape", {"ids": ("rack1/gpu1",)}, "reshape takes no ids"),
    ],
)
def test_what_a_verb_is_not_told(verb: str, said: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid) as e:
        _requests.only(begin, verb, said)
    assert text in str(e.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "the name is empty"), ("Train", "'T' may not stand at position 1"), ("a" * 64, "has 64 characters"),
        ("-a", "position 1"), ("a-", "position 2"), ("free", "the name is reserved"), ("composa1", "reserved"), (7, "no text"),
    ],
)  # fmt: skip
def test_names(name: Any, text: str) -> None:
    with pytest.raises(Invalid) as e:
        _words.name("machine", name)
    assert text in str(e.value)


def test_seconds_and_patience() -> None:
    assert _words.seconds(begin, "timeout", 1.2, 10) == 2
    assert _words.seconds(begin, "timeout", None, 10) is None
    assert [_words.patience(begin, w) for w in (True, None, False, 2)] == [None, None, 0.0, 2.0]
    for wrong in (-1, 11, "10", True, float("nan")):
        with pytest.raises(Invalid):
            _words.seconds(begin, "timeout", wrong, 10)
    for wrong in (-1, "yes", float("inf")):
        with pytest.raises(Invalid):
            _words.patience(begin, wrong)


def test_unplug_takes_places_of_a_kind_and_counts() -> None:
    got = _requests.unplug(begin, {"ids": ("rack1/nic0",), "gpu": ["rack1/gpu1"], "ssd": 1})
    assert (got.ids, got.counts) == (["rack1/nic0", "rack1/gpu1"], {"ssd": 1})


words = st.one_of(
    st.none(), st.integers(), st.floats(), st.booleans(), st.text(max_size=20), st.binary(max_size=4),
    st.sampled_from(["A100:4", "rack1/gpu[0-3]", "ipmi=::1", "rack1/gpu3,", "[", "]/["]),
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(_words.kinds), st.one_of(words, st.lists(words, max_size=3))),
    words,
    words,
)
def test_anything_is_read_or_invalid(said: dict[str, Any], min: Any, where: Any) -> None:
    try:
        wants = _wants.wants(begin, said, min, where)
    except Invalid as e:
        told = str(e)
        if not told.startswith(begin):
            raise
        return
    for w in wants:
        assert w.kind in _words.kinds
        assert (w.count or 0) <= 512
        assert not w.ids or len(w.ids) == w.count


@given(st.text(max_size=12), st.sampled_from(_words.kinds))
def test_the_nearest_word_is_near(word: str, kind: str) -> None:
    assert _words.nearest(kind, _words.kinds) == kind
    near = _words.nearest(word, _words.kinds)
    assert near == "" or abs(len(near) - len(word)) <= 2
