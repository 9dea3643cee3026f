"""Site: everything that one server serves; where machines are composed, and all else begins."""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import Never

from composa import _limits, _requests, _servers, _wants, _wire, _words
from composa._aio import changing, event
from composa._aio.connection import Connection
from composa._aio.device import Device
from composa._aio.fabric import Fabric
from composa._aio.machine import Machine
from composa._aio.operation import Operation
from composa._aio.plan import Plan
from composa._aio.pool import Pool
from composa._call import part
from composa._told import Event, Explanation, Whoami
from composa._wants import Least, Named, Placed, Wanted, Where
from composa._words import abridge
from composa.errors import Invalid, Nearest, NotAllowed, NotFound, Refused
from composa.looks import Looks
from composa.tables import Listing

if TYPE_CHECKING:
    from composa._moment import Moment
    from composa.notebook.rack import RackPicture
    from composa.progress import Progress

__all__ = ["Site", "Whoami", "connect"]

M = TypeVar("M", bound="Moment")


async def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    context: str | None = None,
    project: str | None = None,
    ca: str | None = None,
    progress: str = "auto",
    timeout: float | None = _limits.timeout,
) -> Site:
    """Connect to a Composa server. It is asked once, so that a wrong address or token fails here.

    Which server: url, else context, else COMPOSA_URL and COMPOSA_TOKEN (or COMPOSA_TOKEN_FILE) of the
    environment, else COMPOSA_CONTEXT, else the current context, which `composa demo` and
    `composa context use` choose. A token goes only to the URL that it was saved with or stands beside.

    Args:
        url: Where the server is, such as "http://127.0.0.1:7080".
        token: The token for it; None: the one beside the same URL in the environment, or saved with it.
        context: Name of a saved context.
        project: The project to use where none is named; None: as COMPOSA_PROJECT or the context says, else
            the only one that you are in.
        ca: Path of a PEM file with the authorities to trust, in place of the system's.
        progress: How operations are shown: "auto" (a bar in a notebook and on a terminal, lines elsewhere),
            "plain" (lines) or "none".
        timeout: Seconds without a byte from the server after which a call counts as lost; None: never.

    Returns:
        The site. Close it with close(), or use it as a block.

    Raises:
        Invalid: No server is named, or what is named cannot be used.
        NotFound: There is no context of that name.
        NotAllowed: The token is not known, or has ended.
        Unreachable: There is no answer, or something else answers there.
        Refused: The server is of a version that this module cannot work with (code unsupported).

    Example:
        >>> site = composa.connect()
        >>> site = composa.connect("https://composa.example", token=token)
    """
    if progress not in ("auto", "plain", "none"):
        raise Invalid(
            f"cannot show progress as {abridge(progress)}", next='write progress="auto", "plain" or "none"'
        )
    connection = Connection(_servers.choose(url, token, context, ca, project), timeout=timeout)
    try:
        return Site(connection, await connection.site(), progress)
    except BaseException:
        await connection.aclose()
        raise


