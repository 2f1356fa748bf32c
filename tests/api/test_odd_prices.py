"""Prices of nothing, and a currency that has none."""

import pytest
from sqlalchemy import text

from tests.support.money import balance_and_ledger

EMAIL = {"to_email": "john@example.org", "subject": "S", "text_content": "T"}
PHONES = ["+37061234567", "+37061234568"]
SENDS = {
    "/sms/send": {"recipient": PHONES[0], "message": "Hi"},
    "/sms/send-bulk": {"recipients": PHONES, "message": "Hi"},
    "/emails/send": EMAIL,
    "/emails/send-batch": {"emails": [EMAIL, EMAIL]},
}


@pytest.mark.parametrize("path", SENDS)
def test_what_costs_nothing_is_sent_and_moves_no_credits(funded, sending, engine, path) -> None:
    with engine.transaction(None) as session:
        session.execute(text("UPDATE prices SET price = 0"))
    answer = funded.post(path, SENDS[path])
    assert answer.status_code == 202, answer.text
    assert balance_and_ledger(engine, funded.organization_id) == (100, 100)


@pytest.mark.parametrize("path", SENDS)
def test_without_prices_in_the_currency_nothing_is_accepted(funded, sending, engine, path) -> None:
    with engine.transaction(None) as session:
        session.execute(text("UPDATE organizations SET currency = 'XTS'"))
    assert funded.post(path, SENDS[path]).status_code == 422
    with engine.transaction(None) as session:
        assert session.execute(text("SELECT count(*) FROM messages")).scalar_one() == 0
