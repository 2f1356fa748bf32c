"""From a planned message to one for the wire, for both channels and any content.

A run, or a window of the outbox, may have many contents: they are read when they are needed and kept while there is
room.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import ExoSendError, NotFound
from models.session import Database
from models.store.blobs import read_blob
from models.store.contents import find_contents
from models.store.messages import PlannedMessage, Result
from models.tables import Content
from tasks.content.attachments import AttachedFile
from tasks.content.tracking import Links
from tasks.domains.signing import Signers
from tasks.providers.base import OutgoingMessage, Signer
from tasks.runs.email_content import EmailComposer, MergeComposer
from tasks.runs.sms_content import SmsTexts, frozen_sms
from tasks.sending.handing_over import POISON
from tasks.sending.results import unmade_result

log = logging.getLogger(__name__)

Compose = Callable[[PlannedMessage], OutgoingMessage]
"""Makes the bytes of a message. Raises ExoSendError for a message that cannot be made; it fails alone."""

_MOST_BYTES = 32 * 1024 * 1024
_COMPOSED_AT_ONCE = 10  # 0.1 ms of work, in which one connection gets its reply


class Composers(Protocol):
    """Gives each message its `Compose`."""

    def known(self, messages: Sequence[PlannedMessage]) -> "Mapping[UUID, Compose] | None":
        """By the messages' content ids, if all of them are at hand."""
        ...

    def load(self, messages: Sequence[PlannedMessage]) -> "Mapping[UUID, Compose]":
        """The same, read if need be. Blocks."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    compose: Compose
    size: int


class ContentComposers:
    """Composers of contents by their ids, read from the database; the last used are kept, up to 32 MB of source.

    `literal_sms`: the text of an SMS goes out as it is written, braces and all; else it is a source with merge tags,
    as a campaign's is. `merges`: for a provider that fills in an email's content itself; files are beyond it. `links`:
    how those of emails are made; without, nothing is tracked. `signers`: of senders' domains.
    """

    def __init__(
        self,
        database: Database,
        *,
        literal_sms: bool,
        merges: bool = False,
        links: Links | None = None,
        signers: Signers | None = None,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._database = database
        self._literal_sms = literal_sms
        self._merges = merges
        self._links = links
        self._signers = signers
        self._most_bytes = most_bytes
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def known(self, messages: Sequence[PlannedMessage]) -> Mapping[UUID, Compose] | None:
        """See Composers."""
        wanted = {message.content_id for message in messages}
        with self._lock:
            if not wanted <= self._kept.keys():
                return None
            for id_ in wanted:
                self._kept.move_to_end(id_)
            return {id_: self._kept[id_].compose for id_ in wanted}

    def load(self, messages: Sequence[PlannedMessage]) -> Mapping[UUID, Compose]:
        """See Composers. A content that cannot be used gives each of its messages the error."""
        wanted = {message.content_id for message in messages}
        with self._lock:
            found = {id_: self._kept[id_] for id_ in wanted & self._kept.keys()}
        if missing := wanted - found.keys():
            with self._database.transaction(None) as session:
                contents = find_contents(session, missing)
                signers = self._signers_of(session, contents)
                read = {content.id: self._prepare(session, content, signers.get(content.id)) for content in contents}
            self._keep(read)
            found |= read
        return {id_: found[id_].compose if id_ in found else _failing("The content is gone.") for id_ in wanted}

    def _keep(self, read: Mapping[UUID, _Kept]) -> None:
        with self._lock:
            for id_, kept in read.items():
                if id_ not in self._kept:
                    self._kept[id_] = kept
                    self._bytes += kept.size
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].size

    def _signers_of(self, session: Session, contents: Sequence[Content]) -> Mapping[UUID, Signer | None]:
        if self._signers is None:
            return {}
        senders = {
            content.id: (content.organization_id, content.from_email.rpartition("@")[2].lower())
            for content in contents
            if content.from_email is not None
        }
        found = self._signers.of(session, senders.values())
        return {id_: found[sender] for id_, sender in senders.items()}

    def _prepare(self, session: Session, content: Content, signer: Signer | None) -> _Kept:
        texts = (content.subject, content.html, content.text)
        size = 4096 + sum(len(text) for text in texts if text)  # and what it takes however short it is
        try:
            if content.channel == "sms":
                return _Kept(_sms(content, literal=self._literal_sms), size)
            if self._merges and not content.attachments:
                return _Kept(MergeComposer(content, links=self._links), size)
            files = [_file(session, content, entry) for entry in content.attachments]
            compose = EmailComposer(content, files, links=self._links, signer=signer)
            return _Kept(compose, size + 2 * sum(len(file.content) for file in files))
        except (ExoSendError, ValueError) as error:
            log.warning("Content %s cannot be used: %s", content.id, error)
            return _Kept(
                _failing("A file of the message is gone." if isinstance(error, NotFound) else str(error)), size
            )


def _file(session: Session, content: Content, entry: Mapping[str, object]) -> AttachedFile:
    blob = read_blob(session, content.organization_id, UUID(str(entry["blob_id"])))
    return AttachedFile(str(entry["file_name"]), str(entry["media_type"]), blob)


def _sms(content: Content, *, literal: bool) -> Compose:
    frozen = frozen_sms(content)
    encoded = frozen.text.encode()
    text_of = None if literal else SmsTexts(frozen)  # by which the plan priced it

    def compose(message: PlannedMessage) -> OutgoingMessage:
        own = encoded if text_of is None else text_of(message.variables).encode()
        return OutgoingMessage(message.id, frozen.sender_id, message.recipient, own, message.tries + 1)

    return compose


def _failing(reason: str) -> Compose:
    def compose(_: PlannedMessage) -> OutgoingMessage:
        raise ExoSendError(reason)

    return compose


def compose_or_fail(message: PlannedMessage, compose: Compose) -> OutgoingMessage | Result:
    """The message, or the result of one that cannot be made."""
    try:
        return compose(message)
    except ExoSendError as error:
        return unmade_result(message, str(error))
    except Exception:
        # Else one recipient's odd data would end sender after sender, each with two windows in doubt.
        log.exception("Message %s cannot be made.", message.id)
        return unmade_result(message, "The message could not be put together.", code=POISON)


async def compose_window(
    composers: Composers,
    window: Sequence[PlannedMessage],
    insist: Callable[[Callable[[], Mapping[UUID, Compose]]], Mapping[UUID, Compose]],
) -> list[OutgoingMessage | Result]:
    """A window's messages, a few at a time: between them the connections get the window that is out on its way.

    `insist` does what blocks as often as Postgres is away.
    """
    known = composers.known(window)
    if known is None:  # not in the journal's thread: it may be writing
        known = await asyncio.to_thread(insist, lambda: composers.load(window))
    ready: list[OutgoingMessage | Result] = []
    for start in range(0, len(window), _COMPOSED_AT_ONCE):
        part = window[start : start + _COMPOSED_AT_ONCE]
        ready += [compose_or_fail(message, known[message.content_id]) for message in part]
        await asyncio.sleep(0)
    return ready
