"""Values that no field expects: stored and given back as they are, or refused."""

import pytest

from tests.support.forms import encoded, form_of

EMAIL = {"to_email": "john@example.org", "subject": "S", "text_content": "T"}


def test_large_numbers_of_a_contact_are_given_back(acme) -> None:
    answer = acme.call(
        "POST",
        "/contacts",
        data=b'{"email": "a@example.org", "custom_fields": {"a": 1e308, "b": -1.5e300, "c": 12345678901234567890123}}',
        content_type="application/json",
    )
    assert answer.status_code == 201, answer.text
    fields = {"a": 1e308, "b": -1.5e300, "c": 12345678901234567890123.0}
    assert answer.get_json()["data"]["custom_fields"] == fields
    assert acme.get("/contacts").get_json()["data"]["data"][0]["custom_fields"] == fields


def test_large_numbers_of_an_email_are_given_back_and_its_list_can_be_read(funded) -> None:
    email = {**EMAIL, "subject": "{{ a }}", "metadata": {"a": 1e308}, "variables": {"a": 1e22}}
    for path, body in (("/emails/send", email), ("/emails/send-batch", {"emails": [email]})):
        answer = funded.post(path, body)
        assert answer.status_code == 202, answer.text
    listed = funded.get("/emails").get_json()["data"]["emails"]
    assert [each["metadata"] for each in listed] == [{"a": 1e308}] * 2
    assert [each["subject"] for each in listed] == ["1" + "0" * 22] * 2


def test_an_email_may_be_made_from_a_template_with_a_large_default(funded) -> None:
    template = funded.created(
        "/email-templates",
        {
            "name": "T",
            "subject_template": "S",
            "html_content": "{{ n }}",
            "variables": [{"key": "n", "default": 1e300}],
        },
    )
    assert template["variables"][0]["default"] == 1e300
    answer = funded.post("/emails/send", {"to_email": "john@example.org", "template_id": template["id"]})
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("field", ["metadata", "variables"])
def test_a_file_among_plain_values_is_refused(funded, field) -> None:
    email = {**EMAIL, field: {"x": ("a.pdf", b"%PDF-1.7")}}
    message = f"The {field}.x field must be a text, a number, true or false."
    answer = funded.post("/emails/send", **encoded(form_of(email)))
    assert (answer.status_code, answer.get_json()["errors"]) == (422, {f"{field}.x": [message]})
    batch = funded.post("/emails/send-batch", **encoded(form_of({"emails": [email]})))
    assert (batch.status_code, list(batch.get_json()["errors"])) == (422, [f"emails.0.{field}.x"])


def test_a_schedule_names_a_wrong_zone_and_a_wrong_hour_at_once(acme) -> None:
    wrong = {"scheduled_at": "soon", "timezone": "Mars/Olympus"}
    campaign = acme.created("/campaigns", {"name": "C"})
    for answer in (
        acme.post("/campaigns", {"name": "C", **wrong}),
        acme.put(f"/campaigns/{campaign['id']}", wrong),
        acme.post(f"/campaigns/{campaign['id']}/schedule", wrong),
        acme.post("/sms/campaigns", {"name": "C", "message_content": "Hi", **wrong}),
    ):
        assert answer.status_code == 422, answer.text
        assert set(answer.get_json()["errors"]) == {"scheduled_at", "timezone"}
