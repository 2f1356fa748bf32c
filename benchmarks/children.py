"""Runs a function in processes of their own, so that their memory and their interpreter lock are their own."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import psutil

_T = TypeVar("_T")
_LONGEST_SECONDS = 1200.0


class _Start:
    """Where the processes of one call wait for each other."""

    barrier: Barrier


def in_children(number: int, work: Callable[..., _T], *arguments: object) -> list[_T]:
    """What `work(*arguments)` returns in each of `number` new processes, at the same time."""
    # spawn: a forked child would begin with the memory, threads and connections of this process.
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(number)
    with ProcessPoolExecutor(number, mp_context=context, initializer=_know, initargs=(barrier,)) as pool:
        calls = [pool.submit(work, *arguments) for _ in range(number)]
        return [call.result(timeout=_LONGEST_SECONDS) for call in calls]


def wait_for_others() -> None:
    """In a child: wait until all are there. Importing takes seconds, and not the same time for each."""
    _Start.barrier.wait(_LONGEST_SECONDS)


def _know(barrier: Barrier) -> None:
    _Start.barrier = barrier


def peak_memory() -> int:
    """The most memory this process ever had resident, in bytes; where the system does not tell, what it has now.

    getrusage is of no use here: its maximum survives exec, and so begins with that of the parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return int(psutil.Process().memory_info().rss)
