"""Making the messages of a window of the outbox."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from models.session import Database
from models.settings import Settings
from models.store.messages import PlannedMessage, Result
from models.store.outbox import Claimed
from tasks.domains.signing import Signers
from tasks.providers.base import OutgoingMessage
from tasks.sending.composing import Compose, Composers, ContentComposers, compose_or_fail
from tasks.sending.links import links_of

InThread = Callable[[Callable[[], Mapping[UUID, Compose]]], Awaitable[Mapping[UUID, Compose]]]


class OutboxComposers:
    """The contents that an outbox used last: those that are written as they are, and those with merge tags, of what a
    campaign sends again."""

    def __init__(self, database: Database, settings: Settings) -> None:
        links, signers = links_of(settings), Signers(settings)
        self._literal = ContentComposers(database, literal_sms=True, links=links, signers=signers)
        self._tagged = ContentComposers(database, literal_sms=False, links=links, signers=signers)

    async def made_of(self, claims: Sequence[Claimed], in_thread: InThread) -> list[OutgoingMessage | Result]:
        """Each claim's message, or the result of one that cannot be made. `in_thread` does what blocks."""
        literal = await _found(self._literal, [each.message for each in claims if not each.is_of_campaign], in_thread)
        tagged = await _found(self._tagged, [each.message for each in claims if each.is_of_campaign], in_thread)
        return [
            compose_or_fail(each.message, (tagged if each.is_of_campaign else literal)[each.message.content_id])
            for each in claims
        ]


async def _found(
    composers: Composers, messages: Sequence[PlannedMessage], in_thread: InThread
) -> Mapping[UUID, Compose]:
    found = composers.known(messages)
    return found if found is not None else await in_thread(lambda: composers.load(messages))
