"""Log files of the services: `<data folder>/logs/<name>.log`, kept from growing without end."""

import shutil
from pathlib import Path
from typing import IO

_MAX_BYTES = 20 * 2**20
_KEPT = 3
_TAIL_LINES = 5


class LogFolder:
    """The folder of the logs."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "logs"
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def file(self, name: str) -> Path:
        """The log of one service."""
        return self.path / f"{name}.log"

    def open(self, name: str) -> IO[bytes]:
        """For appending; a child that gets it goes on writing after a rotation."""
        return self.file(name).open("ab")

    def rotate(self) -> None:
        """Move what is over 20 MiB aside (three old files are kept); by copying, since children hold the files open."""
        for path in self.path.glob("*.log"):
            if path.stat().st_size < _MAX_BYTES:
                continue
            for number in range(_KEPT - 1, 0, -1):
                older = path.with_name(f"{path.name}.{number}")
                if older.exists():
                    older.replace(path.with_name(f"{path.name}.{number + 1}"))
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            with path.open("r+b") as file:
                file.truncate()

    def tail(self, name: str) -> str:
        """The last lines, for a report of what went wrong."""
        path = self.file(name)
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            return "\n".join(file.read().decode("utf-8", "replace").strip().splitlines()[-_TAIL_LINES:])
