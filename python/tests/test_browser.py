"""Notebooks in a real JupyterLab in a real Chromium, as a person sees them. Screenshots go to a temporary folder.

`make browser` prepares both and runs this: COMPOSA_BROWSER=1, by the Python of .tools/lab.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import Process, own_environment, root

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed here: make browser"
)
chromium = shutil.which("chromium") or ""

pytestmark = [
    pytest.mark.skipif(
        not (os.environ.get("COMPOSA_BROWSER") or os.environ.get("COMPOSA_PROVE")),
        reason="runs by make browser",
    ),
    pytest.mark.skipif(not chromium, reason="there is no Chromium"),
]

# flags keep the browser from the network and from a display.
flags = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

# slow is far more than anything takes, in milliseconds.
slow = 90_000


class Notebook:
    """A notebook that is open in a page of JupyterLab."""

    def __init__(self, page: Any, shots: pathlib.Path) -> None:
        self.page, self._shots = page, shots

    def begin(self, cell: int) -> None:
        """Start a cell. A key that comes before the kernel is there is lost, so it is given until it takes."""
        prompt = self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-InputPrompt")
        for _ in range(20):
            self.page.locator(".jp-CodeCell .cm-content").nth(cell).click()
            self.page.keyboard.press("Control+Enter")
            try:
                playwright.expect(prompt).to_have_text(re.compile(r"\[[*\d]+\]"), timeout=5000)
            except AssertionError:
                continue
            return
        raise AssertionError("the cell does not begin")

    def run(self, cell: int) -> None:
        """Run a cell to its end."""
        self.begin(cell)
        prompt = self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-InputPrompt")
        playwright.expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=slow)
        assert not self.error(cell), self.error(cell)

    def output(self, cell: int) -> Any:
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea")

    def error(self, cell: int) -> str:
        wrong = self.output(cell).locator("[data-mime-type*=error], [data-mime-type*=stderr]")
        return "\n".join(wrong.all_inner_texts())

    def theme(self, name: str) -> None:
        self.page.get_by_role("menuitem", name="Settings").click()
        self.page.get_by_text("Theme", exact=True).hover()
        self.page.get_by_text(name, exact=True).click()
        is_light = "false" if "Dark" in name else "true"
        self.page.wait_for_selector(f'body[data-jp-theme-light="{is_light}"]', state="attached", timeout=slow)
        self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=slow)

    def shoot(self, name: str, what: Any = None) -> None:
        (what or self.page).screenshot(path=str(self._shots / f"{name}.png"))


@pytest.fixture
def notebook(tmp_path: pathlib.Path, server: Any) -> Iterator[Any]:
    """Open notebooks of given cells, whose kernel knows a slow server of one rack."""
    s = server("--cpus", "2", "--gpus", "8", "--ssds", "4", "--commit-latency", "1500ms")
    shots = pathlib.Path(os.environ.get("COMPOSA_SHOTS") or tmp_path / "shots")
    shots.mkdir(parents=True, exist_ok=True)
    env = own_environment(tmp_path) | {
        "COMPOSA_URL": s.url,
        "COMPOSA_TOKEN": s.token,
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "PYTHONPATH": os.pathsep.join([str(root / "python" / "src"), str(root / "python")]),
    }
    (tmp_path / "notebooks").mkdir()
    settings = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    # Unasked, JupyterLab lays a question about news over the page, which takes clicks.
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    lab = Process(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0",
            "--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path / 'notebooks'}",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ],
        r"(http://(?:127\.0\.0\.1|localhost):\d+)/lab",
        env,
    )  # fmt: skip
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=flags)

        def open_(*cells: str) -> Notebook:
            (tmp_path / "notebooks" / "a.ipynb").write_text(json.dumps(document(cells)))
            page = browser.new_page(viewport={"width": 1300, "height": 1500})
            page.goto(f"{lab.groups[0]}/lab/tree/a.ipynb", timeout=slow)
            page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell", timeout=slow)
            return Notebook(page, shots)

        yield open_
        browser.close()
    lab.stop()
    print(f"screenshots: {shots}")  # noqa: T201


def document(cells: tuple[str, ...]) -> dict[str, Any]:
    """Return a notebook of cells of code."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{i}",
                "metadata": {},
                "source": c,
                "outputs": [],
                "execution_count": None,
            }
            for i, c in enumerate(cells)
        ],
    }


