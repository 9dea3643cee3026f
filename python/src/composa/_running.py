"""One ssh that runs: its outputs are read beside each other while it is given what it reads.

The thread that follows it waits for all of that at once, so that nothing that still waits is left behind.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable

from composa import _limits

#: Seconds that one waiting lasts at most: the system's own call does not take every number of them.
_at_a_time = 3600.0


class Stopped(Exception):
    """Another thread asked for the end."""


class Signal:
    """Something that happens once, and that is waited for beside outputs."""

    def __init__(self) -> None:
        self._seen, self._set = socket.socketpair()

    def fileno(self) -> int:
        """Return what can be read once it has happened."""
        return self._seen.fileno()

    def set(self) -> None:
        """Let it have happened; safe in any thread, twice, and after close."""
        self._set.close()

    def close(self) -> None:
        """Give back what it holds."""
        self._set.close()
        self._seen.close()


class Running:
    """An ssh that was started; close() ends it."""

    def __init__(self, args: list[str], given: bytes | None, own_session: bool) -> None:
        """Start it.

        Args:
            args: The program and its arguments.
            given: What it reads; None: nothing.
            own_session: Whether what it starts here is ended with it.

        Raises:
            OSError: It cannot be started.
        """
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
        self._outputs = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        self._decode = {
            which: codecs.getincrementaldecoder("utf-8")(errors="replace").decode for which in self._outputs
        }
        self._given = memoryview(given or b"")
        self._waiting = selectors.DefaultSelector()
        self._ended = Signal()
        self._ending = threading.Thread(target=self._await_end, daemon=True, name="composa-ssh")
        self._ending.start()

    def _await_end(self) -> None:
        self._process.wait()
        self._ended.set()

    def follow(
        self, show: Callable[[str, str], None], timeout: float | None = None, stop: Signal | None = None
    ) -> int:
        """Show what it writes until it has ended. Called once.

        Args:
            show: Called with "stdout" or "stderr", and some text.
            timeout: Seconds that it may take; None: any.
            stop: Ends the following.

        Returns:
            What it returned.

        Raises:
            TimeoutError: The time has passed.
            Stopped: stop was set.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._wait_for(stop)
        while "ended" not in (ready := self._ready(deadline)):
            if "stop" in ready:
                raise Stopped
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError
            self._take(ready, show)
        # All that it wrote can be read now. A process that it left behind, such as the master of
        # ControlPersist, may hold its outputs open for ever: their end is not waited for.
        self._waiting.unregister(self._ended)
        until = time.monotonic() + _limits.ending
        while (ready := self._ready(0.0) & set(self._outputs)) and time.monotonic() < until:
            self._take(ready, show)
        for which, decode in self._decode.items():
            if text := decode(b"", final=True):
                show(which, text)
        return self._process.returncode

    def _wait_for(self, stop: Signal | None) -> None:
        """Say what is waited for."""
        self._waiting.register(self._ended, selectors.EVENT_READ, "ended")
        for which, stream in self._outputs.items():
            self._waiting.register(stream, selectors.EVENT_READ, which)
        if stop is not None:
            self._waiting.register(stop, selectors.EVENT_READ, "stop")
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._waiting.register(self._process.stdin, selectors.EVENT_WRITE, "stdin")

    def _ready(self, deadline: float | None) -> set[str]:
        """Wait until something can be read or written, or the deadline (0: not at all); tell what."""
        left = _at_a_time if deadline is None else deadline - time.monotonic()
        return {key.data for key, _ in self._waiting.select(max(0.0, min(left, _at_a_time)))}

    def _take(self, ready: set[str], show: Callable[[str, str], None]) -> None:
        """Read and write what can be read and written."""
        for which in ready & set(self._outputs):
            stream = self._outputs[which]
            chunk = os.read(stream.fileno(), 65536)
            if not chunk:
                self._waiting.unregister(stream)
            elif text := self._decode[which](chunk):
                show(which, text)
        if "stdin" in ready:
            self._give()

    def _give(self) -> None:
        """Write what it reads; one that does not read it to its end is no error."""
        stream = self._process.stdin
        assert stream is not None
        with contextlib.suppress(BlockingIOError):
            try:
                self._given = self._given[os.write(stream.fileno(), self._given[:65536]) :]
            except BrokenPipeError:
                self._given = self._given[:0]
        if not self._given:
            self._waiting.unregister(stream)
            stream.close()

    def close(self) -> None:
        """End it where it still runs, and give back what is held. Nothing is awaited where it has ended."""
        if self._ending.is_alive():
            self._signal(signal.SIGTERM)
            self._ending.join(_limits.ending)
        if self._ending.is_alive():
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._ending.join()
        self._waiting.close()
        self._ended.close()
        for stream in (self._process.stdin, *self._outputs.values()):
            if stream is not None:
                stream.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._own_session:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)
