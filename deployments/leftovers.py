"""Ends a stack by its record alone: for the supervisor itself, its watchdog, and the next `up` after a SIGKILL."""

import signal
from collections.abc import Callable
from pathlib import Path

from deployments import postgres
from deployments.processes import marked, send, wait_gone
from deployments.state import ServiceRecord, StackState


def end_service(stack_id: str, record: ServiceRecord) -> None:
    """Its stop signal, so much time, and SIGKILL for what is left of it; its descendants included."""
    main = record.process.process()
    tree = marked(stack_id, record.name)
    first = [process for process in tree if process.pid != record.process.pid] if record.signal_all else []
    send([*first, *([main] if main else [])], record.stop_signal)
    everything = {process.pid: process for process in [*tree, *([main] if main else [])]}
    left = wait_gone(everything.values(), record.stop_seconds)
    # What was started while it was stopping is found by its mark only now.
    late = [process for process in marked(stack_id, record.name) if process.pid not in everything]
    send([*left, *late], signal.SIGKILL)
    wait_gone([*left, *late], 5)


def end_stack(data_dir: Path, state: StackState, report: Callable[[str], None] = lambda _: None) -> int:
    """End what is left of a stack, in its stop order. Returns how many of its services still ran."""
    ended = 0
    for record in state.services:
        if record.process.process() is not None or marked(state.stack_id, record.name):
            report(record.name)
            ended += 1
            end_service(state.stack_id, record)
    strays = marked(state.stack_id)
    send(strays, signal.SIGKILL)
    wait_gone(strays, 5)
    ended += postgres.end_leftover(data_dir)
    return ended
