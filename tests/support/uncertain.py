"""Uncertain messages, for tests of the engine: made, ripened, judged, and every promise checked again."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from models.rules.lifecycle import Channel, MessageState
from models.rules.uncertainty import Decision, Verdict
from models.store.incoming_events import park_reports
from models.store.messages import Result
from models.tables import Run
from tasks.providers.base import Provider
from tasks.providers.sandbox_reports import DELIVERED
from tasks.runs.uncertain import resolve_run
from tasks.sending.resolving import Resolver
from tests.support.engine import Engine


def ripen(engine: Engine) -> None:
    """Let the providers' time to answer be over for all uncertain messages."""
    long_ago = "now() - interval '1 hour'"
    with engine.database.transaction(None) as session:
        session.execute(text(f"UPDATE uncertain_messages SET since = {long_ago}, judge_at = {long_ago}"))


def choose(engine: Engine, policy: str | None) -> None:
    """Let the organization choose a policy."""
    with engine.database.transaction(None) as session:
        session.execute(
            text("UPDATE organizations SET uncertain_policy = :policy WHERE id = :id"),
            {"policy": policy, "id": engine.organization_id},
        )


def resolve(engine: Engine, opened: Callable[..., Provider] | None = None, **options: Any) -> Counter[Verdict]:
    """Judge what is due, as a courier does."""
    resolver = Resolver(engine.database, engine.settings, **({} if opened is None else {"open_provider": opened}))
    return resolver.resolve_due(**options)


def check_counters(engine: Engine, run: Run) -> None:
    """Counters = recount, every cent, the list = what is uncertain."""
    with engine.database.transaction(None) as session:
        row = session.execute(
            text("""
                SELECT (SELECT jsonb_build_array(sum(accepted), sum(failed), sum(suppressed), sum(cancelled),
                                                 sum(uncertain)) FROM chunks WHERE run_id = :run) AS counted,
                       (SELECT jsonb_build_array(
                            count(*) FILTER (WHERE state IN ('accepted', 'delivered', 'bounced')),
                            count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'suppressed'),
                            count(*) FILTER (WHERE state = 'cancelled'), count(*) FILTER (WHERE state = 'uncertain'))
                        FROM messages WHERE run_id = :run) AS recounted,
                       (SELECT coalesce(sum(refundable), 0) FROM chunks WHERE run_id = :run) AS refundable,
                       (SELECT coalesce(sum(cost), 0) FROM messages
                        WHERE run_id = :run AND state IN ('failed', 'suppressed', 'cancelled')) AS undelivered,
                       (SELECT coalesce(sum(amount), 0) FROM ledger_entries) AS ledger,
                       (SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM messages
                        WHERE run_id = :run AND state = 'uncertain') AS uncertain,
                       (SELECT coalesce(array_agg(message_id ORDER BY message_id), '{}') FROM uncertain_messages
                        WHERE run_id = :run) AS listed,
                       (SELECT coalesce(sum(sent), 0) FROM daily_counts) AS sent,
                       (SELECT count(*) FROM messages WHERE sent_at IS NOT NULL) AS really_sent
            """),
            {"run": run.id},
        ).one()
    assert row.counted == row.recounted
    assert row.refundable == row.undelivered
    assert row.ledger == engine.balance() >= 0
    assert row.uncertain == row.listed
    assert row.sent == row.really_sent
    now = engine.run(run)
    if now.finished_at is not None:
        assert now.refunded == row.undelivered


def ended_run(engine: Engine) -> Run:
    """A completed run through the sandbox: six uncertain messages and four accepted ones of ten."""
    run = engine.planned()
    engine.send(run)
    engine.close(run)
    assert engine.states(run) == {"uncertain": 6, "accepted": 4}
    check_counters(engine, run)
    return run


def uncertain_ids(engine: Engine, run: Run) -> list[UUID]:
    """Ids of the run's uncertain messages."""
    found = "SELECT id FROM messages WHERE run_id = :run AND state = 'uncertain' ORDER BY id"
    with engine.database.transaction(None) as session:
        return list(session.execute(text(found), {"run": run.id}).scalars())


def decide(
    engine: Engine,
    run: Run,
    decision: Decision,
    ids: Sequence[UUID] | None = None,
    *,
    channel: Channel = Channel.EMAIL,
) -> int:
    """A person decides; how many messages were uncertain."""
    values = {"message_ids": ids, "settings": engine.settings, "actor": "test"}
    with engine.database.transaction(engine.organization_id) as session:
        return resolve_run(session, engine.organization_id, run.id, channel, decision, **values)  # type: ignore[arg-type]


def report(engine: Engine, ids: Sequence[UUID]) -> None:
    """The provider reports now that it delivered these messages, and nothing else."""
    delivered = (replace(DELIVERED, after_seconds=0.0),)
    results = [Result(id_, 0, MessageState.ACCEPTED, reports=delivered) for id_ in ids]
    with engine.database.transaction(None) as session:
        session.execute(text("DELETE FROM incoming_events"))
        park_reports(session, engine.organization_id, "sandbox", results)
