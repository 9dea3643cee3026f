"""Reads HTML as a browser would, to see what a page shows and whether anything broke out of its place."""

from __future__ import annotations

import html.parser

#: Everything our own HTML is made of.
tags = {
    "style", "div", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "b", "i", "span", "p", "ol", "ul",
    "li", "code",
}  # fmt: skip
attributes = {
    "class", "scope", "colspan", "style", "role", "aria-label", "aria-hidden", "aria-valuemin", "aria-valuemax",
    "aria-valuenow", "aria-valuetext",
}  # fmt: skip


class Page(html.parser.HTMLParser):
    """What is on a page; raises AssertionError where it is not well formed, or has what is never ours."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self.attributes: list[str] = []
        self.rows: list[list[str]] = []
        self.style = ""
        self._open: list[str] = []
        self._cell = False
        self.classes: set[str] = set()
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"
        for name in self.classes:
            assert f".{name}" in self.style, f"the style knows nothing of class {name!r}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in tags, tag
        for name, value in attrs:
            assert name in attributes, (tag, name)
            self.attributes.append(value or "")
            self.classes.update((value or "").split() if name == "class" else ())
        self._open.append(tag)
        self._cell = tag in ("th", "td") or (self._cell and tag not in ("tr", "p"))
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open, tag
        assert self._open.pop() == tag
        self._cell = self._cell and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
            return
        self.shown.append(data)
        if self._cell and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    @property
    def text(self) -> str:
        """All that is shown."""
        return "".join(self.shown)
