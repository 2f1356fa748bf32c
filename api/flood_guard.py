"""Who may knock how often: a bound on callbacks, before anything is looked up or a signature is worked out.

A callback's address is no secret, and what a forged one costs is a signature: microseconds for an HMAC, a hundred times
that for a public key. So an account has a rate, high enough for any vendor; and who was found out to forge has a low
one, by address, so that it is not the vendor who is turned away.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class FloodGuard:
    """Token buckets by key, of which the `most` last used are kept. Thread-safe; of one process."""

    def __init__(
        self, rate: float, burst: float, *, most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # tokens, when
        self._lock = threading.Lock()

    def is_open(self, key: Hashable) -> bool:
        """Whether there is a token; none is taken."""
        with self._lock:
            return self._tokens(key, self._clock()) >= 1

    def take(self, key: Hashable) -> bool:
        """Take a token; False: there is none."""
        with self._lock:
            now = self._clock()
            tokens = self._tokens(key, now)
            self._buckets[key] = (max(tokens - 1, 0.0) if tokens >= 1 else tokens, now)
            self._buckets.move_to_end(key)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return tokens >= 1

    def _tokens(self, key: Hashable, now: float) -> float:
        tokens, at = self._buckets.get(key, (self._burst, now))
        return min(self._burst, tokens + self._rate * (now - at))
