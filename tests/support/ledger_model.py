"""What credits must come to, in pure Python: the model that the real ledger is compared with."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

ZERO = Decimal(0)
_RECENT = 500  # entries that may be booked again


class ShortError(Exception):
    """There are not enough credits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of credits, as it must stand on the ledger."""

    key: str
    kind: str
    amount: Decimal
    balance_after: Decimal
    run_id: UUID | None = None
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ModelRun:
    """A run: what it holds, then what it was charged, and how its messages stand, each at the same price."""

    id: UUID
    organization: int
    held: Decimal
    price: Decimal = ZERO
    messages: int = 0
    uncertain: int = 0  # of an ended run: what may still be refused
    refused: int = 0
    state: str = "queued"

    @property
    def refundable(self) -> Decimal:
        """What its refused messages cost."""
        return self.price * self.refused


@dataclass(frozen=True, slots=True)
class ModelSingle:
    """A single message that waits for its outcome."""

    id: UUID
    organization: int
    cost: Decimal


@dataclass(slots=True)
class Book:
    """An organization's credits. `entries` are those that were not compared yet."""

    balance: Decimal = ZERO
    entries: list[Entry] = field(default_factory=list)
    recent: deque[Entry] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def post(
        self,
        kind: str,
        amount: Decimal,
        key: str,
        *,
        run_id: UUID | None = None,
        message_id: UUID | None = None,
    ) -> None:
        """Book something new. Raises ShortError, and books nothing then."""
        if self.balance + amount < 0:
            raise ShortError
        self.balance += amount
        entry = Entry(key, kind, amount, self.balance, run_id, message_id)
        self.entries.append(entry)
        self.recent.append(entry)

    def copy(self) -> "Book":
        """As it is now."""
        return Book(self.balance, list(self.entries), self.recent.copy())


@dataclass(slots=True)
class Model:
    """All organizations' credits, and what is open of what was paid for."""

    books: list[Book]
    queued: list[ModelRun] = field(default_factory=list)
    sending: list[ModelRun] = field(default_factory=list)
    doubtful: list[ModelRun] = field(default_factory=list)  # ended, with uncertain messages
    singles: list[ModelSingle] = field(default_factory=list)

    def copy(self) -> "Model":
        """As it is now: what a transaction that is rolled back comes back to."""
        return Model(
            [book.copy() for book in self.books],
            list(self.queued),
            list(self.sending),
            list(self.doubtful),
            list(self.singles),
        )
