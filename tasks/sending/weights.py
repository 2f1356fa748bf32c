"""What messages take of memory while they are out, known before they are made.

A window is bounded by it as well as by number: 200 emails with files of 20 MB would be 5 GB, and end the process that
sends for everybody.
"""

from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from models.session import Database
from models.store.contents import ContentSize, content_sizes
from models.store.messages import PlannedMessage
from tasks.content.rendering import VALUES_BYTES_MAX

WINDOW_BYTES = 64 * 1024 * 1024
"""Of the messages of a window, unless one by itself has more; while one window is out, the next is made."""

_NOTHING = ContentSize(texts=0, files=0, tags=0, defaults=0)
_ENCODED = 2  # quoted-printable makes three bytes of one in other alphabets than ours, and none more of markup
_BASE64 = 1.4
_KEPT = 10_000


class Weights:
    """How many bytes messages have when they are made, from what is stored of them: about, and not less by much.

    `merges`: for a provider that fills in an email's content itself; files are beyond it. Thread-safe.
    """

    def __init__(self, database: Database, *, merges: bool = False) -> None:
        self._database = database
        self._merges = merges
        self._sizes: dict[UUID, ContentSize] = {}
        self._lock = Lock()

    def of(self, messages: Sequence[PlannedMessage]) -> list[int]:
        """Bytes of each message. Blocks, where a content was not met before."""
        sizes = self._sizes_of({message.content_id for message in messages})
        return [self._weight(sizes.get(message.content_id, _NOTHING), message) for message in messages]

    def windows(self, messages: Sequence[PlannedMessage], size: int) -> list[list[PlannedMessage]]:
        """The messages in windows of at most `size`, and of at most `WINDOW_BYTES`. Blocks as `of` does."""
        weights = self.of(messages)
        if max(weights, default=0) * size <= WINDOW_BYTES:
            return [list(messages[start : start + size]) for start in range(0, len(messages), size)]
        windows, start = [], 0
        while start < len(messages):
            most = min(size, fitting(weights[start : start + size], WINDOW_BYTES))
            windows.append(list(messages[start : start + most]))
            start += most
        return windows

    def _weight(self, size: ContentSize, message: PlannedMessage) -> int:
        values = min(VALUES_BYTES_MAX, size.tags * (size.defaults + len(message.variables or "")))
        if self._merges and not size.files:
            return values
        return int(_ENCODED * size.texts + _BASE64 * size.files) + values

    def _sizes_of(self, ids: set[UUID]) -> dict[UUID, ContentSize]:
        with self._lock:
            found = {id_: self._sizes[id_] for id_ in ids & self._sizes.keys()}
        if missing := ids - found.keys():
            with self._database.transaction(None) as session:
                read = content_sizes(session, missing)
            with self._lock:
                if len(self._sizes) > _KEPT:
                    self._sizes.clear()
                self._sizes.update(read)
            found.update(read)
        return found


def fitting(weights: Sequence[int], most: int) -> int:
    """How many of the first messages have no more than `most` bytes together; the first goes whatever it has."""
    left = most
    for number, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return max(1, number)
    return len(weights)
