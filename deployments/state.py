"""What a stack leaves on disk about itself: the lock on its data folder and `stack.json`.

`stack.json` (mode 0600: it holds the database's address) lets other commands find the running stack, and lets
the watchdog, or the next `up`, end exactly what a killed supervisor left running.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from deployments.processes import ProcessIdentity
from models.errors import SetupError


@dataclass
class ServiceRecord:
    """A started service, in the words that are needed to stop it."""

    name: str
    process: ProcessIdentity
    stop_signal: int
    stop_seconds: float
    signal_all: bool


@dataclass
class StackState:
    """A stack: who runs it, where it listens, and its services in the order in which they are stopped."""

    stack_id: str
    supervisor: ProcessIdentity
    port: int
    prefect_port: int | None
    prefect_url: str
    smtp_url: str | None = None
    database_url: str | None = None
    services: list[ServiceRecord] = field(default_factory=list)

    def save(self, data_dir: Path) -> None:
        """Write `stack.json`, as a whole or not at all."""
        new = data_dir / "stack.json.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=1)
        new.replace(data_dir / "stack.json")

    @classmethod
    def load(cls, data_dir: Path) -> Self | None:
        """The stack that was last recorded in this folder; None if it stopped in order."""
        try:
            content: dict[str, Any] = json.loads((data_dir / "stack.json").read_text())
        except FileNotFoundError:
            return None
        content["supervisor"] = ProcessIdentity(**content["supervisor"])
        content["services"] = [
            ServiceRecord(**{**record, "process": ProcessIdentity(**record["process"])})
            for record in content["services"]
        ]
        return cls(**content)

    @staticmethod
    def forget(data_dir: Path) -> None:
        """Say that nothing runs in this folder any more."""
        (data_dir / "stack.json").unlink(missing_ok=True)

    def runs(self) -> bool:
        """Whether its supervisor is there."""
        return self.supervisor.process() is not None


class FolderLock:
    """The right to run a stack on a data folder. The kernel gives it back when its last holder ends.

    Raises SetupError when the folder cannot be made or written to.
    """

    def __init__(self, data_dir: Path) -> None:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._file = (data_dir / "lock").open("a")
        except OSError as error:
            raise SetupError(
                f"The data folder {data_dir} cannot be used ({error.strerror}): choose another one with --data-dir or "
                "EXOSEND_DATA_DIR."
            ) from error

    def fileno(self) -> int:
        """For handing it to the watchdog, which holds on to it while it cleans up."""
        return self._file.fileno()

    def acquire(self) -> bool:
        """Take it, unless another process has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        self._file.close()
