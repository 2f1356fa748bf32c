"""Domains with a provider: most vendors send for a domain only after it was added to the account, and proved there.

A vendor whose API can do that has a module of the same name in `tasks/providers/registrars/`, with `open_registrar`.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from models.errors import ExoSendError
from models.rules.dns_records import ProviderRecord
from tasks.providers import registrars
from tasks.providers.account import ProviderAccount, parse_account
from tasks.providers.api_call import ApiRequest, NoAnswer, ask
from tasks.providers.base import OutcomeKind
from tasks.providers.http_exchange import Answer
from tasks.providers.http_provider import Vendor, by_status, json_of


class ByHand(ExoSendError):
    """This account's domains cannot be added by us; the text says what is to be done."""


class DomainRefused(ExoSendError):
    """The vendor does not take this domain; the text is the vendor's."""


class RegistrarAway(ExoSendError):
    """The vendor said nothing of the domain: it is away, or does not let the account do this."""


@dataclass(frozen=True, slots=True)
class DomainToRegister:
    """A domain of ours. `private_key`: PKCS #8, DER, of the pair whose public part stands under `selector` in DNS.
    `is_verified`: DNS holds our records. `reference`: what the vendor called it when it was last asked."""

    name: str
    zone: str
    region: str
    selector: str
    private_key: bytes = field(repr=False)
    is_verified: bool = False
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class RegisteredDomain:
    """What a vendor says of a domain that it has. `records`: what it wants to find in DNS."""

    reference: str | None
    is_verified: bool
    records: tuple[ProviderRecord, ...] = ()


class DomainRegistrar(Protocol):
    """The domains of one account. Each call waits for the vendor, half a minute at most for each request.

    All raise RegistrarAway; `add` and `verify` raise DomainRefused.
    """

    def find(self, domain: DomainToRegister) -> RegisteredDomain | None:
        """The domain as the vendor has it; None when it has not."""
        ...

    def add(self, domain: DomainToRegister) -> RegisteredDomain:
        """Add a domain that was not found."""
        ...

    def verify(self, domain: DomainToRegister, found: RegisteredDomain) -> RegisteredDomain:
        """Have the vendor look at DNS; what it says now, which may be what it said before."""
        ...

    def remove(self, domain: DomainToRegister) -> None:
        """Take it out of the account. One that is not there is no error."""
        ...


class _RegistrarModule(Protocol):
    def open_registrar(self, account: ProviderAccount) -> DomainRegistrar: ...


def registrar_of(vendor: str, url: str) -> DomainRegistrar:
    """The registrar of an account. Raises ByHand, and SetupError for a URL that cannot be used."""
    module = _modules(tuple(registrars.__path__)).get(vendor)
    if module is None:
        raise ByHand("This account is a mail server: where it sends for known domains only, add the domain by hand.")
    return module.open_registrar(parse_account("The URL of the account", url))


@cache
def _modules(paths: tuple[str, ...]) -> dict[str, _RegistrarModule]:
    names = [module.name for module in pkgutil.iter_modules(paths)]
    return {name: cast(_RegistrarModule, import_module(f"{registrars.__name__}.{name}")) for name in names}


class VendorApi:
    """A vendor's API, for what registrars ask of it."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def ask(self, request: ApiRequest, *, missing: Sequence[int] = ()) -> Answer | None:
        """The answer of a success; None for the statuses that say that there is no such domain.

        Raises DomainRefused for another 4xx, and RegistrarAway for what says nothing of the domain: a refused key, a
        limit, an error of the vendor's.
        """
        try:
            answer = ask(self._vendor.server, request)
        except NoAnswer as error:
            raise RegistrarAway(self._vendor.clean(str(error))) from None
        if 200 <= answer.status < 300:
            return answer
        if answer.status in missing:
            return None
        meaning = self._vendor.meaning(answer)
        words = self._vendor.words(answer, meaning.text)
        if (meaning.kind or by_status(answer.status)) is OutcomeKind.REJECTED:
            raise DomainRefused(words)
        raise RegistrarAway(words)

    def document(self, request: ApiRequest, *, missing: Sequence[int] = ()) -> Mapping[str, object] | None:
        """The answer as a JSON object; see `ask`. Anything else says nothing of the domain."""
        answer = self.ask(request, missing=missing)
        if answer is None:
            return None
        found = json_of(answer)
        if not isinstance(found, dict):
            raise RegistrarAway(self._vendor.words(answer, ""))
        return found

    def needed(self, request: ApiRequest) -> Mapping[str, object]:
        """The same of something that is there."""
        found = self.document(request)
        assert found is not None  # nothing was said to be missing
        return found
