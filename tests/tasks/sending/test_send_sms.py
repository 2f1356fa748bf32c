"""An SMS campaign from the audience to the sandbox: what is priced is sent, and what is not sent is refunded."""

from decimal import Decimal

import pytest
from sqlalchemy import select, text

from models.errors import InvalidInput
from models.rules.lifecycle import MessageState
from models.rules.pricing import sms_price
from models.rules.sms import split_sms
from models.store.prices import sms_price_list
from models.tables import Campaign, Message, SenderId
from tasks.runs.control import cancel_campaign, pause_campaign, resume_campaign
from tests.support.sms import (
    REFUSED,
    SENDER,
    UNCERTAIN,
    Witness,
    add_people,
    add_sender,
    block,
    number,
    sms_campaign,
)

ODD_NAMES = [
    "Anna", "Žanis", "€uro", "a" * 155, "ė" * 80, "😀" * 40, "^" * 90, '"quoted"', "back\\slash", "{{ x }}", "<b>&",
    "two\nlines", "two\r\nlines", "tab\tbed", "bell\x07", "form\ffeed", "\u2028", "  spaced  ", "", None, "0", "null",
]  # fmt: skip
SOURCE = (
    "Dear {{ first_name|default('friend') }}, {{ custom_fields.city|upper }} {{ custom_fields['Home town'] }}"
    "{% if first_name %} ({{ first_name|title }}, {{ phone }}){% endif %}\n{{ last_name }}"
)


@pytest.fixture
def engine(make_engine):
    engine = make_engine(contacts=1)  # who has no phone
    add_sender(engine)
    return engine


def _messages(engine, run) -> list[Message]:
    with engine.database.transaction(None) as session:
        return list(
            session.execute(select(Message).where(Message.run_id == run.id).order_by(Message.position)).scalars()
        )


def test_the_text_that_is_sent_is_the_text_that_was_priced(engine, monkeypatch) -> None:
    witness = Witness(monkeypatch)
    fields = {"city": "Rīga", "Home town": "Cēsis"}
    people = [
        {"phone": number(n), "first_name": name, "custom_fields": fields if n % 2 else {}}
        for n, name in enumerate(ODD_NAMES)
    ]
    add_people(engine, people)
    run = engine.accept(sms_campaign(engine, SOURCE))
    planned = engine.plan(run)
    engine.send(run)
    messages = _messages(engine, run)
    assert planned.funnel.dropped() == {"no_phone": 1}
    assert {message.recipient for message in messages} == {number(n) for n in range(len(ODD_NAMES))}
    with engine.database.transaction(None) as session:
        prices = sms_price_list(session, engine.organization_id)
    for message in messages:
        sent = witness.messages[message.id]
        assert (sent.sender, sent.recipient) == (SENDER, message.recipient)
        assert message.segments == len(split_sms(sent.content.decode()).segments)
        assert message.cost == message.segments * sms_price(message.recipient, prices)
    assert max(message.segments for message in messages) > 2
    segments = sum(message.segments for message in messages)
    totals = engine.totals(run)
    assert (totals.segments, totals.cost) == (segments, sum(message.cost for message in messages))
    assert engine.balance() == Decimal(1000) - totals.cost


def test_lists_contacts_and_numbers_come_together_one_message_a_number(engine, monkeypatch) -> None:
    witness = Witness(monkeypatch)
    ids = add_people(engine, [{"phone": number(n), "first_name": f"N{n}"} for n in range(5)])
    block(engine, number(4))
    values = {"contact_ids": ids[:2], "manual_phones": [number(0), number(99), "+97699112233"]}
    campaign = sms_campaign(engine, **values)
    run = engine.accept(campaign)
    engine.plan(run)
    engine.send(run)
    assert witness.texts() == {
        **{number(n): f"Hi N{n}" for n in range(4)},
        number(99): "Hi ",
        "+97699112233": "Hi ",
    }
    assert engine.totals(run).dropped == {"no_phone": 1, "duplicate": 3, "suppressed": 1}
    with engine.database.transaction(None) as session:
        sender = session.execute(select(SenderId)).scalar_one()
        assert sender.message_count == 6
        assert session.get(Campaign, campaign).sender_id_id == sender.id  # the default, named from now on


