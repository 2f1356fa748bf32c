"""What reports do to recipients: suppressions, contacts, bounces in a row."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from models.rules.reports import ReportKind
from models.tables import Contact, Message, Suppression
from tests.support.engine import Engine
from tests.support.reports import Said, report

BOUNCED, DELIVERED = ReportKind.BOUNCED, ReportKind.DELIVERED
HARD, SOFT = {"bounce_type": "hard"}, {"bounce_type": "soft"}
ADDRESS = "silent+1@example.com"


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    """One person, to whom one message was sent."""
    engine = make_engine(people=["silent+1"])
    engine.send(engine.planned())
    return engine


def _suppressions(engine: Engine) -> list[tuple]:
    with engine.database.transaction(None) as session:
        rows = session.execute(select(Suppression).where(Suppression.organization_id == engine.organization_id))
        return [(row.recipient, row.reason, row.expires_at) for row in rows.scalars()]


def _contact_status(engine: Engine) -> str:
    with engine.database.transaction(None) as session:
        return session.execute(
            select(Contact.status).where(Contact.organization_id == engine.organization_id)
        ).scalar_one()


@pytest.mark.parametrize(
    ("kind", "payload", "reason", "status"),
    [
        (BOUNCED, HARD, "hard_bounce", "bounced"),
        (ReportKind.COMPLAINED, {}, "complaint", "complained"),
        (ReportKind.UNSUBSCRIBED, {}, "unsubscribed", "unsubscribed"),
    ],
)
def test_it_suppresses_at_once_and_sets_the_contact(engine: Engine, kind, payload, reason, status) -> None:
    report(engine, Said(ADDRESS, kind, 0, payload))
    assert _suppressions(engine) == [(ADDRESS, reason, None)]
    assert _contact_status(engine) == status


def test_what_somebody_put_on_the_list_stays_theirs(engine: Engine) -> None:
    engine.suppress(ADDRESS)
    report(engine, Said(ADDRESS, BOUNCED, 0, HARD))
    assert _suppressions(engine) == [(ADDRESS, "manual", None)]
    assert _contact_status(engine) == "bounced"


_FURTHER = """
    INSERT INTO messages (id, made_on, organization_id, content_id, channel, recipient, dedupe_key, position, state,
                          cost, sent_at)
    SELECT (left(id::text, 35) || last)::uuid, made_on, organization_id, content_id, channel, recipient, last, 0,
           'accepted', 0, now()
    FROM messages, unnest(CAST(:last AS text[])) AS last WHERE run_id IS NOT NULL
"""


def _send_more(engine: Engine, last: str) -> None:
    """Further messages to the same address, accepted; `last` are the last digits of their ids."""
    with engine.database.transaction(None) as session:
        session.execute(text(_FURTHER), {"last": list(last)})


def _bounce_all(engine: Engine, second: int = 0) -> None:
    """A soft bounce of each message, a second apart."""
    with engine.database.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO incoming_events (id, organization_id, provider, key, message_id, kind, occurred_at, payload)
                SELECT gen_random_uuid(), organization_id, 'test', id || :key, id, 'bounced',
                       timestamptz '2026-01-15 10:30+00' + make_interval(secs => :second + row_number() OVER ()),
                       '{"bounce_type": "soft"}' FROM messages
            """),
            {"second": second, "key": f":{second}"},
        )
    report(engine)


def test_five_soft_bounces_in_a_row_suppress_for_thirty_days(engine: Engine) -> None:
    _send_more(engine, "123")
    _bounce_all(engine)
    _bounce_all(engine, 100)  # the same four messages again
    assert _suppressions(engine) == []
    _send_more(engine, "f")
    _bounce_all(engine, 200)
    [(recipient, reason, expires_at)] = _suppressions(engine)
    assert (recipient, reason) == (ADDRESS, "soft_bounce")
    assert expires_at - timedelta(days=30) > Said(ADDRESS, BOUNCED, 200).occurred_at
    assert _contact_status(engine) == "active"


def test_a_delivery_in_between_begins_the_row_anew(engine: Engine) -> None:
    _send_more(engine, "123")
    _bounce_all(engine)
    _send_more(engine, "f")
    with engine.database.transaction(None) as session:
        last = session.execute(select(Message.id).order_by(Message.id.desc()).limit(1)).scalar_one()
        session.execute(
            text("""
                INSERT INTO incoming_events (id, organization_id, provider, key, message_id, kind, occurred_at)
                VALUES (gen_random_uuid(), :organization, 'test', 'd', :id, 'delivered', now())
            """),
            {"organization": engine.organization_id, "id": last},
        )
    report(engine)
    with engine.database.transaction(None) as session:
        assert session.execute(text("SELECT count(*) FROM soft_bounces")).scalar_one() == 0
    assert _suppressions(engine) == []
