"""The colours can be told apart, and can be seen."""

from __future__ import annotations

import itertools
import math

import pytest

from composa import palette

# What eyes without one kind of cone make of linear red, green and blue (Viénot, Brettel and Mollon 1999; for
# blue, Brettel, Viénot and Mollon 1997, in one plane).
missing_cone = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "long (protanopia)": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
    "middle (deuteranopia)": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
    "short (tritanopia)": ((1, 0.14461, -0.14461), (0, 0.85924, 0.14076), (0, 0.85924, 0.14076)),
}


def linear(colour: str) -> tuple[float, ...]:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)


def luminance(colour: str) -> float:
    r, g, b = linear(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def seen(colour: str, eyes: str) -> tuple[float, float, float]:
    """Give L*, a* and b* of a colour as such eyes see it."""
    rgb = linear(colour)
    r, g, b = (max(0.0, sum(m * c for m, c in zip(row, rgb, strict=True))) for row in missing_cone[eyes])
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


everything = [*palette.uses.values(), palette.broken, *palette.conditions.values(), *palette.changes.values()]


@pytest.mark.parametrize("mark", everything, ids=lambda m: m.word)
def test_a_colour_stands_out_from_its_background(mark: palette.Mark) -> None:
    assert contrast(mark.light, "#ffffff") >= 4.5
    assert contrast(mark.dark, "#111111") >= 4.5
    assert contrast(mark.dark, "#1f1f1f") >= 4.5


@pytest.mark.parametrize("eyes", missing_cone)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_uses_differ_for_every_eye(theme: str, eyes: str) -> None:
    marks = [*palette.uses.values(), palette.broken]
    for a, b in itertools.combinations(marks, 2):
        apart = math.dist(seen(getattr(a, theme), eyes), seen(getattr(b, theme), eyes))
        assert apart >= 20, f"{a.word} and {b.word} are {apart:.0f} apart"


@pytest.mark.parametrize(
    "marks", [palette.uses, palette.conditions, palette.changes], ids=["uses", "conditions", "changes"]
)
def test_signs_differ_so_that_no_colour_is_needed(marks: dict[str, palette.Mark]) -> None:
    signs = [m.sign for m in marks.values()]
    assert len(set(signs)) == len(signs)
    assert all(len(s) == 1 for s in signs)


def test_patterns_of_uses_differ() -> None:
    patterns = [m.pattern for m in [*palette.uses.values(), palette.broken]]
    assert len(set(patterns)) == len(patterns)


def test_kinds_have_letters_of_their_own() -> None:
    assert len(set(palette.kinds.values())) == len(palette.kinds)


def test_a_word_of_a_newer_server_is_shown_as_unknown() -> None:
    assert palette.of_use("borrowed").word == "unknown"
    assert palette.of_condition("resting") is None