def test_without_lists_only_those_who_are_named_get_it(engine, monkeypatch) -> None:
    witness = Witness(monkeypatch)
    ids = add_people(engine, [{"phone": number(n), "first_name": f"N{n}"} for n in range(3)])
    run = engine.accept(sms_campaign(engine, target_list_ids=[], contact_ids=ids[1:2]))
    engine.plan(run)
    engine.send(run)
    assert witness.texts() == {number(1): "Hi N1"}


def test_a_run_that_is_handed_over_is_sent_and_what_was_refused_is_refunded(engine) -> None:
    numbers = [number(1), REFUSED, UNCERTAIN]
    add_people(engine, [{"phone": phone} for phone in numbers])
    run = engine.accept(sms_campaign(engine, "Hello"))
    engine.plan(run)
    block(engine, number(1))  # between the plan and the hand-over
    engine.send(run)
    closed = engine.close(run)
    states = {message.recipient: message.state for message in _messages(engine, run)}
    assert states == dict(
        zip(numbers, (MessageState.SUPPRESSED, MessageState.FAILED, MessageState.UNCERTAIN), strict=True)
    )
    kept = {message.recipient: message.cost for message in _messages(engine, run)}
    assert closed.refunded == kept[number(1)] + kept[REFUSED]
    assert engine.status(run) == "sent"
    assert engine.totals(run).cost == kept[UNCERTAIN]


def test_paused_resumed_and_cancelled_it_refunds_what_is_unsent(engine, monkeypatch) -> None:
    witness = Witness(monkeypatch)
    add_people(engine, [{"phone": number(n)} for n in range(40)])
    run = engine.accept(sms_campaign(engine, "Hello", batch_size=10))
    engine.plan(run)
    with engine.database.transaction(engine.organization_id) as session:
        pause_campaign(session, engine.organization_id, run.campaign_id)
    engine.send(run)
    assert witness.messages == {}
    with engine.database.transaction(engine.organization_id) as session:
        _, run = resume_campaign(session, engine.organization_id, run.campaign_id)
    engine.plan(run)
    engine.send(run, epoch=run.epoch, stop=lambda: len(witness.messages) >= 10)
    with engine.database.transaction(engine.organization_id) as session:
        cancel_campaign(session, engine.organization_id, run.campaign_id)
    engine.close(run)
    states = engine.states(run)
    assert states["accepted"] == len(witness.messages) < 40
    assert states["accepted"] + states["cancelled"] == 40
    assert engine.totals(run).cost == sum(m.cost for m in _messages(engine, run) if m.state == "accepted")
    assert (engine.status(run), engine.run(run).state) == ("cancelled", "cancelled")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("UPDATE campaigns SET text_content = ' '", "message_content"),
        ("UPDATE campaigns SET text_content = repeat('x', 1531)", "message_content"),
        ("DELETE FROM sender_ids", "sender_id_id"),
        ("UPDATE campaigns SET sender_id_id = gen_random_uuid()", "sender_id_id"),
        ("UPDATE campaigns SET target_list_ids = '{}'", "recipients"),
        ("UPDATE contacts SET phone = NULL", "recipients"),
    ],
)
def test_what_sending_needs_is_named(engine, change, field) -> None:
    add_people(engine, [{"phone": number(1)}])
    campaign = sms_campaign(engine)
    with engine.database.transaction(None) as session:
        session.execute(text(change))
    with pytest.raises(InvalidInput) as error:
        engine.accept(campaign)
    assert list(error.value.errors) == [field]
    assert engine.balance() == 1000


def test_a_sender_id_that_is_deleted_after_the_start_fails_the_run_with_its_reason(engine) -> None:
    add_people(engine, [{"phone": number(1)}])
    run = engine.accept(sms_campaign(engine))
    with engine.database.transaction(None) as session:
        session.execute(text("DELETE FROM sender_ids"))
    with pytest.raises(InvalidInput):
        engine.plan(run)
    assert (engine.run(run).state, engine.status(run)) == ("failed", "failed")
    assert "deleted" in engine.run(run).failure_reason
    assert engine.balance() == 1000


def test_an_audience_whose_texts_take_too_long_is_priced_by_the_plan_alone(engine) -> None:
    engine.settings = engine.settings.with_values(quote_timeout_seconds=1e-6)
    add_people(engine, [{"phone": number(n), "first_name": f"N{n}"} for n in range(3)])
    run = engine.accept(sms_campaign(engine))
    assert (run.quoted_recipients, run.held, engine.balance()) == (None, 0, 1000)
    assert engine.plan(run).recipients == 3
    assert engine.totals(run).segments == 3
