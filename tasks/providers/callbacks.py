"""What providers send back by HTTP, in their words: one request, checked and read.

A vendor's module that takes callbacks has `read_callback(callback, keys)`. It checks the signature before it looks at
anything else, and gives what the request says in the vocabulary of models/rules/reports.py. It is pure: nothing is
fetched, stored or logged, so that the same request always reads the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
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
    `headers` by their names in lower case."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


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


class ReadsCallbacks(Protocol):
    """What a vendor's module has beside `open_provider` when it sends callbacks."""

    def read_callback(self, callback: Callback, keys: Sequence[str]) -> list[ProviderEvent | InboundSms]:
        """What the request says; an empty list for what is of no interest (a message was queued, a subscription).

        `keys` are the account's secrets for signatures, of which any one may fit: two while one replaces the other.
        Raises ForgedCallback, StaleCallback, UnreadableCallback.
        """
        ...
