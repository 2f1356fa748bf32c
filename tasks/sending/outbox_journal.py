"""The journal of the outbox: claims, and what came of them, a transaction each."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import uuid4

import psycopg
from sqlalchemy.orm import Session

from models.rules.lifecycle import MessageState
from models.rules.rate_limits import Limit
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store import outbox
from models.store.chunks import Counts
from models.store.incoming_events import park_reports
from models.store.ledger import post
from models.store.message_references import keep_references
from models.store.messages import Result, record_by_id
from models.store.outbox import Claimed
from models.store.outbox_clearance import read_clearance
from models.store.outbox_counts import Place, count_decided
from models.store.rollups import count_sent
from models.store.runs import lock_run, settle_run
from models.store.uncertain import forget, note
from models.store.webhook_endpoints import find_listeners
from models.tables import Run
from tasks.providers.base import Outcome
from tasks.sending.journal import SILENT_SECONDS
from tasks.sending.open_routes import OpenRoutes
from tasks.sending.outbox_circuits import OutboxCircuits
from tasks.sending.outbox_rate import OutboxRate
from tasks.sending.rate import account_limit
from tasks.sending.results import count_results, held_back_result
from tasks.sending.sender_rates import SenderRates
from tasks.webhooks.telling import tell_results

log = logging.getLogger(__name__)
_K = TypeVar("_K")

_REFUNDABLE = (MessageState.FAILED, MessageState.SUPPRESSED, MessageState.CANCELLED)
_KNOWN = (MessageState.ACCEPTED, MessageState.FAILED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a claimed message; `result` None: it was not handed over, and is due as before."""

    claimed: Claimed
    result: Result | None


@dataclass(frozen=True, slots=True)
class Claims:
    """Messages that were claimed; they may be handed over `wait` seconds from now, when their tokens are there.

    `checked_at` and `claimed_at`: time.monotonic before the transaction that looked up what is known of the recipients,
    and after its commit.
    """

    messages: list[Claimed]
    wait: float = 0.0
    checked_at: float = 0.0
    claimed_at: float = 0.0


_Decided = tuple[Claimed, Result]


