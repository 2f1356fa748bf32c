"""The windows of the outbox that are out, and how much more may go out beside them.

What is claimed and has no answer is what a kill leaves in doubt: windows are as large as a provider answers quickly.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.store.outbox import Claimed
from tasks.providers.base import Provider
from tasks.sending.weights import Weights, fitting

_WINDOW_MIN, _WINDOW_MAX = 10, 200
_QUICK_SECONDS, _SLOW_SECONDS = 0.1, 0.5
_MOST_OUT = 500
_MOST_YOUNG, _MOST_WINDOWS = 8, 64  # one that is out for a second waits for somebody's slow server
_YOUNG_SECONDS = 1.0
_WINDOW_BYTES = 16 * 1024 * 1024  # unless one message has more
_MOST_BYTES = 128 * 1024 * 1024  # when so many are out nothing more goes out beside them


@dataclass(eq=False, slots=True)
class Window:
    """Messages that are out."""

    claimed: list[Claimed]
    weight: int  # bytes, about
    checked_at: float  # time.monotonic, before what is known of the recipients was looked up
    claimed_at: float  # when that was committed
    wait: float  # seconds until its tokens are there
    providers: list[Provider] = field(default_factory=list)  # that have some of them
    renewed_at: float = field(default=0.0)
    is_handed_over: bool = field(default=False)


class Windows(dict[asyncio.Task[None], Window]):
    """The windows that are out, by what delivers them."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 2 * _WINDOW_MIN

    def room(self) -> int:
        """How many messages may be claimed now."""
        now = time.monotonic()
        young = sum(now - window.checked_at < _YOUNG_SECONDS for window in self.values())
        if young >= _MOST_YOUNG or len(self) >= _MOST_WINDOWS:
            return 0
        if sum(window.weight for window in self.values()) >= _MOST_BYTES:
            return 0
        return min(self._size, _MOST_OUT - sum(len(window.claimed) for window in self.values()))

    def learn(self, window: Window) -> None:
        """Larger windows while they are answered quickly, smaller ones where they take long."""
        seconds = time.monotonic() - window.checked_at
        if seconds > _SLOW_SECONDS:
            self._size = max(_WINDOW_MIN, self._size // 2)
        elif seconds < _QUICK_SECONDS and len(window.claimed) >= self._size:
            self._size = min(_WINDOW_MAX, self._size * 2)


def first_that_fit(weights: Weights, claimed: Sequence[Claimed]) -> tuple[int, int]:
    """How many of the claims are a window, and their bytes. Blocks."""
    bytes_ = weights.of([each.message for each in claimed])
    most = fitting(bytes_, _WINDOW_BYTES)
    return most, sum(bytes_[:most])
