"""Many requests race for the last credit: each is paid for in full or not accepted at all."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random
from threading import Barrier
from typing import Any

from sqlalchemy import text
from werkzeug.test import TestResponse

from models.session import Database
from models.store.organizations import add_verified_domain
from tests.support.money import balance_and_ledger

PRICE = Decimal("0.035")
EMAIL_PRICE = Decimal("0.01")
MESSAGES = {PRICE: 1, 3 * PRICE: 3, EMAIL_PRICE: 1, 4 * EMAIL_PRICE: 4, Decimal(0): 0}
"""How many messages an answer with that cost stands for."""
THREADS = 32
Answer = tuple[int, Decimal]  # its status, and what it was charged


def single(client: Any, number: int) -> Answer:
    """One SMS."""
    answer = client.post("/sms/send", {"recipient": f"+37061{number:06d}", "message": f"Code {number}"})
    return _answer(answer, "cost")


def bulk(client: Any, number: int) -> Answer:
    """An SMS to three, all at once or none."""
    recipients = [f"+3706{last + 2}{number:06d}" for last in range(3)]
    return _answer(client.post("/sms/send-bulk", {"recipients": recipients, "message": "News"}), "total_cost")


def email(client: Any, number: int) -> Answer:
    """One email."""
    return _answer(client.post("/emails/send", _email(number)), "cost")


def batch(client: Any, number: int) -> Answer:
    """Four emails, all at once or none; two of them to the same address."""
    emails = [_email(number), *(_email(f"{number}-{no // 2}") for no in range(3))]
    return _answer(client.post("/emails/send-batch", {"emails": emails}), "total_cost")


def _email(number: object) -> dict[str, str]:
    return {"to_email": f"p{number}@example.org", "subject": f"Code {number}", "text_content": "Hi"}


def _answer(answer: TestResponse, cost: str) -> Answer:
    charged = answer.get_json()["data"][cost] if answer.status_code == 202 else 0
    return answer.status_code, Decimal(str(charged))


def _race(client: Any, kinds: list[Callable[[Any, int], Answer]]) -> list[Answer]:
    barrier = Barrier(THREADS, timeout=60)

    def run(share: int) -> list[Answer]:
        barrier.wait()
        return [kinds[no](client, 100_000 + no) for no in range(share, len(kinds), THREADS)]

    with ThreadPoolExecutor(THREADS) as pool:
        return [answer for answers in pool.map(run, range(THREADS)) for answer in answers]


def _agree(engine: Database, client: Any, answers: list[Answer], given: Decimal) -> Decimal:
    """Balance, ledger, messages and answers tell of the same credits; returns the balance."""
    assert {status for status, _ in answers} == {202, 402}
    charged = sum((cost for _, cost in answers), Decimal(0))
    balance, ledger = balance_and_ledger(engine, client.organization_id)
    assert balance == ledger == given - charged
    assert balance >= 0
    with engine.transaction(None) as session:
        cost, messages, sms = session.execute(
            text("SELECT sum(cost), count(*), count(*) FILTER (WHERE channel = 'sms') FROM messages")
        ).one()
        counted = session.execute(text("SELECT message_count FROM sender_ids")).scalar_one()
        waiting = session.execute(text("SELECT count(*) FROM outbox")).scalar_one()
        entries = session.execute(text("SELECT count(*) FROM ledger_entries WHERE kind = 'charge'")).scalar_one()
        least = session.execute(text("SELECT min(balance_after) FROM ledger_entries")).scalar_one()
    assert cost == charged
    assert messages == waiting == sum(MESSAGES[cost] for _, cost in answers)
    assert sms == counted
    assert entries == Counter(status for status, _ in answers)[202]
    assert least == balance
    return balance


def test_two_hundred_singles_spend_the_last_credit_and_no_more(sending, engine, give_credits) -> None:
    give_credits(sending, str(70 * PRICE))
    answers = _race(sending, [single] * 200)
    assert _agree(engine, sending, answers, 70 * PRICE) == 0
    assert Counter(answers) == {(202, PRICE): 70, (402, 0): 130}


def test_singles_and_bulks_spend_what_there_is_and_leave_less_than_one_costs(sending, engine, give_credits) -> None:
    given = 120 * PRICE + Decimal("0.0349")
    give_credits(sending, str(given))
    kinds = [single] * 140 + [bulk] * 60
    Random(7).shuffle(kinds)
    answers = _race(sending, kinds)
    assert _agree(engine, sending, answers, given) == Decimal("0.0349")


def test_singles_bulks_and_batches_of_both_channels_spend_from_one_balance(sending, engine, give_credits) -> None:
    with engine.transaction(None) as session:
        add_verified_domain(session, sending.organization_id, "example.com")
    given = Decimal("4.0051")
    give_credits(sending, str(given))
    kinds = [single] * 50 + [bulk] * 30 + [email] * 60 + [batch] * 60
    Random(11).shuffle(kinds)
    answers = _race(sending, kinds)
    assert _agree(engine, sending, answers, given) < 4 * EMAIL_PRICE
