"""The colours, signs and words of what is shown, the same in tables, progress and the rack picture.

A colour never says anything alone: a sign and a word stand beside it. The colours are told apart by eyes that
lack a cone, and each has a contrast of 3:1 and more with its background (tests/test_palette.py). web/src/rack
draws with the same ones.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Mark", "changes", "conditions", "kinds", "of_condition", "of_use", "uses"]


class Mark(NamedTuple):
    """How one thing is shown.

    Attributes:
        word: What it is called.
        sign: One character that stands for it.
        light: Its colour on a light background.
        dark: Its colour on a dark background.
        pattern: How an area is filled with it, where areas are drawn: none, solid, dots, hatch or cross.
    """

    word: str
    sign: str
    light: str
    dark: str
    pattern: str = "solid"


#: Of the use of a device.
uses: dict[str, Mark] = {
    "free": Mark("free", "○", "#21805b", "#98feeb", "none"),
    "claimed": Mark("claimed", "◐", "#916b07", "#dfbd7f", "dots"),
    "attached": Mark("attached", "●", "#112e6c", "#6993fb", "solid"),
    "foreign": Mark("foreign", "◆", "#cc0ebb", "#da5c9d", "hatch"),
}

#: Of a device that is not to be used, whatever its use is.
broken = Mark("broken", "✕", "#712810", "#fe4809", "cross")

#: Of how something is: well, on its way, or in need of somebody.
conditions: dict[str, Mark] = {
    "well": Mark("well", "✓", "#21805b", "#98feeb"),
    "under way": Mark("under way", "…", "#916b07", "#dfbd7f"),
    "bad": Mark("bad", "!", "#712810", "#fe4809"),
}

#: What a step of a plan does.
changes: dict[str, Mark] = {
    "attach": Mark("attach", "+", "#112e6c", "#6993fb"),
    "detach": Mark("detach", "-", "#712810", "#fe4809"),
    "power": Mark("power", "~", "#916b07", "#dfbd7f"),
    "other": Mark("change", "·", "#5f6368", "#a9adb3"),
}

#: The kinds in the order in which they are shown, with the letter that stands for each in a picture.
kinds: dict[str, str] = {
    "cpu": "C",
    "gpu": "G",
    "ssd": "S",
    "scm": "P",
    "nic": "N",
    "fpga": "F",
    "memory": "M",
}

#: What is neither of these: a word that a newer server has.
unknown = Mark("unknown", "?", "#5f6368", "#a9adb3", "none")

_condition_of: dict[str, str] = {
    "ready": "well", "done": "well", "ok": "well",
    "queued": "under way", "composing": "under way", "changing": "under way", "freeing": "under way",
    "running": "under way", "waiting": "under way", "undoing": "under way", "stale": "under way",
    "degraded": "under way", "new": "under way",
    "held": "bad", "lost": "bad", "failed": "bad", "missing": "bad", "silent": "bad",
}  # fmt: skip


def of_use(word: str) -> Mark:
    """Give the mark of a device's use; a word that nobody knows gets one that says so."""
    return uses.get(word, unknown)


def of_condition(word: str) -> Mark | None:
    """Give the mark of a state, phase or health, or None for one that needs none, such as freed."""
    return conditions.get(_condition_of.get(word, ""))


def kind_rank(kind: str) -> int:
    """Say where a kind stands among the others; what nobody knows stands behind."""
    return list(kinds).index(kind) if kind in kinds else len(kinds)
