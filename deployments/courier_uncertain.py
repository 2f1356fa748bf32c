"""The courier's duty to decide about messages of which nobody knows whether they were taken."""

import logging
import time

from models.session import Database
from models.settings import Settings
from tasks.sending.resolving import Resolver

log = logging.getLogger("courier")

_EVERY_SECONDS = 1.0


class UncertainDuty:
    """Carries out what people, providers and policies say, at most a thousand messages at a time."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._resolver = Resolver(database, settings)
        self._rest_until = 0.0

    def resolve_due(self) -> None:
        """Judge what is due, once a second."""
        if time.monotonic() < self._rest_until:
            return
        self._rest_until = time.monotonic() + _EVERY_SECONDS
        if done := self._resolver.resolve_due():
            said = ", ".join(f"{verdict.value}: {count}" for verdict, count in sorted(done.items()))
            log.info("Uncertain messages: %s.", said)
