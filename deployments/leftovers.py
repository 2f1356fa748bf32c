"""Ends a stack by its record alone: for the supervisor itself, its watchdog, and the next `up` after a SIGKILL."""

import signal
from collections.abc import Callable
from pathlib import Path

from deployments import postgres
from deployments.processes import end_processes, marked, send, wait_gone
from deployments.state import ServiceRecord, StackState


def end_service(stack_id: str, record: ServiceRecord) -> None:
    """Its stop signal and so much time, SIGKILL where that is not enough, and then its descendants, if any are left."""
    main = record.process.process()
    told = [main] if main else []
    if record.signal_all:
        told = [process for process in marked(stack_id, record.name) if process.pid != record.process.pid] + told
    send(told, record.stop_signal)
    left = wait_gone(told, record.stop_seconds)
    send(left, signal.SIGKILL)
    wait_gone(left, 5)
    end_processes(marked(stack_id, record.name), seconds=2)


def end_stack(data_dir: Path, state: StackState, report: Callable[[str], None] = lambda _: None) -> int:
    """End what is left of a stack, in its stop order. Returns how many of its services still ran."""
    ended = 0
    for record in state.services:
        if record.process.process() is not None or marked(state.stack_id, record.name):
            report(record.name)
            ended += 1
            end_service(state.stack_id, record)
    end_processes(marked(state.stack_id), seconds=2)
    ended += postgres.end_leftover(data_dir)
    return ended
