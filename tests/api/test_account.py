"""The balance over HTTP."""

from decimal import Decimal

from models.store.organizations import top_up


def test_the_balance_is_an_exact_number(acme, globex, engine) -> None:
    with engine.transaction(None) as session:
        top_up(session, acme.organization_id, Decimal("99.965"), reference="t1")
    answer = acme.get("/balance")
    assert answer.text == '{"success":true,"data":{"balance":99.965,"currency":"EUR","organization":"Acme"}}'
    assert globex.get("/balance").get_json()["data"] == {"balance": 0, "currency": "EUR", "organization": "Globex"}
