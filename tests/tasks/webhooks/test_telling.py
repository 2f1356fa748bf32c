"""What is told of messages, campaigns and domains: in the transaction that records it, once, to who asked for it."""

import contextlib
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import text

from api.documentation.webhooks import EXAMPLES
from models.rules.lifecycle import MessageState, RunKind
from models.rules.reports import ReportKind
from models.rules.webhooks import EventType
from models.store.messages import Result
from models.store.organizations import create_organization
from models.store.webhook_endpoints import find_listeners
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tasks.webhooks.telling import tell_results
from tests.support.outbox import send_everything, singles, small_run
from tests.support.reports import Said, report
from tests.support.webhooks import add_endpoint, told

_URL = "https://hooks.example.com/"
PEOPLE = ("silent", "reject", "uncertain")


@pytest.fixture
def engine(make_engine):
    return make_engine(people=PEOPLE)


def _listen(engine, *types: EventType) -> UUID:
    return add_endpoint(engine.database, engine.settings, engine.organization_id, _URL, types or list(EventType))[0]


def _told(engine) -> list[tuple[str, dict]]:
    return told(engine.database, engine.organization_id)


def _is_as_documented(events: list[tuple[str, dict]]) -> None:
    """The fields that are always there are those of the examples; others are in them too."""
    for type_, data in events:
        example = EXAMPLES[EventType(type_)][1]
        optional = {"user_agent", "ip", "url", "is_machine", "code", "reason", "bounce_type"}
        assert set(example) - optional <= set(data) <= set(example) | optional, type_


def test_a_campaign_tells_what_became_of_each_message_and_of_itself(engine):
    _listen(engine)
    run = engine.planned()
    engine.send(run)
    engine.close(run)
    events = _told(engine)
    _is_as_documented(events)
    kinds = Counter(type_ for type_, _ in events)
    assert kinds == {"campaign.started": 1, "email.sent": 1, "email.failed": 1, "campaign.completed": 1}
    by_type = dict(events)
    assert by_type["email.sent"]["to_email"] == "silent@example.com"
    assert by_type["email.sent"]["campaign_id"] == by_type["campaign.started"]["id"] == str(run.campaign_id)
    assert by_type["email.failed"]["error_code"]


def test_nothing_is_told_to_who_did_not_ask(engine):
    _listen(engine, EventType.EMAIL_SENT, EventType.DOMAIN_FAILED)
    engine.send(engine.planned())
    assert [type_ for type_, _ in _told(engine)] == ["email.sent"]


def test_nor_to_another_organization_nor_to_one_that_is_switched_off(engine):
    with engine.database.transaction(None) as session:
        globex = create_organization(session, name="Globex").id
    add_endpoint(engine.database, engine.settings, globex, _URL, list(EventType))
    off = _listen(engine)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE webhook_endpoints SET is_active = false WHERE id = :id"), {"id": off})
    engine.send(engine.planned())
    report(engine, Said("silent@example.com", ReportKind.DELIVERED))
    assert (_told(engine), told(engine.database, globex)) == ([], [])


def test_each_endpoint_is_told_under_one_id(engine):
    for _ in range(2):
        _listen(engine, EventType.EMAIL_SENT)
    engine.send(engine.planned())
    with engine.database.transaction(None) as session:
        ids = session.execute(text("SELECT event_id FROM webhook_deliveries")).scalars().all()
    assert (len(ids), len(set(ids))) == (2, 1)


def test_the_outbox_tells_too(engine):
    _listen(engine, EventType.EMAIL_SENT, EventType.SMS_SENT, EventType.SMS_FAILED)
    singles(engine, "sms", ["+37061234567"])
    send_everything(engine, "sms")
    small_run(engine, RunKind.BATCH, ["ann@example.com"])
    send_everything(engine, "email")
    events = dict(_told(engine))
    _is_as_documented(list(events.items()))
    assert (events["sms.sent"]["recipient"], events["sms.sent"]["campaign_id"]) == ("+37061234567", None)
    assert (events["email.sent"]["to_email"], events["email.sent"]["batch_id"] is None) == ("ann@example.com", False)


