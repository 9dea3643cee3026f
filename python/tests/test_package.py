"""The package as it is installed: what importing it loads, what its wheels hold, where it runs."""

from __future__ import annotations

import logging
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from typing import Any

import pytest

import composa
import composa.aio
from build_wheels import tag, with_binary
from tests.processes import binary
from tests.stand_in import StandIn, answer

here = pathlib.Path(__file__).resolve().parents[1]
sources = here / "src"
heavy = [
    "httpx2",
    "pydantic",
    "yaml",
    "tqdm",
    "IPython",
    "ipywidgets",
    "anywidget",
    "asyncio",
    "pandas",
    "ssl",
    "logging",
]
proving = bool(os.environ.get("COMPOSA_PROVE"))


def python(code: str, *args: str, executable: str | pathlib.Path = sys.executable, **env: str) -> str:
    """Run some lines in a Python of their own, and return what they print."""
    done = subprocess.run(
        [executable, "-c", code, *args],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Importing


@pytest.mark.parametrize(
    "line", ["import composa", "import composa.aio", "import composa; composa.Error; composa.errors"]
)
def test_importing_loads_nothing_heavy(line: str) -> None:
    loaded = python(f"{line}\nimport sys\nprint(*sys.modules, sep='\\n')").split()
    before = python("import sys\nprint(*sys.modules, sep='\\n')").split()
    assert "composa" in loaded
    assert not {m.partition(".")[0] for m in set(loaded) - set(before)} & set(heavy)


def test_every_name_is_there() -> None:
    for module in (composa, composa.aio):
        for name in module.__all__:
            assert getattr(module, name) is not None, name
        assert set(module.__all__) <= set(dir(module))
        with pytest.raises(AttributeError, match="has no attribute 'conect'"):
            _ = module.conect
    assert set(composa.__all__) - set(composa.aio.__all__) == {"__version__", "aio", "load_ipython_extension"}


def test_both_faces_share_what_does_not_talk() -> None:
    for name in ("Error", "Refused", "Listing"):
        assert getattr(composa, name) is getattr(composa.aio, name)
    for name in ("connect", "Site", "Machine", "Operation"):
        assert getattr(composa, name) is not getattr(composa.aio, name)


def test_the_root_logger_is_left_alone() -> None:
    before = (list(logging.root.handlers), logging.root.level)
    refuses = answer("401 Unauthorized", {"code": "unauthenticated", "detail": "cannot: no"})
    with StandIn(refuses) as s, pytest.raises(composa.NotAllowed):
        composa.connect(s.url, token="t")
    assert (logging.root.handlers, logging.root.level) == before
    code = "import composa, logging\nfor n in composa.__all__: getattr(composa, n)\nprint(logging.root.handlers, logging.root.level)"
    assert python(code) == "[] 30\n"


# What is generated


def test_what_is_generated_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, here / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr


# Wheels


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Build the sdist and both wheels."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, here / "build_wheels.py", "--binary", binary(), "--out", out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def only(folder: pathlib.Path, pattern: str) -> pathlib.Path:
    (found,) = folder.glob(pattern)
    return found


def fresh(folder: pathlib.Path, wheel: pathlib.Path) -> pathlib.Path:
    """Install a wheel into a venv of its own, with the packages that it needs from the one that runs this."""
    venv.create(folder, with_pip=False, symlinks=True)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", "--no-deps", "--no-index", wheel],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    packages = only(folder, "lib/python*/site-packages")
    (packages / "needed.pth").write_text(f"{pathlib.Path(pytest.__file__).parents[1]}\n")
    return folder / "bin"


def test_the_wheel_holds_every_file_of_the_package(dist: pathlib.Path) -> None:
    with zipfile.ZipFile(only(dist, "*-none-any.whl")) as wheel:
        held = {n for n in wheel.namelist() if n.startswith("composa/")}
    tracked = subprocess.run(
        ["git", "ls-files", "composa"], cwd=sources, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "composa/py.typed" in held
    assert set(tracked) <= held


def test_the_sdist_holds_what_the_wheel_is_made_of(dist: pathlib.Path) -> None:
    with tarfile.open(only(dist, "*.tar.gz")) as sdist:
        held = {n.partition("/")[2] for n in sdist.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "src/composa/py.typed",
        "src/composa/_sync/site.py",
        "tests/test_package.py",
    } <= held


def test_what_is_given_out_holds_its_license(dist: pathlib.Path) -> None:
    license = (here.parent / "LICENSE").read_bytes()
    for wheel in dist.glob("*.whl"):
        with zipfile.ZipFile(wheel) as held:
            (name,) = [n for n in held.namelist() if n.endswith("/LICENSE")]
            assert held.read(name) == license
    with tarfile.open(only(dist, "*.tar.gz")) as sdist:
        (member,) = [m for m in sdist if m.name.count("/") == 1 and m.name.endswith("/LICENSE")]
        held_there = sdist.extractfile(member)
        assert held_there is not None
        assert held_there.read() == license


def test_the_same_sources_make_the_same_wheel(dist: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pure = only(dist, "*-none-any.whl")
    with zipfile.ZipFile(only(dist, "*linux*.whl")) as wheel:
        assert {(e.date_time, e.external_attr >> 16 & 0o777) for e in wheel.infolist()} <= {
            ((2020, 1, 1, 0, 0, 0), 0o644),
            ((2020, 1, 1, 0, 0, 0), 0o755),
        }
        binary = next(n for n in wheel.namelist() if n.endswith("/scripts/composa"))
        (tmp_path / "composa").write_bytes(wheel.read(binary))
    (tmp_path / pure.name).write_bytes(pure.read_bytes())
    made = with_binary(
        tmp_path / pure.name, tmp_path / "composa", only(dist, "*linux*.whl").stem.split("-")[-1]
    )
    assert made.read_bytes() == only(dist, "*linux*.whl").read_bytes()


def test_the_wheel_runs_where_it_is_installed(dist: pathlib.Path, tmp_path: pathlib.Path) -> None:
    there = fresh(tmp_path / "venv", only(dist, "*-none-any.whl"))
    code = "import composa\nfor n in composa.__all__: getattr(composa, n)\nprint(composa.__file__, composa.__version__)"
    file, version = python(code, executable=there / "python").split()
    assert file.startswith(str(tmp_path))
    assert version == composa.__version__
    assert not (there / "composa").exists()
    code = "import composa\ntry: composa.connect()\nexcept composa.Invalid as e: print(e)"
    said = python(code, executable=there / "python", XDG_CONFIG_HOME=str(tmp_path))
    assert said.startswith(
        "cannot choose a server: none is named and no context is saved; say connect(URL, token=…), or set COMPOSA_URL"
    )


def test_the_wheel_with_the_binary_brings_the_command(dist: pathlib.Path, tmp_path: pathlib.Path) -> None:
    wheel = only(dist, "*linux*.whl")
    assert re.fullmatch(
        r"composa-[\d.]+-py3-none-manylinux_2_17_(\w+)\.manylinux2014_\1\.musllinux_1_1_\1\.whl", wheel.name
    )
    there = fresh(tmp_path / "venv", wheel)
    assert python("import composa; print(composa.__file__)", executable=there / "python").startswith(
        str(tmp_path)
    )
    for words, said in [(["version"], "composa"), (["demo", "--help"], "composa demo")]:
        done = subprocess.run(
            [there / "composa", *words], capture_output=True, text=True, env={"PATH": "/nowhere"}, check=False
        )
        assert done.returncode == 0, done.stderr
        assert said in done.stdout + done.stderr


def test_a_binary_that_runs_elsewhere_only_makes_no_wheel(tmp_path: pathlib.Path) -> None:
    dynamic = pathlib.Path(os.path.realpath(sys.executable))
    with pytest.raises(ValueError, match="it is not static"):
        tag(dynamic.read_bytes())
    with pytest.raises(ValueError, match="no 64-bit program for Linux"):
        tag(b"MZ")
    done = subprocess.run(
        [sys.executable, here / "build_wheels.py", "--binary", tmp_path / "none", "--out", tmp_path / "dist"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot build a wheel with {tmp_path}/none: ")
    assert not (tmp_path / "dist").exists()


# Other Pythons


def interpreters() -> list[str]:
    """Name the Pythons from 3.10 on that are found here."""
    folders = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")).glob(
        "versions/3.1[0-9]*/bin/python"
    )
    found = [str(p) for p in sorted(folders)]
    for minor in range(10, 20):
        path = shutil.which(f"python3.{minor}")
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            found.append(path)
    versions: dict[str, str] = {}
    for path in found:
        version = python("import sys; print('%d.%d' % sys.version_info[:2])", executable=path).strip()
        versions.setdefault(version, path)
    return [versions[v] for v in sorted(versions, key=lambda v: int(v.partition(".")[2]))]


def test_it_is_written_for_every_python_that_it_names() -> None:
    found = interpreters()
    assert found
    compile_all = "import pathlib, sys\nfor p in pathlib.Path(sys.argv[1]).rglob('*.py'): compile(p.read_text(), str(p), 'exec')"
    for path in found:
        python(compile_all, str(sources), executable=path)
        assert (
            python(
                "import composa; print(composa.Refused('cannot'))", executable=path, PYTHONPATH=str(sources)
            )
            == "cannot\n"
        )


@pytest.mark.skipif(not proving, reason="installs from the network; COMPOSA_PROVE=1 runs it")
@pytest.mark.parametrize("path", interpreters())
def test_its_tests_pass_on_every_python(path: str, dist: pathlib.Path, tmp_path: pathlib.Path) -> None:
    there = tmp_path / "venv" / "bin" / "python"
    wheel = only(dist, "*-none-any.whl")

    def run(*words: Any, cwd: pathlib.Path = tmp_path) -> None:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run(path, "-m", "venv", tmp_path / "venv")
    run(
        there,
        "-m",
        "pip",
        "install",
        "--quiet",
        f"{wheel}[notebook]",
        "pytest",
        "pytest-asyncio",
        "hypothesis",
    )
    run(there, "-c", "import composa\nfor n in composa.__all__: getattr(composa, n)")
    subset = ["test_connection.py", "test_stream.py", "test_errors.py", "test_servers.py"]
    run(
        there,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--noconftest",
        *(f"tests/{t}" for t in subset),
        cwd=here,
    )
