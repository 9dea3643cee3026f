"""The notebooks of examples/ run from top to bottom, also twice, and show what they promise."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import composa
from tests.processes import Demo

folder = pathlib.Path(__file__).resolve().parents[1] / "examples"
names = sorted(path.stem for path in folder.glob("*.ipynb"))

# promised is what the outputs of each notebook must hold: MIME types, and words of what a person reads.
promised = {
    "1-first-machine": ({"text/html"}, ["first is ready", "True", "composa device set", "freed"]),
    "2-grow-and-shrink": (
        {"text/html"},
        ["disturbs", "quick is ready", "cellwide is ready", "runs here, in this kernel"],
    ),
    "3-several-racks": (
        {"text/html", "application/vnd.jupyter.widget-view+json"},
        ["rack2", "left", "right", "A100", "cannot move"],
    ),
    "4-when-it-is-refused": (
        {"text/html"},
        ["A100", "did you mean gpu", "exists", "was freed at", "http://127.0.0.1:9"],
    ),
    "5-following-what-happens": ({"text/html"}, ["machine.ready", "machine.freed", "rack3"]),
}


def test_every_notebook_is_held_to_what_it_promises() -> None:
    assert set(names) == set(promised)


@pytest.mark.parametrize("notebook", names)
def test_notebooks_are_kept_without_outputs(notebook: str) -> None:
    document = json.loads((folder / f"{notebook}.ipynb").read_text())
    nbformat.validate(nbformat.from_dict(document))
    for cell in document["cells"]:
        assert not cell.get("outputs"), f"{cell['id']} has outputs: clear them before it is committed"
        assert cell.get("execution_count") is None
    assert set(document["metadata"]) == {"kernelspec", "language_info"}


def run(notebook: str, demo: Demo, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run a notebook in a kernel of its own; return the outputs of its cells."""
    monkeypatch.setenv("COMPOSA_URL", demo.url)
    monkeypatch.setenv("COMPOSA_TOKEN", demo.token)
    document = nbformat.read(folder / f"{notebook}.ipynb", as_version=4)
    NotebookClient(document, timeout=120, kernel_name="python3").execute()
    return [output for cell in document.cells for output in cell.get("outputs", [])]


def told(outputs: list[Any]) -> str:
    """Join everything that a person would read."""
    texts = []
    for output in outputs:
        texts.append(output.get("text", ""))
        texts += [str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(texts)


@pytest.mark.parametrize("notebook", names)
def test_notebooks_show_what_they_promise_and_leave_nothing(
    notebook: str, demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds, words = promised[notebook]
    with composa.connect(demo.url, token=demo.token) as site:
        before = {m.id for m in site.machines()}
        for _ in range(2 if os.environ.get("COMPOSA_PROVE") or notebook == names[0] else 1):
            outputs = run(notebook, demo, monkeypatch)
            assert not [o for o in outputs if o["output_type"] == "error"]
            seen = {kind for output in outputs for kind in output.get("data", {})}
            assert kinds <= seen
            for output in outputs:
                assert "text/plain" in output.get("data", {"text/plain": ""}), output
            for word in words:
                assert word in told(outputs), word
            assert {m.id for m in site.machines()} <= before
