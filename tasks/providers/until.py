"""How long a message may still be begun."""

from math import inf
from time import monotonic


class Until:
    """A moment of time.monotonic. Past it nothing more is begun: what is known about the recipients is out of date.

    Whoever hands over may move it on as long as it looks again at what it knows; so it is read at each beginning.
    """

    __slots__ = ("at",)

    def __init__(self, at: float = inf) -> None:
        self.at = at

    def is_past(self) -> bool:
        """Whether nothing more may be begun."""
        return monotonic() > self.at


NEVER = Until()
"""For calls that have all the time there is. Nobody moves it."""
