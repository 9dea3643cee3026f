# Made from _aio/plan.py by generate.py: change it there.
"""Plan: what would be done, kept for an hour, so that exactly that can be carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from composa import _limits, _wire, _words
from composa._sync import changing
from composa._moment import Moment
from composa._told import Explanation
from composa.looks import Looks

if TYPE_CHECKING:
    from composa._sync.machine import Machine

__all__ = ["Explanation", "Plan"]


class Plan(Looks, _wire.Plan, Moment):
    """What a change would do. Nothing was done yet; the server keeps it for an hour.

    Attributes:
        id: Its id, such as "plan_k3v9q2xwabcdefgh".
        verb: compose, plug, unplug, reshape, move or free.
        machine: Name of the machine. project: its project.
        fabric: Where; None where nothing would change.
        devices: What the machine would be made of: place, kind, model, state (attached: it is there already).
        machines: The same of each machine that it changes; a move changes two.
        steps: What would be done, step by step; each has text and disturbs.
        disturbs: What in use it disturbs: host, power, data, p2p. Empty: nothing.
        needs_owner: Drives that may hold data and are left alone; None: none.
        explanation: Why this fabric and these devices; None where nothing had to be chosen.
        typical: Seconds that the like of it took lately; None where there was none.
        expires_at: Until when it is kept.
        operation: Id of the operation that carries it out, or did; None: nobody asked for that yet.
        emulated: Its fabric is pretend hardware.

    Example:
        >>> plan = site.plan("compose", "train", gpu="A100:4")
        >>> plan.carry_out()
    """

    _planned: Any = PrivateAttr(default=None)

    def carry_out(
        self,
        *,
        message: str = "",
        timeout: float | None = None,
        wait: bool | float = True,
        key: str | None = None,
    ) -> Machine:
        """Carry out exactly this plan, once: asked again it gives what came of it.

        Args:
            message: Why, for the record, up to 500 characters.
            timeout: Seconds after which the server gives up waiting for a silent fabric; None or 0: never.
            wait: True: until it is done; False: not at all; or seconds to wait.
            key: Idempotency key; None: one of its own.

        Returns:
            The machine, as it is then: of a plan of `m.plan`, or of a Machine, that very object.

        Raises:
            Conflict: Something of it is not any more as it was when it was made (code moved); `moved` says
                what and by whom. Nothing was done: make another plan.
            NotFound: It is not kept any more.
            TimedOut: The seconds of wait have passed; the operation goes on.
            Failed, Held, Refused, Unreachable, NotAllowed: As of the verb itself.
        """
        begin = f"cannot carry out plan {self.id}"
        body = _wire.CarryOut(
            plan=self.id,
            message=_words.message(message),
            timeout=_words.seconds(begin, "timeout", timeout, _limits.most_timeout) or None,
        )
        came = changing.carry_out(
            self._site,
            changing.Change(
                self.verb,
                self.machine,
                "POST",
                "/v1/operations",
                body,
                key=key,
                patience=_words.patience(begin, wait),
            ),
        )
        made: Machine = self._site._machine(came) if self._planned is None else self._planned
        made._renew(came.machine)
        return made

    def _same(self) -> tuple[Any, ...]:
        return "Plan", self.id
