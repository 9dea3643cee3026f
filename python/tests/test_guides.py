"""What the guides tell to write works as it is written."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import types
from collections.abc import Callable
from typing import Any

import pytest

import composa
from tests.kernels import Kernel
from tests.processes import Demo, binary, root

guides = root / "docs" / "guides"


def blocks(guide: str, language: str = "") -> list[str]:
    """Return what stands between the fences of a guide that are of a language."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", (guides / guide).read_text(), re.MULTILINE | re.DOTALL)
    return [text for of, text in found if of == language]


def test_a_user_of_a_hub_writes_connect_and_nothing_else(
    demo: Demo, kernel: Callable[[str, str], Kernel], tmp_path: pathlib.Path
) -> None:
    page = "from-ticket-to-notebook.md"
    folder = tmp_path / "tokens"
    folder.mkdir()
    lines = next(block for block in blocks(page) if "user create" in block)
    for line in lines.replace("/etc/composa/tokens", str(folder)).splitlines():
        args = line.replace("composa", binary(), 1).split()
        subprocess.run(args, env=demo.env, check=True, capture_output=True, timeout=60)

    hook = next(block for block in blocks(page, "python") if "pre_spawn_hook" in block)
    c = types.SimpleNamespace(Spawner=types.SimpleNamespace())
    exec(hook.replace("/etc/composa/tokens", str(folder)).replace("https://composa.lab", demo.url), {"c": c})
    logged: list[str] = []
    log = types.SimpleNamespace(warning=lambda text, *args: logged.append(text % args))

    def given(user: str) -> dict[str, str]:
        environment: dict[str, str] = {}
        user_of_hub = types.SimpleNamespace(name=user)
        c.Spawner.pre_spawn_hook(types.SimpleNamespace(user=user_of_hub, environment=environment, log=log))
        return environment

    with composa.connect(demo.url, token=given("Ada.L@example.org")["COMPOSA_TOKEN"]) as site:
        assert site.principal == "ada-l"
    ada = given("ada")
    assert not logged
    eve = given("eve")
    assert "COMPOSA_TOKEN" not in eve
    assert logged == [f"no token of Composa for 'eve': there is no {folder}/eve"]
    with pytest.raises(composa.NotAllowed):
        composa.connect(eve["COMPOSA_URL"], token="")

    k = kernel(ada["COMPOSA_URL"], ada["COMPOSA_TOKEN"])
    first = next(block for block in blocks(page, "python") if "connect()" in block)
    assert k.run(first + "\nprint(site.whoami().principal)").text.strip() == "ada"


def test_the_four_lines_of_the_tutorial_make_change_and_free_a_machine(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, demo.env[name])  # the demo's saved context is found, as for a reader
    names: dict[str, Any] = {}
    exec(next(block for block in blocks("python.md", "python") if "connect()" in block), names)
    names["site"].close()
    assert names["m"].state == "freed"


def test_the_table_of_errors_has_each_that_is_caught() -> None:
    from composa import inside

    table = (guides / "python.md").read_text().split("## Errors")[1].split("##")[0]
    told = set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE))
    others = {composa.Error, composa.MissingExtra}  # all of them, and what an installation lacks
    kinds = {getattr(composa, name) for name in composa.__all__ if name != "aio"}
    caught = {k.__name__ for k in kinds if isinstance(k, type) and issubclass(k, composa.Error)}
    assert told == caught - {k.__name__ for k in others} | {f"inside.{inside.CommandFailed.__name__}"}


@pytest.mark.parametrize("page", ["python.md", "after-plugging.md", "from-ticket-to-notebook.md"])
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", (guides / page).read_text()):
        assert os.path.exists(guides / link), link
