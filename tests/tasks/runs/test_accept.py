from decimal import Decimal

import pytest
from sqlalchemy import text

from models.errors import IllegalState, InsufficientCredits, InvalidInput
from models.tables import EmailDomain


def test_a_draft_is_quoted_held_and_queued(make_engine):
    engine = make_engine(contacts=7)
    run = engine.accept(engine.campaign())
    assert (run.state, run.quoted_recipients, run.held) == ("queued", 7, Decimal("0.07"))
    assert engine.balance() == Decimal("999.93")
    assert engine.status(run) == "sending"


def test_a_second_start_is_refused_and_holds_nothing(make_engine):
    engine = make_engine(contacts=7)
    campaign = engine.campaign()
    engine.accept(campaign)
    with pytest.raises(IllegalState) as refused:
        engine.accept(campaign)
    assert refused.value.current_status == "sending"
    assert engine.balance() == Decimal("999.93")


def test_a_paused_campaign_is_resumed_not_sent(make_engine):
    engine = make_engine(contacts=1)
    campaign = engine.campaign(status="paused")
    with pytest.raises(IllegalState):
        engine.accept(campaign)


def test_without_the_credits_it_stays_a_draft(make_engine):
    engine = make_engine(contacts=7, credits_="0.06")
    campaign = engine.campaign()
    with pytest.raises(InsufficientCredits) as refused:
        engine.accept(campaign)
    assert (refused.value.required, refused.value.available) == (Decimal("0.07"), Decimal("0.06"))
    with engine.database.transaction(None) as session:
        status = session.execute(text("SELECT status FROM campaigns WHERE id = :id"), {"id": campaign}).scalar_one()
        runs = session.execute(text("SELECT count(*) FROM runs")).scalar_one()
    assert (status, runs, engine.balance()) == ("draft", 0, Decimal("0.06"))


def test_without_recipients_it_is_refused(make_engine):
    engine = make_engine(contacts=3)
    with pytest.raises(InvalidInput, match="no recipients"):
        engine.accept(engine.campaign(segment_filters={"first_name": "Nobody"}))


def test_without_content_it_is_refused(make_engine):
    engine = make_engine(contacts=3)
    with pytest.raises(InvalidInput) as refused:
        engine.accept(engine.campaign(subject=None, html_content=None))
    assert "subject" in refused.value.errors


def test_a_sender_outside_the_verified_domains_is_refused(make_engine):
    engine = make_engine(contacts=3)
    with pytest.raises(InvalidInput) as refused:
        engine.accept(engine.campaign(from_email="hello@globex.example.com"))
    assert "from_email" in refused.value.errors


def test_without_a_default_domain_a_sender_must_be_named(make_engine):
    engine = make_engine(contacts=3)
    with engine.database.transaction(None) as session:
        session.query(EmailDomain).delete()
    with pytest.raises(InvalidInput, match="no default address"):
        engine.accept(engine.campaign())


def test_a_default_sender_outside_the_verified_domains_is_refused(make_engine):
    engine = make_engine(contacts=3)
    with engine.database.transaction(None) as session:
        session.query(EmailDomain).update({"default_from_email": "hello@globex.example.com"})
    with pytest.raises(InvalidInput, match="in a verified domain"):
        engine.accept(engine.campaign())


def test_a_quote_that_takes_too_long_leaves_the_counting_to_the_plan(make_engine):
    engine = make_engine(contacts=2000, quote_timeout_seconds=0.001)
    run = engine.accept(engine.campaign())
    assert (run.quoted_recipients, run.held) == (None, 0)
    planned = engine.plan(run)
    assert planned is not None
    assert planned.recipients == 2000
    assert engine.balance() == Decimal("980")