def test_a_picture_follows_while_a_cell_composes(notebook: Any) -> None:
    n = notebook(
        "import composa\nsite = composa.connect()\nsite.draw()",
        'm = site.compose("train", gpu=4, ssd=1)\nm',
        "site.devices()[:12]",
        'site.plan("plug", "train", gpu=2)',
        "m.free(grace=0)",
    )
    n.run(0)
    racks = n.output(0).locator(".racks")
    racks.wait_for(timeout=slow)
    gpu = racks.locator('[role=gridcell][aria-label^="rack1/gpu0,"]')
    playwright.expect(gpu).to_have_attribute("aria-label", re.compile("free"))

    n.begin(1)
    n.output(1).locator("progress, [role=progressbar]").first.wait_for(timeout=slow)
    playwright.expect(gpu).to_have_attribute(
        "aria-label", re.compile("claimed for train, joining train"), timeout=slow
    )
    n.shoot("composing")
    playwright.expect(gpu).to_have_attribute("aria-label", re.compile("attached to train$"), timeout=slow)
    n.run(2)
    n.run(3)
    n.shoot("light")
    n.theme("JupyterLab Dark")
    n.shoot("dark")
    n.run(4)
    playwright.expect(gpu).to_have_attribute("aria-label", re.compile("free"), timeout=slow)


def test_the_keyboard_reaches_every_slot_and_leaves(notebook: Any) -> None:
    n = notebook("import composa\ncomposa.connect().draw()")
    n.run(0)
    racks = n.output(0).locator(".racks")
    racks.wait_for(timeout=slow)
    focused = "document.activeElement.getAttribute('aria-label') || document.activeElement.className"

    def press(*keys: str) -> str:
        for key in keys:
            n.page.keyboard.press(key)
        return str(n.page.evaluate(focused))

    racks.locator("select").focus()
    assert press("Tab").startswith("rack1/pcpu0,")
    assert press("ArrowDown").startswith("rack1/gpu0,")
    assert press("ArrowRight", "ArrowRight").startswith("rack1/gpu2,")
    press("Enter")
    note = racks.get_by_role("note")
    playwright.expect(note).to_contain_text("rack1/gpu2")
    n.shoot("pinned", racks)
    assert press("Escape").startswith("rack1/gpu2,")
    playwright.expect(note).not_to_contain_text("pinned")
    assert "rack1/" not in press("Escape")
    # One stop of Tab, however many slots: the next one is behind the racks.
    racks.locator("select").focus()
    assert press("Tab").startswith("rack1/gpu2,")
    assert not press("Tab").startswith("rack1/")
    tree = racks.aria_snapshot()
    assert 'row "gpu: 8 of 8 free"' in tree
    assert 'gridcell "rack1/gpu2' in tree
    assert n.page.locator(".jp-CodeCell").count() == 1  # no key reached the notebook


def test_twenty_racks_of_a_thousand_devices(notebook: Any) -> None:
    n = notebook(
        "from tests.many_racks import show\nshow(20, {'cpu': 6, 'gpu': 24, 'ssd': 12, 'nic': 8})",
        "show(3, {'cpu': 3, 'gpu': 14, 'ssd': 6, 'nic': 4})",
    )
    n.run(0)
    n.run(1)
    playwright.expect(n.output(0).locator("[role=gridcell]")).to_have_count(1000, timeout=slow)
    playwright.expect(n.output(1).locator("[role=gridcell]")).to_have_count(81, timeout=slow)
    n.shoot("many", n.output(0).locator(".racks"))
    n.shoot("states", n.output(1).locator(".racks"))
    n.theme("JupyterLab Dark")
    n.shoot("states-dark", n.output(1).locator(".racks"))
