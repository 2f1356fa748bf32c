"""Organizations and their credits, in the hands of a super admin."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from sqlalchemy import text

from models.store.ledger import latest_entries
from models.store.organizations import read_organization
from tests.support.panel import notice, problems

_NEW = "/admin/organizations/new"
_COOKIES = ("exosend_admin", "exosend_admin_forms")


def _created(rita, **values: str) -> str:
    answer = rita.submit(_NEW, _NEW, **{"name": "Initech", "currency": "EUR", "rate_limit": "60", **values})
    assert answer.status_code == 303, problems(answer)
    return answer.location.partition("?")[0]


def _top_up(rita, path: str, **values: str):
    return rita.submit(path, f"{path}/top-ups", **values)


def _facts(engine, organization_id) -> tuple[Decimal, Decimal, int]:
    """Balance, Σ ledger, entries."""
    with engine.transaction(None) as session:
        balance = read_organization(session, organization_id).balance
        entries = latest_entries(session, organization_id, 1000)
    return balance, sum((entry.amount for entry in entries), Decimal(0)), len(entries)


def test_an_organization_is_created_and_listed(rita) -> None:
    path = _created(rita, name="Initech")
    assert "Initech" in rita.get("/admin/organizations").text
    assert "0.00 EUR" in rita.get(path).text
    assert "organization.created" in rita.get("/admin/audit-log?actor=rita").text


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": ""}, "The name field is required."),
        ({"currency": "eur"}, "The currency field must be three capital letters."),
        ({"currency": "ZZZ"}, "There are no prices in ZZZ."),
        ({"rate_limit": "0"}, "The rate_limit field must be between 1 and 1000000."),
    ],
)
def test_a_wrong_field_is_named(rita, values, problem) -> None:
    answer = rita.submit(_NEW, _NEW, **{"name": "Initech", "currency": "EUR", "rate_limit": "60", **values})
    assert (answer.status_code, problems(answer)) == (422, [problem])


def test_limit_and_activity_are_changed_and_count_at_once(rita, acme, app) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    rita.done(path, path, rate_limit="7")
    assert acme.get("/balance").headers["X-RateLimit-Limit"] == "7"
    rita.done(path, path, is_active=None)
    assert acme.get("/balance").status_code == 401
    rita.done(path, path, is_active="1")
    assert acme.get("/balance").status_code == 200
    assert rita.get("/admin/audit-log?action=organization.changed").text.count("rate_limit: 7") == 1


def test_the_currency_stays_once_anything_was_booked(rita, acme, engine) -> None:
    with engine.transaction(None) as session:
        session.execute(text("INSERT INTO prices SELECT channel, prefix, 'USD', valid_from, price FROM prices"))
    path = f"/admin/organizations/{acme.organization_id}"
    rita.done(path, path, currency="USD")
    with engine.transaction(None) as session:
        assert read_organization(session, acme.organization_id).currency == "USD"
    assert _top_up(rita, path, amount="5", reference="INV-1").status_code == 303
    answer = rita.submit(path, path, currency="EUR")
    assert problems(answer) == ["The currency cannot be changed: the ledger has entries in it."]


def test_a_top_up_is_booked_with_its_reference(rita, acme, engine) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    answer = _top_up(rita, path, amount="1250.5", reference="INV-1")
    assert notice(rita.page(answer.location)) == "1250.5 EUR were booked."
    assert _facts(engine, acme.organization_id) == (Decimal("1250.5"), Decimal("1250.5"), 1)
    assert acme.get("/balance").get_json()["data"]["balance"] == 1250.5
    page = rita.get(path).text
    assert "1,250.50 EUR" in page
    assert "INV-1" in page
    assert "rita@example.com" in rita.get("/admin/audit-log?action=balance.topped_up").text


def test_a_double_click_books_once_and_says_so(rita, acme, engine) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    form = rita.form(path, f"{path}/top-ups") | {"amount": "10", "reference": "INV-1"}
    first, second = (rita.send(f"{path}/top-ups", form) for _ in range(2))
    assert first.location == second.location
    assert notice(rita.page(second.location)) == "10 EUR were booked."
    assert _facts(engine, acme.organization_id) == (Decimal(10), Decimal(10), 1)


def test_clicks_that_come_together_book_once(rita, acme, engine, app) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    form = rita.form(path, f"{path}/top-ups") | {"amount": "10", "reference": "INV-1"}
    cookies = "; ".join(f"{name}={rita.client.get_cookie(name, path='/admin').value}" for name in _COOKIES)

    def click(_: int) -> str | None:
        client = app.test_client(use_cookies=False)
        return client.post(f"{path}/top-ups", data=form, headers={"Cookie": cookies}).location

    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(click, range(4)))
    assert len(places) == 1
    assert notice(rita.page(places.pop() or "")) == "10 EUR were booked."
    assert _facts(engine, acme.organization_id) == (Decimal(10), Decimal(10), 1)


def test_a_reference_is_booked_once_also_from_another_form(rita, acme, engine) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    assert _top_up(rita, path, amount="10", reference="INV-1").status_code == 303
    answer = _top_up(rita, path, amount="20", reference="INV-1")
    assert problems(answer) == ["A top-up with the reference INV-1 was booked already."]
    assert _facts(engine, acme.organization_id) == (Decimal(10), Decimal(10), 1)


@pytest.mark.parametrize("amount", ["", "0", "-5", "1e3x", "0.00001", "NaN", "99999999999", "1,50"])
def test_no_other_amount_is_booked(rita, acme, engine, amount) -> None:
    path = f"/admin/organizations/{acme.organization_id}"
    answer = _top_up(rita, path, amount=amount, reference="INV-1")
    assert answer.status_code == 422
    assert len(problems(answer)) == 1
    assert _facts(engine, acme.organization_id)[2] == 0


def test_a_top_up_names_its_reference(rita, acme) -> None:
    answer = _top_up(rita, f"/admin/organizations/{acme.organization_id}", amount="5", reference=" ")
    assert problems(answer) == ["The reference field is required."]


def test_an_organization_sees_itself_and_no_other(olga, vera, gus, acme, globex) -> None:
    for person in (olga, vera):
        page = person.page(f"/admin/organizations/{acme.organization_id}")
        assert [form.action for form in page.forms] == ["/admin/logout"]
        assert person.get(f"/admin/organizations/{globex.organization_id}").status_code == 404
        assert person.get("/admin/").location == f"/admin/organizations/{acme.organization_id}"
    assert gus.get(f"/admin/organizations/{acme.organization_id}").status_code == 404
