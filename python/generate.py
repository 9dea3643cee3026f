"""Makes everything in python/ that is derived, from what it is derived from.

    python generate.py            write what is derived
    python generate.py --check    say what is stale, and exit with 1 where something is

- src/composa/_wire.py: the models of api/openapi.yaml.
- src/composa/_sync/: src/composa/_aio/ without async and await. What must be
  written twice (by_hand) is not made.
- ../docs/reference/python.md: the docstrings of what is public (reference.py).
"""

from __future__ import annotations

import argparse
import filecmp
import pathlib
import shutil
import subprocess
import sys
import tempfile

import unasync

import reference

here = pathlib.Path(__file__).resolve().parent
package = here / "src" / "composa"
openapi = here.parent / "api" / "openapi.yaml"
page = here.parent / "docs" / "reference" / "python.md"

# by_hand are the modules of _aio whose twins in _sync are written, not made.
by_hand = {"pausing.py"}

# renamed are the names that differ between the two, beside the words themselves.
renamed = {
    "AsyncClient": "Client",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncIterator": "Iterator",
    "AsyncGenerator": "Generator",
    "aclosing": "closing",
    "aclose": "close",
    "aiter_bytes": "iter_bytes",
    "run_async": "run",
    "_aio": "_sync",
}


def wire(out: pathlib.Path) -> None:
    """Write the models of the OpenAPI document."""
    header = '"""The documents of the REST interface, made from api/openapi.yaml by generate.py."""'
    subprocess.run(
        [
            sys.executable, "-m", "datamodel_code_generator",
            "--input", str(openapi), "--input-file-type", "openapi",
            "--output", str(out), "--output-model-type", "pydantic_v2.BaseModel",
            "--base-class", "composa._wirebase.Wire",
            "--target-python-version", "3.10", "--use-annotated", "--snake-case-field",
            "--ignore-enum-constraints", "--extra-fields", "ignore",
            "--use-union-operator", "--use-standard-collections",
            "--use-schema-description", "--use-field-description", "--disable-timestamp",
            "--formatters", "ruff-check", "ruff-format",
            "--custom-file-header", header,
        ],
        check=True,
        cwd=here,
    )  # fmt: skip


def sync(out: pathlib.Path) -> None:
    """Write the modules that talk, without async and await."""
    made = [p for p in sorted((package / "_aio").glob("*.py")) if p.name not in by_hand]
    with tempfile.TemporaryDirectory() as tmp:
        source = pathlib.Path(tmp) / "_aio"
        source.mkdir()
        for p in made:
            shutil.copy(p, source)
        rule = unasync.Rule(f"{source}/", f"{out}/", additional_replacements=renamed)
        unasync.unasync_files([str(source / p.name) for p in made], [rule])
    note = "# Made from _aio/{} by generate.py: change it there.\n"
    for p in made:
        target = out / p.name
        target.write_text(note.format(p.name) + target.read_text())
    subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--quiet", "--no-force-exclude", str(out)],
        check=True,
        cwd=here,  # whose configuration it takes
    )


def stale(fresh: pathlib.Path, kept: pathlib.Path) -> list[str]:
    """Name the files of fresh that are missing in kept or differ there, and those that are no more made."""
    made = {p.relative_to(fresh) for p in fresh.rglob("*.py")}
    bad = [
        str(kept / p)
        for p in sorted(made)
        if not (kept / p).exists() or not filecmp.cmp(fresh / p, kept / p, shallow=False)
    ]
    if kept.name == "_sync":
        bad += [
            str(p)
            for p in sorted(kept.glob("*.py"))
            if p.relative_to(kept) not in made and p.name not in by_hand
        ]
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as tmp:
        fresh = pathlib.Path(tmp)
        (fresh / "_sync").mkdir()
        wire(fresh / "_wire.py")
        sync(fresh / "_sync")
        bad = stale(fresh / "_sync", package / "_sync")
        if not (package / "_wire.py").exists() or not filecmp.cmp(
            fresh / "_wire.py", package / "_wire.py", shallow=False
        ):
            bad.append(str(package / "_wire.py"))
        if check and (not page.exists() or page.read_text() != reference.text()):
            bad.append(str(page))
        if check:
            for path in bad:
                print(f"stale: {path}; run make generate", file=sys.stderr)  # noqa: T201
            return 1 if bad else 0
        shutil.copy(fresh / "_wire.py", package / "_wire.py")
        (package / "_sync").mkdir(exist_ok=True)
        for p in (package / "_sync").glob("*.py"):
            if p.name not in by_hand:
                p.unlink()
        for p in (fresh / "_sync").glob("*.py"):
            shutil.copy(p, package / "_sync")
    page.write_text(reference.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
