"""Racks that no director shows, in every state that a device can be in, to look at how they are drawn."""

from __future__ import annotations

import random
from typing import Any

from composa.notebook import rack
from composa.notebook._documents import Document, Documents, nothing
from composa.notebook._kept import Kept

_names = ("train", "render", "etl-nightly", "a", "vision-exp-42", "big", "db", "web")
_states = ("ready", "composing", "freeing")
_oddities: tuple[Document, ...] = (
    {"health": "failed", "free": False, "whyNot": "failed"},
    {"health": "missing", "free": False, "whyNot": "missing"},
    {"health": "degraded"},
    {"cordon": {"reason": "fan", "by": "ops"}, "free": False, "whyNot": "cordoned"},
    {"use": "attached", "free": False, "whyNot": "attached"},
    {"free": False, "whyNot": "in the pool vision"},
)


def show(racks: int, kinds: dict[str, int]) -> Any:
    """Make a widget of so many racks of so many devices of each kind."""
    kept, widget = Kept(), rack._widget_class()()
    kept.read(documents(racks, kinds))
    kept.heard({"state": "live", "since": "2026-01-01T00:00:00Z", "reason": ""})
    kept.tell(widget.set_trait_values)
    return widget


def documents(racks: int, kinds: dict[str, int]) -> Documents:
    """Return documents of racks: each has one machine, of two fifths of its devices."""
    chance, docs = random.Random(3), nothing()
    for r in range(racks):
        fabric, state = f"rack{r + 1}", _states[r % len(_states)]
        docs["fabrics"][fabric] = {"name": fabric, "state": "ok", "emulated": True}
        machine = {"id": f"mach_{r}", "name": _names[r % len(_names)], "project": "default", "owner": "ana"}
        docs["machines"][machine["id"]] = machine | {
            "state": state, "createdAt": f"2026-01-01T0{r % 6}:00:00Z", "devices": [],
        }  # fmt: skip
        for kind, count in kinds.items():
            for i in range(count):
                d = _device(fabric, kind, i)
                if i < count * 0.4:
                    use = "claimed" if state == "composing" else "attached"
                    d |= {"use": use, "free": False, "machine": machine["name"], "machineId": machine["id"]}
                elif i == count - 1:
                    d |= {"use": "foreign", "free": False}
                elif chance.random() < 0.3:
                    d |= chance.choice(_oddities)
                docs["devices"][d["id"]] = d
    docs["fabrics"]["rack1"] |= {"state": "silent", "silentSince": "2026-01-01T00:00:00Z"}
    return docs


def _device(fabric: str, kind: str, i: int) -> Document:
    return {
        "id": f"dev_{fabric}_{kind}{i}", "place": f"{fabric}/{kind}{i}", "fabric": fabric, "kind": kind,
        "vendor": "NVIDIA", "model": "A100", "switch": f"0x01a{i % 3}00", "use": "free", "free": True,
        "health": "ok", "hygiene": "clean",
    }  # fmt: skip
