"""What the system's ssh is told to do, and what it says of itself; nothing here runs it."""

from __future__ import annotations

import ipaddress
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from composa import _limits, errors
from composa._words import abridge


class Device(Protocol):
    """What is read of a device of a machine."""

    @property
    def kind(self) -> str: ...
    @property
    def place(self) -> str: ...


class Machine(Protocol):
    """What is read of a machine that one gets into."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str | None: ...
    @property
    def login(self) -> str | None: ...
    @property
    def freed_at(self) -> datetime | None: ...
    @property
    def devices(self) -> Sequence[Device]: ...


_host_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}\Z")
_no_login = re.compile(r"[^\x21-\x7e]|[@:/\\\"'$;&|<>`]")


def destination(machine: Machine, login: str | None = None) -> str:
    """Tell where ssh goes, such as "ubuntu@10.0.0.12".

    Args:
        machine: The machine.
        login: Who to be there; None: as the machine says, else as the user's own configuration of ssh says.

    Raises:
        Refused: It was freed, or its address is not known.
        Invalid: Address or login is none, and might be taken for an option of ssh.
    """
    begin = f'cannot get into "{machine.name}"'
    if machine.freed_at is not None:
        raise errors.Refused(f"{begin}: it was freed at {machine.freed_at:%Y-%m-%d %H:%M:%S %Z}".rstrip())
    if not machine.address:
        raise errors.Refused(f"{begin}: its address is not known", next=address_line(machine))
    if not is_address(machine.address):
        raise errors.Invalid(
            f'{begin}: address "{machine.address[:40]}" is neither an IP address nor a host name'
        )
    login = machine.login if login is None else login
    if login and not is_login(login):
        raise errors.Invalid(f"{begin}: login {abridge(login)} is not the name of a user")
    return at(login, machine.address)


def at(login: str | None, address: str) -> str:
    """Write who gets in where, as ssh takes it: "ubuntu@10.0.0.12", or the address alone."""
    return f"{login}@{address}" if login else address


def is_address(text: str) -> bool:
    """Tell whether ssh can go there: an IP address or a host name, and no option of ssh."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _host_name.match(text) is not None
    _, zone, name = text.partition("%")
    return not zone or _host_name.match(name) is not None


def is_login(text: object) -> bool:
    """Tell whether it can be the name of a user, and no option of ssh."""
    if not isinstance(text, str):
        return False
    return 0 < len(text) <= 64 and not text.startswith("-") and _no_login.search(text) is None


def address_line(machine: Machine) -> str:
    """Tell how an operator makes the address of a machine known; "" where it has no compute node."""
    for device in machine.devices:
        if device.kind == "cpu":
            return (
                f"an operator can say it: composa device set {shlex.quote(device.place)} "
                "--address ADDRESS --login LOGIN"
            )
    return ""


def remote_command(name: str, command: str | Sequence[str]) -> str:
    """Write the command as the shell of the machine reads it.

    Args:
        name: The machine, for messages.
        command: A str is that shell's own language; the words of a list are quoted.

    Raises:
        Invalid: It is empty or too long, or holds what no shell can read.
    """
    begin = f'cannot run a command on "{name}"'
    text = _line(begin, command)
    if not text.strip():
        raise errors.Invalid(f"{begin}: the command is empty", next="say what to run")
    if "\0" in text:
        raise errors.Invalid(f"{begin}: the command holds a NUL character, which no shell can read")
    size = len(_bytes(f"{begin}: the command", text))
    if size > _limits.command_bytes:
        raise errors.Invalid(
            f"{begin}: the command has {size:,} bytes, and one may have {_limits.command_bytes:,}",
            next="give a short one that reads the rest: m.run('bash', input=…)",
        )
    return text


def _line(begin: str, command: object) -> str:
    """Write a command as one text."""
    if isinstance(command, str):
        return command
    if isinstance(command, Sequence) and not isinstance(command, (bytes, bytearray, memoryview)):
        wrong = next((word for word in command if isinstance(word, (bytes, bytearray, memoryview))), None)
        if wrong is None:
            return shlex.join([str(word) for word in command])
        raise errors.Invalid(f"{begin}: the word {abridge(wrong)} is bytes", next="write it as a str")
    raise errors.Invalid(
        f"{begin}: {abridge(command)} is neither a text nor a list of words", next="write 'nvidia-smi -L'"
    )


