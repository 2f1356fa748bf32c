"""How email domains stand with providers, over HTTP."""

import pytest
from sqlalchemy import text

RECORDS = """[
  {"type": "TXT", "name": "news.acme.com", "value": "v=spf1 include:mailgun.org ~all", "priority": null},
  {"type": "MX", "name": "bounces.news.acme.com", "value": "mx.mailgun.org", "priority": 10}
]"""


@pytest.fixture
def news(acme) -> dict:
    return acme.created("/email-domains", {"domain": "news.acme.com"})


@pytest.fixture
def registered(acme, engine, news) -> None:
    """What the courier wrote down of two accounts: one has the domain, one does not let us in."""
    values = {"id": news["id"], "org": acme.organization_id, "domain": news["domain"]}
    with engine.transaction(None) as session:
        session.execute(
            text(
                "INSERT INTO domain_registrations"
                " (email_domain_id, provider, organization_id, domain, state, records, problem, is_of_account)"
                " VALUES (:id, 'mailgun', :org, :domain, 'registered', CAST(:records AS jsonb), NULL, false),"
                " (:id, 'ses:019ae000-0000-7000-8000-000000000001', :org, :domain, 'pending', '[]', 'key AKIA', true)"
            ),
            values | {"records": RECORDS},
        )


def test_how_it_stands_with_providers_is_shown_with_what_they_want_in_dns(acme, news, registered) -> None:
    shown = acme.get(f"/email-domains/{news['id']}").get_json()["data"]
    assert acme.get("/email-domains").get_json()["data"] == [shown]
    assert shown["status"] == "pending"
    assert shown["registrations"] == [
        {"provider": "mailgun", "status": "registered", "problem": None, "last_checked_at": None},
        {
            "provider": "ses",
            "status": "pending",
            "problem": "The provider could not be asked, or does not let us in; it is asked again.",
            "last_checked_at": None,
        },
    ]
    spf, _, _, bounces = shown["dns_records"]
    assert spf["value"] == "v=spf1 include:spf.exosend.com include:mailgun.org ~all"
    assert bounces == {
        "type": "MX",
        "name": "bounces.news.acme.com",
        "value": "mx.mailgun.org",
        "host": "bounces.news",
        "ttl": 3600,
        "zone_line": "bounces.news.acme.com. 3600 IN MX 10 mx.mailgun.org.",
        "provider": "mailgun",
        "priority": 10,
    }


def test_what_is_known_of_a_domain_elsewhere_is_not_shown_to_others(globex, news, registered) -> None:
    assert globex.created("/email-domains", {"domain": news["domain"]})["registrations"] == []
