"""What is shown, compared with what it looked like when somebody read it.

Golden files lie in tests/golden. `pytest --update` writes them; read the difference before it is committed.
"""

from __future__ import annotations

import pathlib
import re

here = pathlib.Path(__file__).parent / "golden"


class Golden:
    """Compares with golden files, or writes them."""

    def __init__(self, update: bool) -> None:
        self._update = update

    def check(self, name: str, shown: str) -> None:
        """Compare what is shown with the file of a name, which ends with a line end."""
        path = here / name
        if self._update:
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown + "\n", encoding="utf-8")
        assert path.exists(), f"there is no tests/golden/{name}: pytest --update writes it"
        assert shown + "\n" == path.read_text(encoding="utf-8")

    def check_html(self, name: str, shown: str) -> None:
        """Compare HTML without its style, an element a line."""
        self.check(name, readable(body(shown)))


def body(shown: str) -> str:
    """Give the HTML of an output without its style, and without the class that is named after that."""
    return re.sub(
        r"composa-[0-9a-f]{8}", "composa-style", re.sub(r"<style>.*?</style>", "", shown, flags=re.DOTALL)
    )


def readable(shown: str) -> str:
    """Begin a line at each row and paragraph."""
    return re.sub(r"(?<=.)(?=<(?:tr|p|li|table|thead|tbody|tfoot|ol|ul|caption)\b)", "\n", shown)
