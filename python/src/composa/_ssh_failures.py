"""What the system's ssh says of itself when it fails, and which error that is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from composa import _ssh, errors


def _remove_line(said: str, address: str) -> str:
    """Write what removes the key that a host had before; ssh tells in which file it is, and by which name."""
    file = re.search(r"^Offending .* in (.+):\d+$", said, re.MULTILINE)
    name = re.search(r"^Host key for (\S+) has changed", said, re.MULTILINE)
    return shlex.join(
        ["ssh-keygen", *(["-f", file.group(1)] if file else []), "-R", name.group(1) if name else address]
    )


#: What ssh says of itself when it fails: how it is known, which error it is, and what to do about it.
#: {line} stands for the command that opens a shell there, {remove} for the one that removes a key, {address}
#: for the address.
_own: tuple[tuple[str, type[errors.Error], str, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        errors.NotAllowed,
        "its host key is not the one that ssh knows",
        "if that is to be expected, type on a terminal: {remove}, and then once: {line}",
    ),
    (
        r"Host key verification failed|No .* host key is known",
        errors.NotAllowed,
        "ssh does not know its host key",
        "if that is to be expected, type once on a terminal, and compare the key: {line}",
    ),
    (
        r"Permission denied|Too many authentication failures|No supported authentication methods",
        errors.NotAllowed,
        "it does not let you log in",
        "check login=, and that your key is in its authorized_keys and in your ssh-agent; "
        "try on a terminal: {line}",
    ),
    (
        r"Could not resolve hostname",
        errors.Unreachable,
        "its name is not known here",
        "check the address, and the name server of this computer",
    ),
    (
        r"Connection refused",
        errors.Unreachable,
        "nothing answers to ssh there",
        "its host may still be starting: wait a little and run it again",
    ),
    (
        r"[Tt]imed out|No route to host|Network is unreachable|Connection timeout|not responding",
        errors.Unreachable,
        "its host does not answer",
        "it may be off or still starting, or no network leads from here to {address}",
    ),
    (
        r"Connection (closed|reset)|closed by remote host|Broken pipe|kex_exchange_identification|disconnect",
        errors.Unreachable,
        "the connection was lost",
        "what ran there may have been cut off: look before you run it again",
    ),
    (
        r"[Bb]ad configuration|Bad owner or permissions|command-line: line \d|terminating, \d+ bad|"
        r"^usage: ssh|"
        r"Can't open user config|keyword .* extra arguments|Unsupported option|no argument after keyword",
        errors.Invalid,
        "ssh does not take its options",
        "check options= and ~/.ssh/config",
    ),
)


def own_failure(
    name: str, where: str, options: Sequence[str], log: str | None, stderr: str
) -> errors.Error | None:
    """Tell what ssh itself failed at, when it ended with 255.

    Args:
        name: The machine, for messages.
        where: What _ssh.destination told.
        options: What _ssh.own_options told.
        log: What ssh said of itself; None where it did not come so far as to say anything in its log: then
            what came on standard error is its own, and tells what it cannot read of its arguments.
        stderr: What came on standard error.

    Returns:
        The error; None where ssh has nothing to say of itself, so that 255 is the command's.
    """
    begin, line = f'cannot get into "{name}" at {where}', _ssh.shell_line(where, options)
    if log is None:
        return _unread(begin, stderr.strip())
    said = "\n".join(line for line in log.splitlines() if line.strip() and not line.startswith("Warning:"))
    if not said and (
        cut_off := re.search(r"^Connection to \S+ closed by remote host\.", stderr, re.MULTILINE)
    ):
        said = cut_off.group()
    if not said:
        return None
    last = said.splitlines()[-1].strip()[:300]
    for pattern, kind, why, then in _own:
        if re.search(pattern, said, re.MULTILINE):
            address = where.rpartition("@")[2]
            return kind(
                f"{begin}: {why} (ssh says: {last})",
                next=then.format(line=line, remove=_remove_line(said, address), address=address),
                retryable=kind is errors.Unreachable,
            )
    return errors.Failed(f"{begin}: ssh says: {last}", next=f"try it on a terminal: {line}")


def _unread(begin: str, said: str) -> errors.Error | None:
    """Make the error of options that ssh cannot read; None where it says nothing."""
    if not said:
        return None
    return errors.Invalid(
        f"{begin}: ssh does not take its options (ssh says: {said.splitlines()[0][:300]})",
        next="check options= and ~/.ssh/config",
    )
