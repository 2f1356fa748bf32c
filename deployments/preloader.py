"""Imports what flow runs need, once, and forks a process for each: `python -m deployments.preloader SOCKET`.

A flow run starts in a fraction of a second so. The worker starts it (deployments/preloader_keeper.py) and holds the
other end of its standard input.
"""

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from deployments.forked import become
from deployments.forking import Forker, single_threaded


def main(path: Path, program: str = "deployments.preloaded") -> None:
    """Serve until the worker ends. The module `program` has `load`, called once, and `run`, called in each fork."""
    forker = Forker(path)  # a launcher that comes while this imports waits
    module: Any = import_module(program)
    module.load()
    if not single_threaded():
        print("An import started a thread: flow runs start without the preloader.", file=sys.stderr)  # noqa: T201
    gc.collect()
    gc.freeze()  # what is here stays: collecting it in a child would write to, and so copy, every page
    fork = forker.serve()
    if fork is not None:
        become(fork)
        module.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
