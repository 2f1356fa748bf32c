"""What providers send back by HTTP, in their words: one request, checked and read.

A vendor's module that takes callbacks has `read_callback(callback, keys)`. It checks the signature before it looks at
anything else, and gives what the request says in the vocabulary of models/rules/reports.py. It is pure: nothing is
fetched, stored or logged, so that the same request always reads the same. What one needs from outside, a certificate,
it names beforehand (`certificate_url`), and who calls brings it along (callback_reader.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from models.errors import ExoSendError
from models.rules.reports import ReportKind

#: How old a signed request may be, where the vendor signs the time. What is older was recorded by somebody.
TOLERANCE_SECONDS = 300


class ForgedCallback(ExoSendError):
    """The signature is missing or wrong. Nothing of the request is to be believed, or kept."""


class StaleCallback(ForgedCallback):
    """The signature is right, and the time it was made at is too long ago, or in the future."""


class UnreadableCallback(ExoSendError):
    """It is signed, and is not what the vendor documents."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A request as it came. `url` is the whole address that the provider called, query included (some sign it),
    `headers` by their names in lower case. `certificate`: what is at the vendor's `certificate_url`, PEM."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """What happened to one message.

    `key` is unique for the account and the same when the event comes again. `message_id` is ours, where the vendor
    gives back what it was given with the message, else `provider_ref` tells which it is; with either, `recipient` tells
    one message of a batch from the others. `payload` is that of `Report`: `bounce_type` (hard, soft), `code`,
    `reason`, `user_agent`, `ip`, `url`, `proxy`.
    """

    key: str
    kind: ReportKind
    occurred_at: datetime
    message_id: UUID | None = None
    provider_ref: str | None = None
    recipient: str | None = None
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundSms:
    """An SMS that somebody wrote to a number of ours. `sender` and `recipient` are E.164, or a short code."""

    key: str
    occurred_at: datetime
    sender: str
    recipient: str
    text: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The provider asks whether it may send events here: it may, once somebody GETs `url`, which is checked to be its
    own (callback_reader.py does so). To be done once for a `key`."""

    key: str
    url: str


Told = ProviderEvent | InboundSms | Confirmation
"""One thing that a callback says."""


class ReadsCallbacks(Protocol):
    """What a vendor's module has beside `open_provider` when it sends callbacks."""

    def read_callback(self, callback: Callback, keys: Sequence[str]) -> Sequence[Told]:
        """What the request says; an empty list for what is of no interest (a message was queued, a subscription).

        `keys` are the account's secrets for signatures, of which any one may fit: two while one replaces the other.
        Raises ForgedCallback, StaleCallback, UnreadableCallback.
        """
        ...


@runtime_checkable
class NamesCertificates(Protocol):
    """What a vendor's module has as well where its requests are signed with a certificate that is fetched."""

    def certificate_url(self, callback: Callback, keys: Sequence[str]) -> str:
        """Where the certificate of this request is: an address of the vendor's own and of nobody else.

        Raises ForgedCallback where the request names another or is of no account of ours, UnreadableCallback where it
        names none.
        """
        ...
