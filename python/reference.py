"""Writes docs/reference/python.md: every public name of the module, its signature and its docstring.

generate.py calls text().
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import re
import textwrap

here = pathlib.Path(__file__).resolve().parent
package = here / "src" / "composa"

head = """# The Python module, name by name

Made from the docstrings by `make generate`. How it all goes together stands in
[from Python, and in a notebook](../guides/python.md).

`composa.aio` has the same names; there, what talks to the server is awaited, and what iterates is iterated
with `async for`.
"""

#: What the page tells, in this order: a heading, the module's file, and its names; () is all in __all__.
told: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Connecting", "_sync/site.py", ("connect", "Site")),
    ("", "_told.py", ("Whoami",)),
    ("Machines", "_sync/machine.py", ("Machine",)),
    ("", "_told.py", ("MachineDevice", "Wish")),
    ("Plans and explanations", "_sync/plan.py", ("Plan",)),
    ("", "_told.py", ("Explanation",)),
    ("Operations and events", "_sync/operation.py", ("Operation",)),
    ("", "_told.py", ("Event",)),
    ("Devices, fabrics, pools", "_sync/device.py", ("Device",)),
    ("", "_sync/fabric.py", ("Fabric",)),
    ("", "_sync/pool.py", ("Pool",)),
    ("", "_told.py", ("Available",)),
    ("Lists", "tables.py", ("Listing",)),
    ("Inside a machine", "inside.py", ("Ran", "CommandFailed")),
    ("Errors", "errors.py", ()),
    ("Notebooks", "notebook/__init__.py", ("load_ipython_extension",)),
    ("", "notebook/rack.py", ("RackPicture",)),
)

#: Classes that are parts of another, which is told as one: their names, and where they stand.
split = {"Composing": "_sync/composing.py", "Readings": "_sync/readings.py"}


def text() -> str:
    """Write the page."""
    parts = [head]
    for heading, file, names in told:
        tree = ast.parse((package / file).read_text())
        if heading:
            parts.append(f"## {heading}\n")
        found = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | _function)}
        for name in names or _all(tree):
            parts += _of(found[name])
    return "\n".join(parts).rstrip() + "\n"


_function = ast.FunctionDef | ast.AsyncFunctionDef


def _all(tree: ast.Module) -> list[str]:
    """Return the names in __all__, in the order in which they are defined."""
    named: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            named = set(ast.literal_eval(node.value))
    return [
        node.name for node in tree.body if isinstance(node, ast.ClassDef | _function) and node.name in named
    ]


def _of(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Write a class with its public methods, or a function."""
    if not isinstance(node, ast.ClassDef):
        return _block("###", node, _signature("", node))
    named = [ast.unparse(base) for base in node.bases]
    bases = ", ".join(base for base in named if not base.startswith("_") and base not in split)
    parts = _block("###", node, f"class {node.name}({bases})" if bases else f"class {node.name}")
    for item in _body(node):
        if isinstance(item, _function) and not item.name.startswith("_") and ast.get_docstring(item):
            parts += _block("####", item, _signature(f"{node.name}.", item))
    return parts


def _body(node: ast.ClassDef) -> list[ast.stmt]:
    """Return what a class has, and behind it what its parts have that are told with it."""
    body = list(node.body)
    for base in map(ast.unparse, node.bases):
        if base in split:
            tree = ast.parse((package / split[base]).read_text())
            body += _body(next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == base))
    return body


def _block(
    level: str, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, signature: str
) -> list[str]:
    doc = inspect.cleandoc(ast.get_docstring(node) or "")
    return [f"{level} {node.name}\n", f"```python\n{signature}\n```\n", *_sections(doc)]


def _signature(owner: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Write how it is called, in lines that fit."""
    if any(ast.unparse(d) == "property" for d in node.decorator_list):
        return f"{owner}{node.name}: {ast.unparse(node.returns) if node.returns else 'Any'}"
    arguments = _arguments(node.args)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{owner}{node.name}({', '.join(arguments)}){returns}"
    if len(line) <= 100:
        return line
    lines = [""]
    for argument in arguments:
        if len(lines[-1]) + len(argument) > 94 and lines[-1]:
            lines.append("")
        lines[-1] += f"{argument}, "
    inner = "\n".join("    " + line.rstrip() for line in lines)
    return f"{owner}{node.name}(\n{inner}\n){returns}"


def _arguments(arguments: ast.arguments) -> list[str]:
    """Write the arguments one by one, without self and without the one that only catches what is mistyped."""
    plain = ast.arguments(**{**vars(arguments), "kwarg": None})
    if arguments.kwarg is not None and ast.unparse(arguments.kwarg.annotation or ast.Constant(0)) != "Never":
        plain.kwarg = arguments.kwarg
    probe = ast.parse(f"def f({ast.unparse(plain)}): ...").body[0]
    assert isinstance(probe, ast.FunctionDef)
    words, depth, word = [], 0, ""
    for c in ast.unparse(probe.args):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            words.append(word.strip())
            word = ""
        else:
            word += c
    return [_spaced(w) for w in [*words, word.strip()] if w and w != "self"]


def _spaced(argument: str) -> str:
    """Write a default as one does: `a: int = 1`, and `a=1` where there is no type."""
    name, equals, default = argument.partition("=")
    if default.startswith("_limits."):
        limits = (package / "_limits.py").read_text()
        found = re.search(rf"^{default.removeprefix('_limits.')} = (.+)$", limits, re.MULTILINE)
        default = found[1] if found else default
    return f"{name} = {default}" if equals and ":" in name else argument


def _sections(doc: str) -> list[str]:
    """Write a docstring in the style of Google as Markdown: its sections as lists, its examples as code."""
    parts: list[str] = []
    text: list[str] = []
    lines = doc.splitlines()
    i = 0
    while i < len(lines):
        name = lines[i].rstrip(":")
        if lines[i].endswith(":") and name in ("Args", "Returns", "Raises", "Attributes", "Example"):
            body = []
            while i + 1 < len(lines) and (not lines[i + 1].strip() or lines[i + 1].startswith(" ")):
                i += 1
                body.append(lines[i])
            parts += ["\n".join(text).strip() + "\n"] if "".join(text).strip() else []
            text = []
            parts += _section(name, textwrap.dedent("\n".join(body)).strip())
        else:
            text.append(lines[i])
        i += 1
    return parts + (["\n".join(text).strip() + "\n"] if "".join(text).strip() else [])


def _section(name: str, body: str) -> list[str]:
    if name == "Example":
        return [f"```python\n{body}\n```\n"]
    if name == "Returns":
        return [f"**Returns** {' '.join(body.split())}\n"]
    items: list[str] = []
    for line in body.splitlines():
        if line.startswith(" ") and items:
            items[-1] += " " + line.strip()
        elif line.strip():
            key, colon, rest = line.partition(": ")
            items.append(f"- `{key}`: {rest}" if colon else f"- {line}")
    return [f"**{name}**\n\n" + "\n".join(items) + "\n"]
