"""How fast a run may send, over all its senders on all machines: its own rate, its provider account's, its sender's."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from models.rules.quiet_hours import CODE
from models.rules.rate_limits import Limit
from models.session import Database
from models.settings import Settings
from models.store.messages import PlannedMessage, Result
from models.store.rate_buckets import give_back_tokens, stop_waiting, take_for_run, take_in_debt
from tasks.sending.routes import Route
from tasks.sending.sender_rates import SenderRates


def account_limit(settings: Settings, route: Route, provider: str) -> Limit | None:
    """The rate of the one account of a route, or of the sandbox; None where it has none. Named as its circuit is."""
    per_minute = route_rate(settings, route)
    return None if per_minute is None else Limit(f"account:{route.channel}/{provider}", per_minute)


def route_rate(settings: Settings, route: Route) -> int | None:
    """How many messages a minute all accounts of a route take together; None where one of them takes any number."""
    if route.accounts:
        return route.per_minute
    return settings.email_rate_per_minute if route.channel == "email" else settings.sms_rate_per_minute


def run_limit(run_id: UUID, per_minute: int | None) -> Limit | None:
    """The rate of a run."""
    return None if per_minute is None else Limit(f"run:{run_id}", per_minute)


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether a window may go out, `wait` seconds from now; if not, it is to be asked for again then."""

    granted: bool
    wait: float = 0.0


@dataclass(slots=True)
class Rate:
    """What one sender takes of token buckets in Postgres, for the windows of one run. Blocking.

    Of the run's own rate, where it is the only one, it takes a block of about a second and may be early: it waits
    itself. Of rates that others share it takes what a window needs, when all of it is there.
    """

    database: Database
    run_id: UUID
    organization_id: UUID
    own: Limit | None = None
    account: Limit | None = None
    senders: SenderRates | None = None
    route: Route | None = None  # where each message has the rate of the account that it goes to
    _in_hand: Counter[Limit] = field(default_factory=Counter)
    _last: Counter[Limit] = field(default_factory=Counter)  # what the last window took
    _usable_at: float = 0.0
    _is_waiting: bool = False

    @property
    def asks(self) -> bool:
        """Whether `take` has anything to ask: else it need not be called."""
        is_limited = self.own is not None or self.account is not None or self.route is not None
        return is_limited or (self.senders is not None and self.senders.may_limit(self.organization_id))

    def window(self, messages: Sequence[PlannedMessage], most: int) -> int:
        """How many of the messages may go out at once, at most `most`."""
        if not self.asks:
            return most
        limits = [*self._of_messages(messages), self.own, self.account]
        return min([most, *(limit.window for limit in limits if limit is not None)])

    def take(self, messages: Sequence[PlannedMessage]) -> Turn:
        """Take tokens for a window."""
        self._last = self._of_messages(messages)
        if not self._last and self.account is None:
            return Turn(granted=True, wait=self._take_own(len(messages)))
        self._last |= self._of_all(messages)
        missing = self._last - self._in_hand
        if missing:
            with self.database.autocommit() as connection:
                wait = take_for_run(connection, missing, self.run_id, self.organization_id)
            self._is_waiting = wait > 0
            if self._is_waiting:
                self._last = Counter()
                return Turn(granted=False, wait=wait)
            self._in_hand += missing
        self._in_hand -= self._last
        return Turn(granted=True, wait=max(0.0, self._usable_at - time.monotonic()))

    def put_back(self) -> None:
        """The window that was last taken for did not go out after all: its tokens are for the next."""
        self._in_hand += self._last
        self._last = Counter()

    def put_back_for(self, window: Sequence[PlannedMessage], held_back: Sequence[Result]) -> None:
        """Of the window that was last taken for, those in quiet hours did not go out: their tokens are for the next.
        Else a slow campaign that is resumed at night would spend the night on them."""
        if quiet := {result.id for result in held_back if result.code == CODE}:
            messages = [message for message in window if message.id in quiet]
            self._in_hand += self._of_messages(messages) | self._of_all(messages)

    def give_back(self) -> None:
        """Return what is left, for this run's other senders, the next one, and everybody."""
        if self._in_hand or self._is_waiting:
            with self.database.autocommit() as connection:
                give_back_tokens(connection, self._in_hand)
                stop_waiting(connection, self.run_id)
            self._in_hand, self._is_waiting = Counter(), False

    def _of_all(self, messages: Sequence[PlannedMessage]) -> Counter[Limit]:
        """What they take of the rates that all of the run's messages fall under."""
        return Counter({limit: len(messages) for limit in (self.own, self.account) if limit is not None})

    def _of_messages(self, messages: Sequence[PlannedMessage]) -> Counter[Limit]:
        """What of the messages falls under which rate, of those that not all of them fall under."""
        accounts = {} if self.route is None else self.route.limits_of(messages)
        return self._of_senders(messages) + Counter(accounts.values())

    def _of_senders(self, messages: Sequence[PlannedMessage]) -> Counter[Limit]:
        if self.senders is None or not self.senders.may_limit(self.organization_id):
            return Counter()
        return self.senders.count(self.organization_id, [message.content_id for message in messages])

    def _take_own(self, messages: int) -> float:
        if self.own is None:
            return 0.0
        if self._in_hand[self.own] < messages:
            wanted = max(messages, int(self.own.per_second))
            with self.database.autocommit() as connection:
                wait = take_in_debt(connection, self.own, wanted)
            self._in_hand[self.own] += wanted
            self._usable_at = time.monotonic() + wait
        self._in_hand[self.own] -= messages
        self._last = Counter({self.own: messages})
        return max(0.0, self._usable_at - time.monotonic())
