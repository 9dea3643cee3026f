"""Readings: what a site tells of its machines, devices, fabrics, pools, operations and events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from composa import _limits, _wants, _wire, _words
from composa._aio import event
from composa._aio.connection import Connection
from composa._aio.device import Device
from composa._aio.fabric import Fabric
from composa._aio.machine import Machine
from composa._aio.operation import Operation
from composa._aio.pool import Pool
from composa._call import part
from composa._told import Available, Event, Explanation
from composa._wants import Named
from composa._words import abridge
from composa.errors import Invalid, NotAllowed, NotFound
from composa.tables import Listing

if TYPE_CHECKING:
    from composa._moment import Moment

M = TypeVar("M", bound="Moment")


class Readings:
    """What can be read of a site: the part of Site that changes nothing."""

    _connection: Connection
    url: str
    principal: str
    projects: list[str]
    project: str

    async def machine(self, name: str, project: str | None = None) -> Machine:
        """Find a machine.

        Args:
            name: Its name, or its id ("mach_…"), by which one that was freed is found too.
            project: Name of its project; None: site.project.

        Returns:
            The machine, as it is now.

        Raises:
            NotFound: There is none of that name in the project.

        Example:
            >>> site.machine("train").address
            '10.0.0.12'
        """
        begin = f"cannot find machine {abridge(name)}"
        if isinstance(name, str) and name.startswith("mach_"):
            path = f"/v1/machines/{part(name)}"
        else:
            name = _wants.named(begin, "machine", name)
            path = f"/v1/machines/{part(self._project(begin, project))}/{part(name)}"
        try:
            return Machine._of(self, await self._connection.get(path, model=_wire.Machine))
        except NotFound as e:
            if not name.startswith("mach_"):
                there = await self.machines(self._project(begin, project))
                self._suggest(e, name, "machines", [m.name for m in there])
            raise

    async def machines(
        self,
        project: str | None = None,
        *,
        state: str | None = None,
        labels: Mapping[str, str] | None = None,
        fabric: str | Named | None = None,
        freed: bool = False,
    ) -> Listing[Machine]:
        """List the living machines of your projects, or freed ones.

        Args:
            project: Only those of this project; None: of all of yours.
            state: Only those in this state, such as "ready".
            labels: Only those that carry all of these.
            fabric: Only those of this fabric.
            freed: Freed machines in place of the living, the last one first.

        Returns:
            The machines, in natural order of project and name.

        Raises:
            Invalid: There is no such state.
            NotFound: There is no such project.

        Example:
            >>> site.machines(state="ready")
        """
        query = {
            "project": project,
            "state": state,
            "label": [f"{k}={v}" for k, v in (_words.labels(labels) or {}).items()],
            "fabric": self._name_of("machines", "fabric", fabric),
            "freed": freed or None,
        }
        return await self._list("/v1/machines", query, _wire.Machines, Machine, "machines")

    async def devices(
        self,
        kind: str | None = None,
        *,
        free: bool | None = None,
        fabric: str | Named | None = None,
        model: str | None = None,
        where: str | None = None,
        use: str | None = None,
        pool: str | Named | None = None,
    ) -> Listing[Device]:
        """List devices.

        Args:
            kind: Only those of this kind: cpu, gpu, ssd, scm, nic, fpga or memory.
            free: True: only those that could be had now; False: only the others; None: all.
            fabric: Only those of this fabric.
            model: Only those whose model's name has this part, in any case.
            where: Only those that meet this condition, in CEL: "device.memory >= 40*GB".
            use: Only those that are so used: free, claimed, attached or foreign.
            pool: Only those in the pools of this name.

        Returns:
            The devices, in natural order of place.

        Raises:
            Invalid: There is no such kind (the nearest is suggested), or the condition cannot be read.

        Example:
            >>> site.devices(kind="gpu", free=True)
        """
        begin = "cannot list devices"
        query = {
            "kind": None if kind is None else _words.kind_of(begin, kind),
            "free": free,
            "fabric": self._name_of("devices", "fabric", fabric),
            "model": model,
            "where": where,
            "use": use,
            "pool": self._name_of("devices", "pool", pool),
        }
        return await self._list("/v1/devices", query, _wire.Devices, Device, "devices")

    async def device(self, id: str) -> Device:
        """Find a device by its place, or by its id.

        Args:
            id: "rack1/gpu3": the part that is there now. "dev_…": the part, wherever it sits.

        Returns:
            The device, as it is now.

        Raises:
            NotFound: There is none.

        Example:
            >>> site.device("rack1/gpu3").model
            'A100'
        """
        begin = f"cannot find device {abridge(id)}"
        if isinstance(id, str) and id.startswith("dev_"):
            path = f"/v1/devices/{part(id)}"
        else:
            places = _wants.ids(begin, [id])
            if len(places) != 1:
                raise Invalid(
                    f"{begin}: it names {len(places)} devices", next="name one, or use site.devices()"
                )
            fabric, _, name = places[0].partition("/")
            path = f"/v1/devices/{part(fabric)}/{part(name)}"
        try:
            return Device._of(self, await self._connection.get(path, model=_wire.Device))
        except NotFound as e:
            if not id.startswith("dev_"):
                self._suggest(e, places[0], "devices", [d.place for d in await self.devices()])
            raise

    async def available(self, kind: str | None = None) -> Listing[Available]:
        """Count what can be had now, by kind and model.

        Args:
            kind: Only this kind; None: all.

        Returns:
            For each kind and model: free, all, most (that one machine could get now) and fabrics.

        Raises:
            Invalid: There is no such kind.

        Example:
            >>> site.available("gpu")
        """
        query = {"kind": None if kind is None else _words.kind_of("cannot count what is available", kind)}
        return await self._list("/v1/available", query, _wire.AvailableList, Available, "available")

    async def fabrics(self) -> Listing[Fabric]:
        """List the fabrics of the site.

        Example:
            >>> [f.name for f in site.fabrics()]
            ['rack1', 'rack2', 'rack3']
        """
        return await self._list("/v1/fabrics", {}, _wire.Fabrics, Fabric, "fabrics")

    async def fabric(self, name: str) -> Fabric:
        """Find a fabric.

        Args:
            name: Its name, such as "rack1".

        Raises:
            NotFound: There is none of that name.
        """
        name = _wants.named(f"cannot find fabric {abridge(name)}", "fabric", name)
        try:
            return Fabric._of(
                self, await self._connection.get(f"/v1/fabrics/{part(name)}", model=_wire.Fabric)
            )
        except NotFound as e:
            self._suggest(e, name, "fabrics", [f.name for f in await self.fabrics()])
            raise

    async def pools(self, project: str | None = None) -> Listing[Pool]:
        """List pools.

        Args:
            project: Only those of this project; None: of all of yours.
        """
        return await self._list("/v1/pools", {"project": project}, _wire.Pools, Pool, "pools")

    async def pool(self, name: str, project: str | None = None) -> Pool:
        """Find a pool.

        Args:
            name: Its name.
            project: Name of its project; None: site.project.

        Raises:
            NotFound: There is none of that name in the project.
        """
        begin = f"cannot find pool {abridge(name)}"
        path = f"/v1/pools/{part(self._project(begin, project))}/{part(_wants.named(begin, 'pool', name))}"
        return Pool._of(self, await self._connection.get(path, model=_wire.Pool))

    async def operations(
        self, *, open: bool | None = None, machine: str | Machine | None = None, verb: str | None = None
    ) -> Listing[Operation]:
        """List operations, newest first, without their steps.

        Args:
            open: True: only those that have not ended.
            machine: Only those that change this machine: a Machine, its id, or the name of a living one.
            verb: Only those of this verb.

        Raises:
            Invalid: There is no such verb.
            NotFound: There is no such machine.

        Example:
            >>> site.operations(open=True)
        """
        if isinstance(machine, str) and not machine.startswith("mach_"):
            machine = await self.machine(machine)
        query = {"machine": getattr(machine, "id", machine), "open": open or None, "verb": verb}
        return await self._list("/v1/operations", query, _wire.Operations, Operation, "operations")

    async def operation(self, id: str) -> Operation:
        """Find an operation, with its steps.

        Args:
            id: Its id, such as "op_k3v9q2xwabcdefgh".

        Raises:
            NotFound: There is none, or it is not in a project of yours.

        Example:
            >>> site.operation(m.operation).wait()
        """
        if not isinstance(id, str) or not id:
            raise Invalid(
                f"cannot find operation {abridge(id)}: it is no id", next="site.operations() lists them"
            )
        return Operation._of(
            self, await self._connection.get(f"/v1/operations/{part(id)}", model=_wire.Operation)
        )

    def events(
        self, after: str | None = None, follow: bool = False, type: str | None = None, subject: Any = None
    ) -> AsyncIterator[Event]:
        """Read what happened, or follow what happens.

        Following never ends by itself: leave the loop, or interrupt it. It goes on where it was when the
        connection is lost; an event of type "reset" tells that some between are not to be had any more.

        Args:
            after: Id of an event: only those after it. None: from the first that is kept, or, following, from
                now on.
            follow: Go on as events happen.
            type: Only those of this type ("machine.ready") or family ("machine"). One that is not known here
                may be of a newer server, which is asked; a warning tells where it is nearly a known one.
            subject: Only those about this: a Machine, Device, Operation, Fabric or Pool, an id, or the
                name of a fabric.

        Returns:
            An iterator over the events, in order.

        Raises:
            NotAllowed: The token is not known, or has ended.
            Invalid: The id is none of an event, or no type is written so.
            NotFound: The subject is neither an id nor a fabric.

        Example:
            >>> for e in site.events(follow=True, type="machine"):
            ...     print(e.type, e.body["name"])
        """
        return event.events(self, after, follow, type, subject)

    async def explain(self, name: str | Machine) -> Explanation | None:
        """Tell why a machine has the devices that it has: the account of its newest change that chose some.

        Args:
            name: The machine, its name or its id.

        Returns:
            The account; None where nothing had to be chosen in its last 20 changes.

        Raises:
            NotFound: There is no such machine.

        Example:
            >>> site.explain("train").text
        """
        machine = name if isinstance(name, Machine) else await self.machine(name)
        return await self._explained(machine.id)

    async def here(self) -> Machine | None:
        """Find the machine that this computer is: by the serial number of its host, else address, else name.

        A serial number that is known and another one is another computer; a name counts with its domain only.

        Returns:
            The machine; None where this computer is none, or none that you may see.

        Raises:
            Error: As of any call.

        Example:
            >>> site.here()
        """
        from composa import here

        device = here.find(here.facts(), await self.devices("cpu"))
        if device is None or device.machine_id is None:
            return None
        return await self.machine(device.machine_id)

    # Inside

    def _project(self, begin: str, project: str | None) -> str:
        """Say which project is meant."""
        if project is not None:
            return _wants.named(begin, "project", project)
        if self.project:
            return self.project
        if not self.projects:
            raise NotAllowed(
                f"{begin}: {self.principal} is in no project", next="ask an administrator to add you to one"
            )
        raise Invalid(
            f"{begin}: {self.principal} is in {', '.join(self.projects)}",
            next='say which with project="…", here or in connect()',
        )

    def _suggest(self, error: NotFound, word: str, what: str, names: Iterable[str]) -> None:
        """Say which of the names may have been meant."""
        near = _words.nearest(word, names)
        error.next = (f'did you mean "{near}"? ' if near else "") + f"site.{what}() lists what there is"

    def _name_of(self, what: str, noun: str, value: str | Named | None) -> str | None:
        return None if value is None else _wants.named(f"cannot list {what}", noun, value)

    async def _list(
        self, path: str, query: Mapping[str, Any], page_model: Any, model: type[M], kind: str
    ) -> Listing[M]:
        """Read all pages of a list."""
        items: list[M] = []
        as_of = None
        async for page in self._connection.pages(path, query, model=page_model):
            items += [model._of(self, item) for item in page.items]
            as_of = page.as_of
        return Listing(items, as_of=as_of, kind=kind)

    async def _placed(self, begin: str, named: Sequence[Any]) -> list[Device]:
        """Look up the devices of places."""
        places = _wants.ids(begin, named)
        _wants.together(places, begin)
        if len(places) <= _limits.looked_up:
            return [await self._found(begin, place) for place in places]
        there = {d.place: d for d in await self.devices(fabric=places[0].partition("/")[0])}
        for place in places:
            if place not in there:
                raise NotFound(f"{begin}: there is no device {place}", next="site.devices() lists them")
        return [there[place] for place in places]

    async def _found(self, begin: str, place: str) -> Device:
        """Look up a device for a call that begins so."""
        try:
            return await self.device(place)
        except NotFound as e:
            e.detail = f"{begin}: there is no device {place}"
            raise

    async def _explained(self, machine_id: str) -> Explanation | None:
        """Find the account of the newest change of a machine that chose something."""
        query = {"machine": machine_id, "limit": _limits.explained}
        newest = await self._connection.get("/v1/operations", query, model=_wire.Operations)
        for item in newest.items:
            told = await Operation._of(self, item).explain()
            if told is not None:
                return told
        return None
