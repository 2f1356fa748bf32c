"""What the accounts of a channel can be asked about messages that they may have had."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.lifecycle import Channel
from models.settings import Settings
from models.store.provider_accounts import Account
from tasks.providers.base import LooksUp, Outcome, Provider, Sought
from tasks.sending.open_routes import open_account
from tasks.sending.routes import Routes

OpenProvider = Callable[[Settings, str], Provider]

_LOOK_UP_SECONDS = 30.0


class KnownAccounts:
    """The accounts of a channel by what `messages.provider` calls them, as of some seconds ago. Blocks.

    `open_provider` opens the one that the environment configures, or the sandbox. Raises SetupError for what the
    environment says of it.
    """

    def __init__(self, settings: Settings, channel: Channel, open_provider: OpenProvider) -> None:
        self.channel = channel
        self._settings = settings
        self._open_provider = open_provider
        self._routes = Routes(settings, channel)
        self._default = open_provider(settings, channel)
        self._opened: dict[Account, Provider] = {}

    def look(self, session: Session) -> None:
        """Know what is true now, or was two seconds ago."""
        self._routes.look(session)
        there = set(self._routes.rows)
        self._opened = {account: provider for account, provider in self._opened.items() if account in there}

    @property
    def answer_timeout_seconds(self) -> float:
        """After so long no account answers any more."""
        every = [self._default, *(self._of(account) for account in self._routes.rows)]
        return max(provider.capabilities.answer_timeout_seconds for provider in every)

    def may_have(self, provider: str | None, organization_id: UUID) -> list[str]:
        """The accounts that may have had a message: the one that is written down with it; where its sender died without
        a word, all that the organization's messages go by."""
        return [provider] if provider is not None else self._names(organization_id)

    @property
    def can_look_up(self) -> bool:
        """Whether any account can be asked, be it switched off."""
        return any(isinstance(self._of(account), LooksUp) for account in (None, *self._routes.rows))

    def knows_key(self, provider: str | None, organization_id: UUID) -> bool:
        """Whether a message can be sent again under its key: the account that has it knows it, and still sends."""
        names = self.may_have(provider, organization_id)
        if len(names) != 1 or names[0] not in self._names(organization_id):
            return False
        found = self._named(names[0])
        return found is not None and found.capabilities.idempotent

    def look_up(self, name: str, sought: Sequence[Sought]) -> Mapping[UUID, Outcome]:
        """What an account knows of the messages; nothing where it cannot be asked, or is gone. Raises what `look_up`
        of the provider does."""
        provider: object = self._named(name)
        if not isinstance(provider, LooksUp):
            return {}
        account = self._routes.find(name)
        if account is None or account.id is None:
            opened = self._open_provider(self._settings, self.channel)
        else:
            opened = open_account(self._settings, account, self.channel)
        return asyncio.run(_look_up(opened, sought))

    def _names(self, organization_id: UUID) -> list[str]:
        return [self._of(account).name for account in self._routes.of(organization_id).accounts or (None,)]

    def _named(self, name: str) -> Provider | None:
        if name == self._default.name:
            return self._default
        account = self._routes.find(name)
        return None if account is None else self._of(account)

    def _of(self, account: Account | None) -> Provider:
        if account is None or account.id is None:
            return self._default
        if account not in self._opened:
            self._opened[account] = open_account(self._settings, account, self.channel)
        return self._opened[account]


async def _look_up(provider: Provider, sought: Sequence[Sought]) -> Mapping[UUID, Outcome]:
    assert isinstance(provider, LooksUp)
    try:
        async with asyncio.timeout(_LOOK_UP_SECONDS):
            return await provider.look_up(sought)
    finally:
        await provider.close()
