"""The providers of one process, by route: opened when something is to be sent by one, closed when nothing is."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Sequence

from models.errors import SetupError
from models.session import Database
from models.settings import Settings
from models.store.provider_accounts import Account
from tasks.providers.base import Capabilities, Outcome, OutcomeKind, OutgoingMessage, Provider
from tasks.providers.registry import open_provider, provider_of
from tasks.providers.until import NEVER, Until
from tasks.sending.account_states import AccountStates
from tasks.sending.router import Router
from tasks.sending.routes import Route, Routes

log = logging.getLogger(__name__)

_CLOSE_SECONDS = 10.0
_MOST_IDLE = 8  # routes whose connections are kept for the next run


class Unusable:
    """A provider that hands nothing over: an account that cannot be opened, or a route whose accounts are all off."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.capabilities = Capabilities(messages_per_call=500, idempotent=False, answer_timeout_seconds=60)
        self._why = why

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:  # noqa: ARG002
        """See Provider.send."""
        return [Outcome(OutcomeKind.UNSENT, code="account", detail=self._why)] * len(messages)

    def abort(self) -> None:
        """See Provider.abort."""

    async def close(self) -> None:
        """See Provider.close."""


class OpenRoutes:
    """The providers of a channel. For one event loop, but for `name_of` and `routes`.

    A provider that was aborted, or whose accounts have changed, is closed when the last one who holds it lets go.
    """

    def __init__(self, database: Database, settings: Settings, channel: str) -> None:
        self.routes = Routes(settings, channel)
        self._database = database
        self._settings = settings
        self._providers: dict[Route, Provider] = {}
        self._holders: Counter[int] = Counter()

    def name_of(self, route: Route) -> str:
        """The name of the route's provider, by which its circuit goes."""
        return self._open(route).name

    def hold(self, route: Route) -> Provider:
        """The route's provider, to send by until it is let go. Raises SetupError for what the environment says."""
        provider = self._open(route)
        self._providers[route] = self._providers.pop(route)  # the last one used is the last one to go
        self._holders[id(provider)] += 1
        return provider

    def is_current(self, provider: Provider) -> bool:
        """Whether messages still go by it."""
        return any(
            own is provider and self.routes.of(route.organization_id) is route for route, own in self._providers.items()
        )

    def forget(self, provider: Provider) -> None:
        """It was aborted, and sends nothing any more: whoever comes next opens another."""
        for route, own in list(self._providers.items()):
            if own is provider:
                del self._providers[route]

    async def let_go(self, provider: Provider) -> None:
        """Whoever held it does not send by it any more."""
        self._holders[id(provider)] -= 1
        if self._holders[id(provider)] == 0:
            del self._holders[id(provider)]
            if provider not in self._providers.values():
                await _closed(provider)
        idle = [route for route, own in self._providers.items() if not self._holders[id(own)]]
        outdated = [route for route in idle if self.routes.of(route.organization_id) is not route]
        current = [route for route in idle if route not in outdated]
        for route in outdated + current[: max(0, len(current) - _MOST_IDLE)]:
            await _closed(self._providers.pop(route))

    def abort(self) -> None:
        """Cut off whatever is out."""
        for provider in self._providers.values():
            provider.abort()

    async def close(self) -> None:
        """End politely."""
        for route in list(self._providers):
            await _closed(self._providers.pop(route))

    def _open(self, route: Route) -> Provider:
        if route not in self._providers:
            self._providers[route] = self._opened(route)
        return self._providers[route]

    def _opened(self, route: Route) -> Provider:
        if route.is_closed:
            return Unusable(route.name, "All accounts are switched off.")
        if not route.is_routed:
            return open_account(self._settings, route.accounts[0] if route.accounts else None, route.channel)
        providers = {
            account.provider: open_account(self._settings, account, route.channel) for account in route.accounts
        }
        limits = {account.provider: account.limit for account in route.accounts if account.limit is not None}
        states = AccountStates(self._database, route.channel, list(providers), limits)
        return Router(route.name, [account.way for account in route.accounts], providers, states)


def open_account(settings: Settings, account: Account | None, channel: str) -> Provider:
    """The provider for an account, by which nothing goes if it cannot be opened; None: what the environment says, else
    the sandbox, which raises SetupError."""
    if account is None or account.id is None:
        return open_provider(settings, channel)
    try:
        return provider_of(settings, account)
    except SetupError as error:
        log.warning("Nothing is sent by the account %s (%s): %s", account.name, account.id, error)
        return Unusable(account.provider, str(error))


async def _closed(provider: Provider) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await provider.close()
