"""Parts of long texts that people wrote, until all of a text are there. Bounded in number and time."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from tasks.providers.smpp_receipts import InboundPart

_T = TypeVar("_T")

_MOST_TEXTS = 1000
PATIENCE_SECONDS = 60.0  # then a text is given with what there is of it


@dataclass(frozen=True, slots=True)
class Whole(Generic[_T]):
    """A text, and whatever came along with its parts."""

    text: InboundPart
    along: tuple[_T, ...]


@dataclass(slots=True)
class _Waiting(Generic[_T]):
    first: InboundPart
    begun_at: float
    texts: dict[int, str] = field(default_factory=dict)
    along: list[_T] = field(default_factory=list)

    def whole(self) -> Whole[_T]:
        text = "".join(self.texts[number] for number in sorted(self.texts))
        return Whole(replace(self.first, text=text, part=None), tuple(self.along))


class Assembly(Generic[_T]):
    """See the module."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, int, int], _Waiting[_T]] = {}

    def add(self, came: InboundPart, along: _T, now: float) -> Whole[_T] | None:
        """The text that is whole with this part. A part that came before is taken once."""
        if came.part is None:
            return Whole(came, (along,))
        key = (came.sender, came.recipient, came.part.reference, came.part.total)
        waiting = self._waiting.setdefault(key, _Waiting(came, now))
        waiting.texts.setdefault(came.part.number, came.text)
        waiting.along.append(along)
        if len(waiting.texts) < came.part.total:
            return None
        return self._waiting.pop(key).whole()

    def overdue(self, now: float) -> Iterator[Whole[_T]]:
        """Texts that waited for too long, or are too many: incomplete, and given all the same."""
        late = [key for key, waiting in self._waiting.items() if now - waiting.begun_at > PATIENCE_SECONDS]
        late += list(self._waiting)[: max(0, len(self._waiting) - _MOST_TEXTS)]
        for key in dict.fromkeys(late):
            yield self._waiting.pop(key).whole()

    def rest(self) -> Iterator[Whole[_T]]:
        """All that is left, incomplete."""
        while self._waiting:
            yield self._waiting.pop(next(iter(self._waiting))).whole()