def test_reports_are_told_once_each(engine):
    _listen(engine)
    engine.send(engine.planned())
    before = len(_told(engine))
    bounce = {"bounce_type": "hard", "code": "5.1.1", "reason": "x" * 9000, "secret of the provider": 1}
    click = {"url": "https://example.com/", "user_agent": "curl/8", "ip": "198.51.100.7", "proxy": True}
    to = "silent@example.com"
    said = [
        Said(to, ReportKind.DELIVERED, 1),
        Said(to, ReportKind.CLICKED, 2, click),
        Said(to, ReportKind.BOUNCED, 3, bounce),
        Said(to, ReportKind.COMPLAINED, 4),
        Said(to, ReportKind.UNSUBSCRIBED, 5),
    ]
    report(engine, *said, *said)
    report(engine, *said)
    events = _told(engine)[before:]
    _is_as_documented(events)
    assert sorted(type_ for type_, _ in events) == sorted(f"email.{each.kind}" for each in said)
    by_type = dict(events)
    assert by_type["email.clicked"]["is_machine"] is True
    assert len(by_type["email.bounced"]["reason"]) == 2000
    assert "secret of the provider" not in by_type["email.bounced"]


def test_a_report_that_proves_a_message_was_sent_tells_that_first(engine):
    _listen(engine)
    engine.send(engine.planned())
    before = _told(engine)
    report(engine, Said("uncertain@example.com", ReportKind.DELIVERED, 1))
    assert [type_ for type_, _ in _told(engine)[len(before) :]] == ["email.sent", "email.delivered"]


@pytest.mark.parametrize(
    ("kind", "type_"),
    [(ReportKind.DELIVERED, "sms.delivered"), (ReportKind.FAILED, "sms.undelivered"),
     (ReportKind.EXPIRED, "sms.expired"), (ReportKind.UNSUBSCRIBED, "sms.unsubscribed")],
)  # fmt: skip
def test_reports_of_sms_have_names_of_their_own(engine, kind, type_):
    _listen(engine)
    singles(engine, "sms", ["+37061234567"])
    send_everything(engine, "sms")
    report(engine, Said("+37061234567", kind))
    events = _told(engine)
    _is_as_documented(events)
    assert type_ in dict(events)


def test_a_result_that_is_recorded_twice_is_told_once(engine):
    _listen(engine)
    run = engine.planned()
    engine.send(run)
    before = _told(engine)
    with engine.database.transaction(None) as session:
        rows = session.execute(text("SELECT id, position, state FROM messages ORDER BY position")).all()
        results = [Result(id_, position, MessageState.ACCEPTED) for id_, position, _ in rows]
        tell_results(session, "email", results, find_listeners(session, [engine.organization_id]))
    events = [data["to_email"] for type_, data in _told(engine)[len(before) :]]
    assert "silent@example.com" not in events  # told before
    assert "reject@example.com" not in events  # it failed, whatever comes late


def test_moves_of_a_campaign_are_told_with_the_move_and_not_without_it(engine):
    _listen(engine)
    run = engine.planned()
    with engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id, reason="Too many bounces")
    with engine.database.transaction(None) as session:
        resume_campaign(session, engine.organization_id, run.campaign_id)
    with contextlib.suppress(KeyboardInterrupt), engine.database.transaction(None) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id)
        raise KeyboardInterrupt
    with engine.database.transaction(None) as session:
        cancel_campaign(session, engine.organization_id, run.campaign_id)
    events = _told(engine)
    _is_as_documented(events)
    assert [(type_, data["reason"]) for type_, data in events] == [
        ("campaign.started", None),
        ("campaign.paused", "Too many bounces"),
        ("campaign.resumed", None),
        ("campaign.cancelled", None),
    ]
