"""The two faces of a Connection, asked in one way, so that one test holds for both."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from composa._aio.connection import Connection as AsyncConnection
from composa._servers import Server
from composa._sync.connection import Connection as SyncConnection


class Sync:
    """A Connection of the sync face."""

    def __init__(self, server: Server, **more: Any) -> None:
        self.connection = SyncConnection(server, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def some(self, n: int, name: str, *args: Any, **more: Any) -> list[Any]:
        """Take the first n of what an iterator gives."""
        made = getattr(self.connection, name)(*args, **more)
        try:
            return list(itertools.islice(made, n))
        finally:
            made.close()

    def close(self) -> None:
        self.connection.close()


class Async:
    """A Connection of the async face, in a loop of its own."""

    def __init__(self, server: Server, **more: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.connection = AsyncConnection(server, **more)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **more: self.loop.run_until_complete(
            getattr(self.connection, name)(*args, **more)
        )

    def some(self, n: int, name: str, *args: Any, **more: Any) -> list[Any]:
        async def take() -> list[Any]:
            made = getattr(self.connection, name)(*args, **more)
            got: list[Any] = []
            try:
                async for one in made:
                    got.append(one)
                    if len(got) == n:
                        break
            finally:
                await made.aclose()
            return got

        return self.loop.run_until_complete(take())

    def close(self) -> None:
        self.loop.run_until_complete(self.connection.aclose())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
