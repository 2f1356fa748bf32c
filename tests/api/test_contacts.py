"""Contacts over HTTP."""

from uuid import uuid4

import pytest
from sqlalchemy import text

FIELDS = {
    *("id", "email", "first_name", "last_name", "phone", "status", "custom_fields"),
    *("subscribed_at", "created_at", "updated_at"),
}


def test_a_contact_has_the_same_fields_everywhere(acme) -> None:
    created = acme.created("/contacts", {"email": "a@example.com"})
    path = f"/contacts/{created['id']}"
    answers = [created, acme.get(path).get_json()["data"], acme.put(path, {"first_name": "A"}).get_json()["data"]]
    answers += acme.get("/contacts").get_json()["data"]["data"]
    assert all(set(answer) == FIELDS for answer in answers)


def test_a_contact_is_stored_trimmed_and_normalised(acme) -> None:
    body = {"email": "  Ann@Example.COM ", "first_name": "  ", "phone": "+370 612 34567", "custom_fields": {"n": 0.105}}
    contact = acme.created("/contacts", body)
    assert contact["email"] == "ann@example.com"
    assert contact["first_name"] is None
    assert contact["phone"] == "+37061234567"
    assert contact["custom_fields"] == {"n": 0.105}
    assert contact["status"] == "active"


def test_unknown_fields_are_ignored(acme) -> None:
    assert acme.created("/contacts", {"email": "a@example.com", "status": "bounced", "x": 1})["status"] == "active"


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"email": ""}, "email", "The email field is required."),
        ({"email": "nobody"}, "email", "The email field must be a valid email address."),
        ({"email": 7}, "email", "The email field must be a valid email address."),
        ({"first_name": "x" * 256}, "first_name", "The first_name field must not be greater than 255 characters."),
        ({"last_name": ["x"]}, "last_name", "The last_name field must be a string."),
        ({"phone": "12345"}, "phone", "The phone field must be a valid phone number."),
        ({"custom_fields": "x"}, "custom_fields", "The custom_fields field must be an object."),
        (
            {"custom_fields": {"a": {"b": 1}}},
            "custom_fields.a",
            "The custom_fields.a field must be a text, a number, true or false.",
        ),
        (
            {"custom_fields": {str(n): n for n in range(65)}},
            "custom_fields",
            "The custom_fields field must not have more than 64 keys.",
        ),
    ],
)
def test_what_is_wrong_with_a_contact_is_named(acme, body, field, message) -> None:
    answer = acme.post("/contacts", {"email": "a@example.com", **body})
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {field: [message]}


def test_one_address_is_one_contact_of_an_organization(acme, globex) -> None:
    acme.created("/contacts", {"email": "a@example.com"})
    answer = acme.post("/contacts", {"email": "A@example.com"})
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {"email": ["The email has already been taken."]}
    globex.created("/contacts", {"email": "a@example.com"})
    other = acme.created("/contacts", {"email": "b@example.com"})
    assert acme.put(f"/contacts/{other['id']}", {"email": "a@example.com"}).status_code == 422


def test_a_change_touches_what_it_names_and_nothing_else(acme) -> None:
    contact = acme.created("/contacts", {"email": "a@example.com", "last_name": "B", "custom_fields": {"a": 1, "b": 2}})
    changed = acme.put(f"/contacts/{contact['id']}", {"first_name": "A", "custom_fields": {"c": True}}).get_json()
    assert changed["message"] == "Contact updated."
    expected = {**contact, "first_name": "A", "custom_fields": {"c": True}}
    assert changed["data"] == {**expected, "updated_at": changed["data"]["updated_at"]}


def test_what_a_contact_must_have_cannot_be_taken_away(acme) -> None:
    contact = acme.created("/contacts", {"email": "a@example.com"})
    for field in ("email", "status"):
        assert acme.put(f"/contacts/{contact['id']}", {field: None}).get_json()["errors"] == {
            field: [f"The {field} field is required."]
        }


def test_unsubscribing_a_contact_suppresses_its_address(acme) -> None:
    contact = acme.created("/contacts", {"email": "a@example.com"})
    assert acme.put(f"/contacts/{contact['id']}", {"status": "unsubscribed"}).status_code == 200
    suppression = acme.get("/suppressions").get_json()["data"]["data"][0]
    assert (suppression["email"], suppression["reason"]) == ("a@example.com", "unsubscribed")


