"""Python is held to the other surfaces: every route is reached or left out for a reason, every code is one exception."""

from __future__ import annotations

import pathlib
import re

import yaml

import composa
from composa import errors
from tests.processes import root

# left_out are the routes that the module does not reach, and why.
left_out = {
    "getHealth": "for load balancers",
    "getReadiness": "for load balancers",
    "editDevice": "operators say it with composa device set",
    "editDeviceByID": "operators say it with composa device set",
    "checkFabric": "operators ask it with composa fabric check",
    "getInventory": "operators ask it with composa fabric inventory",
    "createPool": "operators keep pools with composa pool",
    "editPool": "operators keep pools with composa pool",
    "deletePool": "operators keep pools with composa pool",
    "addToPool": "operators keep pools with composa pool",
    "removeFromPool": "operators keep pools with composa pool",
    "newMachine": "compose finds what it made (PUT); nothing in Python wants a machine that must be new",
    "listProjects": "GET /v1 tells the projects of who asks",
    "listUsers": "administrators use composa user",
    "createUser": "administrators use composa user",
    "getUser": "administrators use composa user",
    "listTokens": "composa token",
    "createToken": "composa token",
    "deleteToken": "composa token",
}


def test_every_route_is_reached_or_left_out_for_a_reason() -> None:
    document = yaml.safe_load((root / "api" / "openapi.yaml").read_text())
    package = pathlib.Path(composa.__file__).parent
    sources = "".join(p.read_text() for p in sorted((package / "_aio").glob("*.py")))
    missing = []
    for path, methods in document["paths"].items():
        words = [w for w in re.sub(r"\{[^}]*\}", "", path.removeprefix("/v1")).split("/") if w]
        for operation in methods.values():
            known = all(re.search(rf"""["'/]{word}\b""", sources) for word in words)
            if (operation["operationId"] not in left_out) and not known:
                missing.append(f"{operation['operationId']} {path}")
    assert missing == []
    assert set(left_out) <= {o["operationId"] for m in document["paths"].values() for o in m.values()}


def test_what_public_methods_return_is_in_the_reference() -> None:
    page = (root / "docs" / "reference" / "python.md").read_text()
    told = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    returned = {
        word
        for line in re.findall(r"^(?:\w+\.\w+\(.*)?\) -> (.+)$", page, re.MULTILINE)
        for word in re.findall(r"[A-Za-z_.]+", line)
    }
    assert {"Machine", "Listing", "Available", "RackPicture", "Event"} <= returned
    assert returned - told <= {"None", "int", "str", "Iterator", "Any", "pandas.DataFrame"}


def test_every_code_is_an_exception() -> None:
    table = (root / "docs" / "compatibility.md").read_text().split("## Problem codes")[1]
    codes = re.findall(r"^\| `(\w+)` \| \d+ \|", table, re.MULTILINE)
    assert len(codes) > 20
    for code in codes:
        kind = type(errors.error_of({"code": code, "detail": "cannot do it", "status": 409}, 409, {}))
        assert issubclass(kind, composa.Error)
        assert kind is not composa.Error, code
        assert kind is not composa.Failed or code in ("failed", "cancelled", "internal"), code
