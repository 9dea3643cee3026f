"""Errors can be told apart, say what to do, and are made of anything that a server may send."""

from __future__ import annotations

import copy
import json
import pathlib
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import composa
from composa import _wire, errors
from composa._call import Call

root = pathlib.Path(__file__).resolve().parents[2]

refusal = {
    "text": "no fabric has 4 gpu",
    "lines": ["rack1: 2 of 4 gpu"],
    "fabrics": [],
    "nearest": {
        "fabric": "rack1",
        "text": "2 gpu in rack1",
        "write": "--gpu 2",
        "counts": {"gpu": 2},
        "relaxed": [],
        "devices": [{"kind": "gpu", "count": 2}],
    },
}


def problem(code: str, **more: Any) -> dict[str, Any]:
    return {
        "code": code,
        "title": "Conflict",
        "status": 409,
        "detail": "cannot do it: no",
        "retryable": False,
        **more,
    }


def published_codes() -> list[str]:
    """Read the codes that docs/compatibility.md promises."""
    text = (root / "docs" / "compatibility.md").read_text()
    table = text[text.index("## Problem codes") : text.index("## Directors")]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_published_code_has_its_class() -> None:
    codes = published_codes()
    assert len(codes) >= 23
    assert set(codes) <= errors.classes.keys()
    for code in codes:
        error = errors.error_of(problem(code))
        assert type(error) is errors.classes[code]
        assert error.code == code
        assert isinstance(error, composa.Error)


def test_a_code_that_nobody_knows_is_a_failure() -> None:
    error = errors.error_of(problem("eclipsed", next="wait"))
    assert type(error) is errors.Failed
    assert (error.code, str(error)) == ("eclipsed", "cannot do it: no; wait")


@pytest.mark.parametrize(
    ("error", "builtin"),
    [(errors.Invalid, ValueError), (errors.TimedOut, TimeoutError), (errors.MissingExtra, ImportError)],
)
def test_errors_that_python_has_a_class_for_are_of_it_too(
    error: type[errors.Error], builtin: type[Exception]
) -> None:
    with pytest.raises(builtin):
        raise error("cannot")
    assert issubclass(error, errors.Error)


def test_a_problem_is_told_whole() -> None:
    told = problem("held", operation="op_1", request="req_1", next="look at it", retryable=True)
    error = errors.error_of(told, 418, {"retry-after": "7"})
    assert vars(error) == {
        "detail": "cannot do it: no",
        "next": "look at it",
        "code": "held",
        "operation": "op_1",
        "status": 418,
        "retryable": True,
        "request": "req_1",
        "key": "",
        "retry_after": 7.0,
    }
    assert str(error) == "cannot do it: no; look at it"
    assert str(errors.Failed("cannot do it")) == "cannot do it"


def test_a_model_of_a_problem_makes_the_same_error() -> None:
    told = problem("refused", refusal=refusal, operation="op_1")
    one, other = errors.error_of(told), errors.error_of(_wire.Problem.model_validate(told))
    assert vars(one) == vars(other)
    assert isinstance(other, errors.Refused)
    assert other.explanation is not None
    assert other.explanation.nearest is not None


def test_what_a_refusal_explains() -> None:
    error = errors.error_of(problem("refused", refusal=refusal))
    assert isinstance(error, errors.Refused)
    assert error.explanation is not None
    assert error.explanation.lines == ["rack1: 2 of 4 gpu"]
    assert error.nearest is None  # only who asked can take it


def test_the_counter_offer_is_taken_with_what_is_to_differ() -> None:
    offer = _wire.Explanation.model_validate(refusal).nearest
    assert offer is not None
    nearest = errors.Nearest(offer, lambda *given, **more: (given, more))
    assert nearest.compose(wait=False) == ((offer,), {"wait": False})
    assert (str(nearest), [w.kind for w in nearest.wish]) == ("2 gpu in rack1", ["gpu"])


