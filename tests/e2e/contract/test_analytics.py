"""Analytics: over an organization, a campaign, and one email."""

from typing import Any

import pytest

from tests.support.contract import Caller, succeeds

TOTALS = {"total_sent", "total_delivered", "total_opened", "total_clicked", "total_bounced", "total_complained"}
OVERVIEW = {*TOTALS, "delivery_rate", "open_rate", "click_rate", "bounce_rate"}
CAMPAIGN = {*TOTALS, "campaign_id", "campaign_name", "open_rate", "click_rate", "bounce_rate", "unsubscribe_rate"}


def test_the_overview_counts_what_was_sent(acme: Caller) -> None:
    before = succeeds(acme.get("/analytics/overview"), 200)
    assert before.keys() == OVERVIEW
    id_ = acme.made("/emails/send", {"to_email": "a@example.com", "subject": "S", "text_content": "T"})["id"]
    acme.reaches(f"/emails/{id_}/status", "sent")
    assert succeeds(acme.get("/analytics/overview"), 200)["total_sent"] >= before["total_sent"] + 1
    empty = succeeds(acme.get("/analytics/overview", **{"from": "2020-01-01", "to": "2020-01-31"}), 200)
    assert empty == dict.fromkeys(OVERVIEW, 0)


@pytest.mark.parametrize("field", ["from", "to"])
def test_what_is_no_day_is_refused(acme: Caller, field: str) -> None:
    answer = acme.get("/analytics/overview", **{field: "yesterday"})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_a_campaign_its_links_and_its_devices(acme: Caller, campaign: dict[str, Any]) -> None:
    acme.post(f"/campaigns/{campaign['id']}/send")
    acme.reaches(f"/campaigns/{campaign['id']}", "completed", 120)
    path = f"/analytics/campaigns/{campaign['id']}"
    data = succeeds(acme.get(path), 200)
    assert data.keys() == CAMPAIGN
    assert (data["campaign_id"], data["campaign_name"], data["total_sent"]) == (campaign["id"], "January", 2)
    assert succeeds(acme.get(f"{path}/links"), 200) == []
    assert succeeds(acme.get(f"{path}/devices"), 200) == {"devices": [], "clients": []}


def test_an_sms_campaign_has_no_email_analytics(acme: Caller, sms_campaign: dict[str, Any]) -> None:
    for below in ("", "/links", "/devices"):
        assert acme.get(f"/analytics/campaigns/{sms_campaign['id']}{below}").status_code == 404


def test_the_events_of_an_email_begin_with_none(acme: Caller) -> None:
    id_ = acme.made("/emails/send", {"to_email": "b@example.com", "subject": "S", "text_content": "T"})["id"]
    acme.reaches(f"/emails/{id_}/status", "sent")
    assert succeeds(acme.get(f"/analytics/emails/{id_}/events"), 200) == []
