"""%composa and %%composa: the command line's verbs in a notebook."""

from __future__ import annotations

import ast
import contextlib
import getpass
import hashlib
import inspect
import os
import socket
from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

from IPython.core.compilerop import PyCF_MASK
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

import composa
from composa import _servers, inside
from composa.notebook import magics_lines, magics_verbs, magics_words
from composa.notebook.magics_lines import Call, Misread

if TYPE_CHECKING:
    from composa import Machine, Site
    from composa._servers import Server

#: What a command on a machine runs so that it reads all lines of a cell before it runs the first of them:
#: a program among them that reads its input then finds none, in place of the lines that follow it.
bash = """bash -c 'eval "$(cat)" < /dev/null'"""


@magics_class
class ComposaMagics(Magics):
    """The magics, and which site they speak to."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell: Any = shell  # which types parts of itself too narrowly
        self._chosen: Site | None = None  # by %composa connect
        self._usual: tuple[Server, Site] | None = None  # the last that connect() took, kept open

    @line_cell_magic("composa")  # type: ignore[arg-type]
    def composa(self, line: str, cell: str | None = None) -> Any:
        """Run a verb of the command line, or a cell on or for a machine; `%composa help` lists them.

        Args:
            line: What stands behind %composa.
            cell: The lines below it, where it is %%composa.

        Returns:
            What the verb returns: composa's objects.

        Raises:
            Error: As the module's own calls do.
        """
        if cell is None:
            return self._line(magics_lines.read(line))
        call = magics_lines.read_cell(line)
        if call.verb is magics_words.cell_ssh:
            return self._cell_on_machine(call, cell)
        return self._cell_with_machine(call, cell)

    def site(self) -> Site:
        """Return the site: the one of %composa connect, else the variable site, else the usual one.

        Raises:
            Misread: The variable is a site of composa.aio, whose calls are awaited.
            Error: There is no usual one, or it does not answer.
        """
        if self._chosen is not None:
            return self._chosen
        named = self._shell.user_ns.get("site")
        if isinstance(named, composa.Site):
            return named
        if isinstance(named, composa.aio.Site):
            raise Misread(
                f"cannot run %composa: the variable site is one of composa.aio, at {named.url}, "
                "and the magics do not await",
                next="choose a server with %composa connect URL, or give the variable another name",
            )
        return self._usual_site()

    def _usual_site(self) -> Site:
        """Connect as connect() does. What it takes is asked each time, so that this chooses nothing."""
        server = _servers.choose()
        if self._usual is None or self._usual[0] != server:
            self._usual = server, composa.connect()
        return self._usual[1]

    def _line(self, call: Call) -> Any:
        name = call.verb.name
        if name == "help":
            print(magics_lines.help_text(" ".join(call.arguments)))  # noqa: T201 (the verb prints help)
            return None
        if name == "connect":
            url = call.arguments[0] if call.arguments else None
            self._chosen = composa.connect(url, context=call.get("context"), project=call.get("project"))
            return self._chosen
        return magics_verbs.carry_out(self.site(), call)

    def _cell_on_machine(self, call: Call, cell: str) -> None:
        """Run the lines of a cell on a machine. What they write is shown as it comes."""
        m = magics_verbs.machine_named(self.site(), call.arguments[0], call.get("project"))
        limit = call.get("timeout")
        seconds = None if limit is None else magics_lines.seconds("cannot run the cell", limit)
        inside.run(m, bash, input=cell, timeout=seconds, called="the cell", **magics_verbs.ssh_words(call))

    def _cell_with_machine(self, call: Call, cell: str) -> None:
        """Compose a machine, run the cell here, and free the machine if this made it."""
        if self._compiled(cell).co_flags & inspect.CO_COROUTINE:
            raise Misread(
                "cannot run the cell for the life of a machine: it awaits something outside of a function",
                next="compose the machine in a cell before it, and free it in one behind it",
            )
        words = magics_verbs.making(call)
        if call.has("message"):
            words["message"] = call.get("message")
        site = self.site()
        name = call.get("name") or own_name(site.principal, cell)
        machine: Machine
        with site.compose(name, **words) as machine:
            print(  # noqa: T201 (what a person must know before the cell writes anything)
                f"this cell runs here, in this kernel, not on {name}: "
                f'machine.run("…") and %%composa ssh {name} run things there',
                flush=True,
            )
            self._shell.user_ns["machine"] = machine
            with _silent_errors(self._shell):
                result = self._shell.run_cell(cell, store_history=False)
            result.raise_error()

    def _compiled(self, cell: str) -> CodeType:
        """Compile a cell as IPython will, so that one that cannot be run is told before a machine is made.

        Raises:
            SyntaxError: It cannot be read.
        """
        flags = self._shell.compile.flags & PyCF_MASK | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        text = self._shell.transform_cell(cell)
        code: CodeType = compile(text, "<cell>", "exec", flags=flags, dont_inherit=True)
        return code


def own_name(principal: str, cell: str) -> str:
    """Name the machine of a cell that names none: the same cell of the same person finds it again.

    Args:
        principal: Who composes.
        cell: The lines of the cell.

    Returns:
        Such as "cell-3f9a0b1c". Another computer or user gives another name, and another notebook where the
        kernel knows its notebook (JPY_SESSION_NAME, which Jupyter Server sets). Elsewhere, as in VS Code,
        two notebooks of one person with the same lines give the same name: a --name keeps them apart.
    """
    with contextlib.suppress(OSError, KeyError, ImportError):
        principal += "\n" + getpass.getuser()
    notebook = os.environ.get("JPY_SESSION_NAME", "")
    text = "\n".join([principal, socket.gethostname(), notebook, cell])
    return "cell-" + hashlib.sha256(text.encode()).hexdigest()[:8]


@contextlib.contextmanager
def _silent_errors(shell: Any) -> Iterator[None]:
    """Let the cell within a cell not show its error: the outer one raises it, and shows it once."""

    def silent(*args: Any, **kwargs: Any) -> None:
        return None

    shell._showtraceback = silent
    try:
        yield
    finally:
        del shell._showtraceback
