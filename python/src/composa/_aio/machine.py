"""Machine: devices of one fabric held together under a name."""

from __future__ import annotations

import time
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr
from typing_extensions import Never

from composa import _requests, _says, _wire, _words
from composa._aio import changing
from composa._call import part
from composa._moment import Moment
from composa._told import Explanation
from composa._wants import Least, Placed, Wanted, Where
from composa.errors import Error, NotFound
from composa.looks import Looks

if TYPE_CHECKING:
    from composa._aio.plan import Plan
    from composa.inside import Ran


class Machine(Looks, _wire.Machine, Moment):
    """Devices of one fabric held together under a name, as they were when they were read.

    A machine is got from `site.compose`, `site.machine` or `site.machines`. Its attributes are of a moment
    (`read_at`, `age`); `refresh()` reads them anew, and each verb leaves them as the server answered it.

    Used as a block, it is freed at the end if the very call of compose that returned it made it:

        with site.compose("quick", gpu=1) as m:
            m.run("nvidia-smi")

    Attributes:
        id: Its id, never used again. name: its name, unique among the living machines of its project.
        project: Name of its project. owner: who made it.
        state: queued, composing, ready, changing, freeing, held, freed, degraded, lost or stale. A newer
            server may say others.
        state_age: Seconds since the fabric showed it so, when it was read; 0 while nothing was seen.
        fabric: Name of its fabric. emulated: that is pretend hardware.
        devices: What it is made of: each has place, id, kind, model, entry and state.
        address: Of its host, such as "10.0.0.12"; None where nobody said it. login: of who gets in, likewise.
        power: on, off or unknown. os, boot_image: None where nobody said.
        reach: unknown (whether it answers), or "no address".
        wish: What was asked for. labels: words of your own; None: none.
        p2p: Peer-to-peer traffic between its GPUs.
        drift: How it differs from its record, where no operation explains it; None: it does not.
        operation: Id of the operation that changes it now, or made this change; None: none does.
        explanation: Why it has these devices, where compose was called with explain=True; None else.
        created_at, updated_at: Moments. freed_at: None while it lives.
        revision: Grows with each change.
    """

    _made: bool | None = PrivateAttr(default=False)  # None: nobody knows

    # Changing it

    async def plug(
        self,
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
        message: str = "",
        timeout: float | None = None,
        wait: bool | float = True,
        key: str | None = None,
        **others: Never,
    ) -> Machine:
        """Add free devices of its fabric. Devices of another machine are not taken: move does that.

        Args:
            *ids: Exactly these: places ("rack1/gpu3", "rack1/gpu[4-7]") or Device objects.
            cpu, gpu, ssd, scm, nic, fpga, memory: So many of the kind, as in compose: 2, "A100:2", places.
            min: The least that each new device must have: {"gpu.memory": "40GB"}.
            where: A condition on each new device, in CEL: {"gpu": "device.memory >= 40*GB"}.
            message: Why, for the record, up to 500 characters.
            timeout: Seconds after which the server gives up waiting for a silent fabric; None or 0: never.
            wait: True: until it is done; False: not at all; or seconds to wait.
            key: Idempotency key: the same call with the same key is done once a day; None: one of its own.

        Returns:
            Itself, as it is then.

        Raises:
            Refused: The devices cannot be had, or another machine has them; `explanation` says why where the
                choice was the server's. Nothing was done.
            NotFound: It was freed meanwhile, or there is no such device.
            Failed: It was begun and undone; everything is as before.
            TimedOut: The seconds of wait have passed; the operation goes on.
            Conflict, Held, Invalid, NotAllowed, Unreachable: As of any change.

        Example:
            >>> m.plug(gpu=2)
            >>> m.plug("rack1/ssd3")
        """
        self._no_others("plug", others)
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
            "message": message,
            "timeout": timeout,
        }
        return await self._change("plug", said, wait, key)

    async def unplug(
        self,
        *ids: str | Placed | Sequence[str | Placed],
        cpu: int | str | None = None,
        gpu: int | str | None = None,
        ssd: int | str | None = None,
        scm: int | str | None = None,
        nic: int | str | None = None,
        fpga: int | str | None = None,
        memory: int | str | None = None,
        message: str = "",
        timeout: float | None = None,
        wait: bool | float = True,
        key: str | None = None,
        **others: Never,
    ) -> Machine:
        """Give devices back: those named, and so many of a kind. What may hold data leaves only by name.

        An interrupt only ends the waiting: giving back goes on.

        Args:
            *ids: Exactly these of its devices: places, or items of m.devices.
            cpu, gpu, ssd, scm, nic, fpga, memory: So many of the kind, whichever.
            message: Why, for the record, up to 500 characters.
            timeout: Seconds after which the server gives up waiting for a silent fabric; None or 0: never.
            wait: True: until it is done; False: not at all; or seconds to wait.
            key: Idempotency key; None: one of its own.

        Returns:
            Itself, as it is then.

        Raises:
            NotFound: It was freed meanwhile, or has no such device.
            Conflict, Failed, Held, Invalid, NotAllowed, TimedOut, Unreachable: As of any change.

        Example:
            >>> m.unplug(gpu=1)
        """
        self._no_others("unplug", others)
        said = {
            "ids": ids,
            "cpu": cpu,
            "gpu": gpu,
            "ssd": ssd,
            "scm": scm,
            "nic": nic,
            "fpga": fpga,
            "memory": memory,
            "message": message,
            "timeout": timeout,
        }
        return await self._change("unplug", said, wait, key)

    async def reshape(
        self,
        *,
        cpu: int | None = None,
        gpu: int | None = None,
        ssd: int | None = None,
        scm: int | None = None,
        nic: int | None = None,
        fpga: int | None = None,
        memory: int | None = None,
        message: str = "",
        timeout: float | None = None,
        wait: bool | float = True,
        key: str | None = None,
        **others: Never,
    ) -> Machine:
        """Set how many devices of a kind it has. Kinds that are not named stay as they are.

        Args:
            cpu, gpu, ssd, scm, nic, fpga, memory: The total of the kind, from 0 on.
            message: Why, for the record, up to 500 characters.
            timeout: Seconds after which the server gives up waiting for a silent fabric; None or 0: never.
            wait: True: until it is done; False: not at all; or seconds to wait.
            key: Idempotency key; None: one of its own.

        Returns:
            Itself, as it is then.

        Raises:
            Refused: So many cannot be had. Nothing was done.
            NotFound: It was freed meanwhile.
            Conflict, Failed, Held, Invalid, NotAllowed, TimedOut, Unreachable: As of any change.

        Example:
            >>> m.reshape(gpu=4, nic=2)
        """
        self._no_others("reshape", others)
        said = {
            "cpu": cpu,
            "gpu": gpu,
            "ssd": ssd,
            "scm": scm,
            "nic": nic,
            "fpga": fpga,
            "memory": memory,
            "message": message,
            "timeout": timeout,
        }
        return await self._change("reshape", said, wait, key)

    async def move(
        self,
        *ids: str | Placed | Sequence[str | Placed],
        to: str | Machine,
        message: str = "",
        timeout: float | None = None,
        wait: bool | float = True,
        key: str | None = None,
        **others: Never,
    ) -> Machine:
        """Give devices to another machine of the same fabric and project, which need not be idle for that.

        Args:
            *ids: Which of its devices: places, or items of m.devices.
            to: The machine that gets them, or its name.
            message: Why, for the record, up to 500 characters.
            timeout: Seconds after which the server gives up waiting for a silent fabric; None or 0: never.
            wait: True: until it is done; False: not at all; or seconds to wait.
            key: Idempotency key; None: one of its own.

        Returns:
            Itself, as it is then. A Machine that was given as `to` is renewed too.

        Raises:
            NotFound: One of the machines was freed meanwhile, or it has no such device.
            Conflict, Failed, Held, Invalid, NotAllowed, TimedOut, Unreachable: As of any change.

        Example:
            >>> m.move("rack1/gpu3", to="render")
        """
        self._no_others("move", others)
        said = {"ids": ids, "to": to, "message": message, "timeout": timeout}
        await self._change("move", said, wait, key)
        if isinstance(to, Machine):
            await to.refresh()
        return self

    async def free(
        self,
        *,
        grace: float | None = None,
        message: str = "",
        timeout: float | None = None,
        wait: bool | float = True,
        key: str | None = None,
        **others: Never,
    ) -> Machine:
        """Give it back: its host is shut down, then its power is cut, then its devices are free again.

        A machine that was freed already stays so, and that is no error. An interrupt only ends the waiting:
        giving back goes on.

        Args:
            grace: Seconds that its host may take to shut down; None: 120; 0: at once.
            message: Why, for the record, up to 500 characters.
            timeout: Seconds after which the server gives up waiting for a silent fabric; None or 0: never.
            wait: True: until it is freed; False: not at all; or seconds to wait.
            key: Idempotency key; None: one of its own.

        Returns:
            Itself, in state freed: it can still be read.

        Raises:
            Held: Its host stays on; a person must decide.
            Conflict, Failed, Invalid, NotAllowed, TimedOut, Unreachable: As of any change.

        Example:
            >>> m.free()
        """
        self._no_others("free", others)
        said = {"grace": grace, "message": message, "timeout": timeout}
        return await self._change("free", said, wait, key)

    async def plan(self, verb: str, *ids: str | Placed | Sequence[str | Placed], **said: Any) -> Plan:
        """Ask what a change of it would do; nothing is done. See `Site.plan`.

        Args:
            verb: plug, unplug, reshape, move or free.
            *ids: As of the verb.
            **said: As of the verb, but for wait and key.

        Returns:
            The plan; `carry_out()` does exactly that.

        Raises:
            Error: As of the verb.

        Example:
            >>> m.plan("plug", gpu=2).steps
        """
        plan: Plan = await self._site.plan(verb, self, *ids, **said)
        return plan

    # Looking at it

    async def refresh(self) -> Machine:
        """Read it anew by its id, also where it was freed meanwhile.

        Returns:
            Itself, as it is now.

        Raises:
            Error: As of any call.

        Example:
            >>> m.refresh().state
            'ready'
        """
        self._renew(await self._site._connection.get(f"/v1/machines/{part(self.id)}", model=_wire.Machine))
        return self

    async def wait(self, timeout: float | None = None) -> Machine:
        """Wait until no operation changes it any more, for example after compose(wait=False).

        An interrupt only ends the waiting: what changes it goes on, and
        `site.operation(m.operation).cancel()` ends that.

        Args:
            timeout: Seconds to wait; None: without end.

        Returns:
            Itself, as it is then.

        Raises:
            Failed, Held, Refused: The operation ended otherwise than it was asked, or is held.
            NotFound: It was freed meanwhile, and this object did not show that somebody had asked for that.
            TimedOut: The seconds have passed; the operation goes on.
            NotAllowed, Unreachable: It cannot be followed any more; it goes on.
            Invalid: timeout is no number of seconds.

        Example:
            >>> m = site.compose("train", gpu=4, wait=False)
            >>> m.wait()
        """
        begin = f'cannot wait for machine "{self.name}"'
        patience = _words.patience(begin, timeout, "timeout")
        end = None if patience is None else time.monotonic() + patience
        known, is_freed = self.operation, self.freed_at is not None
        id, last = known or (await self.refresh()).operation, None
        try:
            while id and id != last:
                operation = await self._site.operation(id)
                is_freed |= id == known and operation.verb == "free"
                await operation.wait(None if end is None else max(0.0, end - time.monotonic()))
                last = id
                id = (await self.refresh()).operation
        except Error:
            await self._refresh_quietly()
            raise
        self.__dict__["operation"] = self.operation or last  # setting it is not for callers
        if self.freed_at is not None and not is_freed:
            raise _says.freed(begin, self)
        return self

    async def explain(self) -> Explanation | None:
        """Tell why it has the devices that it has: the account of its newest change that chose some.

        Returns:
            The account; None where nothing had to be chosen in its last 20 changes.

        Raises:
            Error: As of any call.

        Example:
            >>> print(m.explain())
        """
        told: Explanation | None = await self._site._explained(self.id)
        return told

    # Getting in

    async def run(
        self,
        command: str | Sequence[str],
        *,
        login: str | None = None,
        options: Sequence[str] = (),
        timeout: float | None = None,
        check: bool = True,
        input: str | bytes | None = None,
    ) -> Ran:
        """Run a command on it, through ssh to its address, and show what it writes as it writes it.

        Args:
            command: A line for the shell there, or words, each of which stays one word. At most 131,071
                bytes; more goes in by input.
            login: Who to be there; None: the machine's login, else as ~/.ssh/config says.
            options: More options of ssh, such as ["-p", "2222"]; none that keeps it from running the command.
            timeout: Seconds after which it is ended; None and infinity: never.
            check: Raise where it returns something other than 0; False: return that too.
            input: What it reads; None: nothing.

        Returns:
            What came of it: returncode, stdout, stderr.

        Raises:
            Refused: No address of it is known (the text has the line that an operator runs), or it was freed.
            Invalid: The command, the login, the options, the timeout or the input cannot be meant.
            NotAllowed: The host does not let you in, or ssh does not trust its key.
            Unreachable: The host does not answer, or the connection was lost.
            inside.CommandFailed: It returned something other than 0; `ran` of it is what came of it.
            Failed: There is no ssh here, or it failed in a way that is not known here.
            TimedOut: The seconds have passed. What runs there may go on.

        Example:
            >>> m.run("nvidia-smi -L").stdout
        """
        from composa import inside

        return await inside.run_async(
            self, command, login=login, options=options, timeout=timeout, check=check, input=input
        )

    def ssh(self, *, login: str | None = None, options: Sequence[str] = ()) -> int:
        """Open a shell on it in this terminal, through ssh to its address.

        Args:
            login: Who to be there; None: the machine's login, else as ~/.ssh/config says.
            options: More options of ssh.

        Returns:
            What ssh returned.

        Raises:
            Refused: No address of it is known, it was freed, or there is no terminal here, as in a notebook.
            Invalid: The login or the options cannot be meant.
            Failed: There is no ssh here.

        Example:
            >>> m.ssh()
        """
        from composa import inside

        return inside.ssh(self, login=login, options=options)

    # As a block

    async def __aenter__(self) -> Machine:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if self._made is None:
            self._note(
                f"{self.name} stays: an answer was lost, and its key= may have been used before, so that "
                f'nobody knows whether this block made it; site.machine("{self.name}").free() gives it back'
            )
            return
        if not self._made:
            self._note(f"{self.name} stays: this block did not make it")
            return
        if self.freed_at is not None:
            return
        try:
            await self.free(message="end of the block that made it")
        except Error as e:
            if error is None:
                raise
            self._note(f"the block did not give {self.name} back: {e}")

    # Inside

    async def _change(self, verb: str, said: dict[str, Any], wait: bool | float, key: str | None) -> Machine:
        """Make a change, and take what came of it."""
        begin = f'cannot {verb} "{self.name}"'
        patience = _words.patience(begin, wait)
        body = await self._site._body(begin, verb, said)
        path = f"/v1/machines/{part(self.project)}/{part(self.id)}/{verb}"
        change = changing.Change(verb, self.name, "POST", path, body, key, patience, machine_id=self.id)
        try:
            came = await changing.carry_out(self._site, change)
        except Error as e:
            if e.operation or isinstance(e, NotFound):
                await self._refresh_quietly()
            raise
        self._renew(came.machine)
        return self

    async def _refresh_quietly(self) -> None:
        """Read it anew where that can be done; what is raised meanwhile counts, not this."""
        try:
            await self.refresh()
        except Error:
            return

    def _no_others(self, verb: str, others: dict[str, Any]) -> None:
        _words.no_others(f'cannot {verb} "{self.name}"', others, _requests.arguments(verb))

    def _note(self, text: str) -> None:
        shows = self._site._progress()
        shows.begin(self.name)
        shows.end(text)

    def _same(self) -> tuple[Any, ...]:
        return "Machine", self.id
