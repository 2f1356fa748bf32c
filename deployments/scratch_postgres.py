"""A throw-away PostgreSQL for tests and benchmarks: `python -m deployments.scratch_postgres FOLDER`.

It runs as long as standard input is open and then deletes FOLDER, so it cannot outlive who started it, not even
one that was killed. `FOLDER/address` appears when it is ready and holds the address of its superuser.
"""

import contextlib
import shutil
import signal
import sys
from pathlib import Path

from deployments import postgres


def run(folder: Path) -> None:
    """Run until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        running = postgres.start(folder, durable=False)
        try:
            address = folder / "address.new"
            address.write_text(running.cluster.superuser_url())
            address.rename(folder / "address")
            sys.stdin.buffer.read()
        finally:
            running.stop()
            if not running.cluster.socket_folder.is_relative_to(folder):
                shutil.rmtree(running.cluster.socket_folder, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
