"""A chunk in windows: what goes out between two journal writes."""

from collections.abc import Sequence

from models.store.messages import PlannedMessage


def window_size(*, batch_size: int, messages_per_call: int) -> int:
    """Messages in a window, as far as no rate wants smaller ones: what goes out between two looks at pause and
    suppression. At most what a provider takes in one call, since a killed sender leaves two windows in doubt."""
    return max(1, min(batch_size, messages_per_call))


def careful_size(size: int, takeovers: int) -> int:
    """The window where so many senders died in a row: a quarter for each, at last a single message.

    What is out when a sender dies is in doubt. Where something in the messages ends one sender after another, most of
    the chunk would be: so each of them doubts less, until it is the message itself.
    """
    return max(1, size >> 2 * min(takeovers, 8))


def ends_of(start: int, windows: Sequence[Sequence[PlannedMessage]]) -> list[int]:
    """Where the cursor stands after each window, counted within the chunk."""
    ends = []
    for window in windows:
        start += len(window)
        ends.append(start)
    return ends
