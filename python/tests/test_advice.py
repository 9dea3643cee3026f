"""What the server advises for the command line is told in Python's words."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

import composa
from composa import _advice, errors
from tests.conftest import Demo

root = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("composa machine ls shows what there is", "site.machines() lists what there is"),
        ('did you mean "gpu1"? composa device ls shows what there is', 'did you mean "gpu1"? site.devices() lists what there is'),
        ("wait for some of them, or cancel some: composa operation ls", "wait for some of them, or cancel some: site.operations(open=True)"),
        ("composa machine show kk lists its devices", 'site.machine("kk").devices lists them'),
        ("see it with: composa machine show kk", 'see it with: site.machine("kk")'),
        ("change it with composa free kk and compose it anew, or choose another name", 'change it with site.machine("kk").free() and compose it anew, or choose another name'),
        ("change it with composa reshape kk --cpu 1 --gpu 4 and composa unplug kk FABRIC/SSD,FABRIC/SCM, or choose another name",
         'change it with site.machine("kk").reshape(cpu=1, gpu=4) and site.machine("kk").unplug("FABRIC/SSD", "FABRIC/SCM"), or choose another name'),
        ("name the ones that may go: composa unplug kk FABRIC/SSD; composa machine show kk lists them",
         'name the ones that may go: site.machine("kk").unplug("FABRIC/SSD"); site.machine("kk").devices lists them'),
        ("wait for it with composa operation wait op_1, then compose again", 'wait for it with site.operation("op_1").wait(), then compose again'),
        ("see composa operation show op_1, then retry, undo or resolve it", 'see site.operation("op_1"), then retry, undo or resolve it'),
        ("try again when composa fabric show rack1 says that it answers", 'try again when site.fabric("rack1") says that it answers'),
        ("plan again: the same command with --dry-run", "plan again: site.plan(…)"),
        ("name devices (rack1/gpu3) or a kind (--gpu 1)", "name devices (rack1/gpu3) or a kind (gpu=1)"),
        ("--cpu counts compute nodes, not cores", "cpu= counts compute nodes, not cores"),
        ("pool vision has no compute node: composa pool add vision FABRIC/CPU", "pool vision has no compute node: composa pool add vision FABRIC/CPU"),
    ],
)  # fmt: skip
def test_advice_is_in_pythons_words(text: str, want: str) -> None:
    told = errors.error_of({"code": "conflict", "detail": "cannot do it", "next": text})
    assert told.next == want
    assert _advice.in_python(want) == want


@pytest.mark.parametrize(
    ("flags", "want"),
    [
        ("--fabric rack2 --cpu 1 --gpu A100:12", 'fabric="rack2", cpu=1, gpu="A100:12"'),
        ("--fabric rack1,rack2 --gpu A100:2 --gpu T4:1 --cpu 0 --p2p", 'fabric=["rack1", "rack2"], gpu=["A100:2", "T4:1"], cpu=0, p2p=True'),
        ("--gpu 1 --min gpu.memory=40GB --where 'gpu:device.model == \"A100\"'", 'gpu=1, min={"gpu.memory": "40GB"}, where={"gpu": "device.model == \\"A100\\""}'),
        ("--gpu rack1/gpu3,rack1/gpu4", 'gpu=["rack1/gpu3", "rack1/gpu4"]'),
        ("--gpu 'open", "--gpu 'open"),
    ],
)  # fmt: skip
def test_flags_are_arguments(flags: str, want: str) -> None:
    assert _advice.arguments(flags) == want


def refusal(write: str, *lines: str) -> dict[str, Any]:
    nearest = {"fabric": "rack2", "text": "", "write": write, "counts": {}, "relaxed": [], "devices": []}
    return {"code": "refused", "refusal": {"text": "", "lines": lines, "fabrics": [], "nearest": nearest}}


def test_what_fits_now_is_told_as_arguments() -> None:
    write = "--fabric rack2 --gpu A100:12"
    e = errors.error_of(refusal(write, "rack1: none", f"fits now: {write} (gpu: 12 instead of 13)"))
    assert isinstance(e, errors.Refused)
    assert e.explanation is not None
    told = ["rack1: none", 'fits now: fabric="rack2", gpu="A100:12" (gpu: 12 instead of 13)']
    assert e.explanation.lines == told
    assert e.__notes__ == told


def test_a_name_with_another_wish_is_told_what_changes_it(demo: Demo, name: str) -> None:
    with composa.connect(demo.url, token=demo.token, progress="none") as site, site.compose(name, gpu=1):
        with pytest.raises(composa.Conflict) as e:
            site.compose(name, gpu=2)
        assert e.value.next == f'change it with site.machine("{name}").reshape(gpu=2), or choose another name'
        with pytest.raises(composa.Refused) as refused:
            site.compose(f"{name}-more", gpu=60)
        told = str(refused.value.explanation)
        assert re.search(r'^fits now: fabric="rack[0-9]", .*gpu=[0-9]', told, re.MULTILINE)
        assert "--" not in told


# What operators alone are told, or nobody who calls from Python: there is no call for it.
operators = "composa pool add ", "composa token ls", "composa user ls", "(--expires)"
# What the wishes of counter-offers are put together of: arguments() reads them whole.
pieces = "--fabric", "--pool", "--min", "--where", "--p2p"
parts = "auth", "event", "intake", "placement", "plan", "rest", "selector", "store"


speaks = re.compile(
    r"\bcomposa [a-z]+ (ls|show|wait|add|rm)\b|\bcomposa (free|plug|unplug|reshape|move|compose) |--[a-z]"
)


def advised() -> list[str]:
    """Read every text of the server that speaks of the command line, with something in each gap."""
    sources = [*root.glob("*.go"), *(p for part in parts for p in (root / "internal" / part).rglob("*.go"))]
    found: list[str] = []
    for path in sources:
        if path.name.endswith("_test.go"):
            continue
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("//")]
        source = re.sub(r'"\s*\+\s*name\s*\+\s*"', "x1", "\n".join(lines))
        for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', source):
            filled = re.sub(
                r"%(\[\d+\])?[a-z]", "x1", text.replace("--%s %d", "--gpu 4").replace("--%s", "--gpu")
            )
            filled += "x1" if filled.endswith(" ") else ""
            if speaks.search(filled) and filled.strip() not in pieces:
                found.append(filled)
    return found


def test_every_command_that_the_server_advises_is_put_into_pythons_words() -> None:
    texts = advised()
    assert len(texts) > 25
    left = [t for t in texts if re.search(r"\bcomposa [a-z]|--", _advice.in_python(t))]
    assert [t for t in left if not any(line in t for line in operators)] == []
    assert [line for line in operators if not any(line in t for t in left)] == []
