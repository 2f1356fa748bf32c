"""Claiming from the outbox what goes by providers that work: one that is left alone holds up nobody else's messages."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from models.rules.circuit import PROBE_MESSAGES
from models.session import Database
from models.store import outbox
from models.store.circuits import standings
from models.store.outbox import Claimed
from tasks.providers.base import Outcome
from tasks.sending.circuit import Circuit, needs_noting
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.routes import Route


class OutboxCircuits:
    """The circuits of all that one channel's outbox goes by."""

    def __init__(self, database: Database, opened: OpenRoutes, lease_seconds: float) -> None:
        self._database = database
        self._opened = opened
        self._lease_seconds = lease_seconds
        self._troubled: frozenset[str] = frozenset()  # circuits of what was not well, at the last claim

    def claim(self, session: Session, who: str, limit: int) -> list[Claimed]:
        """Claim what is due. Nothing for a provider that is left alone; a few where this is to see whether it works
        again."""
        routes = self._opened.routes
        routes.look(session)
        own = routes.own
        circuits = {whose: self._circuit(routes.of(whose)) for whose in (None, *own)}
        known = standings(session, [circuit.name for circuit in circuits.values()])
        self._troubled = frozenset(known)
        admissions = {whose: circuit.admit(session) for whose, circuit in circuits.items() if circuit.name in known}
        apart = {whose for whose, admission in admissions.items() if admission.probes or not admission.go}
        take = partial(outbox.claim, session, routes.channel, who=who, seconds=self._lease_seconds)
        if None in apart:
            claimed = take(limit=limit, only=own.keys() - apart) if own.keys() - apart else []
        else:
            claimed = take(limit=limit, without=[whose for whose in apart if whose is not None])
        for whose in [whose for whose, admission in admissions.items() if admission.probes]:
            most = min(limit - len(claimed), PROBE_MESSAGES)
            found = []
            if most > 0:
                found = take(limit=most, without=own.keys()) if whose is None else take(limit=most, only=[whose])
            if not found:
                circuits[whose].give_up_probe(session)
            claimed += found
        return claimed

    def note(self, provider: str, outcomes: Sequence[Outcome]) -> None:
        """Tell everybody what a window says of a provider."""
        circuit = Circuit.of(self._database, self._opened.routes.channel, provider)
        troubled = circuit.name in self._troubled
        if needs_noting(outcomes, troubled=troubled):
            circuit.note(outcomes, troubled=troubled)

    def _circuit(self, route: Route) -> Circuit:
        return Circuit.of(self._database, self._opened.routes.channel, self._opened.name_of(route))
