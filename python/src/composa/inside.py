"""Getting into a machine: a command there, or a shell, through the system's ssh.

The keys, the agent and ~/.ssh/config are the user's own. Nothing is asked: where there is no terminal, a
password or an unknown host key is an error that says what to do.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from composa import _limits, _ssh, errors

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

    def __repr__(self) -> str:
        line, more, _ = self.command.strip().partition("\n")
        shown = line if len(line) <= 60 and not more else line[:59] + "…"
        cut = "; of its output the first 16 Mi characters were kept" if self.cut else ""
        return f"{self.machine}: {shown} returned {self.returncode}{cut}"


class CommandFailed(errors.Failed):
    """A command on a machine returned something other than 0 (code failed).

    Attributes:
        ran: What came of it: returncode, stdout, stderr.
    """

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
) -> Ran:
    """Run a command on a machine, and show what it writes as it comes.

    Args:
        machine: A machine whose address is known.
        command: A str is read by the shell of the machine; the words of a list are quoted.
        login: Who to be there; None: as the machine says, else as ~/.ssh/config says.
        options: More for ssh, as ssh takes it: ["-p", "2222"].
        timeout: Seconds after which ssh is ended; None: never.
        check: Whether a command that returns something other than 0 is an error.
        input: What the command reads; None: nothing.

    Returns:
        What came of it.

    Raises:
        CommandFailed: It returned something other than 0, and check was left on.
        TimedOut: timeout has passed. What runs there may go on: ssh cannot end it for certain.
        Refused: The address is not known (the text has the line that an operator runs), or it was freed.
        NotAllowed: The host does not let the user in, or ssh does not trust its key.
        Unreachable: The host does not answer, or the connection was lost.
        Invalid: The command, the login or the options cannot be meant.
        Failed: There is no ssh here.

    Example:
        >>> m.run("nvidia-smi -L")
        >>> m.run(["python3", "train.py", "--epochs", "3"], timeout=3600)
    """
    with _begun(machine, command, login, options, timeout, input) as running:
        return running.finish(check)


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
    with _begun(machine, command, login, options, timeout, input) as running:
        finishing = asyncio.ensure_future(asyncio.to_thread(running.finish, check))
        try:
            return await asyncio.shield(finishing)
        except asyncio.CancelledError:
            running.end()
            with contextlib.suppress(errors.Error):
                await finishing
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
    args = _ssh.arguments(where, "", options=options, prompts=True)
    if not on_terminal():
        line = shlex.join(["ssh", *options, where])
        raise errors.Refused(
            f'cannot open a shell on "{machine.name}": there is no terminal here',
            code="unsupported",
            next=f"type on one: {line}; or run a command there: m.run(…)",
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


@contextlib.contextmanager
def _begun(
    machine: _ssh.Machine,
    command: str | Sequence[str],
    login: str | None,
    options: Sequence[str],
    timeout: float | None,
    input: str | bytes | None,
) -> Iterator[_Running]:
    """Start ssh; whatever ends the block ends it."""
    where = _ssh.destination(machine, login)
    text = _ssh.remote_command(machine.name, command)
    if timeout is not None and not timeout > 0:
        raise errors.Invalid(f'cannot run a command on "{machine.name}": {timeout} seconds are no timeout')
    prompts = on_terminal()
    given = input.encode() if isinstance(input, str) else input
    with tempfile.TemporaryDirectory(prefix="composa-") as folder:
        log = os.path.join(folder, "ssh")
        args = _ssh.arguments(where, text, options=options, log=log, prompts=prompts)
        running = _Running(
            machine.name, where, text, [_program(), *args], log, given, timeout, own_session=not prompts
        )
        try:
            yield running
        finally:
            running.close()


class _Running:
    """One ssh that runs, whose outputs are read beside each other."""

    def __init__(
        self,
        name: str,
        where: str,
        command: str,
        args: list[str],
        log: str,
        given: bytes | None,
        timeout: float | None,
        own_session: bool,
    ) -> None:
        self._name, self._where, self._command, self._log = name, where, command, log
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        # What is read waits here until it is shown, so that a flood of output slows the command down.
        self._read: queue.Queue[tuple[str, str | None]] = queue.Queue(maxsize=64)
        self._own_session = own_session and hasattr(os, "killpg")
        self._process = subprocess.Popen(
            args,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=self._own_session,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._reading = [
            self._thread(self._follow, "stdout", self._process.stdout),
            self._thread(self._follow, "stderr", self._process.stderr),
            self._thread(self._await_end),
        ]
        if given is not None:
            self._reading.append(self._thread(self._give, given))

    def _thread(self, target: object, *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True, name="composa-ssh")  # type: ignore[arg-type]
        thread.start()
        return thread

    def _follow(self, which: str, stream: IO[bytes]) -> None:
        """Read one output to its end."""
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                self._read.put((which, decode(chunk)))
        self._read.put((which, decode(b"", final=True)))
        self._read.put((which, None))

    def _await_end(self) -> None:
        self._process.wait()
        self._read.put(("end", None))

    def _give(self, given: bytes) -> None:
        """Write what the command reads; one that does not read it to its end is no error."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError), self._process.stdin as stream:
            stream.write(given)

    def finish(self, check: bool) -> Ran:
        """Show what comes until it ends."""
        kept = {"stdout": _Kept(), "stderr": _Kept()}
        streams = {"stdout": sys.stdout, "stderr": sys.stderr}
        open_outputs, ended_at = {"stdout", "stderr"}, 0.0
        while open_outputs or not ended_at:
            # A process that ssh left behind may hold the outputs open for ever.
            until = ended_at + _limits.ending if ended_at else self._deadline
            try:
                which, text = self._read.get(
                    timeout=None if until is None else max(0.0, until - time.monotonic())
                )
            except queue.Empty:
                if ended_at:
                    break
                raise self._timed_out() from None
            if which == "end":
                ended_at = time.monotonic()
            elif text is None:
                open_outputs.discard(which)
            elif text:
                kept[which].add(text)
                print(text, end="", file=streams[which], flush=True)
        return self._result(kept["stdout"], kept["stderr"], check)

    def _timed_out(self) -> errors.TimedOut:
        return errors.TimedOut(
            f'cannot wait longer for a command on "{self._name}": {self._timeout:g} s have passed',
            next="ssh was ended; what runs there may go on. Give a longer timeout=",
        )

    def _result(self, out: _Kept, err: _Kept, check: bool) -> Ran:
        log = ""
        with contextlib.suppress(FileNotFoundError), open(self._log, encoding="utf-8", errors="replace") as f:
            log = f.read(65536)
        ran = Ran(
            self._name, self._command, self._process.returncode, out.text(), err.text(), out.cut or err.cut
        )
        if ran.returncode == 255 and (own := _ssh.own_failure(self._name, self._where, log, ran.stderr)):
            raise own
        if log:
            sys.stderr.write(log)
        if check and ran.returncode != 0:
            raise CommandFailed(ran)
        return ran

    def end(self) -> None:
        """End ssh if it still runs; safe to call from any thread, and twice."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            self._waiting_for_end()
        if self._process.poll() is None:
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
            self._process.wait()

    def _waiting_for_end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_limits.ending)

    def close(self) -> None:
        """End ssh, and those who read its outputs; what they still hold is thrown away."""
        self.end()
        until = time.monotonic() + _limits.ending
        while any(thread.is_alive() for thread in self._reading) and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                self._read.get(timeout=0.01)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._own_session:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)


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
