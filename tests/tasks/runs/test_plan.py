import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import text

from models.errors import InsufficientCredits, InvalidInput
from models.rules.ids import message_id
from models.tables import EmailTemplate
from tasks.runs import audience
from tasks.runs.control import cancel_campaign, pause_campaign


def _execute(engine, statement, **values):
    with engine.database.transaction(None) as session:
        return session.execute(text(statement), {"organization": engine.organization_id, **values})


def test_the_plan_writes_messages_chunks_and_the_dropped_and_charges_exactly(make_engine):
    engine = make_engine(contacts=1200)
    _execute(engine, "UPDATE contacts SET status = 'unsubscribed' WHERE email = 'c0@example.com'")
    suppress = (
        "INSERT INTO suppressions (organization_id, id, recipient, reason) SELECT organization_id, id, email, 'manual'"
    )
    _execute(engine, f"{suppress} FROM contacts WHERE email IN ('c1@example.com', 'c2@example.com')")
    run = engine.accept(engine.campaign())
    planned = engine.plan(run)
    assert planned is not None
    assert planned.recipients == 1197
    assert planned.funnel is not None
    assert planned.funnel.dropped() == {"unsubscribed": 1, "suppressed": 2}
    rows = _execute(engine, "SELECT id, position, recipient, cost FROM messages ORDER BY position").all()
    assert [row.id for row in rows] == [message_id(run.id, position) for position in range(1197)]
    assert {row.recipient for row in rows} == set(engine.recipients) - {f"c{i}@example.com" for i in range(3)}
    dropped = _execute(engine, "SELECT recipient, reason FROM dropped_recipients").all()
    assert {tuple(row) for row in dropped} == {
        ("c0@example.com", "unsubscribed"),
        ("c1@example.com", "suppressed"),
        ("c2@example.com", "suppressed"),
    }
    sizes = _execute(engine, "SELECT sum(size) FROM chunks").scalar_one()
    assert sizes == 1197
    assert engine.balance() == Decimal("1000") - Decimal("11.97")
    assert engine.run(run).state == "sending"


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_template_counts_those_who_get_an_email_made_from_it(make_engine, is_cancelled):
    engine = make_engine(contacts=5)
    _execute(engine, "UPDATE contacts SET status = 'unsubscribed' WHERE email = 'c0@example.com'")
    template = EmailTemplate(id=uuid4(), organization_id=engine.organization_id, name="T", subject_template="S")
    with engine.database.transaction(None) as session:
        session.add(template)
    run = engine.accept(engine.campaign(email_template_id=template.id))
    if is_cancelled:
        _execute(engine, "UPDATE runs SET state = 'closing'")
    engine.plan(run)
    engine.plan(run)
    used = _execute(engine, "SELECT times_used FROM email_templates WHERE id = :id", id=template.id).scalar_one()
    assert used == (0 if is_cancelled else 4)


def test_planning_twice_at_once_plans_once(make_engine):
    engine = make_engine(contacts=600)
    run = engine.accept(engine.campaign())
    results = []
    threads = [threading.Thread(target=lambda: results.append(engine.plan(run))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [planned.recipients for planned in results] == [600] * 4
    assert sorted(planned.already for planned in results) == [False, True, True, True]
    assert engine.states(run) == {"planned": 600}
    assert engine.balance() == Decimal("994")


def test_an_audience_that_grew_beyond_the_credits_fails_with_the_hold_released(make_engine):
    engine = make_engine(contacts=5, credits_="0.05")
    run = engine.accept(engine.campaign())
    add = "INSERT INTO contacts (organization_id, id, email) VALUES (:organization, gen_random_uuid(), :email)"
    _execute(engine, add, email="late@example.com")
    member = "INSERT INTO contact_list_members SELECT organization_id, :list, id FROM contacts WHERE email LIKE 'late%'"
    _execute(engine, member, list=engine.list_id)
    with pytest.raises(InsufficientCredits):
        engine.plan(run)
    assert engine.states(run) == {}
    assert (engine.run(run).state, engine.run(run).failure_code) == ("failed", "insufficient_credits")
    assert engine.status(run) == "failed"
    assert engine.balance() == Decimal("0.05")


def test_a_campaign_cancelled_before_the_plan_gets_its_hold_back(make_engine):
    engine = make_engine(contacts=5)
    run = engine.accept(engine.campaign())
    with engine.database.transaction(None) as session:
        cancel_campaign(session, engine.organization_id, run.campaign_id)
    assert engine.plan(run) is None
    closed = engine.close(run)
    assert closed is not None
    assert closed.state == "cancelled"
    assert engine.balance() == Decimal("1000")


def test_a_campaign_paused_before_the_plan_is_planned_and_stays_paused(make_engine):
    engine = make_engine(contacts=5)
    run = engine.accept(engine.campaign())
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE runs SET state = 'planning' WHERE id = :id"), {"id": run.id})
        pause_campaign(session, engine.organization_id, run.campaign_id)
    engine.plan(run)
    assert engine.run(run).state == "paused"
    assert engine.send(run).accepted == 0


def test_everybody_opted_out_since_the_quote_costs_nothing(make_engine):
    engine = make_engine(contacts=5)
    run = engine.accept(engine.campaign())
    _execute(engine, "UPDATE contacts SET status = 'unsubscribed'")
    planned = engine.plan(run)
    assert planned is not None
    assert planned.recipients == 0
    assert engine.close(run) is not None
    assert (engine.status(run), engine.balance()) == ("completed", Decimal("1000"))


def test_a_plan_that_can_never_be_made_fails_the_campaign_instead_of_being_tried_for_ever(make_engine):
    engine = make_engine(contacts=5)
    run = engine.accept(engine.campaign())
    _execute(engine, "DELETE FROM prices")
    with pytest.raises(InvalidInput, match="price"):
        engine.plan(run)
    assert (engine.run(run).state, engine.run(run).failure_code) == ("failed", "plan_failed")
    assert (engine.status(run), engine.balance()) == ("failed", Decimal("1000"))


def test_a_cancel_during_a_plan_that_fails_stays_a_cancel(make_engine, monkeypatch):
    engine = make_engine(contacts=5)
    run = engine.accept(engine.campaign())

    def cancel_and_fail(*_):
        with engine.database.transaction(None) as session:
            cancel_campaign(session, engine.organization_id, run.campaign_id)
        raise InvalidInput({"currency": ["There is no price."]})

    monkeypatch.setattr(audience, "email_price", cancel_and_fail)
    with pytest.raises(InvalidInput):
        engine.plan(run)
    assert engine.close(run) is not None
    assert (engine.run(run).state, engine.status(run), engine.balance()) == ("cancelled", "cancelled", Decimal("1000"))
