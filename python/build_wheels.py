"""Builds what PyPI is given into dist/: the sdist, the wheel, and the wheel with the binary inside.

    python build_wheels.py [--binary ../bin/composa]

The second wheel is the first with the script `composa` beside, which is the binary itself: who installs it
runs `composa demo` without Go. Its tag is that of the binary's platform; a static binary runs with any C
library.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import pathlib
import stat
import struct
import subprocess
import sys
import zipfile

here = pathlib.Path(__file__).resolve().parent

# machines are ELF's numbers of the machines that wheels have a name for.
machines = {62: "x86_64", 183: "aarch64"}

# interpreter is ELF's program header of what needs that of a C library.
interpreter = 3


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the sdist and the two wheels.")
    parser.add_argument("--binary", type=pathlib.Path, default=here.parent / "bin" / "composa")
    parser.add_argument("--out", type=pathlib.Path, default=here / "dist")
    said = parser.parse_args()
    try:
        platform = tag(said.binary.read_bytes())
    except (OSError, ValueError) as e:
        print(f"cannot build a wheel with {said.binary}: {e}; make build builds it", file=sys.stderr)  # noqa: T201
        return 1
    said.out.mkdir(parents=True, exist_ok=True)
    for old in said.out.glob("composa-*"):
        old.unlink()
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(said.out), str(here)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (pure,) = said.out.glob("composa-*-py3-none-any.whl")
    with_binary(pure, said.binary, platform)
    for made in sorted(said.out.glob("composa-*")):
        print(f"{made.stat().st_size / 1e6:6.1f} MB  {made}")  # noqa: T201
    return 0


def tag(binary: bytes) -> str:
    """Say which platform a binary runs on, in the words of wheels.

    Raises:
        ValueError: It is no static binary for Linux on a machine that wheels have a name for.
    """
    if binary[:6] != b"\x7fELF\x02\x01":
        raise ValueError("it is no 64-bit program for Linux")
    machine = machines.get(struct.unpack_from("<H", binary, 18)[0])
    if machine is None:
        raise ValueError("it is for a machine that wheels have no name for")
    offset, size, count = struct.unpack_from("<Q", binary, 32)[0], *struct.unpack_from("<HH", binary, 54)
    if any(struct.unpack_from("<I", binary, offset + i * size)[0] == interpreter for i in range(count)):
        raise ValueError("it is not static, so it runs with one C library only: build it with CGO_ENABLED=0")
    return f"manylinux_2_17_{machine}.manylinux2014_{machine}.musllinux_1_1_{machine}"


def with_binary(pure: pathlib.Path, binary: pathlib.Path, platform: str) -> pathlib.Path:
    """Write the wheel that has the binary as its script `composa` beside what the pure wheel has."""
    name, version, *_ = pure.name.split("-")
    target = pure.with_name(f"{name}-{version}-py3-none-{platform}.whl")
    info = f"{name}-{version}.dist-info"
    record: list[tuple[str, str, int | str]] = []
    with zipfile.ZipFile(pure) as given, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:

        def write(path: str, content: bytes, mode: int = 0o644) -> None:
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))  # the same wheel of the same sources
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | mode) << 16
            made.writestr(entry, content)

        def put(path: str, content: bytes, mode: int = 0o644) -> None:
            write(path, content, mode)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append((path, f"sha256={digest}", len(content)))

        for path in given.namelist():
            if path == f"{info}/WHEEL":
                put(path, wheel_file(given.read(path).decode(), platform).encode())
            elif path != f"{info}/RECORD":
                put(path, given.read(path))
        put(f"{name}-{version}.data/scripts/composa", binary.read_bytes(), 0o755)
        record.append((f"{info}/RECORD", "", ""))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(record)
        write(f"{info}/RECORD", text.getvalue().encode())
    return target


def wheel_file(pure: str, platform: str) -> str:
    """Say of a wheel that it is for a platform."""
    kept = [line for line in pure.splitlines() if line and not line.startswith(("Tag:", "Root-Is-Purelib:"))]
    tags = [f"Tag: py3-none-{one}" for one in platform.split(".")]
    return "\n".join([*kept, "Root-Is-Purelib: false", *tags]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
