"""Pieces of HTML for the output of a cell: escaped, in the colours of the theme, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import html as escaping
from collections.abc import Iterable

from composa import palette
from composa._wording import clean

_light = "".join(f"--u-{n}:{m.light};" for n, m in [*palette.uses.items(), ("broken", palette.broken)])
_dark = "".join(f"--u-{n}:{m.dark};" for n, m in [*palette.uses.items(), ("broken", palette.broken)])
_words = {"well": "well", "under way": "busy", "bad": "bad"}
_light += "".join(f"--c-{_words[n]}:{m.light};" for n, m in palette.conditions.items())
_dark += "".join(f"--c-{_words[n]}:{m.dark};" for n, m in palette.conditions.items())
_light += "".join(f"--d-{n}:{m.light};" for n, m in palette.changes.items())
_dark += "".join(f"--d-{n}:{m.dark};" for n, m in palette.changes.items())
_light += f"--u-unknown:{palette.unknown.light};"
_dark += f"--u-unknown:{palette.unknown.dark};"

# X stands for a class that is named after the style itself: it reaches only output with this very style.
_style = (
    f".X{{{_light}"
    "--ink:var(--jp-ui-font-color1,var(--vscode-foreground,currentcolor));"
    "--faint:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,#5f6368));"
    "--line:var(--jp-border-color2,var(--vscode-panel-border,#c4c7c5));"
    "--stripe:var(--jp-rendermime-table-row-background,var(--vscode-list-hoverBackground,transparent));"
    "color:var(--ink);font-family:var(--jp-ui-font-family,var(--vscode-font-family,sans-serif));"
    "font-size:var(--jp-ui-font-size1,13px);line-height:1.45;max-width:100%;overflow-x:auto}"
    'body[data-jp-theme-light="false"] .X,body.vscode-dark .X,'
    'body.vscode-high-contrast .X,html[theme="dark"] .X'
    f"{{{_dark}}}"
    ".X table{border-collapse:collapse;margin:0;table-layout:auto;color:inherit;font:inherit}"
    ".X caption{text-align:left;caption-side:top;padding:2px 0 4px;color:inherit;white-space:nowrap}"
    ".X th,.X td{text-align:left;vertical-align:top;padding:3px 14px 3px 0;"
    "border-bottom:1px solid var(--line);"
    "background:none;white-space:nowrap;max-width:60ch;overflow-wrap:anywhere}"
    ".X td.w{white-space:normal;min-width:18ch}"
    ".X th{font-weight:600}.X tbody th[scope=row]{font-weight:500}"
    ".X .n{text-align:right;font-variant-numeric:tabular-nums}"
    ".X th.g{padding-top:9px;font-weight:600}.X th.g span,.X .f{color:var(--faint);font-weight:400}"
    ".X code,.X pre{font-family:var(--jp-code-font-family,var(--vscode-editor-font-family,monospace));"
    "font-size:var(--jp-code-font-size,13px);background:none;color:inherit;margin:0;padding:0}"
    ".X pre{white-space:pre-wrap}.X p{margin:2px 0}.X ul{margin:2px 0;padding-left:1.4em}"
    ".X i{font-style:normal;display:inline-block;min-width:1.4em;font-weight:700}.X li i{min-width:1.8em}"
    + "".join(f".X .u-{n} i{{color:var(--u-{n})}}" for n in [*palette.uses, "broken", "unknown"])
    + "".join(f".X .c-{n} i{{color:var(--c-{n})}}" for n in _words.values())
    + "".join(
        f".X .d-{n}{{border-left:3px solid var(--d-{n});padding-left:7px}}.X .d-{n} i{{color:var(--d-{n})}}"
        for n in palette.changes
    )
)


def text(value: object) -> str:
    """Escape a value for the text of an element or the value of an attribute, on one line."""
    return escaping.escape(clean(value), quote=True)


def output(*parts: str, more: str = "") -> str:
    """Put parts together as the output of a cell, with its style.

    Args:
        *parts: HTML.
        more: Style beside the usual one, in which X stands for the class.
    """
    style = _style + more
    name = "composa-" + hashlib.sha256(style.encode()).hexdigest()[:8]
    # JupyterLab has rules of its own for tables in outputs; a class that is named thrice goes before them.
    scoped = style.replace(".X", f".{name}" * 3).replace("X-", f"{name}-")
    return f'<style>{scoped}</style><div class="{name}">' + "".join(parts) + "</div>"


def element(tag: str, content: str, **attributes: str) -> str:
    """Write an element; content is HTML already, attributes are not. A trailing _ of a name is left out."""
    told = "".join(f' {k.rstrip("_").replace("_", "-")}="{text(v)}"' for k, v in attributes.items() if v)
    return f"<{tag}{told}>{content}</{tag}>"


def use(word: str, healthy: bool = True) -> str:
    """Show the use of a device: its sign in its colour, and the word."""
    mark = palette.of_use(word) if healthy else palette.broken
    name = mark.word if mark is not palette.unknown else "unknown"
    return element("span", element("i", mark.sign, aria_hidden="true") + text(word), class_=f"u-{name}")


def condition(word: str) -> str:
    """Show a state, phase or health: a sign in its colour where it has one, and the word."""
    mark = palette.of_condition(word.partition(" ")[0])
    if mark is None:
        return text(word)
    return signed(mark.word, word)


def signed(condition: str, words: str) -> str:
    """Show words behind the sign of a condition, in its colour.

    Args:
        condition: One of palette.conditions.
        words: What is so.
    """
    sign = element("i", palette.conditions[condition].sign, aria_hidden="true")
    return element("span", sign + text(words), class_=f"c-{_words[condition]}")


def details(title: str, rows: Iterable[tuple[str, str]], note: str = "") -> str:
    """Show one thing as rows of a name and a value (HTML already); empty values are left out."""
    body = "".join(
        element("tr", element("th", text(name), scope="row") + element("td", value, class_="w"))
        for name, value in rows
        if value
    )
    return element("table", caption(title, note) + element("tbody", body))


def caption(title: str, note: str = "") -> str:
    """Write what a table is of."""
    return element(
        "caption",
        element("b", text(title)) + (element("span", " · " + text(note), class_="f") if note else ""),
    )


def lines(texts: Iterable[str]) -> str:
    """Show lines of text as a list."""
    return element("ul", "".join(element("li", text(t)) for t in texts))
