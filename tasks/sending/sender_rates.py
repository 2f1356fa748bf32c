"""Which senders have a rate, known without asking for every window."""

import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from uuid import UUID

from models.rules.rate_limits import Limit
from models.session import Database
from models.store.sender_rates import Sender, limited_senders, senders_of

_KNOWN_SECONDS = 5.0  # after so long a change of a sender's rate is known everywhere
_MOST_CONTENTS = 10_000


class SenderRates:
    """The rates of a channel's senders, read every few seconds by one statement. May be used from several threads."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._limits: Mapping[Sender, Limit] = {}
        self._organizations: frozenset[UUID] = frozenset()
        self._read_at = float("-inf")
        self._senders: OrderedDict[UUID, Sender] = OrderedDict()  # by content, which never changes
        self._lock = Lock()

    def may_limit(self, organization_id: UUID) -> bool:
        """Whether the organization has a sender with a rate, as far as is known without asking."""
        return organization_id in self._organizations or self._is_old()

    def count(self, organization_id: UUID, content_ids: Iterable[UUID]) -> Counter[Limit]:
        """How many of the messages with these contents, all of one organization, fall under which rate. May block."""
        found = self.find(dict.fromkeys(contents := list(content_ids), organization_id))
        return Counter(found[content_id] for content_id in contents if content_id in found)

    def find(self, contents: Mapping[UUID, UUID]) -> dict[UUID, Limit]:
        """Of these contents (and whose they are) those whose sender has a rate. May block."""
        if self._is_old():
            self._read()
        limits = self._limits
        asked = [id_ for id_, organization_id in contents.items() if organization_id in self._organizations]
        senders = self._senders_of(asked)
        return {id_: limits[senders[id_]] for id_ in asked if senders.get(id_) in limits}

    def _is_old(self) -> bool:
        return time.monotonic() - self._read_at > _KNOWN_SECONDS

    def _read(self) -> None:
        asked_at = time.monotonic()
        with self._database.transaction(None) as session:
            self._limits = limited_senders(session, self._channel)
        self._organizations = frozenset(organization_id for organization_id, _ in self._limits)
        self._read_at = asked_at

    def _senders_of(self, content_ids: Iterable[UUID]) -> dict[UUID, Sender]:
        wanted = set(content_ids)
        with self._lock:
            found = {id_: self._senders[id_] for id_ in wanted & self._senders.keys()}
        if missing := wanted - found.keys():
            with self._database.transaction(None) as session:
                read = senders_of(session, missing)
            found |= read
            with self._lock:
                self._senders |= read
                while len(self._senders) > _MOST_CONTENTS:
                    self._senders.popitem(last=False)
        return found
