"""How the accounts of a route do, known without asking for every window, and their rates beyond what was planned."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from models.rules.rate_limits import Limit
from models.session import DATABASE_AWAY, Database
from models.store import circuits
from models.store.circuits import Standing
from models.store.rate_buckets import give_back_tokens, take_in_debt
from tasks.providers.base import Outcome
from tasks.providers.until import Until
from tasks.sending.circuit import Circuit, needs_noting

log = logging.getLogger(__name__)

_KNOWN_SECONDS = 1.0


@dataclass(slots=True)
class AccountStates:
    """The circuits of accounts by their names (models/rules/provider_names.py), and their rates where they have one."""

    database: Database
    channel: str
    names: Sequence[str]
    limits: Mapping[str, Limit] = field(default_factory=dict)
    _standings: dict[str, Standing] = field(default_factory=dict)
    _read_at: float = float("-inf")

    async def look(self) -> Mapping[str, Standing]:
        """Those accounts that something is wrong with, as of a second ago. One whose circuit is half-open is held, but
        for the sender that tries it: there it `is_open` and not held."""
        if time.monotonic() - self._read_at > _KNOWN_SECONDS:
            self._read_at = time.monotonic()
            try:
                self._standings = await asyncio.to_thread(self._read)
            except DATABASE_AWAY as error:
                log.warning("Postgres is away: %s", str(error).splitlines()[0])
        return self._standings

    async def note(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """Tell everybody what a call says of an account."""
        troubled = name in self._standings
        if needs_noting(outcomes, troubled=troubled):
            await asyncio.to_thread(self._circuit(name).note, outcomes, troubled=troubled)
            self._read_at = float("-inf")

    async def take(self, name: str, count: int, until: Until) -> bool:
        """Take tokens for messages that are another account's by plan, and wait for them; False, and none is taken,
        where they are not there by `until`."""
        limit = self.limits.get(name)
        if limit is None:
            return True
        wait = await asyncio.to_thread(self._take, limit, count, until.at - time.monotonic())
        if wait is None:
            return False
        await asyncio.sleep(wait)
        return True

    def _read(self) -> dict[str, Standing]:
        with self.database.transaction(None) as session:
            found = circuits.standings(session, [self._circuit(name).name for name in self.names])
            return {
                name: self._seen(session, name, standing)
                for name in self.names
                if (standing := found.get(self._circuit(name).name)) is not None
            }

    def _seen(self, session: Session, name: str, standing: Standing) -> Standing:
        if not standing.is_open or standing.is_held or self._circuit(name).admit(session).probes:
            return standing
        return replace(standing, wait_seconds=_KNOWN_SECONDS)

    def _take(self, limit: Limit, count: int, patience: float) -> float | None:
        with self.database.autocommit() as connection:
            wait = take_in_debt(connection, limit, count)
            if wait > patience:
                give_back_tokens(connection, {limit: count})
                return None
        return wait

    def _circuit(self, name: str) -> Circuit:
        return Circuit.of(self.database, self.channel, name)
