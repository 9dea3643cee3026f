"""Real Jupyter kernels for the tests, and what a cell leaves in its notebook."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.processes import patience

colors = re.compile(r"\x1b\[[0-9;]*m")


class Cell:
    """One cell that runs: what it has shown so far, and how it ended."""

    def __init__(self, kernel: Kernel, message: str) -> None:
        self._kernel = kernel
        self._message = message
        self.text = ""  # what it printed, to both streams
        self.shown: list[Mapping[str, Any]] = []  # MIME bundles, updates too, in order
        self.error = ""  # name of the exception that ended it; empty: none
        self.traceback = ""
        self.over = False

    def until(self, enough: Callable[[Cell], bool]) -> Cell:
        """Wait until enough of the cell was seen; fail when it ended before."""
        self._hear(lambda: enough(self))
        assert enough(self), f"the cell ended before that: {self.told}"
        return self

    def end(self) -> Cell:
        """Wait until the cell ended."""
        self._hear(lambda: False)
        return self

    def done(self) -> Cell:
        """Wait until the cell ended well."""
        self.end()
        assert not self.error, self.told
        return self

    @property
    def told(self) -> str:
        """Everything a person would read."""
        plain = "\n".join(str(bundle.get("text/plain", "")) for bundle in self.shown)
        return f"{self.text}\n{plain}\n{self.traceback}"

    def _hear(self, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 2 * patience
        while not self.over and not enough():
            left = deadline - time.monotonic()
            assert left > 0, f"nothing more of the cell for {2 * patience:.0f} s: {self.told}"
            said = self._kernel.client.get_iopub_msg(timeout=left)
            if said["parent_header"].get("msg_id") == self._message:
                self._take(said["msg_type"], said["content"])

    def _take(self, kind: str, content: Mapping[str, Any]) -> None:
        if kind == "stream":
            self.text += content["text"]
        elif kind in ("display_data", "update_display_data", "execute_result"):
            self.shown.append(content["data"])
        elif kind == "error":
            self.error = content["ename"]
            self.traceback = colors.sub("", "\n".join(content["traceback"]))
        elif kind == "status" and content["execution_state"] == "idle":
            self.over = True


class Kernel:
    """An IPython kernel in a process of its own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel(env=dict(env))
        client = self.manager.client()
        assert isinstance(client, BlockingKernelClient)
        self.client = client
        self.client.start_channels()
        self.client.wait_for_ready(timeout=patience)

    def begin(self, code: str) -> Cell:
        """Start a cell."""
        return Cell(self, self.client.execute(code))

    def run(self, code: str) -> Cell:
        """Run a cell to its good end."""
        return self.begin(code).done()

    def interrupt(self) -> None:
        """Press the button that stops a cell."""
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    close = kill
