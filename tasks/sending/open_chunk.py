"""A chunk that a sender has, in windows: how it is taken and how it is given back. Both block."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from models.errors import StaleLease
from models.rules.circuit import PROBE_MESSAGES
from models.store.chunks import Lease
from models.store.messages import PlannedMessage, Result
from tasks.providers.base import Outcome, OutgoingMessage
from tasks.sending.journal import NOTHING_SAID, Clearance, Journal
from tasks.sending.lease_keeper import LeaseKeeper
from tasks.sending.results import RetryPolicy, to_result
from tasks.sending.weights import Weights
from tasks.sending.windows import careful_size, ends_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """A window that was handed over: one outcome for each of `messages`, and results of those held back."""

    messages: list[PlannedMessage]
    outcomes: list[Outcome]
    held_back: list[Result]

    def results(self, policy: RetryPolicy) -> list[Result]:
        """What is to be recorded."""
        pairs = zip(self.messages, self.outcomes, strict=True)
        return self.held_back + [to_result(message, outcome, policy) for message, outcome in pairs]


@dataclass(slots=True)
class OpenChunk:
    """Its windows, and how far it is. `ends`: where the cursor stands after each window, counted within the chunk."""

    lease: Lease
    windows: list[list[PlannedMessage]]
    clearance: Clearance  # of the first window
    is_ahead: bool  # the next window is announced while one is out
    ends: list[int] = field(init=False)
    ready: Sequence[OutgoingMessage | Result] = ()  # made of the first window
    results: list[Result] = field(default_factory=list)  # made, and not known to be recorded
    answered: Answered | None = None  # the window before, its results still to be made
    done: int = 0  # windows that were handed over, or need not be
    is_lost: bool = False  # the journal failed, or it is another sender's: its results are evidence

    def __post_init__(self) -> None:
        self.ends = ends_of(self.lease.cursor, self.windows)

    @property
    def cursor(self) -> int:
        """How many of its messages were handed over."""
        return self.ends[self.done - 1] if self.done else self.lease.cursor


def open_chunk(
    journal: Journal,
    keeper: LeaseKeeper,
    *,
    who: str,
    lease_seconds: float,
    window: Callable[[Sequence[PlannedMessage]], int],
    weights: Weights,
    page_size: int | None,
    is_ahead: bool,
    stop: Callable[[], bool],
) -> OpenChunk | None:
    """Lease a chunk, read it and, where the sender is ahead, announce its first window; None when there is none, or
    when the sender is to end. Raises StaleLease when Postgres was away for too long.
    """
    while not stop():
        claimed_at = time.monotonic()
        lease = journal.claim(who, lease_seconds)
        if lease is None:
            return None
        keeper.hold(lease, claimed_at)
        try:
            planned = journal.read(lease, page_size)
            if lease.probes:
                planned = planned[:PROBE_MESSAGES]
            size = careful_size(journal.insist(partial(window, planned)), lease.takeovers)
            windows = journal.insist(partial(weights.windows, planned, size))
            # What ended a sender while it made its messages must be in doubt when it ends the next one.
            chunk = OpenChunk(lease, windows, NOTHING_SAID, is_ahead=is_ahead or lease.takeovers > 0)
            if chunk.is_ahead:
                end, upcoming = (chunk.ends[0], chunk.windows[0]) if planned else (lease.size, [])
                chunk.clearance = journal.step(lease, [], cursor=end, upcoming=upcoming)
        except StaleLease as error:
            log.warning("%s", error)
            keeper.drop(lease)
        except BaseException:
            keeper.drop(lease)
            raise
        else:
            return chunk
    return None


def finish_chunk(journal: Journal, keeper: LeaseKeeper, chunk: OpenChunk, results: Sequence[Result]) -> None:
    """Record what is left to record of a chunk, and give it back or end it. Never raises StaleLease: the results of a
    chunk that is another sender's by now are kept as evidence."""
    lease = chunk.lease
    try:
        if not chunk.is_lost:
            state = "done" if chunk.cursor == lease.size else "ready"
            journal.step(lease, results, cursor=chunk.cursor, state=state)
            return
    except StaleLease as error:
        log.warning("%s", error)
    except Exception:  # whatever broke: the answers are known here only
        journal.evidence(lease, results)
        raise
    finally:
        keeper.drop(lease)
    journal.evidence(lease, results)
