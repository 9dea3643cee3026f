"""Decides whether a call is sent again, and when. Nothing is sent or waited for here."""

from __future__ import annotations

import httpx2

from composa import _limits
from composa._call import Call
from composa.errors import Error

# broken are the failures of a connection that was kept open and closed by the server meanwhile.
broken = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)


class Tries:
    """The tries of one call.

    Once an answer was lost, only one of a server that looked for the key tells what happened.

    Attributes:
        call: What is asked.
        sent: The server may have seen it: a try went as far as to send it.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.sent = False
        self._lost: Error | None = None
        self._made = 0
        self._pause = _limits.first_pause

    @property
    def lost(self) -> bool:
        """An answer was lost: a later one may be by what came of an earlier try."""
        return self._lost is not None

    def again(self) -> Tries:
        """Return the tries that ask what came of a change which was interrupted before its answer."""
        tries = Tries(self.call)
        tries.sent = True
        tries._lost = self.call.unknown("it was interrupted before the answer")
        return tries

    def after(self, error: Error, elapsed: float) -> float:
        """Say how many seconds to wait before the next try.

        Args:
            error: What the last try came to.
            elapsed: Seconds since the first began.

        Raises:
            Error: There is no next try; this is what the call comes to.
        """
        self._made += 1
        if error.key:
            self._lost = error
        if self._lost is None:
            if not self._may_ask_again(error):
                raise error
        elif not error.key and _tells(error):
            raise error
        elif self._is_enough(error, elapsed):
            raise self._given(self._lost, error)
        wait = max(self._pause, error.retry_after)
        self._pause = min(2 * self._pause, _limits.longest_pause)
        return wait

    def _may_ask_again(self, error: Error) -> bool:
        """Say whether nothing was done, and another try is worth it."""
        if error.status == 429 and error.retry_after > 0:
            return self._made < _limits.waits
        return not self.call.key and self._made == 1 and isinstance(error.__cause__, broken)

    def _is_enough(self, error: Error, elapsed: float) -> bool:
        passes = error.key or error.retryable or error.status >= 500
        return self._made >= _limits.tries or elapsed > _limits.trying + self.call.waits or not passes

    def _given(self, lost: Error, last: Error) -> Error:
        """Return the error of a call whose answer was lost and could not be had by further tries."""
        lost.detail += f" (tried {self._made} times)"
        if not last.key and last.status:
            lost.detail += f"; then: {last.detail}"
        return lost


def _tells(error: Error) -> bool:
    """Say whether an answer is that of a server which looked for the key.

    A server looks for keys behind its door, and not where it is in trouble.
    """
    return error.status not in (0, 401, 403, 429) and error.status < 500
