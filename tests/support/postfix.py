"""A real Postfix of its own: a relay that hands on what it takes, and puts what comes back into a mailbox."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import wait_for

_DAEMONS = Path("/usr/lib/postfix/sbin")
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
daemon_directory = {daemons}
command_directory = /usr/sbin
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.example.net
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
disable_dns_lookups = yes
smtp_host_lookup = native
smtputf8_enable = no
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:bounces/
virtual_minimum_uid = {uid}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
recipient_delimiter = +
smtpd_client_connection_count_limit = 0
default_destination_concurrency_limit = 20
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running one: its port for SMTP, and the mailbox of everybody in the domain that it takes mail for."""

    port: int
    folder: Path

    def mailbox(self) -> list[bytes]:
        """The mails that came, in no order."""
        new = self.folder / "mail" / "bounces" / "new"
        return [path.read_bytes() for path in new.iterdir()] if new.exists() else []

    def waiting(self) -> int:
        """Mails that are not handed on yet."""
        queues = [self.folder / "spool" / name for name in ("maildrop", "incoming", "active", "deferred")]
        return sum(1 for queue in queues if queue.exists() for path in queue.rglob("*") if path.is_file())


@contextlib.contextmanager
def postfix(sink: int, domain: str) -> Iterator[Postfix]:
    """One that relays all mail to the port `sink` of this machine but that of `domain`; needs root and Postfix."""
    # Not a test's folder: Postfix's user has to enter it, and sockets in it have names of at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    owner = pwd.getpwnam("postfix")
    try:
        _write(folder, sink, domain, port := _free_port(), owner)
        _call(folder, "start")
        try:
            yield Postfix(port, folder)
        finally:
            _call(folder, "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, sink: int, domain: str, port: int, owner: pwd.struct_passwd) -> None:
    folder.chmod(0o755)
    for name in ("etc", "spool", "data", "mail"):
        (folder / name).mkdir()
    for name in ("data", "mail"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    values = {"folder": folder, "daemons": _DAEMONS, "sink": sink, "domain": domain, "port": port}
    main = _MAIN.format(**values, uid=owner.pw_uid, gid=owner.pw_gid)
    (folder / "etc" / "main.cf").write_text(main)
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port).lstrip())


def _call(folder: Path, what: str) -> None:
    command = ["postfix", "-c", str(folder / "etc"), what]
    done = subprocess.run(
        command, env={**os.environ, "PATH": _PATH}, capture_output=True, text=True, timeout=60, check=False
    )
    log = folder / "maillog"
    said = log.read_text()[-2000:] if log.exists() else ""
    assert done.returncode == 0, f"postfix {what}: {done.stdout}{done.stderr}{said}"
    if what == "stop":
        wait_for("Postfix to end", lambda: not _is_running(folder), 30)


def _is_running(folder: Path) -> bool:
    pid = folder / "spool" / "pid" / "master.pid"
    return pid.exists() and Path(f"/proc/{pid.read_text().strip()}").exists()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
