"""How fast the outbox of one channel may be sent: its provider account's rate, and its senders'.

Single messages go before runs: they take what runs leave to them, and runs take nothing while they wait.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from models.rules.rate_limits import Limit
from models.session import Database
from models.store.outbox import Claimed
from models.store.rate_buckets import give_back_tokens, look, take_in_debt, take_what_is_there, wait_first
from tasks.sending.routes import Routes
from tasks.sending.sender_rates import SenderRates

_LONGEST_SECONDS = 1.0  # between two looks at an empty bucket
_GRACE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Taken:
    """Tokens for claimed messages: they may go out `wait` seconds from now, but for those that are `put_off`, by so
    many seconds: it is not their sender's time."""

    wait: float = 0.0
    put_off: Mapping[UUID, float] = field(default_factory=dict)


@dataclass(slots=True)
class OutboxRate:
    """The rates of an outbox. Blocking; `account`: of the one account that everything goes by, None where it has none.

    Where there are several accounts each message has the rate of its own, as it has its sender's.
    """

    database: Database
    routes: Routes
    senders: SenderRates
    account: Limit | None = None
    _rests_until: float = 0.0

    def use(self, account: Limit | None) -> None:
        """Everything goes by one account for now, and this is its rate."""
        self.account = account

    @property
    def rests(self) -> bool:
        """Whether there is no token yet."""
        return time.monotonic() < self._rests_until

    def room(self, most: int) -> int:
        """How many of `most` messages may be claimed; where none may, runs have to wait until one was."""
        if self.account is None:
            return most
        with self.database.autocommit() as connection:
            there = look(connection, self.account)
            if there >= 1:
                return min(most, int(there))
            wait = min(_LONGEST_SECONDS, (1 - there) / self.account.per_second)
            wait_first(connection, self.account, wait + _GRACE_SECONDS)
        self._rests_until = time.monotonic() + wait
        return 0

    def take(self, claimed: Sequence[Claimed]) -> Taken:
        """Take tokens for what was claimed."""
        going = [each for each in claimed if not each.is_suppressed]
        by_limit = self._by_limit(going)
        if not going or (self.account is None and not by_limit):
            return Taken()
        with self.database.autocommit() as connection:
            return self._take(connection, len(going), by_limit)

    def _take(self, connection: Connection, count: int, by_limit: Mapping[Limit, Sequence[Claimed]]) -> Taken:
        put_off: dict[UUID, float] = {}
        for limit, under in by_limit.items():
            own = [each for each in under if each.message.id not in put_off]
            granted = take_what_is_there(connection, limit, len(own))
            if granted < len(own):
                put_off |= _slots(connection, limit, own[granted:])
        wait = 0.0
        if self.account is not None and count > len(put_off):
            wait = take_in_debt(connection, self.account, count - len(put_off))
        return Taken(wait, put_off)

    def give_back(self, claimed: Sequence[Claimed]) -> None:
        """These did not go out after all."""
        going = [each for each in claimed if not each.is_suppressed]
        tokens = {limit: len(own) for limit, own in self._by_limit(going).items()}
        if self.account is not None:
            tokens[self.account] = len(going)
        if tokens and going:
            with self.database.autocommit() as connection:
                give_back_tokens(connection, tokens)

    def _by_limit(self, claimed: Sequence[Claimed]) -> dict[Limit, list[Claimed]]:
        """What falls under which rate, of those that not all of it falls under."""
        found: dict[Limit, list[Claimed]] = defaultdict(list, self._by_sender(claimed))
        if self.account is None and self.routes.have_rates:
            by_route: dict[UUID | None, list[Claimed]] = defaultdict(list)
            for each in claimed:
                by_route[self.routes.of(each.organization_id).organization_id].append(each)
            for whose, own in by_route.items():
                limits = self.routes.of(whose).limits_of([each.message for each in own])
                for each in own:
                    if (limit := limits.get(each.message.id)) is not None:
                        found[limit].append(each)
        return dict(found)

    def _by_sender(self, claimed: Sequence[Claimed]) -> dict[Limit, list[Claimed]]:
        limited = [each for each in claimed if self.senders.may_limit(each.organization_id)]
        if not limited:
            return {}
        limits = self.senders.find({each.message.content_id: each.organization_id for each in limited})
        found: dict[Limit, list[Claimed]] = defaultdict(list)
        for each in limited:
            if (limit := limits.get(each.message.content_id)) is not None:
                found[limit].append(each)
        return found


def _slots(connection: Connection, limit: Limit, claimed: Sequence[Claimed]) -> dict[UUID, float]:
    """When it is the turn of each, behind all who were put off before: so they are not claimed again and again."""
    queue = Limit(f"queue:{limit.name}", limit.per_minute)
    last = take_in_debt(connection, queue, len(claimed))
    one = 1 / limit.per_second
    wait_first(connection, limit, one + _GRACE_SECONDS)
    return {each.message.id: max(one, last - (len(claimed) - 1 - no) * one) for no, each in enumerate(claimed)}
