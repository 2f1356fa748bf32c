"""Attacks, and what keeps them off: shown by taking it out.

A test of an attack that would pass without any guard tests nothing. So an `Attack` names its guards, and `is_kept_off`
asserts both: that it comes to nothing, and that it gets through where they are gone.
"""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from models.errors import ExoSendError


@dataclass(frozen=True)
class Attack:
    """`gets_through` does it, and says whether it worked; a refusal (ExoSendError, ValueError) says it did not.
    `guards`: dotted names, each with what stands in its place when it is taken out."""

    name: str
    gets_through: Callable[[], bool]
    guards: Mapping[str, Any]

    def works(self) -> bool:
        """Whether it gets through now."""
        try:
            return self.gets_through()
        except (ExoSendError, ValueError):
            return False


def is_kept_off(attack: Attack) -> None:
    """Assert that the attack comes to nothing, and gets through without its guards."""
    assert not attack.works(), f"{attack.name} gets through."
    with without(attack.guards):
        assert attack.works(), f"{attack.name} is kept off by something else than {', '.join(attack.guards)}."


@contextmanager
def without(guards: Mapping[str, Any]):
    """The guards taken out, for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, instead in guards.items():
            patch.setattr(name, instead)
        yield


def takes_too_long(work: Callable[[], object], seconds: float = 0.6) -> bool:
    """Whether the work takes more than so much of the processor's time: what else runs on the machine does not matter.

    In a process of its own, which the system ends then: an exception raised in the middle of anything is lost, or kept
    by what catches all of them, as often as not.
    """
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        broken = True
        try:
            work()
            broken = False
        except (ExoSendError, ValueError):  # refused, which took no time
            broken = False
        finally:
            os._exit(broken)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGPROF), f"The attack itself is broken: {status}"
    return status == signal.SIGPROF
