"""Follows the racks of a picture, in a thread with a connection of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime
import threading
from collections.abc import Callable
from typing import Any

from composa import _limits
from composa._aio.connection import Connection
from composa._aio.stream import reset
from composa._servers import Server
from composa.errors import Error, Invalid, NotFound
from composa.notebook import _documents
from composa.notebook._documents import Documents

#: How fresh a picture is: state (live, silent, still, closed), since (moment of the newest answer, "" before
#: the first), reason.
News = dict[str, str]


class Watcher:
    """Reads the documents of some fabrics, then again whenever events tell that something changed.

    Events are a sign only: what is shown is what the server lists. Several events are one reading, and there
    are at most four readings a second.

    Args:
        server: The server, and who one is there.
        fabrics: Names; none: all.
        live: Whether to go on after the first reading.
        read: Told each reading.
        news: Told how fresh they are, whenever that changes. Both are called in the thread.
    """

    def __init__(
        self,
        server: Server,
        fabrics: tuple[str, ...],
        live: bool,
        read: Callable[[Documents], None],
        news: Callable[[News], None],
    ) -> None:
        self._server, self._fabrics, self._live = server, fabrics, live
        self._tell_read, self._tell_news = read, news
        self._documents = _documents.nothing()
        self._since = ""
        self._dirty: set[str] | None = None  # fabrics to read again; None: all
        self._of_operation: dict[str, str] = {}
        self._first: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._lost = ""  # why there is no stream of events; "" while there is one
        self._ended = self._closed = False
        self._guard = threading.RLock()  # stop may be called by the collector, anywhere
        self.thread = threading.Thread(target=self._run, name="composa-rack-picture", daemon=True)

    def begin(self) -> None:
        """Start the thread; return after the first reading.

        Raises:
            Error: What the server answered, or why there was no answer.
            NotFound: There is no such fabric.
            Invalid: It was ended meanwhile.
        """
        self.thread.start()
        try:
            self._first.result()
        except concurrent.futures.CancelledError:
            raise Invalid("cannot draw racks: they were closed while they were read") from None
        except BaseException:
            self.end()
            raise

    def stop(self) -> None:
        """Have the thread end, if it runs."""
        with self._guard:
            self._ended = True
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)

    def end(self, reason: str = "") -> None:
        """Have the thread end, and return when it has. What follows tells that it is closed, and why."""
        self.stop()
        if self.thread.ident is not None and self.thread is not threading.current_thread():
            self.thread.join()
        if self._live:
            self._tell_closed(reason)

    def _run(self) -> None:
        try:
            asyncio.run(self._until_cancelled())
        except asyncio.CancelledError:
            pass
        except Error as e:
            self._over(e)
        except BaseException as e:
            self._over(e)
            raise
        finally:
            if not self._first.done():
                self._first.cancel()

    def _over(self, e: BaseException) -> None:
        if not self._first.done():
            self._first.set_exception(e)
        self._tell_closed(str(e))

    def _tell_closed(self, reason: str) -> None:
        with self._guard:
            told, self._closed = self._closed, True
        if not told:
            self._tell_news({"state": "closed", "since": self._since, "reason": reason})

    async def _until_cancelled(self) -> None:
        with self._guard:
            if self._ended:
                return
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            await self._watch()
        finally:
            with self._guard:
                self._loop = self._task = None

    async def _watch(self) -> None:
        connection = Connection(self._server)
        try:
            await self._read(connection)
            self._check_names()
            self._first.set_result(None)
            if self._live:
                await self._follow(connection)
        finally:
            await connection.aclose()

    def _check_names(self) -> None:
        there = self._documents["fabrics"]
        missing = [name for name in self._fabrics if name not in there]
        if missing:
            raise NotFound(
                f"cannot draw {', '.join(map(repr, missing))}: there is no such fabric",
                next="site.fabrics() lists them; without a name all are drawn",
                code="not_found",
            )

    async def _follow(self, connection: Connection) -> None:
        changed = asyncio.Event()
        connection.again = lambda error, _: self._unheard(error)
        listener = asyncio.create_task(self._listen(changed))
        try:
            while not listener.done():
                await self._wait(changed, listener)
                changed.clear()
                try:
                    await self._read(connection)
                except Error as e:
                    if not e.retryable:
                        raise
                    self._unheard(e)
                    changed.set()
                await asyncio.sleep(_limits.between_readings)
            await listener
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _wait(self, changed: asyncio.Event, listener: asyncio.Task[None]) -> None:
        """Wait until something changed, the stream ended, or it is time to look all the same."""
        waiting = asyncio.create_task(changed.wait())
        try:
            done, _ = await asyncio.wait(
                {waiting, listener}, timeout=_limits.look_all_the_same, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
        if not done:
            self._dirty = None

    async def _listen(self, changed: asyncio.Event) -> None:
        """Hear events, on a connection of their own: its trouble is told from that of a reading."""

        def opened() -> None:
            self._lost = ""
            self._dirty = None  # what happened before is in no event of this stream
            changed.set()

        def lost(error: Error, _: float) -> None:
            self._lost = error.detail
            self._unheard(error)

        connection = Connection(self._server)
        connection.again = lost
        try:
            async for event in connection.stream("/v1/events", opened=opened):
                fabric = "" if event.get("type") == reset else self._fabric_of(event)
                if not fabric:
                    self._dirty = None
                elif self._dirty is not None:
                    self._dirty.add(fabric)
                changed.set()
        finally:
            await connection.aclose()

    def _fabric_of(self, event: dict[str, Any]) -> str:
        """Return the fabric that an event is about; "" where it does not tell."""
        body, subject = event.get("body"), str(event.get("subject", ""))
        said = body if isinstance(body, dict) else {}
        family = str(event.get("type", "")).partition(".")[0]
        if family == "operation":
            return self._remembered(subject, str(said.get("fabric") or ""))
        if family == "step":
            return self._of_operation.get(subject, "")
        if family == "fabric":
            return str(said.get("name") or "")
        if family == "claim":
            device = self._documents["devices"].get(str(said.get("device", "")), {})
            return str(device.get("fabric") or "")
        return str(said.get("fabric") or "")

    def _remembered(self, operation: str, fabric: str) -> str:
        """Keep of which fabric an operation is, for its steps, which do not say."""
        if fabric:
            self._of_operation.pop(operation, None)
            self._of_operation[operation] = fabric
            if len(self._of_operation) > _limits.remembered_operations:
                del self._of_operation[next(iter(self._of_operation))]
        return fabric

    async def _read(self, connection: Connection) -> None:
        again, self._dirty = self._dirty, set()
        try:
            self._documents = await _documents.read(connection, self._fabrics, again, self._documents)
        except Error:
            self._dirty = None
            raise
        self._since = datetime.datetime.now(datetime.timezone.utc).isoformat()
        self._tell_read(self._documents)
        state = "still" if not self._live else "silent" if self._lost else "live"
        self._tell_news({"state": state, "since": self._since, "reason": self._lost})

    def _unheard(self, error: Error) -> None:
        self._tell_news({"state": "silent", "since": self._since, "reason": error.detail})
