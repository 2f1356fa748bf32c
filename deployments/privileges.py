"""Which account the embedded PostgreSQL runs as: it refuses to run as root.

As root it becomes `nobody` (or whoever owns the data already), with one capability: to read through folders that
are closed to others, such as /root, in which the programs or the data may lie. No folder's mode is changed.
"""

import os
import pwd
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import SetupError

_NOBODY = 65534
# Bits of CapBnd in /proc/self/status (capabilities(7)).
_DAC_OVERRIDE, _DAC_READ_SEARCH, _SETPCAP = 1, 2, 8


@dataclass(frozen=True)
class Account:
    """A user that is not root."""

    uid: int
    gid: int


def account_for(folder: Path) -> Account | None:
    """Who the server on `folder` runs as; None means: as this process, which is not root."""
    if os.geteuid() != 0:
        return None
    owner = folder.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY)
    return Account(nobody.pw_uid, nobody.pw_gid)


def as_account(account: Account | None, command: Sequence[str]) -> list[str]:
    """The command that runs `command` as `account`. Raises SetupError as root without util-linux's setpriv."""
    if account is None:
        return list(command)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SetupError(
            "The embedded PostgreSQL does not run as root, and there is no `setpriv` (util-linux) to become another "
            "user: run ExoSend as an ordinary user, or set EXOSEND_DATABASE_URL."
        )
    prefix = [setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    capability = _reading_capability()
    if capability is not None:
        prefix += [f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}"]
        if _bounding_set() >> _SETPCAP & 1:
            # Without it access(2), by which PostgreSQL looks for its own programs, ignores the capability of a
            # user who is not root: "program postgres is needed by initdb but was not found".
            prefix.append("--securebits=+no_setuid_fixup")
    return [*prefix, "--", *command]


def _reading_capability() -> str | None:
    """The smaller of the two capabilities that open closed folders, if this machine (a container, say) grants one."""
    bounds = _bounding_set()
    if bounds >> _DAC_READ_SEARCH & 1:
        return "dac_read_search"
    return "dac_override" if bounds >> _DAC_OVERRIDE & 1 else None


def _bounding_set() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapBnd":
            return int(value, 16)
    return 0
