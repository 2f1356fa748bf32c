"""By which accounts an organization's messages go, known to a sender within seconds of a change."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.phone import country_of
from models.rules.rate_limits import Limit
from models.rules.routing import ways_of
from models.settings import Settings
from models.store.messages import PlannedMessage
from models.store.provider_accounts import Account, accounts_of
from tasks.providers.registry import default_account

_KNOWN_SECONDS = 2.0

SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class Route:
    """The accounts that messages may go by. `organization_id`: whose own are among them; None: the platform's only.

    Without accounts it leads to the sandbox, unless it `is_closed`: there are some, and all are switched off.
    """

    channel: str
    organization_id: UUID | None
    accounts: tuple[Account, ...]
    is_closed: bool = False

    @property
    def is_routed(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.accounts) > 1 or any(account.countries is not None for account in self.accounts)

    @property
    def name(self) -> str:
        """What its circuit is called: the account's name where there is one, for which everybody has the same."""
        if self.is_routed:
            return "routes" if self.organization_id is None else f"routes:{self.organization_id}"
        if self.is_closed:
            return "closed" if self.organization_id is None else f"closed:{self.organization_id}"
        return self.accounts[0].provider if self.accounts else SANDBOX

    def limits_of(self, messages: Sequence[PlannedMessage]) -> dict[UUID, Limit]:
        """The rate of the account that each message goes to while all are well; those that have one."""
        limits = {account.provider: account.limit for account in self.accounts if account.limit is not None}
        if not limits:
            return {}
        ways = [account.way for account in self.accounts]
        asks_country = any(way.countries is not None for way in ways)
        found = {}
        for message in messages:
            names = ways_of(ways, message.id, country_of(message.recipient) if asks_country else None)
            if names and names[0] in limits:
                found[message.id] = limits[names[0]]
        return found

    @property
    def has_rates(self) -> bool:
        """Whether an account of it takes only so many messages a minute."""
        return any(account.rate_per_minute is not None for account in self.accounts)

    @property
    def per_minute(self) -> int | None:
        """What all of its accounts take together; None where one of them takes any number."""
        rates = [account.rate_per_minute for account in self.accounts]
        return None if not rates or None in rates else sum(filter(None, rates))


class Routes:
    """The routes of a channel. `look` reads them again when they are old; `of` gives the same object until one changes.

    May be used from several threads.
    """

    def __init__(self, settings: Settings, channel: str) -> None:
        self.channel = channel
        self._default = default_account(settings, channel)
        self._known: tuple[Account, ...] = ()
        self._read_at = float("-inf")
        self._lock = Lock()
        self._routes = _routes(channel, (), self._default)
        self.own: Mapping[UUID, Route] = {}  # of organizations that have accounts of their own

    def of(self, organization_id: UUID | None) -> Route:
        """The route of an organization's messages. None: of those that have no accounts of their own."""
        routes = self._routes
        return routes.get(organization_id) or routes[None]

    def look(self, session: Session) -> None:
        """Know what is true now, or was two seconds ago."""
        if time.monotonic() - self._read_at <= _KNOWN_SECONDS or not self._lock.acquire(blocking=False):
            return
        try:
            self._read(session)
        finally:
            self._lock.release()

    def _read(self, session: Session) -> None:
        asked_at = time.monotonic()
        known = accounts_of(session, self.channel)
        self._read_at = asked_at
        if known != self._known:
            self._known = known
            found = _routes(self.channel, known, self._default)
            before = self._routes
            self._routes = {
                whose: before[whose] if before.get(whose) == route else route for whose, route in found.items()
            }
            self.own = {whose: route for whose, route in self._routes.items() if whose is not None}

    @property
    def have_rates(self) -> bool:
        """Whether any account takes only so many messages a minute."""
        return any(route.has_rates for route in self._routes.values())

    @property
    def rows(self) -> Sequence[Account]:
        """All accounts but the one that the environment configures, those that are switched off as well."""
        return self._known

    def find(self, name: str) -> Account | None:
        """The account that `messages.provider` calls so, switched off or not."""
        accounts = [*self._known, *([] if self._default is None else [self._default])]
        return next((account for account in accounts if account.provider == name), None)


def _routes(channel: str, accounts: Sequence[Account], default: Account | None) -> dict[UUID | None, Route]:
    by_owner: dict[UUID | None, list[Account]] = defaultdict(list)
    for account in accounts:
        by_owner[account.organization_id].append(account)
    platform = [*by_owner.pop(None, []), *([] if default is None else [default])]
    routes: dict[UUID | None, Route] = {None: _route(channel, None, platform)}
    for whose, own in by_owner.items():
        if any(account.is_active for account in own) or not platform:
            routes[whose] = _route(channel, whose, [*own, *platform])
    return routes


def _route(channel: str, whose: UUID | None, accounts: Iterable[Account]) -> Route:
    there = list(accounts)
    active = tuple(account for account in there if account.is_active)
    return Route(channel, whose, active, is_closed=bool(there) and not active)
