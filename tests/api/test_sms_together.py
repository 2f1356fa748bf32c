"""Single SMS of several requests that are written together: each pays for itself, and fails by itself."""

from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from api.scope import Resources
from models.errors import InsufficientCredits, InvalidInput
from models.session import DATABASE_AWAY, Database, driver
from models.store.sender_ids import add_verified_sender_id
from models.store.sms import read_sms_terms, store_sms_content
from tasks.content.sms import FrozenSms
from tasks.runs import send_sms
from tasks.runs.send_sms import SingleSms, SmsRequest, check_single_sms, send_sms_together
from tests.support.money import balance_and_ledger
from tests.support.outbox import wait_until

PRICE = Decimal("0.035")
OTHERS = 6


def _send(client, number: int) -> TestResponse:
    return client.post("/sms/send", {"recipient": f"+3706100{number:04d}", "message": f"Code {number % 4}"})


@pytest.fixture
def sent_together(engine: Database):
    """Send one SMS, which waits for the row of the balance, and others, which wait for it; then let them go on."""

    def send(client) -> list[TestResponse]:
        singles = client.app.extensions["exosend"].singles
        with ThreadPoolExecutor(OTHERS + 1) as pool:
            with engine.transaction(None) as session:
                session.execute(text("SELECT FROM organizations FOR NO KEY UPDATE"))
                answers: list[Future[TestResponse]] = [pool.submit(_send, client, 0)]
                wait_until(lambda: _blocked(engine) == 1)
                answers += [pool.submit(_send, client, 1 + number) for number in range(OTHERS)]
                wait_until(lambda: singles.waiting(client.organization_id) == OTHERS)
            return [answer.result(30) for answer in answers]

    return send