class OutboxJournal:
    """Claims and writes for one channel of one courier. Blocking; calls may overlap."""

    def __init__(self, database: Database, settings: Settings, opened: OpenRoutes, *, who: str) -> None:
        self._database = database
        self._settings = settings
        self._opened = opened
        self._routes = opened.routes
        self._channel = opened.routes.channel
        self._rate = OutboxRate(database, opened.routes, SenderRates(database, self._channel))
        self._who = who
        self._unheard: list[str] = []
        self._peeking: psycopg.Connection | None = None
        self._circuits = OutboxCircuits(database, opened, settings.lease_seconds)
        self._is_idle = False  # nothing was found the last time

    def claim(self, limit: int) -> Claims:
        """Claim at most `limit` messages, no more than the rates allow; they may be handed over when this has returned.

        One call at a time.
        """
        if self._rate.rests or (self._is_idle and not self._is_due()):
            return Claims([])
        # A name for this one claim: one that is released for an answer that got lost must be nobody else's, and a
        # courier that is started again in its container has the name and the process id of the one before.
        who = f"{self._who}/{uuid4()}"
        try:
            self._rate.use(self._account())
            most = self._rate.room(limit)
            if most == 0:
                return Claims([])
            checked_at = time.monotonic()
            with self._database.transaction(None, silent_seconds=SILENT_SECONDS) as session:
                outbox.release(session, self._unheard)
                claimed = self._circuits.claim(session, who, most)
            claimed_at = time.monotonic()
            taken = self._rate.take(claimed)
            if taken.put_off:
                with self._database.transaction(None) as session:
                    outbox.put_off(session, taken.put_off)
        except DATABASE_AWAY:
            self._unheard.append(who)
            raise
        self._unheard.clear()
        self._is_idle = not claimed
        going = [each for each in claimed if each.message.id not in taken.put_off]
        return Claims(going, taken.wait, checked_at, claimed_at)

    def _account(self) -> Limit | None:
        """The rate of the one account that everything goes by."""
        route = self._routes.of(None)
        if self._routes.own or route.is_routed:
            return None
        return account_limit(self._settings, route, self._opened.name_of(route))

    @property
    def _provider(self) -> str:
        """Of what no account said anything of."""
        return self._opened.name_of(self._routes.of(None))

    def note(self, provider: str, outcomes: Sequence[Outcome]) -> None:
        """Tell everybody what a window says of a provider."""
        self._circuits.note(provider, outcomes)

    def close(self) -> None:
        """Close its own connection."""
        if self._peeking is not None:
            self._peeking.close()

    def _is_due(self) -> bool:
        """On a connection of its own, without a transaction: an idle courier asks 40 times a second."""
        try:
            self._peeking = self._peeking or self._database.connect()
            return outbox.is_due(self._peeking, self._channel)
        except psycopg.Error:
            if self._peeking is not None:
                self._peeking.close()
            self._peeking = None
            raise

    def record(self, answers: Sequence[Answer]) -> None:
        """Write what came of claims: what is still claimed as it is, of the rest what is known for certain.

        May be repeated when a commit's answer got lost: nothing is written twice.
        """
        with self._database.transaction(None, silent_seconds=SILENT_SECONDS) as session:
            runs = _locked_runs(session, [answer.claimed for answer in answers if answer.claimed.resent])
            held = outbox.lock_claims(session, [answer.claimed for answer in answers])
            self._write(session, [answer for answer in answers if answer.claimed.message.id in held])
            _settle_ended(session, runs)
        self._rate.give_back([answer.claimed for answer in answers if answer.result is None])
        late = [
            (answer.claimed, answer.result)
            for answer in answers
            if answer.claimed.message.id not in held and answer.result and answer.result.state in _KNOWN
        ]
        if late:
            self._keep_evidence(late)

    def is_unchanged(self, claims: Sequence[Claimed]) -> bool:
        """Whether all that was claimed may still be handed over: nobody opted out, and no run was paused, meanwhile."""
        with self._database.transaction(None) as session:
            now = read_clearance(session, [claimed.message.id for claimed in claims])
        for claimed in claims:
            is_suppressed, resent = now.get(claimed.message.id, (True, None))
            if is_suppressed or (resent and held_back_result(claimed.message, resent.run_state, resent.quiet)):
                return False
        return True

    def _write(self, session: Session, answers: Sequence[Answer]) -> None:
        if not answers:
            return
        with_result = [(answer.claimed, answer.result) for answer in answers if answer.result is not None]
        results = [result for _, result in with_result]
        changed = record_by_id(session, results, [MessageState.PLANNED], provider=self._provider) if results else 0
        assert changed == len(results), f"{changed} of {len(results)} messages were planned."
        decided = [(claimed, result) for claimed, result in with_result if result.state is not MessageState.DEFERRED]
        waits = {answer.claimed.message.id: 0.0 for answer in answers if answer.result is None}
        waits |= {
            result.id: result.retry_after_seconds or 0.0 for result in results if result.state is MessageState.DEFERRED
        }
        outbox.remove(session, [result.id for _, result in decided])
        outbox.put_off(session, waits)
        note(
            session,
            {
                result.id: claimed.counted_in and claimed.chunk_no
                for claimed, result in decided
                if result.state is MessageState.UNCERTAIN
            },
        )
        counted = {
            place: (count_results([result for _, result in own]), _refundable(own)) for place, own in _by_run(decided)
        }
        count_decided(session, counted)
        self._tell(session, decided)

    def _keep_evidence(self, late: Sequence[_Decided]) -> None:
        """True answers of claims that ran out: uncertain → accepted or failed.

        What was taken once is taken, whatever became of a later send. That it was not says nothing of a later one.
        """
        with self._database.transaction(None, silent_seconds=SILENT_SECONDS) as session:
            runs = _locked_runs(session, [claimed for claimed, _ in late])
            sends = outbox.uncertain_sends(session, [result.id for _, result in late])
            uncertain = [
                (claimed, result)
                for claimed, result in late
                if result.id in sends and (result.state is MessageState.ACCEPTED or claimed.send == sends[result.id])
            ]
            if not uncertain:
                return
            results = [result for _, result in uncertain]
            record_by_id(session, results, [MessageState.UNCERTAIN], provider=self._provider)
            forget(session, [result.id for result in results])
            moved = {}
            for place, own in _by_run(uncertain):
                counts = count_results([result for _, result in own])
                counts = Counts(accepted=counts.accepted, failed=counts.failed, uncertain=-counts.total)
                moved[place] = (counts, _refundable(own))
            count_decided(session, moved)
            self._tell(session, uncertain)
            _settle_ended(session, runs)

    def _tell(self, session: Session, decided: Sequence[_Decided]) -> None:
        """What follows from outcomes: counts of the day, reports that are known already, refunds of singles."""
        for organization_id, own in sorted(_groups(decided, [claimed.organization_id for claimed, _ in decided])):
            results = [result for _, result in own]
            count_sent(session, organization_id, self._channel, count_results(results).accepted)
            park_reports(session, organization_id, self._provider, results)
            keep_references(session, organization_id, self._provider, results)
        listeners = find_listeners(session, {claimed.organization_id for claimed, _ in decided}) if decided else {}
        tell_results(session, self._channel, [result for _, result in decided], listeners)
        refunds = [pair for pair in decided if pair[0].run_id is None and _refundable([pair])]
        for claimed, result in sorted(refunds, key=lambda pair: (pair[0].organization_id, pair[1].id)):
            post(
                session,
                claimed.organization_id,
                kind="refund",
                amount=claimed.cost,
                key=f"refund:{result.id}",
                reason="A message that no provider accepted",
                message_id=result.id,
            )


