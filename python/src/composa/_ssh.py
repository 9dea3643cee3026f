"""What the system's ssh is told to do, and what it says of itself; nothing here runs it."""

from __future__ import annotations

import ipaddress
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
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
    if text.startswith(("-", "+")):
        text = " " + text  # the shell there would take it for an option of its own
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


def own_options(options: object, *, for_command: bool) -> list[str]:
    """Check the caller's own options of ssh.

    Args:
        options: What was given.
        for_command: They are to run a command, and not for a shell.

    Raises:
        Invalid: They are one str in place of a list, hold what no program can be given, would take for their
            own what follows them, or keep ssh from running the command.
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
    for letter in _letters(begin, words):
        if for_command and letter in _no_command:
            raise errors.Invalid(f"{begin}: with -{letter} ssh does not run the command and wait for it")
        if for_command and letter in _says_elsewhere:
            raise errors.Invalid(f"{begin}: with -{letter} ssh says elsewhere what went wrong")
    return words


#: Options of ssh that have a value; with which it does something else than to run a command; and with which
#: what it says of itself cannot be read here.
_with_value = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
_no_command = frozenset("fGNOQsVW")
_says_elsewhere = frozenset("Ey")


def _letters(begin: str, words: list[str]) -> Iterator[str]:
    """Give the letter of each option, as ssh reads them.

    Raises:
        Invalid: A word is no option, which ssh would take for the host, or the last one lacks its value.
    """
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word in ("-", "--"):
            raise errors.Invalid(
                f"{begin}: {abridge(word)} is no option", next="write options=['-p', '2222']"
            )
        for i, letter in enumerate(word[1:], 2):
            yield letter
            if letter in _with_value:
                if i == len(word) and next(rest, None) is None:
                    raise errors.Invalid(f"{begin}: -{letter} is given without its value")
                break


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


def shell_line(where: str, options: Sequence[str]) -> str:
    """Write what one types on a terminal to open a shell there."""
    return shlex.join(["ssh", *options, where])
