"""What becomes of messages of which nobody knows: decided by people, by the provider's word, or by the policy.

A message is on the list since its lease or claim is over; the policy looks at it when its provider's time to answer is
over as well. Everything is decided in one transaction under the run's lock, by one UPDATE of what is still `uncertain`,
so that it is done once, whoever tries, and a report that comes at the same time wins or comes too late.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from models.errors import SetupError
from models.rules.lifecycle import Channel, MessageState, RunState
from models.rules.uncertainty import Decision, Doubt, Knowledge, Verdict, judge
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store import uncertain as store
from models.store.ledger import post
from models.store.rollups import count_by_day
from models.store.runs import lock_run, settle_run
from models.store.uncertain import Group, Uncertain
from models.tables import Run
from tasks.providers.base import Outcome, OutcomeKind, Sought
from tasks.providers.registry import open_provider
from tasks.sending.known_accounts import KnownAccounts, OpenProvider
from tasks.webhooks.telling import tell_resolved

log = logging.getLogger(__name__)

_AT_ONCE = 1000
_AGAIN_SECONDS = 30.0  # a run that is paused, a provider that cannot be asked, an answer that may still come
_KNOWN = {
    OutcomeKind.ACCEPTED: Knowledge.TAKEN,
    OutcomeKind.REJECTED: Knowledge.REFUSED,
    OutcomeKind.UNSENT: Knowledge.NEVER_CAME,
}
_MOVES = {
    Verdict.ACCEPT: MessageState.ACCEPTED,
    Verdict.FAIL: MessageState.FAILED,
    Verdict.RESEND: MessageState.PLANNED,
}
UNANSWERED = "unanswered"
"""The error code of a message that failed since nobody knows whether it was taken."""


@dataclass(slots=True)
class Resolver:
    """Judges what is due. One object for a process; calls one at a time."""

    database: Database
    settings: Settings
    open_provider: OpenProvider = open_provider
    _known: dict[Channel, KnownAccounts] = field(default_factory=dict)

    def resolve_due(self, *, limit: int = _AT_ONCE, only: UUID | None = None) -> Counter[Verdict]:
        """Judge at most `limit` messages, of all or of `only` one run or single; how many of each verdict."""
        with self.database.transaction(None) as session:
            known = [found for channel in Channel if (found := self._accounts(session, channel)) is not None]
            waits = {accounts.channel: accounts.answer_timeout_seconds for accounts in known}
            groups = store.due_groups(session, waits, limit=limit, only=only)
        done: Counter[Verdict] = Counter()
        for group in groups:
            answers = self._ask(group)
            try:
                with self.database.transaction(None) as session:
                    done += self._judge(session, group, answers, waits[group.channel])
            except DATABASE_AWAY:
                raise
            except Exception:  # one that cannot be judged must not keep the others from it
                log.exception("%s uncertain messages of run %s are judged later.", len(group.ids), group.run_id)
                with self.database.transaction(None) as session:
                    store.look_again(session, group.ids, _AGAIN_SECONDS)
        return done

    def _accounts(self, session: Session, channel: Channel) -> KnownAccounts | None:
        """What sends the channel, to ask what it can. Without it nothing of the channel is judged."""
        try:
            if channel not in self._known:
                self._known[channel] = KnownAccounts(self.settings, channel, self.open_provider)
            self._known[channel].look(session)
        except SetupError as error:
            log.warning("Uncertain messages (%s) are left alone: %s", channel, error)
            return None
        return self._known[channel]

    def _ask(self, group: Group) -> Mapping[UUID, Outcome] | None:
        """What their accounts know of them, where they can be asked; None when one did not answer.

        Any account of the route may have had what no account is known of: that it never came must be the word of all.
        """
        known = self._known[group.channel]
        if not known.can_look_up:
            return {}
        with self.database.transaction(None) as session:
            undecided = store.read_undecided(session, group.ids)
        may_have = {id_: known.may_have(provider, group.organization_id) for id_, _, provider in undecided}
        answers: dict[UUID, list[Outcome]] = defaultdict(list)
        for name in {name for names in may_have.values() for name in names}:
            sought = [Sought(id_, recipient) for id_, recipient, _ in undecided if name in may_have[id_]]
            try:
                found = known.look_up(name, sought)
            except Exception as error:
                log.warning("%s could not be asked for %s messages: %s", name, len(sought), error)
                return None
            for id_, outcome in found.items():
                answers[id_].append(outcome)
        merged = {id_: _merged(outcomes, len(may_have[id_])) for id_, outcomes in answers.items()}
        return {id_: outcome for id_, outcome in merged.items() if outcome is not None}

    def _judge(
        self, session: Session, group: Group, answers: Mapping[UUID, Outcome] | None, wait_seconds: float
    ) -> Counter[Verdict]:
        run = None if group.run_id is None else lock_run(session, group.organization_id, group.run_id)
        verdicts: dict[Verdict, list[Uncertain]] = defaultdict(list)
        for message in store.lock_uncertain(session, group.ids, wait_seconds=wait_seconds):
            verdicts[self._verdict(message, run, answers)].append(message)
        for verdict in Verdict:
            if own := verdicts[verdict]:
                _carry_out(session, verdict, run, own, answers or {})
        if run is not None and run.finished_at is not None and any(verdicts[verdict] for verdict in _MOVES):
            settle_run(session, run)
            run.results_blob_id = None
        return Counter({verdict: len(own) for verdict, own in verdicts.items()})

    def _verdict(self, message: Uncertain, run: Run | None, answers: Mapping[UUID, Outcome] | None) -> Verdict:
        if message.decision is None and answers is None:
            return Verdict.WAIT
        if message.decision is not Decision.ACCEPT and message.decision is not Decision.FAIL and not message.is_ripe:
            return Verdict.WAIT
        known = self._known[message.channel]
        outcome = None if answers is None else answers.get(message.id)
        doubt = Doubt(
            channel=message.channel,
            run_state=None if run is None else RunState(run.state),
            policy=message.policy,
            has_key=known.knows_key(message.provider, message.organization_id),
            resends=message.resends,
            decision=message.decision,
            knowledge=None if outcome is None else _KNOWN.get(outcome.kind),
        )
        return judge(doubt, most_resends=self.settings.retry_attempts - 1)


def _merged(outcomes: Sequence[Outcome], asked: int) -> Outcome | None:
    """What several accounts say together of a message that any one of them may have had."""
    for kind in (OutcomeKind.ACCEPTED, OutcomeKind.REJECTED):
        if (found := next((outcome for outcome in outcomes if outcome.kind is kind), None)) is not None:
            return found
    return outcomes[0] if len(outcomes) == asked else None


def _carry_out(
    session: Session,
    verdict: Verdict,
    run: Run | None,
    messages: Sequence[Uncertain],
    answers: Mapping[UUID, Outcome],
) -> None:
    if verdict is Verdict.HOLD:
        return store.hold(session, [message.id for message in messages])
    if verdict is Verdict.WAIT:
        return store.look_again(session, [message.id for message in messages], _AGAIN_SECONDS)
    target = _MOVES[verdict]
    for (code, detail), own in _by_reason(verdict, messages, answers).items():
        store.move(session, own, target, code=code, detail=detail)
        tell_resolved(session, own, target, code=code, detail=detail)
    if run is not None:
        store.count_moved(session, run.id, messages, target)
    if verdict is Verdict.ACCEPT:
        _count_accepted(session, messages)
    elif verdict is Verdict.RESEND:
        store.enqueue_again(session, None if run is None else run.id, messages)
    elif run is None:
        _refund(session, messages)
    return None


def _by_reason(
    verdict: Verdict, messages: Sequence[Uncertain], answers: Mapping[UUID, Outcome]
) -> Mapping[tuple[str | None, str | None], list[Uncertain]]:
    """The messages by the error code and words that they get."""
    groups: dict[tuple[str | None, str | None], list[Uncertain]] = defaultdict(list)
    for message in messages:
        reason: tuple[str | None, str | None] = (None, None)
        if verdict is Verdict.FAIL:
            outcome = answers.get(message.id)
            if message.decision is not None:
                reason = (UNANSWERED, "Handed over, and no answer is known: resolved as failed by a person.")
            elif outcome is not None:
                reason = (outcome.code or "refused", outcome.detail)
            else:
                reason = (UNANSWERED, "Handed over, and no answer is known: failed by the organization's policy.")
        groups[reason].append(message)
    return groups


def _count_accepted(session: Session, messages: Sequence[Uncertain]) -> None:
    days: Counter[tuple[UUID, str, date]] = Counter()
    for message in messages:
        days[message.organization_id, message.channel.value, message.tried_on] += 1
    count_by_day(session, {key: {"sent": count} for key, count in days.items()})


def _refund(session: Session, singles: Sequence[Uncertain]) -> None:
    for message in sorted(singles, key=lambda each: (each.organization_id, each.id)):
        if message.cost:
            post(
                session,
                message.organization_id,
                kind="refund",
                amount=message.cost,
                key=f"refund:{message.id}",
                reason="A message of which no answer is known",
                message_id=message.id,
            )