def _blocked(engine: Database) -> int:
    with engine.transaction(None) as session:
        return int(session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


def _written(engine: Database) -> list[int]:
    """How many messages were written by each transaction."""
    with engine.transaction(None) as session:
        return list(session.execute(text("SELECT count(*) FROM messages GROUP BY xmin ORDER BY 1")).scalars())


def test_those_that_come_meanwhile_are_written_by_one_transaction(texting, engine, sent_together) -> None:
    answers = sent_together(texting)
    assert [answer.status_code for answer in answers] == [202] * (OTHERS + 1)
    assert _written(engine) == [1, OTHERS]
    balances = [Decimal(str(answer.get_json()["data"]["balance_remaining"])) for answer in answers]
    assert sorted(balances, reverse=True) == [100 - PRICE * paid for paid in range(1, OTHERS + 2)]
    assert balance_and_ledger(engine, texting.organization_id) == (min(balances), min(balances))
    with engine.transaction(None) as session:
        after = session.execute(
            text("SELECT l.balance_after FROM ledger_entries l WHERE l.kind = 'charge' ORDER BY l.seq")
        )
        assert list(after.scalars()) == sorted(balances, reverse=True)
        one_content = "SELECT count(*), count(DISTINCT content_id) FROM messages"
        assert session.execute(text(one_content)).one() == (OTHERS + 1, 4)
        assert session.execute(text("SELECT message_count FROM sender_ids")).scalar_one() == OTHERS + 1
        assert session.execute(text("SELECT count(*) FROM outbox")).scalar_one() == OTHERS + 1


def test_who_cannot_pay_is_refused_and_the_others_are_not(sending, give_credits, engine, sent_together) -> None:
    give_credits(sending, "0.106")  # three, and the thousandth part of a credit
    answers = sent_together(sending)
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [402] * (OTHERS - 2)
    assert balance_and_ledger(engine, sending.organization_id) == (Decimal("0.001"), Decimal("0.001"))
    refused = [answer.get_json() for answer in answers if answer.status_code == 402]
    assert [each["data"]["available"] for each in refused] == [0.001] * len(refused)


def _singles(amount: int, message: str = "Hello") -> list[SingleSms]:
    return [check_single_sms(f"+3706100{number:04d}", SmsRequest(message, None, {})) for number in range(amount)]


@pytest.fixture
def api_database(app) -> Database:
    found: Resources = app.extensions["exosend"]
    return found.database


def test_where_the_sender_is_gone_none_is_written(texting, engine, api_database, monkeypatch) -> None:
    written = send_sms.write_sms_together

    def write(*given):
        with engine.transaction(None) as session:
            session.execute(text("DELETE FROM sender_ids"))
        return written(*given)

    monkeypatch.setattr(send_sms, "write_sms_together", write)
    with (
        api_database.for_request() as connection,
        api_database.reading_on(connection, texting.organization_id) as session,
    ):
        answers = send_sms_together(session, texting.organization_id, _singles(3))
    assert [type(answer) for answer in answers] == [InvalidInput] * 3
    assert _written(engine) == []
    assert balance_and_ledger(engine, texting.organization_id) == (Decimal(100), Decimal(100))


def test_where_postgres_goes_away_nobody_tries_again(texting, engine, api_database, monkeypatch) -> None:
    written = send_sms.write_sms_together

    def write(session, *given):
        pid = driver(session).info.backend_pid
        with api_database.autocommit() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        return written(session, *given)

    monkeypatch.setattr(send_sms, "write_sms_together", write)
    with (
        api_database.for_request() as connection,
        api_database.reading_on(connection, texting.organization_id) as session,
    ):
        answers = send_sms_together(session, texting.organization_id, _singles(3))
    assert len(answers) == 3
    assert all(isinstance(answer, DATABASE_AWAY) for answer in answers)
    assert _written(engine) == []


def test_an_answer_that_is_to_be_kept_is_written_with_its_own_work(texting, engine) -> None:
    for _ in range(2):
        answer = texting.post(
            "/sms/send", {"recipient": "+37061000000", "message": "Hi"}, headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == 202
    assert _written(engine) == [1]


def test_none_of_them_is_refused_for_another_that_costs_too_much(sending, give_credits, engine, api_database) -> None:
    give_credits(sending, "0.04")
    singles = _singles(1, "Long " * 100) + _singles(1)
    with (
        api_database.for_request() as connection,
        api_database.reading_on(connection, sending.organization_id) as session,
    ):
        refused, paid = send_sms_together(session, sending.organization_id, singles)
    assert isinstance(refused, InsufficientCredits)
    assert not isinstance(paid, Exception)
    assert paid.balance == Decimal("0.005")


def test_of_what_cannot_be_paid_nothing_is_kept(sending, engine) -> None:
    assert _send(sending, 1).status_code == 402
    with engine.transaction(None) as session:
        for table in ("contents", "messages", "outbox", "ledger_entries"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
        assert session.execute(text("SELECT message_count FROM sender_ids")).scalar_one() == 0


def test_each_is_sent_on_its_own_terms(texting, engine, api_database) -> None:
    with engine.transaction(None) as session:
        add_verified_sender_id(session, texting.organization_id, "OTHER")
    singles = [
        check_single_sms("+37061000001", SmsRequest("A", "OTHER", {})),
        check_single_sms("+37061000002", SmsRequest("A", None, {})),
        check_single_sms("+37061000003", SmsRequest("A", "UNKNOWN", {})),
        check_single_sms("+4915112345678", SmsRequest("A", None, {})),
        check_single_sms("12", SmsRequest(None, None, {"message": ["The message field is required."]})),
    ]
    with (
        api_database.for_request() as connection,
        api_database.reading_on(connection, texting.organization_id) as session,
    ):
        *sent, unknown, abroad, wrong = send_sms_together(session, texting.organization_id, singles)
        dear = read_sms_terms(session, texting.organization_id, [(None, "+4915112345678")])[0].price
    assert [each.cost for each in (*sent, abroad)] == [PRICE, PRICE, dear]
    assert list(unknown.errors) == ["sender_id"]
    assert sorted(wrong.errors) == ["message", "recipient"]
    with engine.transaction(None) as session:
        counts = session.execute(text("SELECT sender_id, message_count FROM sender_ids ORDER BY sender_id"))
        assert [tuple(row) for row in counts] == [("EXOCLASS", 2), ("OTHER", 1)]


def test_a_content_that_another_request_writes_meanwhile_is_used(texting, engine) -> None:
    """The statement does not see what was committed after it began, so it is tried again."""
    with ThreadPoolExecutor(1) as pool:
        with engine.transaction(None) as session:
            sms = FrozenSms("Code 1", "EXOCLASS")
            store_sms_content(session, texting.organization_id, sms.hash, sms.text, sms.sender_id)
            answer = pool.submit(_send, texting, 1)
            wait_until(lambda: _blocked(engine) == 1)
        assert answer.result(30).status_code == 202
    assert _written(engine) == [1]
