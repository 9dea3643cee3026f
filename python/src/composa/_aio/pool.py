"""Pool: devices that are kept for a project or a purpose."""

from __future__ import annotations

from typing import Any

from composa import _wire
from composa._call import part
from composa._moment import Moment
from composa.looks import Looks


class Pool(Looks, _wire.Pool, Moment):
    """Devices that are kept for a project or a purpose, as it was when it was read.

    Attributes:
        name: Its name; `compose(pool=name)` takes from it.
        project: Name of the project that has it. owner: who made it.
        devices: Places of its devices. free: how many of them are free.
        most: How many it may hold; None: any number.
        where: A condition: devices that meet it are in it too, unless they were put into another; None: none.
        labels: Words of people.
    """

    async def refresh(self) -> Pool:
        """Read it anew.

        Returns:
            Itself, as it is now.

        Raises:
            NotFound: It was removed.
        """
        path = f"/v1/pools/{part(self.project)}/{part(self.name)}"
        self._renew(await self._site._connection.get(path, model=_wire.Pool))
        return self

    def _same(self) -> tuple[Any, ...]:
        return "Pool", self.id
