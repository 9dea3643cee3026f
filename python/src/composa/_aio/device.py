"""Device: one part that a fabric can attach."""

from __future__ import annotations

from typing import Any

from composa import _wire
from composa._call import part
from composa._moment import Moment
from composa.looks import Looks


class Device(Looks, _wire.Device, Moment):
    """One part that a fabric can attach, as it was when it was read. It can be given wherever a place is.

    Attributes:
        id: Its id, such as "dev_k3v9q2xwabcdefgh": the part, wherever it sits.
        place: Where it is now, such as "rack1/gpu3".
        fabric: Name of its fabric.
        kind: cpu (a compute node), gpu, ssd, scm, nic, fpga or memory.
        vendor, model, serial, firmware: As the fabric tells them; None where it does not.
        free: A request that names no pool could get it now. why_not: why not, else.
        use: free, claimed, attached or foreign.
        health: ok, degraded, failed, missing or unknown.
        hygiene: Whether it may hold somebody's data.
        machine: Name of the machine that has it, where that is in a project of yours; None else.
        pool: Name of its pool; None: in none.
        memory: Bytes of memory; None where the fabric does not say, as with the following.
        size: Bytes of a drive.
        cores, threads: Of a cpu. lanes: PCIe lanes as trained. speed: Bits per second of a network card.
        address, login: Of the host behind a cpu, as an operator said them.
        cordon: Why it is kept from being given out (reason, by, at); None: it is not.
        labels: Words of people.
        emulated: It is pretend hardware.
    """

    async def refresh(self) -> Device:
        """Read it anew by its id, wherever it sits now.

        Returns:
            Itself, as it is now.

        Raises:
            NotFound: The part is gone from the site.

        Example:
            >>> site.device("rack1/gpu3").refresh().use
            'attached'
        """
        self._renew(await self._site._connection.get(f"/v1/devices/{part(self.id)}", model=_wire.Device))
        return self

    def _same(self) -> tuple[Any, ...]:
        return "Device", self.id
