"""Getting into a machine: a command there, or a shell, through the system's ssh.

The keys, the agent and ~/.ssh/config are the user's own. Nothing is asked: where there is no terminal, a
password or an unknown host key is an error that says what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from composa import _limits, _running, _ssh, _ssh_failures, errors

__all__ = ["CommandFailed", "Ran", "run", "run_async", "ssh"]


@dataclass(frozen=True)
class Ran:
    """What came of a command on a machine.

    Attributes:
        machine: Name of the machine.
        command: The command, as its shell read it.
        returncode: What it returned; 0 is success. Negative: the signal that ended ssh here.
        stdout: What it wrote, as UTF-8 read with what is none replaced; the first 16 Mi characters of it.
        stderr: The same of its errors.
        cut: Whether more was written than is kept.
        called: What the command is called where it is told of; "": what its first line is.

    Example:
        >>> m.run("nvidia-smi -L").stdout.splitlines()
        ['GPU 0: Tesla T4 (UUID: GPU-…)']
    """

    machine: str
    command: str
    returncode: int
    stdout: str
    stderr: str
    cut: bool = False
    called: str = ""

    def __repr__(self) -> str:
        line, more, _ = (self.called or self.command).strip().partition("\n")
        shown = line if len(line) <= 60 and not more else line[:59] + "…"
        cut = "; of its output the first 16 Mi characters were kept" if self.cut else ""
        return f"{self.machine}: {shown} returned {self.returncode}{cut}"


class CommandFailed(errors.Error):
    """A command on a machine returned something other than 0 (code command_failed). What it did stays done.

    Attributes:
        ran: What came of it: returncode, stdout, stderr.
    """

    usual_code = "command_failed"

    def __init__(self, ran: Ran) -> None:
        last = ran.stderr.strip().splitlines()[-1:] or ran.stdout.strip().splitlines()[-1:]
        said = f": {last[0][:200]}" if last else ""
        super().__init__(f"{ran!r}{said}", next="check=False takes that as an answer")
        self.ran = ran


def run(
    machine: _ssh.Machine,
    command: str | Sequence[str],
    *,
    login: str | None = None,
    options: Sequence[str] = (),
    timeout: float | None = None,
    check: bool = True,
    input: str | bytes | None = None,
    called: str = "",
) -> Ran:
    """Run a command on a machine, and show what it writes as it comes.

    Args:
        machine: A machine whose address is known.
        command: A str is read by the shell of the machine; the words of a list are quoted. At most 131,071
            bytes; more goes in by input=.
        login: Who to be there; None: as the machine says, else as ~/.ssh/config says.
        options: More for ssh, as ssh takes it: ["-p", "2222"].
        timeout: Seconds after which ssh is ended; None and infinity: never.
        check: Whether a command that returns something other than 0 is an error.
        input: What the command reads; None: nothing.
        called: What the command is called where it is told of; "": what its first line is.

    Returns:
        What came of it.

    Raises:
        CommandFailed: It returned something other than 0, and check was left on.
        TimedOut: timeout has passed. What runs there may go on: ssh cannot end it for certain.
        Refused: The address is not known (the text has the line that an operator runs), it was freed, or this
            is Windows.
        NotAllowed: The host does not let the user in, or ssh does not trust its key.
        Unreachable: The host does not answer, or the connection was lost.
        Invalid: The command, the login, the options, the timeout or the input cannot be meant.
        Failed: There is no ssh here, it cannot be started, or it failed in a way that is not known here.

    Example:
        >>> m.run("nvidia-smi -L")
        >>> m.run(["python3", "train.py", "--epochs", "3"], timeout=3600)
    """
    return _carry_out(_meant(machine, command, login, options, timeout, check, input, called))


async def run_async(
    machine: _ssh.Machine,
    command: str | Sequence[str],
    *,
    login: str | None = None,
    options: Sequence[str] = (),
    timeout: float | None = None,
    check: bool = True,
    input: str | bytes | None = None,
) -> Ran:
    """Run a command on a machine, as run does, while other tasks go on. Cancelled, it ends ssh.

    Args:
        machine: As for run.
        command: As for run.
        login: As for run.
        options: As for run.
        timeout: As for run.
        check: As for run.
        input: As for run.

    Returns:
        What came of it.

    Raises:
        Error: As run does.
    """
    meant = _meant(machine, command, login, options, timeout, check, input)
    stop = _running.Signal()

    def carry_out() -> Ran:
        try:
            return _carry_out(meant, stop)
        finally:
            stop.close()

    running = asyncio.ensure_future(asyncio.to_thread(carry_out))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        # Cancelled again, this waits no longer: the thread ends ssh all the same.
        with contextlib.suppress(errors.Error, _running.Stopped):
            await asyncio.shield(running)
        raise


def ssh(machine: _ssh.Machine, *, login: str | None = None, options: Sequence[str] = ()) -> int:
    """Open a shell on a machine, on the terminal that this runs on.

    Args:
        machine: A machine whose address is known.
        login: Who to be there; None: as the machine says, else as ~/.ssh/config says.
        options: More for ssh, as ssh takes it.

    Returns:
        What ssh returned: that of the shell, or 255 where ssh itself failed and said so.

    Raises:
        Refused: There is no terminal, as in a notebook (the text has the line to type on one), the address
            is not known, or the machine was freed.
        Invalid: The login or the options cannot be meant.
        Failed: There is no ssh here.
    """
    where = _ssh.destination(machine, login)
    options = _ssh.own_options(options, for_command=False)
    args = _ssh.arguments(where, "", options=options, prompts=True)
    if not on_terminal():
        raise errors.Refused(
            f'cannot open a shell on "{machine.name}": there is no terminal here',
            code="unsupported",
            next=f"type on one: {_ssh.shell_line(where, options)}; or run a command there: m.run(…)",
        )
    return subprocess.call([_program(), *args])


def on_terminal() -> bool:
    """Tell whether somebody sits at a terminal who could be asked."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _program() -> str:
    path = shutil.which("ssh")
    if path is None:
        raise errors.Failed(
            "cannot run ssh: it is not installed", next="install it: apt install openssh-client, or the like"
        )
    return path