@pytest.mark.parametrize("status", ["bounced", "complained"])
def test_the_way_back_leads_over_the_suppression(acme, status) -> None:
    contact = acme.created("/contacts", {"email": "a@example.com"})
    path = f"/contacts/{contact['id']}"
    acme.put(path, {"status": status})
    acme.created("/suppressions", {"email": "a@example.com", "reason": "hard_bounce"})
    refused = acme.put(path, {"status": "active"})
    assert refused.status_code == 409
    assert refused.get_json()["error"] == {"code": "suppressed", "current_status": status}
    assert acme.get(path).get_json()["data"]["status"] == status
    acme.delete("/suppressions/a@example.com")
    assert acme.put(path, {"status": "active"}).get_json()["data"]["status"] == "active"


@pytest.mark.parametrize(("reason", "status"), [("hard_bounce", 409), ("complaint", 409), ("manual", 200)])
def test_no_way_around_leads_back_past_a_bounce_or_a_complaint(acme, reason, status) -> None:
    path = f"/contacts/{acme.created('/contacts', {'email': 'a@example.com'})['id']}"
    acme.created("/suppressions", {"email": "a@example.com", "reason": reason})
    assert acme.put(path, {"status": "unsubscribed"}).status_code == 200
    assert acme.put(path, {"status": "active"}).status_code == status
    acme.delete("/suppressions/a@example.com")
    assert acme.put(path, {"status": "active"}).status_code == 200


def test_search_looks_at_addresses_and_names_and_takes_wildcards_literally(acme) -> None:
    acme.created("/contacts", {"email": "ann_lee@example.com", "first_name": "Ann"})
    acme.created("/contacts", {"email": "bob@example.com", "last_name": "ANNAN"})
    acme.created("/contacts", {"email": "annxlee@example.com"})

    def found(search: str) -> set[str]:
        answer = acme.get("/contacts", query_string={"search": search}).get_json()["data"]
        assert answer["pagination"]["total"] == len(answer["data"])
        return {contact["email"] for contact in answer["data"]}

    assert found("ann") == {"ann_lee@example.com", "bob@example.com", "annxlee@example.com"}
    assert found("ANN_") == {"ann_lee@example.com"}
    assert found("%") == set()


def test_the_list_is_filtered_by_status(acme) -> None:
    contact = acme.created("/contacts", {"email": "a@example.com"})
    acme.created("/contacts", {"email": "b@example.com"})
    acme.put(f"/contacts/{contact['id']}", {"status": "unsubscribed"})
    answer = acme.get("/contacts?status=unsubscribed").get_json()["data"]
    assert [each["email"] for each in answer["data"]] == ["a@example.com"]
    assert acme.get("/contacts?status=gone").get_json()["errors"] == {"status": ["The selected status is invalid."]}


def test_a_deleted_contact_is_gone_from_its_lists_too(acme, engine) -> None:
    contact = acme.created("/contacts", {"email": "a@example.com"})
    lists = [acme.created("/contact-lists", {"name": name})["id"] for name in ("A", "B")]
    for list_id in lists:
        acme.post(f"/contact-lists/{list_id}/contacts", {"contact_ids": [contact["id"]]})
    answer = acme.delete(f"/contacts/{contact['id']}")
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"success": True, "data": None, "message": "Contact deleted."},
    )
    assert acme.get(f"/contacts/{contact['id']}").status_code == 404
    for list_id in lists:
        assert acme.get(f"/contact-lists/{list_id}").get_json()["data"]["contacts_count"] == 0
        assert acme.get(f"/contact-lists/{list_id}/contacts").get_json()["data"]["data"] == []
    with engine.transaction(None) as session:
        assert session.execute(text("SELECT contacts_count FROM organizations")).scalar_one() == 0


def test_another_organizations_contact_is_not_found(acme, globex) -> None:
    contact = acme.created("/contacts", {"email": "a@example.com"})
    for path in (f"/contacts/{contact['id']}", f"/contacts/{uuid4()}", "/contacts/not-a-uuid"):
        assert globex.get(path).status_code == 404
        assert globex.put(path, {"first_name": "Stolen"}).status_code == 404
        assert globex.delete(path).status_code == 404
    assert globex.get("/contacts").get_json()["data"]["data"] == []
    assert acme.get(f"/contacts/{contact['id']}").get_json()["data"] == contact
