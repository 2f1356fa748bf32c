"""Contacts, their import, and contact lists."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.contract import NOWHERE, Caller, is_invalid, is_page, is_past_the_end, succeeds

CONTACT = {"id", "email", "first_name", "last_name", "phone", "status", "custom_fields", "subscribed_at"}
CONTACT |= {"created_at", "updated_at"}
LIST = {"id", "name", "description", "is_default", "contacts_count", "created_at", "updated_at"}


def test_a_contact_is_made_changed_shown_listed_and_deleted(acme: Caller) -> None:
    email = f"{uuid4().hex}@Example.com"
    body = {"email": email, "first_name": " John ", "custom_fields": {"company": "Acme"}}
    made = succeeds(acme.post("/contacts", body), 201, "Contact created.")
    path = f"/contacts/{made['id']}"
    changed = succeeds(acme.put(path, {"last_name": "Doe"}), 200, "Contact updated.")
    shown = succeeds(acme.get(path), 200)
    assert made.keys() == changed.keys() == shown.keys() == CONTACT
    assert (shown["email"], shown["first_name"], shown["last_name"]) == (email.lower(), "John", "Doe")
    assert (shown["status"], shown["custom_fields"]) == ("active", {"company": "Acme"})
    listed = is_page(succeeds(acme.get("/contacts", search=email[:12].upper()), 200), "data", CONTACT)
    assert [item["id"] for item in listed] == [made["id"]]
    assert succeeds(acme.delete(path), 200, "Contact deleted.") is None
    assert acme.get(path).status_code == 404
    is_past_the_end(acme, "/contacts")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "invalid"}, "email"),
        ({"email": "a@example.com", "custom_fields": {"a": []}}, "custom_fields.a"),
        ({"email": "a@example.com", "custom_fields": "x"}, "custom_fields"),
        ({"email": "a@example.com", "first_name": ["A"]}, "first_name"),
    ],
)
def test_each_rule_names_its_field(acme: Caller, body: dict[str, Any], field: str) -> None:
    answer = acme.post("/contacts", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_a_status_is_one_of_four(acme: Caller) -> None:
    answer = acme.put(f"/contacts/{acme.contact()['id']}", {"status": "asleep"})
    is_invalid(answer, {"status": "The selected status is invalid."})


def test_an_address_is_a_contacts_once(acme: Caller) -> None:
    contact = acme.contact()
    is_invalid(acme.post("/contacts", {"email": contact["email"]}), {"email": "The email has already been taken."})


def test_who_unsubscribed_is_suppressed_and_comes_back_when_that_is_removed(acme: Caller) -> None:
    contact = acme.contact()
    acme.put(f"/contacts/{contact['id']}", {"status": "unsubscribed"})
    assert acme.get(f"/suppressions/check/{contact['email']}").json()["data"]["is_suppressed"] is True
    bounced = acme.contact()
    acme.put(f"/contacts/{bounced['id']}", {"status": "bounced"})
    acme.made("/suppressions", {"email": bounced["email"], "reason": "hard_bounce"})
    assert acme.put(f"/contacts/{bounced['id']}", {"status": "active"}).status_code == 409


def test_a_file_is_imported_onto_a_list(acme: Caller) -> None:
    list_id = acme.contact_list()
    rows = b"email,first_name,city\nnew.one@example.com,Ann,Vilnius\nbad,Ben,Kaunas\nnew.one@example.com,Ann,Riga\n"
    files = {"file": ("people.csv", rows, "text/csv")}
    answer = acme.post("/contacts/import", data={"list_id": list_id}, files=files)
    assert answer.status_code in (200, 202)
    if answer.status_code == 200:
        succeeds(answer, 200, "Import completed.")
    done = acme.reaches(f"/contacts/imports/{answer.json()['data']['import_id']}", "completed", 120)
    assert (done["rows"], done["imported"], done["skipped"], done["errors_total"]) == (3, 1, 1, 1)
    assert done["errors"] == [{"row": 3, "error": "Invalid email format"}]
    members = succeeds(acme.get(f"/contact-lists/{list_id}/contacts"), 200)["data"]
    assert [member["email"] for member in members] == ["new.one@example.com"]


def test_a_file_that_cannot_be_imported_is_refused(acme: Caller) -> None:
    is_invalid(acme.post("/contacts/import", data={"x": "y"}), {"file": "The file field is required."})
    for content in (b"", b"name,city\nAnn,Riga\n", bytes(range(256)) * 10):
        answer = acme.post("/contacts/import", files={"file": ("x.csv", content, "text/csv")})
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["file"])


def test_a_list_is_made_changed_filled_emptied_and_deleted(acme: Caller) -> None:
    name = uuid4().hex
    made = succeeds(acme.post("/contact-lists", {"name": name}), 201, "Contact list created.")
    path = f"/contact-lists/{made['id']}"
    changed = succeeds(acme.put(path, {"description": "D"}), 200, "Contact list updated.")
    assert made.keys() == changed.keys() == LIST
    listed = is_page(succeeds(acme.get("/contact-lists"), 200), "data", LIST)
    assert listed[0]["id"] == made["id"]
    contact = acme.contact()
    added = acme.post(f"{path}/contacts", {"contact_ids": [contact["id"]]})
    assert succeeds(added, 200, "Contacts added to list.") is None
    assert acme.get(path).json()["data"]["contacts_count"] == 1
    for _ in range(2):
        assert succeeds(acme.delete(f"{path}/contacts/{contact['id']}"), 200, "Contact removed from list.") is None
    assert acme.get(path).json()["data"]["contacts_count"] == 0
    assert succeeds(acme.delete(path), 200, "Contact list deleted.") is None
    is_past_the_end(acme, "/contact-lists")


def test_each_rule_of_lists_names_its_field(acme: Caller, globex: Caller) -> None:
    name = uuid4().hex
    path = f"/contact-lists/{acme.made('/contact-lists', {'name': name})['id']}/contacts"
    is_invalid(acme.post("/contact-lists", {"name": name.upper()}), {"name": "The name has already been taken."})
    is_invalid(acme.post("/contact-lists", {}), {"name": "The name field is required."})
    for ids in ([NOWHERE], [acme.contact()["id"], globex.contact()["id"]], ["x"], []):
        answer = acme.post(path, {"contact_ids": ids})
        assert answer.status_code == 422
        assert all(field.startswith("contact_ids") for field in answer.json()["errors"])
    assert acme.get(path).json()["data"]["data"] == []
