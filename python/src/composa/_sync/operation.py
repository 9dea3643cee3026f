# Made from _aio/operation.py by generate.py: change it there.
"""Operation: something that was asked for, being carried out."""

from __future__ import annotations

from typing import Any

from composa import _shown, _wire, _words
from composa._sync import following, pausing
from composa._call import part
from composa._moment import Moment
from composa._told import Explanation
from composa.looks import Looks


class Operation(Looks, _wire.Operation, Moment):
    """Something that was asked for, as it was carried out when it was read.

    Attributes:
        id: Its id, such as "op_k3v9q2xwabcdefgh".
        verb: compose, free, plug, unplug, reshape or move.
        phase: queued, running, waiting (for a silent fabric), undoing; or, ended, done, undone or cancelled;
            or held: it stands until a person says retry, undo or resolve. A newer server may say others.
        direction: forward or undo.
        machines: The machines that it changes, each with id and name.
        fabric: Name of the fabric; None while it is queued.
        steps: What it does, step by step; each has text, state (planned, running, done, failed), began_at and
            ended_at. Empty in lists.
        behind: Id of the operation that it waits for; None: for none.
        reason: Why it waits, is undone or held; None where there is nothing to say.
        result: How it ended: code (None: done), text, and, held, where and ways; None before.
        typical: Seconds that the like of it took lately; None where there was none.
        principal: Who asked. project: in which project. message: why, as they said it.
        deadline: When the server gives up on a silent fabric; None: never.
        created_at, started_at, ended_at: Moments; None where it is not so far.
        emulated: Its fabric is pretend hardware.
    """

    @property
    def settled(self) -> bool:
        """Nothing will happen to it any more without a person: it ended, or is held."""
        return following.settled(self)

    def refresh(self) -> Operation:
        """Read it anew, with its steps.

        Returns:
            Itself, as it is now.

        Raises:
            Error: As of any call.

        Example:
            >>> op.refresh().phase
            'done'
        """
        self._renew(self._site._connection.get(self._path, model=_wire.Operation))
        return self

    def wait(self, timeout: float | None = None, progress: str | None = None) -> Operation:
        """Wait until it ended, and show its steps.

        An interrupt only ends the waiting, whoever began it: it goes on, and `cancel()` ends it.

        Args:
            timeout: Seconds to wait; None: without end.
            progress: How it is shown: "auto", "plain" or "none"; None: as connect() was told.

        Returns:
            Itself, done.

        Raises:
            TimedOut: The seconds have passed; it goes on.
            Held: It stands until a person decides.
            Failed, Refused, Conflict, Unreachable: It was not done; everything is as it was before.
            NotAllowed: The token has ended; it goes on.
            Invalid: timeout is no number of seconds.

        Example:
            >>> site.operation("op_k3v9q2xwabcdefgh").wait(timeout=60)
        """
        begin = f"cannot wait for operation {self.id}"
        patience = _words.patience(begin, timeout, "timeout")
        shows = self._site._progress(progress)
        shows.begin(following.title(self))
        summary = f"stopped waiting for operation {self.id}"
        seen = following.Seen(self, shows)
        try:
            self._renew(following.follow(self._site._connection, seen, patience))
            error = following.failure(self)
            summary = f"{following.title(self)}: {self.phase}" if error is None else str(error)
            if error is not None:
                raise error
        except pausing.Interrupted as stopped:
            _shown.briefly(stopped)
            summary = seen.leave()
            raise
        finally:
            shows.end(summary)
        return self

    def cancel(self) -> Operation:
        """Ask it to end: queued it ends at once, running it stops before its next step and undoes the others.

        Returns:
            Itself, as it is now; `wait()` waits for the end. What has ended stays as it is.

        Raises:
            Error: As of any call.

        Example:
            >>> op.cancel()
        """
        return self._decide("cancel")

    def retry(self) -> Operation:
        """Let it go on where it is held.

        Returns:
            Itself, as it is now.

        Raises:
            Invalid: It is not held.
        """
        return self._decide("retry")

    def undo(self) -> Operation:
        """Let it go back to what was before, where it is held.

        Returns:
            Itself, as it is now.

        Raises:
            Invalid: It is not held, or there is no way back from there.
        """
        return self._decide("undo")

    def resolve(self) -> Operation:
        """End it, where it is held, by taking what the fabric shows as its result.

        Returns:
            Itself, as it is now.

        Raises:
            Invalid: It is not held.
        """
        return self._decide("resolve")

    def explain(self) -> Explanation | None:
        """Tell why it chose the devices that it chose.

        Returns:
            The account of the choice; None where nothing had to be chosen, or nothing is chosen yet.

        Raises:
            Error: As of any call.

        Example:
            >>> op.explain().text
        """
        told = self._site._connection.get(self._path, {"explain": True}, model=_wire.Operation)
        return Explanation.of(told.explanation)

    def _decide(self, word: str) -> Operation:
        answer = self._site._connection.change("POST", f"{self._path}/{word}")
        self._renew(answer.read(_wire.Operation))
        return self

    @property
    def _path(self) -> str:
        return f"/v1/operations/{part(self.id)}"

    def _same(self) -> tuple[Any, ...]:
        return "Operation", self.id
