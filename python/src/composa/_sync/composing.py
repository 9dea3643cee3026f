# Made from _aio/composing.py by generate.py: change it there.
"""Composing: machines out of free devices, and what a change would do before it is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import Never

from composa import _requests, _wants, _wire, _words
from composa._sync import changing
from composa._sync.machine import Machine
from composa._sync.plan import Plan
from composa._sync.readings import Readings
from composa._call import part
from composa._wants import Least, Named, Placed, Wanted, Where
from composa._words import abridge
from composa.errors import Nearest, Refused

if TYPE_CHECKING:
    from composa.progress import Progress


class Composing(Readings):
    """What makes machines of a site, and plans their changes: the part of Site that changes something."""

    _shown: str

    def compose(
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
            The machine. As a block it is freed at the end if this very call made it. Where that is not known
            it stays, and says so: an answer was lost, and an earlier call may have used the same key=.

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
        return self._compose(name, self._project(begin, project), body, wait, key, explain)

    def _compose(
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
            return self._machine(changing.carry_out(self, change))
        except Refused as e:
            self._offer(e, name, project, body, wait)
            raise

    def _offer(
        self, error: Refused, name: str, project: str, body: _wire.PutMachine, wait: bool | float
    ) -> None:
        """Let the caller take what the server offered in place of a machine that it refused."""
        offer = error.explanation.nearest if error.explanation is not None else None
        if offer is None:
            return

        def take(offer: _wire.Nearest, **more: Any) -> Machine:
            return self._take(name, project, body, wait, offer, more)

        error.nearest = Nearest(offer, take)

    def _take(
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
        return self._compose(name, project, body, wait, key, explain)

    def plan(
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
            Refused, Conflict, NotFound: As the verb would; of a compose, `nearest.compose()` makes what fits.

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
        body = self._body(begin, verb, said)
        if isinstance(machine, Machine) and verb != "compose":
            name = machine.id
        project = self._project(begin, project)
        asked = _wire.NewPlan(verb=verb, project=project, machine=name).model_copy(update={verb: body})
        try:
            answer = self._connection.change("POST", "/v1/plans", None, asked)
        except Refused as e:
            if verb == "compose":
                self._offer(e, name, project, body, wait=True)
            raise
        plan = Plan._of(self, answer.read(_wire.Plan))
        if isinstance(machine, Machine) and verb != "compose":
            plan._planned = machine
        return plan

    # Inside

    def _machine(self, came: changing.Came) -> Machine:
        """Make the machine that came of a change."""
        m = Machine._of(self, came.machine)
        m._made = came.made
        return m

    def _body(self, begin: str, verb: str, said: Mapping[str, Any]) -> Any:
        """Make the request of a verb. Devices that plug names need their kind, which the server knows."""
        if verb == "plug":
            return _requests.plug(begin, said, _requests.wants_of(self._placed(begin, said.get("ids") or ())))
        make = {
            "compose": _requests.compose,
            "unplug": _requests.unplug,
            "reshape": _requests.reshape,
            "move": _requests.move,
            "free": _requests.free,
        }[verb]
        return make(begin, said)

    def _progress(self, kind: str | None = None) -> Progress:
        """Make what shows how an operation goes."""
        from composa import progress

        return progress.choose(kind or self._shown)
