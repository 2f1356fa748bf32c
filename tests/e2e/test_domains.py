"""A domain, from its registration to the first campaign from it."""

from uuid import uuid4

from tests.support.dns_server import DnsServer
from tests.support.stack import Stack, wait_for


def test_a_domain_whose_records_are_in_dns_is_verified_and_mail_comes_from_it(
    stack: Stack, dns_server: DnsServer
) -> None:
    name = f"{uuid4().hex}.example.com"
    body = {"domain": name, "from_email_default": f"hello@{name}"}
    domain = stack.client.call("POST", "/email-domains", json=body)
    path = f"/email-domains/{domain['id']}"

    def verified(status: str) -> dict[str, object] | None:
        found = stack.client.call("GET", path)
        return dict(found) if found["status"] == status else None

    stack.client.call("POST", f"{path}/verify")
    wait_for("the domain without records to fail", lambda: verified("failed"))
    for record in domain["dns_records"]:
        dns_server.holds(record["name"], record["value"])
    assert stack.client.call("POST", f"{path}/verify")["status"] == "pending"
    wait_for("the domain to be verified", lambda: verified("verified"))

    stack.client.call("PATCH", f"{path}/default")
    list_id, _ = stack.audience(3)
    campaign_id = stack.draft(list_id)
    stack.client.call("POST", f"/campaigns/{campaign_id}/send")
    assert stack.wait_status(campaign_id, "completed")["total_sent"] == 3
