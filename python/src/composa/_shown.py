"""How IPython shows an error: the caller's own frames and the sentence, not where in here it arose."""

from __future__ import annotations

import sys
import types
from typing import Any

#: Packages whose frames lead from the caller's line to the server and back: they help nobody who calls.
_ways = frozenset(
    {
        *("IPython", "anyio", "asyncio", "composa", "concurrent", "contextlib", "httpcore2", "httpx2"),
        *("ipykernel", "threading", "tqdm", "zmq"),
    }
)
#: What IPython runs a magic with. The frame before it holds IPython's own writing of a line of magic.
_magics = frozenset({"run_cell_magic", "run_line_magic"})


def rendered(error: BaseException) -> list[str]:
    """Write an error for IPython, which asks `_render_traceback_` of an exception for that.

    With `%xmode Verbose` it is shown whole.

    Returns:
        The lines. Where nothing of the caller's led to it, as below a line of magic: the sentence alone.
    """
    shell = _shell()
    whole = shell is not None and shell.InteractiveTB.mode == "Verbose"
    trace = error.__traceback__ if whole else _own(error.__traceback__)
    if shell is None or trace is None:
        return [str(error) or type(error).__name__, *getattr(error, "__notes__", ())]
    shown = error if whole else _alone(error)
    return list(shell.InteractiveTB.structured_traceback(type(error), shown, trace, tb_offset=int(whole)))


def briefly(stopped: BaseException) -> None:
    """Let IPython show an interrupt, which is no error of this module, as it shows its errors."""
    stopped._render_traceback_ = lambda: rendered(stopped)  # type: ignore[attr-defined]


def _shell() -> Any:
    """Return the shell of IPython that runs here; None: there is none."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _own(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback of the frames that are the caller's own; None: there is none of them."""
    if trace is None:
        return None
    rest = _own(trace.tb_next)
    module = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    if module in _ways or (trace.tb_next is not None and _is_magic(trace.tb_next)):
        return rest
    return types.TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _is_magic(trace: types.TracebackType) -> bool:
    frame = trace.tb_frame
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package == "IPython" and frame.f_code.co_name in _magics


def _alone(error: BaseException) -> BaseException:
    """Copy an error without what it came of, but for what arose in frames of the caller's."""
    shown: BaseException = type(error).__new__(type(error), *error.args)
    shown.__dict__.update(error.__dict__)
    cause, context = error.__cause__, error.__context__
    if cause is not None and _own(cause.__traceback__) is not None:
        shown.__cause__ = cause
    elif cause is None and context is not None and _own(context.__traceback__) is not None:
        shown.__context__ = context
        shown.__suppress_context__ = error.__suppress_context__
    return shown
