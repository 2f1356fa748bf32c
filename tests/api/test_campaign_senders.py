"""Which address an email campaign comes from."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api import campaign_actions
from models.store.organizations import add_verified_domain
from models.tables import EmailDomain


@pytest.fixture
def shop(funded, engine, monkeypatch) -> str:
    """A second verified domain of Acme, beside its default, example.com."""
    monkeypatch.setattr(campaign_actions, "start_flow", lambda *_args, **_options: None)
    with engine.transaction(None) as session:
        return str(add_verified_domain(session, funded.organization_id, "shop.example.org").id)


@pytest.fixture
def draft(funded, shop) -> dict[str, Any]:
    """What a campaign to one contact needs."""
    contact = funded.created("/contacts", {"email": "john@example.net"})["id"]
    list_id = funded.created("/contact-lists", {"name": "All"})["id"]
    funded.post(f"/contact-lists/{list_id}/contacts", {"contact_ids": [contact]})
    return {"name": "C", "subject": "S", "html_content": "<p>Hi</p>", "target_list_ids": [list_id]}


def _errors(client, draft, **values: object) -> Any:
    """What is wrong with sending it; None when it is sent."""
    campaign = client.created("/campaigns", {**draft, **values})["id"]
    answer = client.post(f"/campaigns/{campaign}/send")
    assert answer.status_code in (200, 422), answer.text
    return answer.get_json().get("errors")


def _sender(engine) -> tuple[str, str | None]:
    """Address and name in the content that was frozen last."""
    with engine.transaction(None) as session:
        newest = text("SELECT from_email, from_name FROM contents ORDER BY id DESC LIMIT 1")
        return tuple(session.execute(newest).one())


def test_the_named_domain_gives_the_sender(funded, engine, draft, shop) -> None:
    with engine.transaction(None) as session:
        session.execute(text("UPDATE email_domains SET default_from_name = 'Shop' WHERE id = :id"), {"id": shop})
    assert _errors(funded, draft, email_domain_id=shop) is None
    assert _sender(engine) == ("hello@shop.example.org", "Shop")


def test_an_address_may_be_in_another_verified_domain_than_the_named_one(funded, engine, draft, shop) -> None:
    assert _errors(funded, draft, email_domain_id=shop, from_email="me@example.com") is None
    assert _sender(engine) == ("me@example.com", None)


def test_without_a_named_domain_the_default_gives_the_sender(funded, engine, draft) -> None:
    assert _errors(funded, draft) is None
    assert _sender(engine) == ("hello@example.com", None)


@pytest.mark.parametrize("sender", [{}, {"from_email": "me@example.com"}])
def test_an_unverified_domain_cannot_be_named(funded, engine, draft, sender) -> None:
    with engine.transaction(None) as session:
        session.add(EmailDomain(id=(id_ := uuid4()), organization_id=funded.organization_id, domain="new.example.org"))
    errors = _errors(funded, draft, email_domain_id=str(id_), **sender)
    assert errors == {"email_domain_id": ["The selected email_domain_id is invalid."]}


def _removal(client, engine, domain: str, **values: object) -> int:
    """The status of removing a domain while such a campaign is scheduled."""
    campaign = client.created("/campaigns", {"name": "C", **values})["id"]
    with engine.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET status = 'scheduled' WHERE id = :id"), {"id": campaign})
    return client.delete(f"/email-domains/{domain}").status_code


def test_a_domain_in_which_the_named_ones_address_is_cannot_be_removed(funded, engine, shop) -> None:
    third = funded.created("/email-domains", {"domain": "third.example.org"})["id"]
    with engine.transaction(None) as session:
        address = text("UPDATE email_domains SET default_from_email = 'x@third.example.org' WHERE id = :id")
        session.execute(address, {"id": shop})
    assert _removal(funded, engine, third, email_domain_id=shop) == 409


def test_the_default_may_be_removed_where_another_domain_is_named(funded, engine, shop) -> None:
    default = next(domain["id"] for domain in funded.get("/email-domains").get_json()["data"] if domain["is_default"])
    assert _removal(funded, engine, default, email_domain_id=shop) == 200


def test_sms_campaigns_do_not_hold_the_default_domain(funded, engine, shop) -> None:
    with engine.transaction(None) as session:
        session.execute(
            text(
                "INSERT INTO campaigns (organization_id, id, channel, name, status)"
                " VALUES (:organization, gen_random_uuid(), 'sms', 'C', 'sending')"
            ),
            {"organization": funded.organization_id},
        )
    default = next(domain["id"] for domain in funded.get("/email-domains").get_json()["data"] if domain["is_default"])
    assert funded.delete(f"/email-domains/{default}").status_code == 200


@pytest.fixture
def books(funded, engine, shop) -> str:
    """A verified domain that has letters outside ASCII."""
    body = {"domain": "bücher.de", "from_email_default": "info@xn--bcher-kva.de"}
    made = funded.created("/email-domains", body)
    with engine.transaction(None) as session:
        verify = text("UPDATE email_domains SET status = 'verified', verified_at = now() WHERE id = :id")
        session.execute(verify, {"id": made["id"]})
    return str(made["id"])


@pytest.mark.parametrize("written", ["info@BÜCHER.de", "info@xn--bcher-kva.de", None])
def test_an_international_domain_sends_from_its_own_address(funded, engine, draft, books, written) -> None:
    assert _errors(funded, draft, email_domain_id=books, from_email=written) is None
    assert _sender(engine) == ("info@xn--bcher-kva.de", None)
    body = {"to_email": "john@example.net", "subject": "S", "text_content": "T", "email_domain_id": books}
    answer = funded.post("/emails/send", {**body, "from_email": written, "track_opens": True})
    assert answer.get_json()["data"]["from_email"] == "info@xn--bcher-kva.de"


@pytest.mark.parametrize("written", ["info@BÜCHER.de", "info@xn--bcher-kva.de"])
def test_an_international_domain_is_kept_while_a_campaign_sends_from_it(funded, engine, books, written) -> None:
    assert _removal(funded, engine, books, from_email=written) == 409