def flag_lost(database: Database, *, limit: int = 500) -> int:
    """Flag as uncertain what was claimed by couriers that are gone; returns how many messages."""
    with database.transaction(None, silent_seconds=SILENT_SECONDS) as session:
        lost = outbox.take_lost(session, limit=limit)
        places = Counter(message.counted_in for message in lost if message.counted_in is not None)
        count_decided(session, {place: (Counts(uncertain=count), Decimal(0)) for place, count in places.items()})
    return len(lost)


def _locked_runs(session: Session, claims: Sequence[Claimed]) -> list[Run]:
    """The runs of these claims, locked: before chunks and messages, as everywhere."""
    organizations = {claimed.run_id: claimed.organization_id for claimed in claims if claimed.run_id}
    return [lock_run(session, organizations[run_id], run_id) for run_id in sorted(organizations)]


def _settle_ended(session: Session, runs: Sequence[Run]) -> None:
    """Refund what no provider has, and have the results written anew, of runs that had ended already."""
    for run in runs:
        if run.finished_at is not None:
            settle_run(session, run)
            run.results_blob_id = None


def _by_run(decided: Sequence[_Decided]) -> list[tuple[Place, list[_Decided]]]:
    in_runs = [(pair, pair[0].counted_in) for pair in decided]
    return _groups([pair for pair, place in in_runs if place], [place for _, place in in_runs if place])


def _groups(decided: Sequence[_Decided], keys: Sequence[_K]) -> list[tuple[_K, list[_Decided]]]:
    groups: dict[_K, list[_Decided]] = defaultdict(list)
    for key, pair in zip(keys, decided, strict=True):
        groups[key].append(pair)
    return list(groups.items())


def _refundable(decided: Sequence[_Decided]) -> Decimal:
    return sum((claimed.cost for claimed, result in decided if result.state in _REFUNDABLE), Decimal(0))