@dataclass(frozen=True)
class _Command:
    """A command that can be meant, before anything was started.

    name: Of the machine. where: What ssh is told. text: What the shell there reads. called: What it is called
    where it is told of.
    """

    name: str
    where: str
    text: str
    called: str
    options: Sequence[str]
    timeout: float | None
    check: bool
    given: bytes | None


def _meant(
    machine: _ssh.Machine,
    command: str | Sequence[str],
    login: str | None,
    options: Sequence[str],
    timeout: float | None,
    check: bool,
    input: str | bytes | None,
    called: str = "",
) -> _Command:
    """Check what was asked for."""
    return _Command(
        machine.name,
        _ssh.destination(machine, login),
        _ssh.remote_command(machine.name, command),
        called,
        _ssh.own_options(options, for_command=True),
        _ssh.seconds(machine.name, timeout),
        check,
        _ssh.given(machine.name, input),
    )


def _carry_out(command: _Command, stop: _running.Signal | None = None) -> Ran:
    """Run it, and show what it writes; whatever ends this ends ssh."""
    if sys.platform == "win32":
        raise errors.Refused(
            f'cannot run a command on "{command.name}": not on Windows, where two outputs of a program '
            "cannot be waited for at once",
            code="unsupported",
            next="m.ssh() on a terminal opens a shell there; or use WSL",
        )
    prompts = on_terminal()
    kept = {"stdout": _Kept(), "stderr": _Kept()}
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}

    def show(which: str, text: str) -> None:
        kept[which].add(text)
        print(text, end="", file=streams[which], flush=True)

    with tempfile.TemporaryDirectory(prefix="composa-") as folder:
        log = os.path.join(folder, "ssh")
        args = _ssh.arguments(command.where, command.text, options=command.options, log=log, prompts=prompts)
        running = _started(args, command.given, own_session=not prompts)
        try:
            returncode = running.follow(show, command.timeout, stop)
        except TimeoutError:
            raise errors.TimedOut(
                f'cannot wait longer for a command on "{command.name}": {command.timeout:g} s have passed',
                next="ssh was ended; what runs there may go on. Give a longer timeout=",
            ) from None
        finally:
            running.close()
        said = _read(log)
    out, err = kept["stdout"], kept["stderr"]
    ran = Ran(
        command.name, command.text, returncode, out.text(), err.text(), out.cut or err.cut, command.called
    )
    return _judged(ran, command, said)


def _started(args: list[str], given: bytes | None, own_session: bool) -> _running.Running:
    program = _program()
    try:
        return _running.Running([program, *args], given, own_session)
    except OSError as e:
        raise errors.Failed(
            f"cannot run ssh: {e.strerror or e}", next=f"look at {program}, and at options="
        ) from None


def _read(log: str) -> str | None:
    """Read what ssh said of itself; None where it did not come so far as to say it there."""
    with contextlib.suppress(FileNotFoundError), open(log, encoding="utf-8", errors="replace") as f:
        return f.read(65536)
    return None


def _judged(ran: Ran, command: _Command, log: str | None) -> Ran:
    """Return what came of it, or raise what it means."""
    if ran.returncode == 255 and (
        own := _ssh_failures.own_failure(ran.machine, command.where, command.options, log, ran.stderr)
    ):
        raise own
    if log:
        sys.stderr.write(log)
    if command.check and ran.returncode != 0:
        raise CommandFailed(ran)
    return ran


class _Kept:
    """The beginning of an output."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = _limits.kept_characters
        self.cut = False

    def add(self, text: str) -> None:
        self.cut = self.cut or len(text) > self._room
        self._parts.append(text[: self._room])
        self._room -= len(self._parts[-1])

    def text(self) -> str:
        return "".join(self._parts)
