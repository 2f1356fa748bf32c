"""What a provider of message delivery is to ExoSend.

A provider takes prepared messages and says, for each one, what became of it. The four outcomes are the whole
vocabulary of the engine; a vendor's words stay in the vendor's file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from models.rules.reports import Report
from tasks.providers.until import NEVER, Until

LATE = "late"


class OutcomeKind(StrEnum):
    """What became of one message."""

    ACCEPTED = "accepted"  # the provider said yes: it is theirs now
    REJECTED = "rejected"  # the provider said no, for good
    DEFERRED = "deferred"  # certainly not accepted, worth another try later
    UNCERTAIN = "uncertain"  # handed over (final dot or whole request written), no answer known
    UNSENT = "unsent"  # certainly never handed over, through no fault of the message: not counted as a try


Places = tuple[str | int, ...]
"""A text in pieces. A number is a place for what is each message's own: an index of its `Merge.values`."""


@dataclass(frozen=True, slots=True, eq=False)
class MergeContent:
    """A content that many messages share, for a provider that puts in what is each one's own.

    `sender` and `reply_to` are header values (a name and an address, RFC 5322 section 3.4), `headers` further ones by
    their names (List-Unsubscribe: it must be in what is signed, RFC 8058 section 4). At least one of `text` and
    `html` is there. What belongs into a place is rendered, and escaped where the text is html: nothing is left to do
    but to put it in. One object stands for one content: messages of the same content have the same object.
    """

    sender: str
    reply_to: str | None
    subject: Places
    text: Places | None
    html: Places | None
    headers: tuple[tuple[str, Places], ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    """A message as a shared content and its own values. `to`: the To header's value."""

    content: MergeContent
    values: tuple[str, ...]
    to: str


class Signer(Protocol):
    """Signs mail for the domain of its sender. From any thread."""

    def sign(self, message: bytes) -> bytes:
        """The message with its signature. Raises ExoSendError where there is no key to sign with."""
        ...


# Tuples, and not frozen dataclasses, as in models/store/messages.py: they are made for each message.


class OutgoingMessage(NamedTuple):
    """One message ready for the wire.

    `id` is the message's id in the database and the idempotency key of all its tries. `sender` and `recipient`
    are the envelope (addr-spec, E.164). `content` is the whole MIME message with CRLF line ends, not dot-stuffed
    (email), or the text in UTF-8 (SMS). `attempt` counts its tries on whatever machine, this one included.

    `merge` is there, and `content` empty, only where the provider `merges`; it gets others as well. `account`: of a
    message that is sent again since nobody knows what became of it, the account that had it (models/rules/
    provider_names.py); no other one knows its key. `signer`: for a provider that signs (tasks/providers/signing.py).
    """

    id: UUID
    sender: str
    recipient: str
    content: bytes
    attempt: int = 1
    merge: Merge | None = None
    account: str | None = None
    signer: Signer | None = None


class Outcome(NamedTuple):
    """The answer for one message. `code` is short and stable (an SMTP enhanced status or reply code, a vendor's
    number), `detail` one line for people, cut at 500 characters. `reports`: of a message it took, what is known to be
    reported of it later; a provider with webhooks has none. `known_by_ref`: its events will name the message by
    `provider_ref` and not by our id, so the reference is kept for them. `provider`: which account it is of, where the
    provider has several behind it."""

    kind: OutcomeKind
    provider_ref: str | None = None
    code: str | None = None
    detail: str | None = None
    retry_after_seconds: float | None = None
    reports: tuple[Report, ...] = ()
    known_by_ref: bool = False
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the engine may ask of a provider.

    `messages_per_call`: most messages in one `send`. `idempotent`: a second try under the same id does not send
    twice. `answer_timeout_seconds`: after this long no answer comes any more, so an uncertain message may be judged.
    `merges`: it takes messages as a shared content and the values of each (`OutgoingMessage.merge`). `known_by_ref`:
    see `Outcome`; of a vendor that gives our id back with its events it is False, and costs nothing.
    """

    messages_per_call: int
    idempotent: bool
    answer_timeout_seconds: float
    merges: bool = False
    known_by_ref: bool = False


class Provider(Protocol):
    """A way out for messages of one channel. One object serves one asyncio event loop."""

    name: str
    capabilities: Capabilities

    async def send(self, messages: Sequence[OutgoingMessage], until: Until = NEVER) -> list[Outcome]:
        """Hand the messages over; one outcome each, in the same order. Never raises for a message's sake.

        What is not begun by `until` comes back UNSENT with the code LATE: what is known about its recipient is out of
        date by then. It may be moved on meanwhile. A provider whose call takes no time need not look at it.

        Several calls may be open at once. A cancelled or aborted call leaves nothing unsaid: it returns at once (a
        cancelled one does not raise CancelledError), what was handed over and not answered is UNCERTAIN, what was not
        handed over is UNSENT.
        """
        ...

    def abort(self) -> None:
        """Close every connection at once; open `send` calls return with what is known. May be called from any thread.

        Final: whatever is given to `send` afterwards comes back UNSENT, so that no window that was about to go out
        when its sender was cut off still does.
        """
        ...

    async def close(self) -> None:
        """End politely. The object is not used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Sought:
    """A message that a provider is asked for. `id` is what it was handed over under."""

    id: UUID
    recipient: str


@runtime_checkable
class LooksUp(Protocol):
    """What a provider has beside `Provider` that can be asked what became of a message. It is optional."""

    async def look_up(self, messages: Sequence[Sought]) -> Mapping[UUID, Outcome]:
        """What it knows: ACCEPTED (it has it), REJECTED (it said no), UNSENT (it never came, and can be sent safely).

        A message that it knows nothing certain of is left out. Raises when it cannot be asked; the caller waits half a
        minute at most, and asks again later. It is asked for at most 1,000.
        """
        ...
