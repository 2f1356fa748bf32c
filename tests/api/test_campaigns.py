"""Email campaigns over HTTP: creating, reading, changing and deleting them."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from models.rules.ids import new_id

FIELDS = {
    *("id", "name", "description", "status", "email_template_id", "subject", "html_content", "text_content"),
    *("template_variables", "email_domain_id", "from_email", "from_name", "reply_to", "target_list_ids"),
    *(
        "segment_filters",
        "track_opens",
        "track_clicks",
        "send_rate_per_minute",
        "batch_size",
        "timezone",
        "scheduled_at",
        "total_recipients",
    ),
    *("total_sent", "total_delivered", "total_opened", "total_clicked", "total_bounced", "total_failed"),
    *(
        "total_unsubscribed",
        "total_uncertain",
        "dropped",
        "open_rate",
        "click_rate",
        "bounce_rate",
        "failure_reason",
        "pause_reason",
        "created_at",
        "updated_at",
    ),
    *("sent_at", "completed_at"),
}


def test_a_campaign_has_the_same_fields_everywhere(acme) -> None:
    created = acme.created("/campaigns", {"name": "January"})
    path = f"/campaigns/{created['id']}"
    answers = [created, acme.get(path).get_json()["data"], acme.put(path, {"name": "J"}).get_json()["data"]]
    answers += acme.get("/campaigns").get_json()["data"]["data"]
    answers.append(acme.post(f"{path}/cancel").get_json()["data"])
    assert all(set(answer) == FIELDS for answer in answers)


def test_a_new_campaign_is_a_draft_also_with_an_hour(acme) -> None:
    body = {"name": "January", "scheduled_at": "2030-03-04T23:25:31", "timezone": "Asia/Yekaterinburg"}
    campaign = acme.created("/campaigns", {**body, "batch_size": "50", "segment_filters": {"status": "active"}})
    assert (campaign["status"], campaign["batch_size"]) == ("draft", 50)
    assert campaign["scheduled_at"] == "2030-03-04T18:25:31+00:00"
    assert (campaign["total_recipients"], campaign["open_rate"], campaign["sent_at"]) == (0, "0.0%", None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"email_template_id": str(uuid4())}, "email_template_id"),
        ({"email_template_id": "x"}, "email_template_id"),
        ({"email_domain_id": str(uuid4())}, "email_domain_id"),
        ({"subject": "{{ open"}, "subject"),
        ({"html_content": "{% for x in y %}"}, "html_content"),
        ({"template_variables": {"a": []}}, "template_variables.a"),
        ({"from_email": "x"}, "from_email"),
        ({"target_list_ids": [str(uuid4())]}, "target_list_ids.0"),
        ({"segment_filters": {"shoe_size": 44}}, "segment_filters.shoe_size"),
        ({"segment_filters": {"any": [{"field": "email", "op": "like", "value": "x"}]}}, "segment_filters.any.0.op"),
        ({"send_rate_per_minute": 0}, "send_rate_per_minute"),
        ({"batch_size": 1001}, "batch_size"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"scheduled_at": "tomorrow"}, "scheduled_at"),
    ],
)
def test_what_is_wrong_with_a_campaign_is_named(acme, change, field) -> None:
    campaign = acme.created("/campaigns", {"name": "January"})
    for answer in (
        acme.post("/campaigns", {"name": "January", **change}),
        acme.put(f"/campaigns/{campaign['id']}", change),
    ):
        assert answer.status_code == 422, answer.text
        assert list(answer.get_json()["errors"]) == [field]


def test_things_of_another_organization_cannot_be_referred_to(acme, globex) -> None:
    contact_list = globex.created("/contact-lists", {"name": "Theirs"})["id"]
    source = {"name": "T", "subject_template": "S", "html_content": "<p>x</p>"}
    template = globex.created("/email-templates", source)["id"]
    answer = acme.post("/campaigns", {"name": "J", "target_list_ids": [contact_list], "email_template_id": template})
    assert set(answer.get_json()["errors"]) == {"target_list_ids.0", "email_template_id"}


def test_a_change_touches_what_it_names_and_nothing_else(acme) -> None:
    body = {"name": "January", "subject": "S", "batch_size": 7, "timezone": "Europe/Riga"}
    campaign = acme.created("/campaigns", body)
    answer = acme.put(f"/campaigns/{campaign['id']}", {"subject": None, "scheduled_at": "2030-06-01T12:00:00"})
    assert answer.get_json()["message"] == "Campaign updated."
    changed = answer.get_json()["data"]
    expected = {**campaign, "subject": None, "scheduled_at": "2030-06-01T09:00:00+00:00"}
    assert changed == {**expected, "updated_at": changed["updated_at"]}


def test_the_list_is_filtered_by_status(acme) -> None:
    acme.created("/campaigns", {"name": "Draft"})
    cancelled = acme.created("/campaigns", {"name": "Cancelled"})
    acme.post(f"/campaigns/{cancelled['id']}/cancel")
    answer = acme.get("/campaigns?status=cancelled").get_json()["data"]
    assert [each["name"] for each in answer["data"]] == ["Cancelled"]
    assert acme.get("/campaigns?status=x").status_code == 422


def test_totals_are_summed_over_the_chunks_of_the_run(acme, engine) -> None:
    campaign = acme.created("/campaigns", {"name": "January"})
    values = {"run": new_id(), "campaign": campaign["id"], "organization": acme.organization_id}
    with engine.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO runs (id, organization_id, kind, state, campaign_id, started_by, total_recipients,
                                  total_opened, total_clicked, total_bounced, total_delivered)
                VALUES (:run, :organization, 'campaign', 'completed', :campaign, 'api', 5000, 2100, 450, 20, 4950)
            """),
            values,
        )
        session.execute(
            text("""
                INSERT INTO chunks (run_id, no, organization_id, state, size, accepted, failed, uncertain)
                VALUES (:run, 0, :organization, 'done', 2500, 2490, 4, 6),
                       (:run, 1, :organization, 'done', 2500, 2490, 10, 0)
            """),
            values,
        )
        session.execute(text("UPDATE campaigns SET run_id = :run WHERE id = :campaign"), values)
    shown = acme.get(f"/campaigns/{campaign['id']}").get_json()["data"]
    totals = {"total_recipients": 5000, "total_sent": 4980, "total_failed": 14, "total_uncertain": 6}
    rates = {"open_rate": "42.2%", "click_rate": "9.0%", "bounce_rate": "0.4%", "total_delivered": 4950}
    assert shown.items() >= (totals | rates).items()
    assert acme.get("/campaigns").get_json()["data"]["data"] == [shown]


def test_a_draft_is_deleted_for_good(acme) -> None:
    campaign = acme.created("/campaigns", {"name": "January"})
    answer = acme.delete(f"/campaigns/{campaign['id']}")
    assert answer.get_json() == {"success": True, "data": None, "message": "Campaign deleted."}
    assert acme.get(f"/campaigns/{campaign['id']}").status_code == 404


def test_another_organizations_campaign_is_not_found(acme, globex) -> None:
    campaign = acme.created("/campaigns", {"name": "January"})
    for campaign_id in (campaign["id"], str(uuid4()), "not-a-uuid"):
        path = f"/campaigns/{campaign_id}"
        answers = [globex.get(path), globex.put(path, {"name": "Stolen"}), globex.delete(path)]
        moves = ("send", "schedule", "unschedule", "pause", "resume", "cancel")
        answers += [globex.post(f"{path}/{move}") for move in moves]
        assert [answer.status_code for answer in answers] == [404] * 9
    assert globex.get("/campaigns").get_json()["data"]["data"] == []
    assert acme.get(f"/campaigns/{campaign['id']}").get_json()["data"]["status"] == "draft"
