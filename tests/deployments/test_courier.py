"""The courier's duties, where others are at the same thing, and where one item fails."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from deployments import courier as courier_module
from deployments import courier_hours
from deployments.courier import Courier
from models.pipelines import VERIFY_DOMAIN, VerifyDomain
from models.rules.lifecycle import CampaignStatus
from models.session import Database, Role
from models.store.blobs import write_blob
from models.store.campaign_states import due_campaigns, move_campaign
from models.store.email_domains import create_domain, queue_verification
from tasks.runs.control import cancel_campaign
from tests.support.engine import Engine


@pytest.fixture
def engine(settings) -> Iterator[Engine]:
    database = Database(settings, Role.ENGINE)
    # Nothing listens there: Prefect is away.
    yield Engine.create(settings.with_values(prefect_api_url="http://127.0.0.1:9/api"), database, contacts=3)
    database.close()


@pytest.fixture
def courier(engine) -> Iterator[Courier]:
    courier = Courier(engine.settings)
    yield courier
    courier.stop()


def _scheduled(engine: Engine, *, minutes_ago: float = 1) -> UUID:
    return engine.campaign(status="scheduled", scheduled_at=datetime.now(UTC) - timedelta(minutes=minutes_ago))


def _state(engine: Engine, campaign_id: UUID) -> tuple[str, int]:
    """The campaign's status, and how many runs it has."""
    with engine.database.transaction(None) as session:
        row = session.execute(
            text(
                "SELECT status, (SELECT count(*) FROM runs r WHERE r.campaign_id = c.id) FROM campaigns c WHERE id = :c"
            ),
            {"c": campaign_id},
        ).one()
    return row[0], row[1]


def _meanwhile(monkeypatch: pytest.MonkeyPatch, what) -> None:
    """Do something between the courier's look for due campaigns and what it does with them."""

    def look(session, **values):
        found = due_campaigns(session, **values)
        what()
        return found

    monkeypatch.setattr(courier_hours, "due_campaigns", look)


def test_a_campaign_is_sent_at_its_hour(engine, courier):
    campaign = _scheduled(engine)
    courier.tick()
    assert _state(engine, campaign) == ("sending", 1)


def test_a_campaign_that_somebody_else_sent_a_moment_before_is_not_failed(engine, courier, monkeypatch):
    campaign = _scheduled(engine)
    _meanwhile(monkeypatch, lambda: engine.accept(campaign))
    courier.tick()
    assert _state(engine, campaign) == ("sending", 1)


def test_a_campaign_that_was_unscheduled_a_moment_before_stays_a_draft(engine, courier, monkeypatch):
    campaign = _scheduled(engine)

    def unschedule() -> None:
        with engine.database.transaction(None) as session:
            move_campaign(session, engine.organization_id, campaign, CampaignStatus.DRAFT, scheduled_at=None)

    _meanwhile(monkeypatch, unschedule)
    courier.tick()
    assert _state(engine, campaign) == ("draft", 0)


def test_a_campaign_that_was_put_off_a_moment_before_waits(engine, courier, monkeypatch):
    campaign = _scheduled(engine)

    def put_off() -> None:
        with engine.database.transaction(None) as session:
            session.execute(text("UPDATE campaigns SET scheduled_at = now() + interval '1 day'"))

    _meanwhile(monkeypatch, put_off)
    courier.tick()
    assert _state(engine, campaign) == ("scheduled", 0)


@pytest.mark.parametrize(("minutes_ago", "status"), [(59, "sending"), (61, "failed")])
def test_more_than_an_hour_late_is_not_sent_any_more(engine, courier, minutes_ago, status):
    campaign = _scheduled(engine, minutes_ago=minutes_ago)
    courier.tick()
    assert _state(engine, campaign)[0] == status


def test_a_campaign_without_credits_at_its_hour_fails_with_the_reason(engine, courier):
    campaign = _scheduled(engine)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE organizations SET balance = 0"))
    courier.tick()
    assert _state(engine, campaign) == ("failed", 0)


def test_one_campaign_that_breaks_does_not_keep_the_others_from_their_hour(engine, courier, monkeypatch):
    broken, good = _scheduled(engine, minutes_ago=2), _scheduled(engine)
    accept = courier_hours.accept_campaign

    def accept_or_break(session, organization_id, campaign_id, **values):
        if campaign_id == broken:
            raise RuntimeError("broken")
        return accept(session, organization_id, campaign_id, **values)

    monkeypatch.setattr(courier_hours, "accept_campaign", accept_or_break)
    courier.tick()
    assert [_state(engine, campaign)[0] for campaign in (broken, good)] == ["scheduled", "sending"]


def test_one_run_that_cannot_be_closed_does_not_keep_the_others_from_it(engine, courier, monkeypatch):
    runs = [engine.planned() for _ in range(3)]
    with engine.database.transaction(None) as session:
        for run in runs:
            cancel_campaign(session, engine.organization_id, run.campaign_id)
    close = courier_module.close_run

    def close_or_break(database, run_id):
        if run_id == runs[0].id:
            raise RuntimeError("broken")
        return close(database, run_id)

    monkeypatch.setattr(courier_module, "close_run", close_or_break)
    courier.tick()
    assert [engine.run(run).state for run in runs] == ["closing", "cancelled", "cancelled"]


def test_answers_are_kept_for_a_day_and_no_longer(engine, courier):
    with engine.database.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO idempotency_keys (organization_id, key, request_hash, status, answer, made_at)
                SELECT :organization, hours::text, '', 200, '{}', now() - make_interval(hours => hours)
                FROM unnest(ARRAY[1, 23, 24, 25]) AS hours
            """),
            {"organization": engine.organization_id},
        )
    courier.tick()
    with engine.database.transaction(None) as session:
        kept = session.execute(text("SELECT key FROM idempotency_keys ORDER BY key")).scalars().all()
    assert kept == ["1", "23"]


def test_files_are_removed_when_their_time_is_over(engine, courier):
    with engine.database.transaction(None) as session:
        kept, _over = (
            write_blob(session, engine.organization_id, b"x", media_type="text/csv", keep=timedelta(hours=hours))
            for hours in (1, -1)
        )
    courier.tick()
    with engine.database.transaction(None) as session:
        assert session.execute(text("SELECT id FROM blobs")).scalars().all() == [kept]
        assert session.execute(text("SELECT blob_id FROM blob_parts")).scalars().all() == [kept]


def test_a_domain_whose_check_nobody_started_is_checked(engine, courier, monkeypatch):
    started = []
    monkeypatch.setattr(courier_module, "start_flow", lambda _, *what, **__: started.append(what))
    with engine.database.transaction(None) as session:
        domain = create_domain(session, engine.organization_id, {"domain": "news.example.com"})
        run = queue_verification(session, engine.organization_id, domain.id)[1]
        session.execute(text("UPDATE runs SET alive_at = now() - interval '1 minute'"))
    courier.tick()
    assert started == [(VERIFY_DOMAIN, VerifyDomain(run_id=run.id))]
