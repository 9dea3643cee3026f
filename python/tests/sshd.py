"""A real sshd on loopback for the tests, with a host key and a user's key of its own."""

from __future__ import annotations

import getpass
import os
import pathlib
import shutil
import socket
import subprocess

from tests.processes import Process

program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def make_key(path: pathlib.Path) -> str:
    """Make a key without a passphrase; return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text()


class Sshd(Process):
    """An sshd that lets the user who runs the tests in.

    login and port are where it is; options reach it as a user's own ~/.ssh/config would.
    """

    def __init__(self, home: pathlib.Path) -> None:
        assert program is not None
        self.home = home
        self.login = getpass.getuser()
        self.port = free_port()
        self.host_key = make_key(home / "host_key")
        (home / "authorized_keys").write_text(make_key(home / "user_key"))
        if os.geteuid() == 0:
            pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # without it no sshd of root starts
        (home / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {home}/host_key\nPidFile {home}/pid\n"
            f"AuthorizedKeysFile {home}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        )
        self.known_hosts = home / "known_hosts"
        self.trust(self.host_key)
        (home / "config").write_text(
            f"Host 127.0.0.1\n  Port {self.port}\n  IdentityFile {home}/user_key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.known_hosts}\n  GlobalKnownHostsFile /dev/null\n"
        )
        self.options = ["-F", str(home / "config")]
        super().__init__(
            [program, "-D", "-e", "-f", str(home / "sshd_config")], r"Server listening on", os.environ
        )

    def trust(self, host_key: str) -> None:
        """Let the user know one key of the host, and no other; "": none."""
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host_key}" if host_key else "")
