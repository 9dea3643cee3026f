"""What can go wrong, so that a program can tell it apart: everything is an [Error]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composa import _wire
    from composa._told import Explanation

__all__ = [
    "Conflict",
    "Error",
    "Failed",
    "Held",
    "Invalid",
    "MissingExtra",
    "Nearest",
    "NotAllowed",
    "NotFound",
    "Refused",
    "TimedOut",
    "Unreachable",
    "error_of",
]


class Error(Exception):
    """A call that did not succeed. Its text says what could not be done, why, and what to do next.

    Attributes:
        code: Stable word for programs, such as "refused"; docs/compatibility.md lists them. A newer server
            may send one that this module does not know: then the error is a Failed.
        detail: What could not be done, and why.
        next: What to do about it; "" where nothing is known to help.
        operation: Id of the operation that this came of; "" where there is none.
        status: HTTP status of the answer; 0 where there was none.
        retryable: The same call may succeed if it is just made again.
        request: Id of the request, as in the server's log; "" where there was no answer.
        key: Idempotency key of a change whose answer was lost (code "unknown"): the same call with key=
            this tells what came of it and does nothing twice. "" where no answer was lost.
        retry_after: Seconds that the server asks to wait before the call is made again; 0: it did not say.

    Example:
        >>> try:
        ...     site.compose("train", gpu="A100:4")
        ... except composa.Refused as e:
        ...     print(e, e.code)
    """

    #: The code of an error of this class that names none.
    usual_code = "failed"

    def __init__(
        self,
        detail: str,
        *,
        next: str = "",
        code: str = "",
        operation: str = "",
        status: int = 0,
        retryable: bool = False,
        request: str = "",
        key: str = "",
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.next = next
        self.code = code or self.usual_code
        self.operation = operation
        self.status = status
        self.retryable = retryable
        self.request = request
        self.key = key
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.detail}; {self.next}" if self.next else self.detail

    def _repr_html_(self) -> str:
        from composa import looks

        return str(looks.html(self))

    def _render_traceback_(self) -> list[str]:
        """Show an uncaught error in IPython by the caller's own frames; scripts show it as any other."""
        from composa import _shown

        return _shown.rendered(self)


class Refused(Error):
    """Nothing happened: it cannot be had as it was asked for.

    Codes: refused, unsupported, read_only.

    Attributes:
        explanation: What each condition removed in each fabric; None where placement did not say it.
        nearest: What could be composed in its place; None where nothing could, or where what was asked for
            was no new machine.
    """

    usual_code = "refused"
    __notes__: list[str]
    explanation: Explanation | None = None
    nearest: Nearest | None = None


class Failed(Error):
    """The operation ended without what was wanted, or the server failed.

    Codes: failed, cancelled, internal, and any that this module does not know.
    """


class Held(Error):
    """An operation stands still until a person decides (code held). `operation` names it."""

    usual_code = "held"


class Conflict(Error):
    """The world is not as the call takes it to be; nothing was done.

    Codes: exists, moved, conflict, revision_differs, key_reused.

    Attributes:
        moved: For code moved, of a plan: what is not any more as the plan found it. Empty otherwise.
    """

    usual_code = "conflict"
    moved: list[_wire.Moved] = []  # noqa: RUF012 (given anew to every error that has some)


class NotFound(Error):
    """There is no such thing, or it is not in a project of yours (code not_found)."""

    usual_code = "not_found"


class NotAllowed(Error):
    """The token is not known, has ended, or may not do that. Codes: unauthenticated, not_allowed."""

    usual_code = "not_allowed"


class Invalid(Error, ValueError):
    """The call says something that cannot be meant, or passes a limit; nothing was done.

    Also raised before anything is sent. Codes: invalid, too_large.

    Attributes:
        errors: What is wrong: location is the argument. Empty where it is the whole, or nothing was sent.
    """

    usual_code = "invalid"
    errors: list[_wire.ProblemPlace] = []  # noqa: RUF012 (given anew to every error that has some)


class Unreachable(Error):
    """The server, or a fabric behind it, gave no answer, or had no time for the call.

    The call is safe to repeat. For code unknown it may have happened: repeat it with key=`key`, which tells
    what came of it and does nothing twice.

    Codes: unreachable, unknown, unavailable, too_many, busy.
    """

    usual_code = "unreachable"


class TimedOut(Error, TimeoutError):
    """The time that was given to wait has passed (code timeout).

    The operation goes on: `operation` names it, so that site.operation(e.operation).wait() waits longer.
    """

    usual_code = "timeout"


class MissingExtra(Error, ImportError):
    """A package that only some need is not installed (code missing_extra); `next` says how to install it."""

    usual_code = "missing_extra"

    @classmethod
    def of(cls, what: str, package: str, extra: str) -> MissingExtra:
        """Make the error of something that needs a package.

        Args:
            what: What could not be done, such as "cannot draw the racks".
            package: The package that is not installed, such as "anywidget".
            extra: The extra of composa that brings it, such as "notebook".
        """
        return cls(f"{what}: {package} is not installed", next=f"pip install 'composa[{extra}]'")


