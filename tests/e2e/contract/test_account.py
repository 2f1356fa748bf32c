"""Suppressions, balance, sender IDs and email domains."""

from uuid import uuid4

import pytest

from tests.support.contract import Caller, is_illegal, is_invalid, is_page, is_past_the_end, succeeds

SUPPRESSION = {"id", "email", "reason", "details", "created_at"}
SENDER = {"id", "sender_id", "admin_status", "provider_status", "is_verified", "is_default", "rejection_reason"}
SENDER |= {"message_count", "created_at", "approved_at", "verified_at"}
DOMAIN = {"id", "domain", "from_email_default", "from_name_default", "region", "status", "spf_verified"}
DOMAIN |= {"dkim_verified", "dmarc_verified", "is_default", "dns_records", "verified_at", "created_at"}
DOMAIN |= {"problems", "last_checked_at", "drifting_since", "registrations"}


def test_the_balance(acme: Caller) -> None:
    data = succeeds(acme.get("/balance"), 200)
    assert data.keys() == {"balance", "currency", "organization"}
    assert (data["currency"], data["organization"]) == ("EUR", "Acme")


def test_an_address_is_suppressed_looked_up_listed_and_let_go(acme: Caller) -> None:
    email = f"{uuid4().hex}+tag@example.com"
    made = succeeds(acme.post("/suppressions", {"email": email, "reason": "manual"}), 201, "Email suppressed.")
    assert made.keys() == SUPPRESSION
    assert succeeds(acme.post("/suppressions", {"email": email}), 200, "Email suppressed.") == made
    assert succeeds(acme.get(f"/suppressions/check/{email}"), 200) == {"email": email, "is_suppressed": True}
    listed = is_page(succeeds(acme.get("/suppressions", reason="manual"), 200), "data", SUPPRESSION)
    assert listed[0] == made
    assert succeeds(acme.delete(f"/suppressions/{email}"), 200, "Email unsuppressed.") is None
    assert acme.delete(f"/suppressions/{email}").status_code == 404
    is_past_the_end(acme, "/suppressions")
    is_invalid(acme.post("/suppressions", {}), {"email": "The email field is required."})


def test_a_sender_id_waits_for_its_approval(acme: Caller) -> None:
    name = uuid4().hex[:8].upper() + "X"
    message = "Sender ID request submitted. Awaiting approval from administrator."
    made = succeeds(acme.post("/sender-ids", {"sender_id": name}), 201, message)
    assert made.keys() == SENDER
    assert (made["admin_status"], made["provider_status"], made["is_verified"]) == ("pending", "pending", False)
    assert made in succeeds(acme.get("/sender-ids", status="pending"), 200)
    assert made not in succeeds(acme.get("/sender-ids"), 200)
    is_illegal(acme.patch(f"/sender-ids/{made['id']}/default"), "pending")
    assert succeeds(acme.delete(f"/sender-ids/{made['id']}"), 200, "Sender ID deleted successfully") is None


def test_the_verified_sender_id_is_the_default_and_stays(acme: Caller) -> None:
    [sender] = succeeds(acme.get("/sender-ids", status="verified"), 200)
    assert (sender["sender_id"], sender["is_verified"], sender["is_default"]) == ("EXOCLASS", True, True)
    assert succeeds(acme.patch(f"/sender-ids/{sender['id']}/default"), 200, "Sender ID set as default") == sender
    assert acme.delete(f"/sender-ids/{sender['id']}").status_code == 409


@pytest.mark.parametrize("name", [None, "AB", "TWELVELETTERS", "...", "Ünser"])
def test_what_is_no_sender_id_is_refused(acme: Caller, name: str | None) -> None:
    answer = acme.post("/sender-ids", {"sender_id": name})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["sender_id"])


def test_a_domain_is_added_checked_and_removed(acme: Caller) -> None:
    name = f"{uuid4().hex}.example.com"
    message = "Domain added. Please add the DNS records shown below, then verify."
    made = succeeds(acme.post("/email-domains", {"domain": name.upper()}), 201, message)
    path = f"/email-domains/{made['id']}"
    assert made.keys() == DOMAIN
    assert (made["domain"], made["status"], len(made["dns_records"])) == (name, "pending", 3)
    assert made in succeeds(acme.get("/email-domains"), 200)
    is_illegal(acme.patch(f"{path}/default"), "pending")
    succeeds(acme.post(f"{path}/verify"), 202, "DNS verification has been queued.")
    assert succeeds(acme.get(path), 200).keys() == DOMAIN
    assert succeeds(acme.delete(path), 200, "Domain removed.") is None
    assert acme.get(path).status_code == 404


def test_the_verified_domain_can_be_the_default(acme: Caller) -> None:
    [domain] = [item for item in acme.get("/email-domains").json()["data"] if item["domain"] == acme.domain]
    made = succeeds(acme.patch(f"/email-domains/{domain['id']}/default"), 200, "Domain set as default.")
    assert (made["is_default"], made["status"]) == (True, "verified")


@pytest.mark.parametrize("name", [None, "localhost", "co.uk", "not a domain", "-x.example.com"])
def test_what_is_no_domain_is_refused(acme: Caller, name: str | None) -> None:
    answer = acme.post("/email-domains", {"domain": name})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["domain"])
