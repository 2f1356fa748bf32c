"""Domains and campaigns of SMS; who is asked, and how long a payload may be."""

from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest

from api.documentation.webhooks import EXAMPLES
from models.rules.ids import new_id
from models.rules.webhooks import PAYLOAD_BYTES_MAX, EventType
from models.store.campaign_states import complete_reported
from models.store.email_domains import queue_verification
from models.store.webhook_deliveries import WebhookEvent
from models.tables import Campaign, EmailDomain, Run
from tasks.domains.keys import with_key
from tasks.domains.verifying import run_verification
from tasks.reports.replies import apply_replies
from tasks.webhooks.telling import KnownListeners
from tests.support.inbound import write_back
from tests.support.outbox import send_everything, singles
from tests.support.webhooks import add_endpoint, told

_URL = "https://hooks.example.com/"


@pytest.fixture
def engine(make_engine):
    made = make_engine(contacts=1)
    add_endpoint(made.database, made.settings, made.organization_id, _URL, list(EventType))
    return made


def _told(engine) -> list[tuple[str, dict]]:
    return told(engine.database, engine.organization_id)


def test_a_domain_that_is_looked_at_is_told_when_that_changes_it(engine):
    domain_id = new_id()
    with engine.database.transaction(None) as session:
        domain = EmailDomain(id=domain_id, organization_id=engine.organization_id, domain="news.example.org")
        session.add(domain)
        session.flush()
        with_key(session, domain, engine.settings)
    for _ in range(2):
        with engine.database.transaction(None) as session:
            _, run = queue_verification(session, engine.organization_id, domain_id)
        run_verification(engine.database, run.id, engine.settings, lookup=lambda _: ())
    events = _told(engine)
    assert [type_ for type_, _ in events] == ["domain.failed"] * 2  # failed, pending again by the request, failed again
    assert events[0][1].keys() == EXAMPLES[EventType.DOMAIN_FAILED][1].keys()
    assert (events[0][1]["domain"], events[0][1]["status"]) == ("news.example.org", "failed")


def test_a_campaign_of_sms_that_has_its_reports_is_told_to_be_completed(engine):
    campaign_id, run_id = new_id(), new_id()
    with engine.database.transaction(None) as session:
        organization = {"organization_id": engine.organization_id}
        session.add(Campaign(id=campaign_id, name="SMS", channel="sms", status="sent", run_id=run_id, **organization))
        session.flush()
        session.add(Run(id=run_id, kind="campaign", campaign_id=campaign_id, started_by="api", **organization))
    with engine.database.transaction(None) as session:
        assert list(complete_reported(session, report_hours=72)) == [campaign_id]
    ((type_, data),) = _told(engine)
    assert (type_, data["id"], data["status"]) == ("campaign.completed", str(campaign_id), "completed")


def test_what_somebody_writes_back_is_told(engine):
    singles(engine, "sms", ["+37061234567"])
    send_everything(engine, "sms")
    write_back(engine.database, "+37061234567", "+37069900000", "Stop!")
    apply_replies(engine.database)
    (data,) = [data for type_, data in _told(engine) if type_ == "sms.received"]
    assert data.keys() == EXAMPLES[EventType.SMS_RECEIVED][1].keys()
    assert (data["sender"], data["text"], data["keyword"]) == ("+37061234567", "Stop!", "stop")


def test_a_sender_asks_who_listens_every_two_seconds_and_not_with_each_window(make_engine):
    engine = make_engine(contacts=1)
    known = KnownListeners()
    with engine.database.transaction(None) as session:
        assert known.now(session, engine.organization_id) == {}
    add_endpoint(engine.database, engine.settings, engine.organization_id, _URL, list(EventType))
    with engine.database.transaction(None) as session:
        assert known.now(session, engine.organization_id) == {}
        known._ask_at -= 2.0
        assert len(known.now(session, engine.organization_id)[engine.organization_id]) == 1


def test_what_is_too_long_goes_without_what_the_client_knows():
    metadata = {str(no): "x" * 10_000 for no in range(10)}
    event = WebhookEvent(
        uuid4(), "email.sent", datetime(2026, 1, 15, tzinfo=UTC), {"id": uuid4(), "metadata": metadata}
    )
    assert len(event.payload()) < PAYLOAD_BYTES_MAX
    assert orjson.loads(event.payload())["data"]["metadata"] is None