class Nearest:
    """What could be composed in place of what was refused: the server's counter-offer.

    Attributes:
        offer: The counter-offer as the server sent it.
    """

    def __init__(self, offer: _wire.Nearest, take: Callable[..., Any]) -> None:
        self.offer = offer
        self._take = take

    @property
    def wish(self) -> list[_wire.Want]:
        """What to ask for, entry by entry."""
        return self.offer.devices

    @property
    def text(self) -> str:
        """The counter-offer in a sentence."""
        return self.offer.text

    def compose(self, **more: Any) -> Any:
        """Take the counter-offer: compose the machine that was refused, with this wish in place of its own.

        Args:
            **more: Arguments of compose that are to differ, such as wait=False.

        Returns:
            The Machine (of composa.aio: an awaitable of it).

        Raises:
            Error: As compose does. The counter-offer is not kept for anybody: it may be gone.
        """
        return self._take(self.offer, **more)

    def __copy__(self) -> Nearest:
        return Nearest(self.offer, self._take)

    def __deepcopy__(self, memo: dict[int, Any]) -> Nearest:
        return Nearest(self.offer.model_copy(deep=True), self._take)

    def __reduce__(self) -> tuple[Any, ...]:
        # The connection, and its token, stay where they are.
        return Nearest, (self.offer, _take_elsewhere)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        from composa import looks

        return str(looks.text(self))

    def _repr_html_(self) -> str:
        from composa import looks

        return str(looks.html(self))


def _take_elsewhere(offer: _wire.Nearest, **more: Any) -> Any:
    """Stand for the way to take a counter-offer that was pickled."""
    raise Invalid(
        f"cannot take the counter-offer {offer.text!r}: it was pickled, and its connection does not go along",
        next="compose it here: connect(), and what nearest.wish says",
    )


#: Which class an error of a code is. A code that is not here is a Failed.
classes: dict[str, type[Error]] = {
    "refused": Refused,
    "unsupported": Refused,
    "read_only": Refused,
    "failed": Failed,
    "cancelled": Failed,
    "internal": Failed,
    "held": Held,
    "exists": Conflict,
    "moved": Conflict,
    "conflict": Conflict,
    "revision_differs": Conflict,
    "key_reused": Conflict,
    "not_found": NotFound,
    "unauthenticated": NotAllowed,
    "not_allowed": NotAllowed,
    "invalid": Invalid,
    "too_large": Invalid,
    "unreachable": Unreachable,
    "unknown": Unreachable,
    "unavailable": Unreachable,
    "too_many": Unreachable,
    "busy": Unreachable,
    "timeout": TimedOut,
    "missing_extra": MissingExtra,
}


def error_of(
    problem: Mapping[str, Any] | _wire.Problem, status: int = 0, headers: Mapping[str, str] | None = None
) -> Error:
    """Make the error of a problem that a server told (RFC 9457). What cannot be read of it is left out.

    Args:
        problem: The problem: the decoded JSON, or the model of it. It must have a code.
        status: HTTP status of the answer that carried it; 0: the status that the problem names.
        headers: Headers of that answer, for Retry-After.

    Returns:
        The error, of the class of its code.
    """
    from composa import _advice

    told: Mapping[str, Any]
    told = problem if isinstance(problem, Mapping) else problem.model_dump(by_alias=True, mode="json")
    code = _text(told, "code") or Error.usual_code
    named = told.get("status")
    error = classes.get(code, Failed)(
        _text(told, "detail")
        or _text(told, "title")
        or f"cannot do that: the server says {code} and no more",
        next=_advice.in_python(_text(told, "next")),
        code=code,
        operation=_text(told, "operation"),
        status=status or (named if type(named) is int else 0),
        retryable=told.get("retryable") is True,
        request=_text(told, "request"),
        retry_after=retry_after(headers or {}),
    )
    _add_models(error, told)
    return error


def _add_models(error: Error, told: Mapping[str, Any]) -> None:
    """Give an error what a problem says in more than words."""
    if isinstance(error, Refused) and told.get("refusal") is not None:
        from composa import _advice, _wire
        from composa._told import Explanation

        error.explanation = Explanation.of(_read(_wire.Explanation, told["refusal"]))
        if error.explanation is not None:
            _advice.explanation(error.explanation)
            # A traceback of Python 3.11 and later, and of IPython, shows them below the error.
            error.__notes__ = list(error.explanation.lines)
    if isinstance(error, Conflict):
        from composa import _wire

        error.moved = _read_all(_wire.Moved, told.get("moved"))
    if isinstance(error, Invalid):
        from composa import _wire

        error.errors = _read_all(_wire.ProblemPlace, told.get("errors"))


def _read(model: Any, value: Any) -> Any:
    """Decode what may be of a newer server; None where it has another shape."""
    from pydantic import ValidationError

    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _read_all(model: Any, values: Any) -> list[Any]:
    if not isinstance(values, list):
        return []
    return [one for one in (_read(model, v) for v in values) if one is not None]


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def retry_after(headers: Mapping[str, str]) -> float:
    """Read the seconds of a Retry-After header, up to a minute; 0 where there is none that can be read."""
    from composa import _limits

    text = headers.get("retry-after") or headers.get("Retry-After") or ""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return 0.0
    return min(float(text), _limits.longest_retry_after)