def _bytes(what: str, text: str) -> bytes:
    """Write a text as what goes over the line."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise errors.Invalid(f"{what} holds half a character (a surrogate), which is no text") from None


def own_options(options: object) -> list[str]:
    """Check the caller's own options of ssh.

    Raises:
        Invalid: They are one str in place of a list, or hold what no program can be given.
    """
    begin = "cannot use the options of ssh"
    if isinstance(options, str):
        raise errors.Invalid(f"{begin}: they are one text", next=f"write options={options.split()!r}")
    if not isinstance(options, Iterable):
        raise errors.Invalid(f"{begin}: {abridge(options)} is no list", next="write options=['-p', '2222']")
    words = [str(option) for option in options]
    for word in words:
        if "\0" in word or len(_bytes(f"{begin}: {abridge(word)}", word)) > _limits.command_bytes:
            raise errors.Invalid(f"{begin}: {abridge(word)} holds a NUL character, or is too long")
    return words


def seconds(name: str, timeout: object) -> float | None:
    """Check the seconds that a command may take; None and infinity are no limit.

    Raises:
        Invalid: They are none.
    """
    if timeout is None:
        return None
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and timeout > 0:
        return float(timeout) if timeout < sys.float_info.max else None
    raise errors.Invalid(
        f'cannot run a command on "{name}": {abridge(timeout)} seconds are no timeout',
        next="give more than 0, or None for no limit",
    )


def given(name: str, input: object) -> bytes | None:
    """Check what a command reads.

    Raises:
        Invalid: It is neither text nor bytes.
    """
    begin = f'cannot run a command on "{name}"'
    if input is None:
        return None
    if isinstance(input, str):
        return _bytes(f"{begin}: its input", input)
    if isinstance(input, (bytes, bytearray, memoryview)):
        return bytes(input)
    raise errors.Invalid(
        f"{begin}: its input, {abridge(input)}, is neither text nor bytes", next="write input='text'"
    )


def arguments(
    where: str, command: str, *, options: Sequence[str] = (), log: str | None = None, prompts: bool = False
) -> list[str]:
    """Write the arguments of ssh, without its name.

    Args:
        where: What destination tells.
        command: What remote_command tells; "" opens a shell.
        options: What own_options tells. They come first, since ssh keeps what it reads first.
        log: File to which ssh writes what it says of itself, so that it is told from what the command says.
        prompts: Whether ssh may ask, which it does on a terminal.
    """
    out = ["-E", log] if log else []
    out += options
    if not prompts:
        out += ["-o", "BatchMode=yes"]
    out += ["-o", f"ConnectTimeout={_limits.connecting}", "--", where]
    return [*out, command] if command else out


#: What ssh says of itself when it fails: how it is known, which error it is, and what to do about it.
#: {line} stands for the command that opens a shell there, {address} for the address.
_own: tuple[tuple[str, type[errors.Error], str, str], ...] = (
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No .* host key is known",
        errors.NotAllowed,
        "ssh does not know its host key, or knows another",
        "if that is to be expected, type on a terminal, where it has changed: ssh-keygen -R {address}, "
        "and then once: {line}",
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


def own_failure(name: str, where: str, log: str, stderr: str) -> errors.Error | None:
    """Tell what ssh itself failed at, when it ended with 255.

    Args:
        name: The machine, for messages.
        where: What destination told.
        log: What ssh said of itself.
        stderr: What came on standard error: ssh says there what it cannot read of its arguments.

    Returns:
        The error; None where ssh has nothing to say of itself, so that 255 is the command's.
    """
    said = "\n".join(line for line in log.splitlines() if line.strip() and not line.startswith("Warning:"))
    if not said and re.match(r"command-line: line \d|.*(unknown|invalid) option -- |usage: ssh", stderr):
        said = stderr.strip()
    if not said and (
        cut_off := re.search(r"^Connection to \S+ closed by remote host\.", stderr, re.MULTILINE)
    ):
        said = cut_off.group()
    if not said:
        return None
    begin = f'cannot get into "{name}" at {where}'
    last = said.splitlines()[-1].strip()[:300]
    for pattern, kind, why, then in _own:
        if re.search(pattern, said, re.MULTILINE):
            address = where.rpartition("@")[2]
            return kind(
                f"{begin}: {why} (ssh says: {last})",
                next=then.format(line=shlex.join(["ssh", where]), address=address),
                retryable=kind is errors.Unreachable,
            )
    return errors.Failed(
        f"{begin}: ssh says: {last}", next=f"try it on a terminal: {shlex.join(['ssh', where])}"
    )
