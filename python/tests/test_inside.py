"""Getting into machines through a real sshd on loopback, which the server's hosts: names."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composa import _limits, _ssh, _ssh_failures, errors, inside
from tests import sshd
from tests.conftest import MakeServer
from tests.processes import lacking


@dataclasses.dataclass(frozen=True)
class Part:
    kind: str
    place: str


@dataclasses.dataclass(frozen=True)
class Host:
    """What is read of a machine, without a server."""

    name: str = "train"
    address: str | None = "127.0.0.1"
    login: str | None = None
    freed_at: datetime | None = None
    devices: tuple[Part, ...] = (Part("gpu", "rack1/gpu0"), Part("cpu", "rack1/pcpu0"))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    if sshd.program is None:
        lacking("sshd is not installed: apt install openssh-server")
    it = sshd.Sshd(tmp_path_factory.mktemp("sshd"))
    yield it
    it.kill()


def test_a_command_runs_on_the_machine_that_hosts_names(
    server: MakeServer, there: sshd.Sshd, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    import composa

    hosts = f"hosts:\n  - {{place: rack1/pcpu0, address: 127.0.0.1, login: {there.login}}}\n"
    s = server("--cpus", "1", "--gpus", "1", config=hosts)
    with composa.connect(s.url, token=s.token, progress="none") as site:
        m = site.compose(name, gpu=1)
        capfd.readouterr()
        ran = m.run("echo out; echo err >&2; id -un", options=there.options)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"out\n{there.login}\n", "err\n")
        shown = capfd.readouterr()
        assert (shown.out, shown.err) == (f"out\n{there.login}\n", "err\n")
        with pytest.raises(errors.Refused, match=f"ssh -F .* {there.login}@127.0.0.1") as refused:
            m.ssh(options=there.options)
        assert refused.value.code == "unsupported"


def test_a_machine_without_an_address_tells_the_operators_line(server: MakeServer, name: str) -> None:
    import composa

    line = "composa device set rack1/pcpu0 --address ADDRESS --login LOGIN"
    s = server("--cpus", "1", "--gpus", "1")
    with composa.connect(s.url, token=s.token, progress="none") as site:
        m = site.compose(name, gpu=1)
        with pytest.raises(errors.Refused, match=line):
            m.run("true")


def test_words_of_a_list_arrive_as_they_are(there: sshd.Sshd) -> None:
    words = ["printf", "%s|", "two words", "$HOME", "it's", 'say "hi"', "", "*", "a;b", "ünï", "-n"]
    assert inside.run(Host(), words, options=there.options).stdout == "|".join(words[2:]) + "|"


def test_input_is_read_by_the_command(there: sshd.Sshd) -> None:
    much = "line of input\n" * 100_000
    assert inside.run(Host(), "wc -c", options=there.options, input=much).stdout.strip() == str(len(much))
    assert inside.run(Host(), "head -c 4", options=there.options, input=much).stdout == "line"
    assert inside.run(Host(), "cat", options=there.options).stdout == ""


def test_a_flood_of_output_is_kept_to_its_bound(there: sshd.Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_limits, "kept_characters", 1000)
    ran = inside.run(Host(), "yes | head -c 1000000; printf %s äöü >&2", options=there.options)
    assert (len(ran.stdout), ran.stderr, ran.cut) == (1000, "äöü", True)
    assert "first" in repr(ran)


def test_a_command_that_fails_says_what_it_returned(there: sshd.Sshd) -> None:
    with pytest.raises(inside.CommandFailed, match=r"train: .* returned 3: no such thing") as failed:
        inside.run(Host(), "echo no such thing >&2; exit 3", options=there.options)
    assert (failed.value.code, failed.value.ran.returncode) == ("command_failed", 3)
    assert inside.CommandFailed.__bases__ == (errors.Error,)  # nothing was put back, as after a Failed
    assert inside.run(Host(), "exit 3", options=there.options, check=False).returncode == 3


def test_255_of_the_command_is_not_a_failure_of_ssh(there: sshd.Sshd) -> None:
    ran = inside.run(Host(), "echo Permission denied >&2; exit 255", options=there.options, check=False)
    assert (ran.returncode, ran.stderr) == (255, "Permission denied\n")


def test_a_refused_connection_is_unreachable(there: sshd.Sshd) -> None:
    with pytest.raises(errors.Unreachable, match="may still be starting") as gone:
        inside.run(Host(), "true", options=["-p", str(sshd.free_port()), *there.options], check=False)
    assert gone.value.retryable


def test_a_name_that_nobody_knows_is_unreachable(there: sshd.Sshd) -> None:
    with pytest.raises(errors.Unreachable, match="name is not known"):
        inside.run(Host(address="no-such-host.invalid"), "true", options=there.options)


def test_a_key_that_is_not_let_in_is_not_allowed(there: sshd.Sshd, tmp_path: pathlib.Path) -> None:
    sshd.make_key(tmp_path / "other")
    options = [
        "-F",
        "/dev/null",
        "-p",
        str(there.port),
        "-i",
        str(tmp_path / "other"),
        "-o",
        "IdentitiesOnly=yes",
    ]
    with pytest.raises(errors.NotAllowed, match="does not let you log in"):
        inside.run(Host(), "true", options=[*options, "-o", f"UserKnownHostsFile={there.known_hosts}"])


@pytest.mark.parametrize("known", ["none", "another"])
def test_a_host_key_that_is_not_trusted_is_told_with_lines_for_this_very_host(
    there: sshd.Sshd, tmp_path: pathlib.Path, known: str
) -> None:
    there.trust("" if known == "none" else sshd.make_key(tmp_path / "imposter"))
    try:
        with pytest.raises(errors.NotAllowed) as told:
            inside.run(Host(), "true", options=there.options)
        assert told.value.next.endswith(f": ssh -F {there.home}/config 127.0.0.1")
        removed = re.search("ssh-keygen .*?(?=, and then)", told.value.next)
        assert (removed is None) == (known == "none")
        if removed is not None:
            subprocess.run(shlex.split(removed.group()), check=True, capture_output=True)
            assert there.known_hosts.read_text() == ""
    finally:
        there.trust(there.host_key)


def test_another_key_is_told_where_ssh_does_not_say_how_to_remove_it() -> None:
    said = (
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending key for IP in /k h:3\n"
        "Host key for [::1]:2222 has changed and you have requested strict checking.\n"
    )
    told = _ssh_failures.own_failure("train", "ana@::1", ["-p", "2222"], said, "")
    assert told is not None
    assert "ssh-keygen -f '/k h' -R '[::1]:2222', and then once: ssh -p 2222 ana@::1" in told.next


@pytest.mark.parametrize(
    "options",
    [["-o", "NoSuchOption=1"], ["-Z"], ["-F", "/no/such/file"], ["-p", "x"], ["-L", "x"], ["-c", "x"]],
)
def test_options_that_ssh_does_not_take_are_told(options: list[str]) -> None:
    with pytest.raises(errors.Invalid, match="check options="):
        inside.run(Host(), "true", options=options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["other"], '"other" is no option'),
        (["-p", "22", "--"], '"--" is no option'),
        (["-"], '"-" is no option'),
        (["-p"], "-p is given without its value"),
        (["-4vi"], "-i is given without its value"),
        (["-V"], "with -V ssh does not run the command"),
        (["-CN"], "with -N ssh does not run the command"),
        (["-Qcipher"], "with -Q ssh does not run the command"),
        (["-E", "/tmp/log"], "with -E"),
    ],
)
def test_options_that_would_run_something_else_are_refused_before_ssh(
    options: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(errors.Invalid, match=message):
        inside.run(Host(), "true", options=options)


def test_a_shell_may_have_options_that_a_command_may_not() -> None:
    assert _ssh.own_options(["-N", "-L8888:localhost:8888"], for_command=False)
    with pytest.raises(errors.Invalid, match="is no option"):
        _ssh.own_options(["other"], for_command=False)


@pytest.mark.parametrize("command", ["-V", ["-V"], "+x"])
def test_a_command_that_begins_as_an_option_does_is_a_command(
    there: sshd.Sshd, command: str | list[str]
) -> None:
    ran = inside.run(Host(), command, options=there.options, check=False)
    assert ran.returncode == 127
    assert "not found" in ran.stderr


# until_cut runs until the connection that it came by ends, so that no test leaves it behind.
until_cut = "tail --pid=$PPID -f /dev/null"


def test_a_lost_connection_is_unreachable(there: sshd.Sshd) -> None:
    # The parent of the command's shell is the sshd that serves this one connection.
    with pytest.raises(errors.Unreachable, match="connection was lost"):
        inside.run(Host(), "kill -9 $(ps -o ppid= -p $$)", options=there.options)


def test_the_time_that_was_given_ends_ssh(there: sshd.Sshd, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(errors.TimedOut, match="may go on"):
        inside.run(Host(), f"echo begun; exec {until_cut}", options=there.options, timeout=3)
    assert "begun" in capfd.readouterr().out
    assert not [t for t in threading.enumerate() if t.name == "composa-ssh"]


def test_an_interrupt_ends_ssh(there: sshd.Sshd) -> None:
    code = (
        "import sys; from composa import inside; from tests.test_inside import Host\n"
        f"try: inside.run(Host(), 'echo begun; exec {until_cut}', options=sys.argv[1:])\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    args = [sys.executable, "-u", "-c", code, *there.options]
    with subprocess.Popen(
        args,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": "."},
        # A shell's background job ignores interrupts, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as p:
        assert p.stdout is not None
        assert p.stdout.readline() == "begun\n"
        p.send_signal(signal.SIGINT)
        assert p.stdout.read() == "interrupted\n"


async def test_a_cancelled_task_ends_ssh(there: sshd.Sshd, tmp_path: pathlib.Path) -> None:
    fifo = tmp_path / "begun"
    os.mkfifo(fifo)
    running = asyncio.create_task(
        inside.run_async(Host(), f"echo > {fifo}; exec {until_cut}", options=there.options)
    )
    await asyncio.to_thread(fifo.read_text)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not [t for t in threading.enumerate() if t.name == "composa-ssh"]
    assert (await inside.run_async(Host(), "echo again", options=there.options)).stdout == "again\n"


@pytest.fixture
def takes_its_time(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Put an ssh first that tells the fifo "told" when it is asked to end, and then waits for the fifo "go"."""
    for fifo in ("told", "go", "never"):
        os.mkfifo(tmp_path / fifo)
    program = tmp_path / "ssh"
    program.write_text(
        f"#!/bin/sh\ncd {tmp_path}\ntrap 'echo asked > told; read x < go; exit 0' TERM\n"
        "echo begun > told\nread x < never\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(_limits, "ending", 10_000.0)
    return tmp_path


async def test_ssh_that_takes_its_time_to_end_holds_no_loop_up(takes_its_time: pathlib.Path) -> None:
    told, go = takes_its_time / "told", takes_its_time / "go"
    running = asyncio.create_task(inside.run_async(Host(), "true"))
    assert await asyncio.to_thread(told.read_text) == "begun\n"
    running.cancel()
    assert await asyncio.to_thread(told.read_text) == "asked\n"
    assert not running.done()  # it waits for the end of ssh, and others go on
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(go.write_text, "go\n")
    for thread in threading.enumerate():
        if thread.name == "composa-ssh":
            await asyncio.to_thread(thread.join)  # ssh was ended all the same


def test_what_was_freed_is_not_gone_into() -> None:
    with pytest.raises(errors.Refused, match="freed at 2026-11-23"):
        inside.run(Host(freed_at=datetime(2026, 11, 23, tzinfo=timezone.utc)), "true")


@pytest.mark.parametrize(
    ("address", "login", "command"),
    [
        ("-oProxyCommand=touch", None, "true"),
        ("10.0.0.1; reboot", None, "true"),
        ("host name", None, "true"),
        ("127.0.0.1", "-oProxyCommand", "true"),
        ("127.0.0.1", "a b", "true"),
        ("127.0.0.1", None, "  "),
        ("127.0.0.1", None, "a\0b"),
        ("127.0.0.1", None, []),
        ("127.0.0.1", None, "echo \ud800"),
        ("127.0.0.1", None, 5),
        ("127.0.0.1", None, b"true"),
        ("127.0.0.1", None, ["echo", b"a"]),
        ("127.0.0.1", 5, "true"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_ssh(address: str, login: Any, command: Any) -> None:
    with pytest.raises(errors.Invalid):
        inside.run(Host(address=address), command, login=login)


@pytest.mark.parametrize(
    "said",
    [
        {"options": ["-p", "22\0"]},
        {"options": ["-o", "\ud800"]},
        {"options": ["x" * 140_000]},
        {"options": 5},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": "5"},
        {"input": 5},
        {"input": "\ud800"},
    ],
)
def test_words_of_run_that_cannot_be_meant_are_refused_before_ssh(said: Any) -> None:
    with pytest.raises(errors.Invalid):
        inside.run(Host(), "true", **said)


def test_a_command_may_be_as_long_as_a_program_can_be_given(there: sshd.Sshd) -> None:
    longest = "echo ".ljust(_limits.command_bytes, "x")
    assert len(inside.run(Host(), longest, options=there.options).stdout) == len(longest) - len("echo ") + 1
    with pytest.raises(errors.Invalid, match=r"131,072 bytes.*input="):
        inside.run(Host(), longest + "x", options=there.options)
    assert inside.run(Host(), "bash", input=longest + "x", options=there.options).returncode == 0


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, 10**400])
def test_a_very_long_time_is_no_limit(there: sshd.Sshd, timeout: float) -> None:
    assert inside.run(Host(), "echo a", options=there.options, timeout=timeout).stdout == "a\n"


@pytest.fixture
def leaves_something(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put an ssh first that leaves a process behind which holds its outputs, as ControlPersist does."""
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\ntail -f /dev/null &\necho $! >> {tmp_path}/left\necho said\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # What is awaited where nothing more can come is awaited longer than a test may take.
    monkeypatch.setattr(_limits, "ending", 10_000.0)
    yield
    for pid in (tmp_path / "left").read_text().split():
        os.kill(int(pid), signal.SIGKILL)


def test_what_ssh_leaves_behind_is_not_waited_for(leaves_something: None) -> None:
    open_files = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        assert inside.run(Host(), "true").stdout == "said\n"
    assert not [t for t in threading.enumerate() if t.name == "composa-ssh"]
    assert len(os.listdir("/proc/self/fd")) == open_files


def test_options_in_one_text_and_a_timeout_of_nothing_are_refused() -> None:
    with pytest.raises(errors.Invalid, match=r"options=\['-p', '22'\]"):
        inside.run(Host(), "true", options="-p 22")
    with pytest.raises(errors.Invalid, match="timeout"):
        inside.run(Host(), "true", timeout=0)


def test_without_ssh_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(errors.Failed, match="openssh-client"):
        inside.run(Host(), "true")


def test_on_windows_the_error_says_what_to_do_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(errors.Refused, match=r"Windows.*m\.ssh\(\)"):
        inside.run(Host(), "true")


@given(st.text(max_size=20))
def test_no_address_and_no_login_is_an_option_of_ssh(text: str) -> None:
    for fine, made in ((_ssh.is_address(text), Host(address=text)), (_ssh.is_login(text), Host(login=text))):
        try:
            args = _ssh.arguments(_ssh.destination(made), "true")
        except errors.Error:
            assert not fine or not text
        else:
            where = args[args.index("--") + 1]
            assert not where.startswith("-")
            assert not set(where) & set(" \t\n;&|$`'\"<>")
