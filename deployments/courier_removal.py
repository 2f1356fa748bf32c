"""The courier's part that removes what was kept long enough."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from models.rules.callbacks import KEPT_DAYS
from models.session import Database
from models.store.blobs import remove_expired_blobs
from models.store.callbacks import forget_old_callbacks
from models.store.idempotency_keys import remove_old_answers
from models.store.inbound_messages import forget_old_inbound
from models.store.incoming_events import forget_old_keys
from models.store.message_references import forget_old_references
from models.store.rate_buckets import forget_unused
from models.store.sms_replies import forget_old_replies
from models.store.webhook_queue import remove_old

# What providers sent, and what it is matched by.
_CAME_BACK = (forget_old_keys, forget_old_callbacks, forget_old_references, forget_old_inbound)
_REPLIES_DAYS = 400  # whoever asks about a STOP does so within a year


@dataclass(slots=True)
class _Kept:
    """A kind of thing: at most so many are removed in one transaction, and looked for that often."""

    remove: Callable[[Session, int], int]
    most: int
    seconds: float
    at: float = 0.0


def _forget(forget: Callable[..., int], session: Session, most: int) -> int:
    return forget(session, days=KEPT_DAYS, limit=most)


class Removal:
    """Answers kept for idempotency keys, callbacks and what they are matched by, ended runs' rates, old replies, events
    that were told, files. `remove_old` does what is due."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds = [
            # An answer that is kept a minute too long is not found any more, and harms nobody.
            # One may hold the ids of 10,000 messages.
            _Kept(lambda session, most: remove_old_answers(session, limit=most), 1000, 60.0),
            *(_Kept(partial(_forget, forget), 10_000, 3600.0) for forget in _CAME_BACK),
            _Kept(lambda session, most: forget_unused(session, limit=most), 10_000, 3600.0),
            _Kept(lambda session, most: remove_old(session, limit=most), 10_000, 60.0),
            _Kept(lambda session, most: forget_old_replies(session, days=_REPLIES_DAYS, limit=most), 10_000, 3600.0),
            # A file may have 20 MB.
            _Kept(lambda session, most: remove_expired_blobs(session, limit=most), 20, 60.0),
        ]

    def remove_old(self) -> None:
        """Remove of each kind that is due. Where there were more, the rest is for the next tick."""
        for kind in self._kinds:
            if time.monotonic() < kind.at:
                continue
            with self._database.transaction(None) as session:
                removed = kind.remove(session, kind.most)
            kind.at = 0.0 if removed == kind.most else time.monotonic() + kind.seconds