def test_what_moved_and_what_is_wrong_where() -> None:
    moved = errors.error_of(
        problem("moved", moved=[{"what": "device", "subject": "rack1/gpu3", "text": "it is claimed"}])
    )
    assert isinstance(moved, errors.Conflict)
    assert [m.subject for m in moved.moved] == ["rack1/gpu3"]
    wrong = errors.error_of(
        problem("invalid", errors=[{"location": "body.devices[1].count", "message": "is 0"}])
    )
    assert isinstance(wrong, errors.Invalid)
    assert [e.location for e in wrong.errors] == ["body.devices[1].count"]
    assert errors.Invalid("cannot").errors == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 0), ("0", 0), ("7", 7), ("60", 60), ("61", 60), ("9" * 10, 60), ("9" * 11, 0), ("-1", 0), ("1.5", 0), ("٣", 0),
     ("Wed, 21 Oct 2026 07:28:00 GMT", 0)],
)  # fmt: skip
def test_seconds_to_wait(header: str, seconds: float) -> None:
    assert errors.retry_after({"Retry-After": header}) == seconds


@pytest.mark.parametrize("kind", sorted({*errors.classes.values(), errors.Error}, key=lambda c: c.__name__))
def test_errors_travel_between_processes(kind: type[errors.Error]) -> None:
    error = kind("cannot do it", next="ask", operation="op_1", retryable=True, key="k")
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(back) is kind
        assert (str(back), vars(back)) == (str(error), vars(error))


def test_a_refusal_travels_with_its_counter_offer() -> None:
    error = errors.error_of(problem("refused", refusal=refusal))
    assert isinstance(error, errors.Refused)
    assert error.explanation is not None
    assert error.explanation.nearest is not None
    error.nearest = errors.Nearest(error.explanation.nearest, lambda offer, **more: (offer, more))
    for here in (copy.copy(error), copy.deepcopy(error)):
        assert here.nearest is not None
        assert here.nearest.compose(wait=False) == (error.nearest.offer, {"wait": False})
    there = pickle.loads(pickle.dumps(error))
    assert (str(there), there.nearest.offer) == (str(error), error.nearest.offer)
    with pytest.raises(
        errors.Invalid, match="cannot take the counter-offer '2 gpu in rack1': it was pickled"
    ):
        there.nearest.compose()


def test_a_missing_package_says_how_to_install_it() -> None:
    error = errors.MissingExtra.of("cannot draw the racks", "anywidget", "notebook")
    assert str(error) == "cannot draw the racks: anywidget is not installed; pip install 'composa[notebook]'"


# Anything that may come

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
fields = sorted(_wire.Problem.model_fields)
problems = st.dictionaries(st.sampled_from(fields) | st.text(max_size=5), anything).flatmap(
    lambda d: st.fixed_dictionaries({"code": st.sampled_from(sorted(errors.classes)) | anything}).map(
        lambda c: {**d, **c}
    )
)
statuses = st.integers(100, 999)


@given(problems, statuses)
def test_any_problem_makes_an_error(told: dict[str, Any], status: int) -> None:
    error = errors.error_of(told, status)
    assert isinstance(error, errors.Error)
    assert str(error)
    assert isinstance(error.code, str)
    assert isinstance(error.detail, str)
    assert error.code
    if error.code in errors.classes:
        assert type(error) is errors.classes[error.code]


@given(
    problems.map(lambda p: json.dumps(p).encode()) | st.binary(max_size=200),
    statuses,
    st.sampled_from(["", "k1"]),
)
def test_any_answer_makes_an_error(content: bytes, status: int, key: str) -> None:
    call = Call("http://server.example", "PUT" if key else "GET", "/v1/x", key=key)
    error = call.answered(status, {"content-type": "application/json"}, content)
    assert isinstance(error, errors.Error)
    assert str(error)
    assert error.key in ("", key)
