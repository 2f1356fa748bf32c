"""Email domains over HTTP."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from api.blueprints import email_domains as views
from models.pipelines import VERIFY_DOMAIN, VerifyDomain
from models.store.email_domains import DOMAINS_MAX
from models.store.organizations import add_verified_domain
from tasks.domains.verifying import run_verification
from tests.support.dns_server import DnsServer

FIELDS = {"id", "domain", "from_email_default", "from_name_default", "status", "spf_verified", "dkim_verified"}
FIELDS |= {"dmarc_verified", "is_default", "dns_records", "verified_at", "created_at", "region"}
FIELDS |= {"problems", "last_checked_at", "drifting_since", "registrations"}


@pytest.fixture
def news(acme) -> dict:
    return acme.created("/email-domains", {"domain": "news.acme.com"})


@pytest.fixture
def verified(acme, engine) -> str:
    """A domain that an operator added; the first, so it is the default."""
    with engine.transaction(None) as session:
        return str(add_verified_domain(session, acme.organization_id, "acme.com").id)


def _get(client, domain_id: str) -> dict:
    return client.get(f"/email-domains/{domain_id}").get_json()["data"]


def test_a_new_domain_is_pending_and_says_what_dns_must_hold(acme) -> None:
    body = {"domain": "News.ExoSend.COM", "from_email_default": "Hello@news.exosend.com", "from_name_default": "Exo"}
    made = acme.created("/email-domains", body)
    assert made.keys() == FIELDS
    assert (made["domain"], made["status"], made["region"]) == ("news.exosend.com", "pending", "eu")
    assert (made["from_email_default"], made["from_name_default"]) == ("hello@news.exosend.com", "Exo")
    assert [made[flag] for flag in ("spf_verified", "dkim_verified", "dmarc_verified", "is_default")] == [False] * 4
    assert made["verified_at"] is None
    spf, dkim, dmarc = made["dns_records"]
    assert spf == {
        "type": "TXT",
        "name": "news.exosend.com",
        "value": "v=spf1 include:spf.exosend.com ~all",
        "host": "news",
        "ttl": 3600,
        "zone_line": 'news.exosend.com. 3600 IN TXT "v=spf1 include:spf.exosend.com ~all"',
        "provider": None,
        "priority": None,
    }
    assert dkim["name"] == "exosend._domainkey.news.exosend.com"
    assert dkim["value"].startswith("v=DKIM1; k=rsa; p=MIIBIjAN")
    assert (dmarc["name"], dmarc["host"]) == ("_dmarc.news.exosend.com", "_dmarc.news")
    assert dmarc["value"] == "v=DMARC1; p=none;"


def test_a_domain_has_the_same_fields_and_records_everywhere(acme, news) -> None:
    path = f"/email-domains/{news['id']}"
    listed = acme.get("/email-domains").get_json()
    assert listed == {"success": True, "data": [news]}
    assert acme.get(path).get_json() == {"success": True, "data": news}
    answer = acme.post(f"{path}/verify")
    assert answer.status_code == 202
    assert answer.get_json() == {"success": True, "data": news, "message": "DNS verification has been queued."}


def test_domains_are_listed_newest_first(acme, news) -> None:
    later = acme.created("/email-domains", {"domain": "later.com", "region": "us"})
    assert later["region"] == "us"
    assert [each["id"] for each in acme.get("/email-domains").get_json()["data"]] == [later["id"], news["id"]]


def test_a_domain_of_an_operator_gets_its_key_when_it_is_first_shown(acme, verified) -> None:
    shown = _get(acme, verified)
    assert (shown["status"], shown["is_default"], shown["spf_verified"]) == ("verified", True, False)
    assert shown["dns_records"] == _get(acme, verified)["dns_records"]
    assert len(shown["dns_records"]) == 3


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"domain": ["The domain field is required."]}),
        ({"domain": ""}, {"domain": ["The domain field is required."]}),
        ({"domain": 5}, {"domain": ["The domain field must be a valid domain name."]}),
        ({"domain": "acme"}, {"domain": ["The domain field must be a valid domain name."]}),
        ({"domain": "hello@acme.com"}, {"domain": ["The domain field must be a valid domain name."]}),
        ({"domain": "co.uk"}, {"domain": ["The domain field must not be a public suffix."]}),
        ({"domain": "a.com", "region": "mars"}, {"region": ["The selected region is invalid."]}),
        (
            {"domain": "a.com", "from_email_default": "x"},
            {"from_email_default": ["The from_email_default field must be a valid email address."]},
        ),
        (
            {"domain": "a.com", "from_name_default": "x" * 256},
            {"from_name_default": ["The from_name_default field must not be greater than 255 characters."]},
        ),
    ],
)
def test_what_is_no_domain_is_refused(acme, body, errors) -> None:
    answer = acme.post("/email-domains", body)
    assert (answer.status_code, answer.get_json()["errors"]) == (422, errors)


def test_an_organization_has_a_domain_once_and_another_may_add_it_too(acme, globex) -> None:
    acme.created("/email-domains", {"domain": "müller.de"})
    answer = acme.post("/email-domains", {"domain": "XN--MLLER-KVA.de"})
    assert (answer.status_code, answer.get_json()["errors"]) == (
        422,
        {"domain": ["The domain has already been taken."]},
    )
    globex.created("/email-domains", {"domain": "müller.de"})


def test_the_number_of_domains_has_a_limit(acme, engine) -> None:
    with engine.transaction(None) as session:
        session.execute(
            text(
                "INSERT INTO email_domains (id, organization_id, domain)"
                " SELECT gen_random_uuid(), :acme, n || '.example.com' FROM generate_series(1, :n) n"
            ),
            {"acme": acme.organization_id, "n": DOMAINS_MAX},
        )
    assert acme.post("/email-domains", {"domain": "acme.com"}).status_code == 422


def test_verification_is_started_after_the_commit_and_verifies(acme, engine, news, settings, monkeypatch) -> None:
    with DnsServer().running() as dns_server:
        for record in news["dns_records"]:
            dns_server.holds(record["name"], record["value"])

        def start(_settings, deployment, parameters: VerifyDomain, **options) -> None:
            assert deployment == VERIFY_DOMAIN
            assert options["idempotency_key"] == f"{parameters.run_id}:1"
            run_verification(engine, parameters.run_id, settings.with_values(dns_resolver=dns_server.address))

        monkeypatch.setattr(views, "start_flow", start)
        assert acme.post(f"/email-domains/{news['id']}/verify").get_json()["data"]["status"] == "pending"
    found = _get(acme, news["id"])
    assert [found[flag] for flag in ("status", "spf_verified", "dkim_verified", "dmarc_verified")] == [
        "verified",
        True,
        True,
        True,
    ]
    assert found["verified_at"] is not None


def test_a_verification_that_prefect_could_not_start_stays_queued(acme, engine, news) -> None:
    acme.post(f"/email-domains/{news['id']}/verify")
    with engine.transaction(None) as session:
        assert session.execute(text("SELECT kind, state FROM runs")).all() == [("verify_domain", "queued")]


def test_only_a_verified_domain_can_be_the_default(acme, news) -> None:
    answer = acme.call("PATCH", f"/email-domains/{news['id']}/default")
    assert answer.status_code == 409
    assert answer.get_json()["error"] == {"code": "domain_not_verified", "current_status": "pending"}


def test_a_new_default_takes_the_place_of_the_one_before(acme, engine, verified) -> None:
    with engine.transaction(None) as session:
        second = str(add_verified_domain(session, acme.organization_id, "second.com").id)
    for _ in range(2):
        answer = acme.call("PATCH", f"/email-domains/{second}/default")
        assert (answer.status_code, answer.get_json()["message"]) == (200, "Domain set as default.")
        assert answer.get_json()["data"]["is_default"] is True
        assert _get(acme, verified)["is_default"] is False


def test_a_removed_domain_is_gone_and_the_default_with_it(acme, verified) -> None:
    answer = acme.delete(f"/email-domains/{verified}")
    assert answer.get_json() == {"success": True, "data": None, "message": "Domain removed."}
    assert acme.get(f"/email-domains/{verified}").status_code == 404
    assert acme.delete(f"/email-domains/{verified}").status_code == 404


@pytest.mark.parametrize("status", ["scheduled", "sending", "paused", "draft", "completed"])
@pytest.mark.parametrize("how", ["its id", "its address", "the default"])
def test_a_domain_that_a_campaign_on_its_way_sends_from_is_kept(acme, engine, verified, status, how) -> None:
    values = {"its id": {"email_domain_id": verified}, "its address": {"from_email": "x@acme.com"}, "the default": {}}
    campaign = acme.created("/campaigns", {"name": "C", **values[how]})["id"]
    with engine.transaction(None) as session:
        values = {"status": status, "id": campaign}
        session.execute(text("UPDATE campaigns SET status = :status WHERE id = :id"), values)
    answer = acme.delete(f"/email-domains/{verified}")
    assert answer.status_code == (200 if status in ("draft", "completed") else 409)
    assert status in ("draft", "completed") or answer.get_json()["error"]["code"] == "domain_in_use"


def test_another_organizations_domain_is_not_found(globex, news) -> None:
    for domain_id in (news["id"], str(uuid4()), "not-a-uuid"):
        path = f"/email-domains/{domain_id}"
        calls = [("GET", path), ("POST", f"{path}/verify"), ("PATCH", f"{path}/default"), ("DELETE", path)]
        assert [globex.call(*call).status_code for call in calls] == [404] * 4
    assert globex.get("/email-domains").get_json()["data"] == []
