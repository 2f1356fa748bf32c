"""SMS that people write back: whose they are, STOP and START, in any order, and what a running campaign makes of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from models.store.inbound_messages import Inbound
from models.store.sms_replies import Written
from models.tables import Run
from tasks.reports.apply import apply_due
from tasks.reports.replies import apply_replies, replies_of
from tests.support.engine import Engine
from tests.support.inbound import suppressed, write_back
from tests.support.sms import add_people, add_sender, block, number, sms_campaign

OURS = "+37069900000"
ANN = number(1)
ACME, GLOBEX, INITECH = (UUID(int=n) for n in (1, 2, 3))
LAST = uuid4()


def _inbound(recipient: str = OURS, account_of: UUID | None = None) -> Inbound:
    return Inbound(uuid4(), account_of, "test", ANN, recipient, "Stop", datetime(2026, 1, 15, tzinfo=UTC))


def _written(organization: UUID, sender_id: str, message_id: UUID = LAST, *, is_sent: bool = True) -> Written:
    return Written(ANN, organization, sender_id, message_id, is_sent)


def _perhaps(organization: UUID, sender_id: str) -> Written:
    return _written(organization, sender_id, is_sent=False)


def _whose(inbound: Inbound, owners: Sequence[UUID], written: Sequence[Written]) -> list[UUID]:
    return [each.organization_id for each in replies_of(inbound, [(OURS, owner) for owner in owners], written)]


@pytest.mark.parametrize(
    ("owners", "written", "whose"),
    [
        pytest.param([ACME], [], [ACME], id="its owner's, whoever was written to"),
        pytest.param([ACME], [_written(GLOBEX, "GLOBEX")], [ACME], id="not of who wrote by another sender"),
        pytest.param([ACME, GLOBEX], [_written(GLOBEX, OURS)], [GLOBEX], id="of several owners, who wrote from it"),
        pytest.param([ACME, GLOBEX], [], [ACME, GLOBEX], id="of several owners, all where none wrote"),
        pytest.param([], [_written(ACME, OURS), _written(GLOBEX, "GLOBEX")], [ACME], id="shared: who wrote from it"),
        pytest.param(
            [], [_written(ACME, "ACME"), _written(GLOBEX, "X")], [ACME, GLOBEX], id="named in texts: who wrote"
        ),
        pytest.param([], [], [], id="nobody's"),
        pytest.param([ACME, GLOBEX], [_perhaps(GLOBEX, OURS)], [ACME, GLOBEX], id="of several owners, one perhaps"),
        pytest.param([], [_written(ACME, OURS), _perhaps(GLOBEX, OURS)], [ACME, GLOBEX], id="shared: one perhaps"),
        pytest.param([], [_written(ACME, "ACME"), _perhaps(GLOBEX, OURS)], [ACME, GLOBEX], id="one perhaps from it"),
        pytest.param([], [_written(ACME, OURS), _perhaps(GLOBEX, "X")], [ACME], id="shared: not who named another"),
    ],
)
def test_whose_it_is(owners: list[UUID], written: list[Written], whose: list[UUID]) -> None:
    assert _whose(_inbound(), owners, written) == whose


def test_what_comes_by_an_organizations_own_account_is_its_own() -> None:
    inbound = _inbound(account_of=INITECH)
    assert _whose(inbound, [ACME], [_written(GLOBEX, OURS)]) == [INITECH]


def test_it_answers_the_last_message_from_that_number() -> None:
    older, newer = UUID(int=10), UUID(int=20)
    written = [_written(ACME, OURS, older), _written(ACME, "ACME", newer)]
    assert [each.message_id for each in replies_of(_inbound(), [(OURS, ACME)], written)] == [older]
    assert [each.message_id for each in replies_of(_inbound("+37069900001"), [("+37069900001", ACME)], written)] == [
        newer
    ]


def _texting(engine: Engine, *people: str, sender: str = OURS) -> UUID:
    add_people(engine, [{"phone": phone} for phone in people])
    return add_sender(engine, sender)


def _written_by(engine: Engine, *people: str, sender: str = OURS) -> Run:
    sender_id_id = _texting(engine, *people, sender=sender)
    run = engine.accept(sms_campaign(engine, sender_id_id=sender_id_id))
    engine.plan(run)
    engine.send(run)
    return run


def _said(engine: Engine, *said: tuple[int, str], sender: str = ANN, to: str = OURS) -> None:
    for second, message in said:
        write_back(engine.database, sender, to, message, second=second)
    apply_replies(engine.database)


def test_stop_suppresses_the_number_and_is_an_event_of_the_last_message(make_engine) -> None:
    engine = make_engine()
    run = _written_by(engine, ANN, number(2))
    _said(engine, (0, "Stop!"))
    assert suppressed(engine) == {ANN: "unsubscribed"}
    apply_due(engine.database)
    assert engine.totals(run).unsubscribed == 1
    with engine.database.transaction(None) as session:
        message, reply = (
            session.execute(text(f"SELECT {what}")).scalar_one()
            for what in (
                "id FROM messages WHERE unsubscribed_at IS NOT NULL",
                "message_id FROM sms_replies WHERE keyword = 'stop'",
            )
        )
    assert message == reply


@pytest.mark.parametrize(
    ("said", "is_suppressed"),
    [
        ([(0, "STOP"), (1, "START")], False),
        ([(1, "START"), (0, "STOP")], False),
        ([(0, "STOP"), (0, "STOP"), (2, "UNSTOP")], False),
        ([(0, "START"), (1, "STOP"), (2, "thanks"), (3, "HELP")], True),
        ([(2, "STOP"), (1, "YES"), (0, "STOP")], True),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_the_last_word_counts_however_it_comes(make_engine, said, is_suppressed: bool, at_once: bool) -> None:
    engine = make_engine()
    add_sender(engine, OURS)
    for group in [said] if at_once else [[each] for each in said]:
        _said(engine, *group)
        apply_due(engine.database)
    assert suppressed(engine) == ({ANN: "unsubscribed"} if is_suppressed else {})


def test_start_lifts_nothing_that_did_not_come_by_stop(make_engine) -> None:
    engine = make_engine()
    add_sender(engine, OURS)
    block(engine, ANN)
    _said(engine, (0, "STOP"), (1, "START"))
    assert suppressed(engine) == {ANN: "unsubscribed"}


def test_a_start_soon_after_is_not_undone_by_the_event_of_the_stop(make_engine) -> None:
    engine = make_engine()
    _written_by(engine, ANN)
    _said(engine, (0, "STOP"))
    _said(engine, (1, "START"))
    apply_due(engine.database)
    assert suppressed(engine) == {}


def test_a_shared_number_stops_who_wrote_from_it_and_nobody_else(make_engine) -> None:
    acme = make_engine()
    globex, initech = acme.another(), acme.another("Initech")
    _written_by(acme, ANN, sender="ACME")
    write_back(acme.database, ANN, "1234")
    apply_replies(acme.database)
    assert (suppressed(acme), suppressed(globex), suppressed(initech)) == ({ANN: "unsubscribed"}, {}, {})


def test_what_is_nobodys_is_kept_and_not_looked_at_again(make_engine) -> None:
    engine = make_engine()
    write_back(engine.database, ANN, "1234")
    assert (apply_replies(engine.database), apply_replies(engine.database)) == (1, 0)
    assert suppressed(engine) == {}


def test_who_writes_stop_while_a_campaign_is_sent_gets_nothing_more(make_engine) -> None:
    engine = make_engine()
    people = [number(n) for n in range(6)]
    sender_id_id = _texting(engine, *people)
    run = engine.accept(sms_campaign(engine, sender_id_id=sender_id_id, batch_size=2))
    engine.plan(run)
    _said(engine, (0, "stop"), sender=people[5])
    engine.send(run)
    assert engine.states(run) == {"accepted": 5, "suppressed": 1}


@given(st.text(max_size=50), st.text(max_size=20))
def test_no_text_and_no_sender_breaks_it(message: str, sender: str) -> None:
    inbound = Inbound(uuid4(), None, "test", sender, OURS, message, datetime(2026, 1, 15, tzinfo=UTC))
    assert len(replies_of(inbound, [(OURS, ACME)], [])) == 1
