"""How fast a run may send, over all its senders on all machines."""

import time
from dataclasses import dataclass, field

from models.session import Database
from models.store.rate_buckets import give_back_tokens, take_tokens


@dataclass(slots=True)
class Rate:
    """A share of a token bucket in Postgres, taken in blocks of about a second. `per_minute` None: no limit."""

    database: Database
    name: str
    per_minute: int | None
    _left: int = field(default=0)
    _usable_at: float = field(default=0.0)

    @property
    def per_second(self) -> float | None:
        """The limit in messages a second."""
        return None if self.per_minute is None else self.per_minute / 60

    def wait_seconds(self, messages: int) -> float:
        """Take tokens for as many messages; returns how long to wait before they may go out."""
        if self.per_second is None:
            return 0.0
        if self._left < messages:
            wanted = max(messages, int(self.per_second))
            # A burst of one second: the first window starts at once, and a pause is not made up for.
            with self.database.transaction(None) as session:
                wait = take_tokens(
                    session, self.name, wanted=wanted, per_second=self.per_second, burst=max(1.0, self.per_second)
                )
            self._left += wanted
            self._usable_at = time.monotonic() + wait
        self._left -= messages
        return max(0.0, self._usable_at - time.monotonic())

    def put_back(self, messages: int) -> None:
        """So many messages did not go out after all: their tokens are for the next."""
        if self.per_minute is not None:
            self._left += messages

    def give_back(self) -> None:
        """Return what is left to the bucket, for this run's other senders and the next one."""
        if self._left:
            with self.database.transaction(None) as session:
                give_back_tokens(session, self.name, self._left)
            self._left = 0


def window_size(*, batch_size: int, messages_per_call: int, per_minute: int | None) -> int:
    """Messages in a window: what goes out between two looks at pause, suppression and rate.

    At most what a provider takes in one call, since a killed sender leaves two windows in doubt; at most one second of
    the rate.
    """
    second = batch_size if per_minute is None else max(1, per_minute // 60)
    return max(1, min(batch_size, messages_per_call, second))


def careful_size(size: int, takeovers: int) -> int:
    """The window where so many senders died in a row: a quarter for each, at last a single message.

    What is out when a sender dies is in doubt. Where something in the messages ends one sender after another, most of
    the chunk would be: so each of them doubts less, until it is the message itself.
    """
    return max(1, size >> 2 * min(takeovers, 8))