class Site(Looks):
    """Everything that one server serves, as one principal sees it. It may be used from several threads.

    Attributes:
        url: The server's URL.
        version: The server's version.
        principal: Who one is there.
        projects: Names of the projects that one is in.
        project: The one that is used where none is named; "" where it must be named each time.
        limits: Every limit of the server by name.
        features: Names of what the server has.
        emulated: Some fabric is pretend hardware.
    """

    def __init__(self, connection: Connection, said: _wire.Site, progress: str = "auto") -> None:
        """Make the site of an open connection. Use connect()."""
        self._connection = connection
        self._shown = progress
        self._read(said)

    def _read(self, said: _wire.Site) -> None:
        self.url: str = self._connection.server.url
        self.version: str = said.version
        self.principal: str = said.principal
        self.projects: list[str] = said.projects
        self.project: str = self._connection.server.project or (
            said.projects[0] if len(said.projects) == 1 else ""
        )
        self.limits: Mapping[str, int] = said.limits
        self.features: Sequence[str] = said.features
        self.emulated: bool = bool(said.emulated)

    async def close(self) -> None:
        """Close the connections. What is under way goes on; later calls are Invalid."""
        await self._connection.aclose()

    async def __aenter__(self) -> Site:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        await self.close()

    async def whoami(self) -> Whoami:
        """Ask the server who one is there.

        Returns:
            Principal, projects, server and version.

        Raises:
            NotAllowed: The token has ended.

        Example:
            >>> site.whoami().principal
            'ada'
        """
        self._read(await self._connection.site())
        return Whoami(self.principal, self.projects, self.project, self.url, self.version, self.emulated)

    # Composing

    async def compose(
        self,
        name: str,
        *,
        cpu: Wanted = None,
        gpu: Wanted = None,
        ssd: Wanted = None,
        scm: Wanted = None,
        nic: Wanted = None,
        fpga: Wanted = None,
        memory: Wanted = None,
        min: Least = None,
        where: Where = None,
        fabric: str | Named | Iterable[str | Named] | None = None,
        pool: str | Named | None = None,
        labels: Mapping[str, str] | None = None,
        p2p: bool = False,
        power: str | None = None,
        project: str | None = None,
        message: str = "",
        timeout: float | None = None,
        wait: bool | float = True,
        key: str | None = None,
        explain: bool = False,
        **others: Never,
    ) -> Machine:
        """Make a machine out of free devices of one fabric, or find it.

        The rule "again": the same call by the same principal finds the machine that it made, or joins the
        operation that makes it. The name with another wish, or of somebody else, is a Conflict.

        An interrupt (a stopped cell) asks the server to cancel and put everything back, waits for that, and
        goes on its way.

        Args:
            name: 1 to 63 lower-case letters, digits and hyphens; unique among the living machines of the
                project.
            cpu, gpu, ssd, scm, nic, fpga, memory: Devices of the kind. 4: any four. "A100:4": four whose
                model's name has that part; "A100": one. "rack1/gpu3", "rack1/gpu[4-7]": exactly these.
                A Device, or a list of any of these: several lines. cpu counts compute nodes, not cores; it is
                1 unless said, and 0 makes a machine without one. cpu="ipmi=10.0.0.12": the node with that
                management address.
            min: The least that each device of a kind must have: {"gpu.memory": "40GB", "cpu.cores": 32}.
                Bytes, bits per second or counts; KB is 1000 bytes, KiB 1024.
            where: A condition on each device of a kind, in CEL: {"nic": "device.speed >= 100*Gb"}.
            fabric: The fabric, or fabrics that will do; None: any.
            pool: The pool to take from; None: devices in no pool.
            labels: Words of your own.
            p2p: Peer-to-peer traffic between its GPUs.
            power: "on" or None: powered on once made, where the fabric can; "keep": left alone.
            project: Name of its project; None: site.project.
            message: Why, for the record, up to 500 characters.
            timeout: Seconds after which the server gives up waiting for a silent fabric; None or 0: never.
            wait: True: until it is ready; False: not at all, it is composing then; or seconds to wait.
            key: Idempotency key: the same call with the same key is done once a day; None: one of its own.
            explain: Tell in the machine's `explanation` why it has these devices.

        Returns:
            The machine. As a block it is freed at the end if this very call made it.

        Raises:
            Refused: It cannot be had now. `explanation` says what each condition removed; `nearest.compose()`
                takes the nearest that can be had.
            Conflict: The name is taken: by somebody else, or by a machine of yours with another wish.
            Failed: It was begun and undone; everything is as before.
            Held: It was begun, and stands until a person decides.
            TimedOut: The seconds of wait have passed; the operation goes on.
            Invalid: Something cannot be meant; nothing was done.
            NotAllowed: The token is not known any more, or may not do that.
            Unreachable: The server cannot be reached; the call is safe to repeat.

        Example:
            >>> m = site.compose("train", gpu="A100:4", ssd=1, min={"gpu.memory": "40GB"})
            >>> m.state
            'ready'
        """
        begin = f"cannot compose {abridge(name)}"
        _words.no_others(begin, others, _requests.arguments("compose"))
        said = {
            "cpu": cpu,
            "gpu": gpu,
            "ssd": ssd,
            "scm": scm,
            "nic": nic,
            "fpga": fpga,
            "memory": memory,
            "min": min,
            "where": where,
            "fabric": fabric,
            "pool": pool,
            "labels": labels,
            "p2p": p2p,
            "power": power,
            "message": message,
            "timeout": timeout,
        }
        _words.name("machine", name)
        body = _requests.compose(begin, said)
        return await self._compose(name, self._project(begin, project), body, wait, key, explain)

    async def _compose(
        self,
        name: str,
        project: str,
        body: _wire.PutMachine,
        wait: bool | float,
        key: str | None,
        explain: bool,
    ) -> Machine:
        """Ask for a machine by its wish."""
        path = f"/v1/machines/{part(project)}/{part(name)}"
        patience = _words.patience(f'cannot compose "{name}"', wait)
        change = changing.Change("compose", name, "PUT", path, body, key, patience, explain)
        try:
            return self._machine(await changing.carry_out(self, change))
        except Refused as e:
            offer = e.explanation.nearest if e.explanation is not None else None
            if offer is not None:

                async def take(offer: _wire.Nearest, **more: Any) -> Machine:
                    return await self._take(name, project, body, wait, offer, more)

                e.nearest = Nearest(offer, take)
            raise

    async def _take(
        self,
        name: str,
        project: str,
        asked: _wire.PutMachine,
        wait: bool | float,
        offer: _wire.Nearest,
        more: dict[str, Any],
    ) -> Machine:
        """Compose what the server offered in place of what it refused."""
        begin = f'cannot compose "{name}"'
        known = ("labels", "power", "p2p", "message", "timeout", "wait", "key", "explain")
        _words.no_others(begin, {k: v for k, v in more.items() if k not in known}, known)
        wait, key, explain = more.pop("wait", wait), more.pop("key", None), more.pop("explain", False)
        body = _requests.compose_offered(begin, asked, offer, more)
        return await self._compose(name, project, body, wait, key, explain)

    async def plan(
        self,
        verb: str,
        machine: str | Machine,
        *ids: str | Placed | Sequence[str | Placed],
        cpu: Wanted = None,
        gpu: Wanted = None,
        ssd: Wanted = None,
        scm: Wanted = None,
        nic: Wanted = None,
        fpga: Wanted = None,
        memory: Wanted = None,
        min: Least = None,
        where: Where = None,
        fabric: str | Named | Iterable[str | Named] | None = None,
        pool: str | Named | None = None,
        labels: Mapping[str, str] | None = None,
        p2p: bool = False,
        power: str | None = None,
        to: str | Machine | None = None,
        grace: float | None = None,
        project: str | None = None,
        message: str = "",
        timeout: float | None = None,
        **others: Never,
    ) -> Plan:
        """Ask what a change would do: the dry run. Nothing is done; the plan is kept for an hour.

        Args:
            verb: compose, plug, unplug, reshape, move or free.
            machine: The machine, or its name.
            *ids: Devices, as of plug, unplug and move.
            cpu, gpu, ssd, scm, nic, fpga, memory: As of the verb.
            min, where: As of compose and plug.
            fabric, pool, labels, p2p, power: As of compose.
            to: As of move.
            grace: As of free.
            project: Name of the project; None: that of the machine, or site.project.
            message: Why, for the record.
            timeout: As of the verb.

        Returns:
            The plan; `carry_out()` does exactly that.

        Raises:
            Invalid: The verb does not take what was said, or it cannot be meant.
            Refused, Conflict, NotFound: As the verb would.

        Example:
            >>> plan = site.plan("plug", "train", gpu=2)
            >>> plan.disturbs
            ['host']
        """
        name = getattr(machine, "name", machine)
        begin = f"cannot plan to {verb} {abridge(name)}"
        said = {
            "ids": ids,
            "cpu": cpu,
            "gpu": gpu,
            "ssd": ssd,
            "scm": scm,
            "nic": nic,
            "fpga": fpga,
            "memory": memory,
            "min": min,
            "where": where,
            "fabric": fabric,
            "pool": pool,
            "labels": labels,
            "p2p": p2p or None,
            "power": power,
            "to": to,
            "grace": grace,
            "message": message,
            "timeout": timeout,
        }
        _requests.only(begin, verb, said)
        _words.no_others(begin, others, _requests.arguments(verb))
        name = _words.name("machine", name) if verb == "compose" else _wants.named(begin, "machine", name)
        project = project or getattr(machine, "project", None)
        body = await self._body(begin, verb, said)
        if isinstance(machine, Machine) and verb != "compose":
            name = machine._word
        asked = _wire.NewPlan(verb=verb, project=self._project(begin, project), machine=name).model_copy(
            update={verb: body}
        )
        answer = await self._connection.change("POST", "/v1/plans", None, asked)
        return Plan._of(self, answer.read(_wire.Plan))

    # Looking at it

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
                self._suggest(e, name, "machines", [m.name for m in await self.machines(project)])
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

    async def available(self, kind: str | None = None) -> Listing[_wire.Available]:
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
        items: list[_wire.Available] = []
        as_of = None
        async for page in self._connection.pages("/v1/available", query, model=_wire.AvailableList):
            items += page.items
            as_of = page.as_of
        return Listing(items, as_of=as_of, kind="available")

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
            type: Only those of this type ("machine.ready") or family ("machine").
            subject: Only those about this: a Machine, Device, Operation, Fabric or Pool, or an id.

        Returns:
            An iterator over the events, in order.

        Raises:
            NotAllowed: The token is not known, or has ended.
            Invalid: The id is none of an event.

        Example:
            >>> for e in site.events(follow=True, type="machine"):
            ...     print(e.type, e.body["name"])
        """
        about = getattr(subject, "id", None) or getattr(subject, "name", None) or subject
        return event.events(self, after, follow, type, about)

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
        """Find the machine that this computer is: by the serial number, addresses or name of its host.

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

    def draw(self, *fabrics: str | Named, live: bool = True) -> RackPicture:
        """Draw the racks: each device in its slot, by kind and use. A notebook shows it as it changes.

        Args:
            *fabrics: Only these; none: all.
            live: Follow what happens; False: as it is now.

        Returns:
            The picture, which a notebook shows; close() ends the following.

        Raises:
            MissingExtra: What draws is not installed: pip install 'composa[notebook]'.

        Example:
            >>> site.draw("rack1")
        """
        from composa.notebook import rack

        site: Any = self  # only its server is read, whichever face it has
        return rack.draw(site, *[_wants.named("cannot draw racks", "fabric", f) for f in fabrics], live=live)

    # Inside

    def _machine(self, came: changing.Came) -> Machine:
        """Make the machine that came of a change."""
        m = Machine._of(self, came.machine)
        m._made = came.made
        return m

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

    async def _body(self, begin: str, verb: str, said: Mapping[str, Any]) -> Any:
        """Make the request of a verb. Devices that plug names need their kind, which the server knows."""
        if verb == "plug":
            return _requests.plug(
                begin, said, _requests.wants_of(await self._placed(begin, said.get("ids") or ()))
            )
        make = {
            "compose": _requests.compose,
            "unplug": _requests.unplug,
            "reshape": _requests.reshape,
            "move": _requests.move,
            "free": _requests.free,
        }[verb]
        return make(begin, said)

    async def _placed(self, begin: str, named: Sequence[Any]) -> list[Device]:
        """Look up the devices of places."""
        places = _wants.ids(begin, named)
        _wants.together(places, begin)
        if len(places) <= _limits.looked_up:
            return [await self.device(place) for place in places]
        there = {d.place: d for d in await self.devices(fabric=places[0].partition("/")[0])}
        for place in places:
            if place not in there:
                raise NotFound(f"{begin}: there is no device {place}", next="site.devices() lists them")
        return [there[place] for place in places]

    async def _explained(self, machine_id: str) -> Explanation | None:
        """Find the account of the newest change of a machine that chose something."""
        query = {"machine": machine_id, "limit": _limits.explained}
        newest = await self._connection.get("/v1/operations", query, model=_wire.Operations)
        for item in newest.items:
            told = await Operation._of(self, item).explain()
            if told is not None:
                return told
        return None

    def _progress(self, kind: str | None = None) -> Progress:
        """Make what shows how an operation goes."""
        from composa import progress

        return progress.choose(kind or self._shown)
