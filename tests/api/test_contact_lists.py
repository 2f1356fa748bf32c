"""Contact lists over HTTP."""

from uuid import uuid4

import pytest

FIELDS = {"id", "name", "description", "is_default", "contacts_count", "created_at", "updated_at"}


@pytest.fixture
def contacts(acme) -> list[str]:
    return [acme.created("/contacts", {"email": f"c{n}@example.com"})["id"] for n in range(3)]


@pytest.fixture
def newsletter(acme) -> dict:
    return acme.created("/contact-lists", {"name": "Newsletter"})


def _count(client, list_id: str) -> int:
    return client.get(f"/contact-lists/{list_id}").get_json()["data"]["contacts_count"]


def test_a_list_has_the_same_fields_everywhere(acme, newsletter) -> None:
    path = f"/contact-lists/{newsletter['id']}"
    answers = [newsletter, acme.get(path).get_json()["data"], acme.put(path, {"name": "N"}).get_json()["data"]]
    answers += acme.get("/contact-lists").get_json()["data"]["data"]
    assert all(set(answer) == FIELDS for answer in answers)


def test_a_name_is_unique_whatever_its_case(acme, globex, newsletter) -> None:
    answer = acme.post("/contact-lists", {"name": "NEWSLETTER"})
    assert (answer.status_code, answer.get_json()["errors"]) == (422, {"name": ["The name has already been taken."]})
    other = acme.created("/contact-lists", {"name": "Other"})
    assert acme.put(f"/contact-lists/{other['id']}", {"name": "newsletter"}).status_code == 422
    assert acme.put(f"/contact-lists/{newsletter['id']}", {"name": "NEWSLETTER"}).status_code == 200
    globex.created("/contact-lists", {"name": "Newsletter"})


def test_there_is_one_default_list(acme, newsletter) -> None:
    first = acme.created("/contact-lists", {"name": "First", "is_default": "1"})
    assert first["is_default"] is True
    acme.put(f"/contact-lists/{newsletter['id']}", {"is_default": True})
    listed = acme.get("/contact-lists").get_json()["data"]["data"]
    assert {each["name"] for each in listed if each["is_default"]} == {"Newsletter"}
    assert acme.put(f"/contact-lists/{newsletter['id']}", {"is_default": "maybe"}).status_code == 422


def test_adding_contacts_twice_adds_them_once(acme, newsletter, contacts) -> None:
    path = f"/contact-lists/{newsletter['id']}/contacts"
    answer = acme.post(path, {"contact_ids": [*contacts, contacts[0]]})
    assert answer.get_json() == {"success": True, "data": None, "message": "Contacts added to list."}
    acme.post(path, {"contact_ids": contacts[:1]})
    assert _count(acme, newsletter["id"]) == 3
    listed = acme.get(f"{path}?per_page=2").get_json()["data"]
    assert [each["id"] for each in listed["data"]] == [contacts[2], contacts[1]]
    assert listed["pagination"]["total"] == 3


def test_one_unknown_contact_refuses_the_whole_call(acme, globex, newsletter, contacts) -> None:
    foreign = globex.created("/contacts", {"email": "g@example.com"})["id"]
    path = f"/contact-lists/{newsletter['id']}/contacts"
    for wrong in (foreign, str(uuid4())):
        answer = acme.post(path, {"contact_ids": [contacts[0], wrong]})
        assert answer.status_code == 422
        assert answer.get_json()["errors"] == {"contact_ids.1": ["The selected contact_ids.1 is invalid."]}
    assert _count(acme, newsletter["id"]) == 0


@pytest.mark.parametrize(
    ("contact_ids", "field"),
    [
        (None, "contact_ids"),
        ([], "contact_ids"),
        ("x", "contact_ids"),
        (["x"], "contact_ids.0"),
        ([None], "contact_ids.0"),
    ],
)
def test_what_is_no_list_of_ids_is_refused(acme, newsletter, contact_ids, field) -> None:
    answer = acme.post(f"/contact-lists/{newsletter['id']}/contacts", {"contact_ids": contact_ids})
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {field}


def test_taking_a_contact_off_a_list_twice_is_no_error(acme, newsletter, contacts) -> None:
    path = f"/contact-lists/{newsletter['id']}/contacts"
    acme.post(path, {"contact_ids": contacts})
    for _ in range(2):
        answer = acme.delete(f"{path}/{contacts[0]}")
        assert answer.get_json() == {"success": True, "data": None, "message": "Contact removed from list."}
        assert _count(acme, newsletter["id"]) == 2
    assert acme.get(f"/contacts/{contacts[0]}").status_code == 200


def test_deleting_a_list_keeps_its_contacts(acme, newsletter, contacts) -> None:
    acme.post(f"/contact-lists/{newsletter['id']}/contacts", {"contact_ids": contacts})
    answer = acme.delete(f"/contact-lists/{newsletter['id']}")
    assert answer.get_json() == {"success": True, "data": None, "message": "Contact list deleted."}
    assert acme.get(f"/contact-lists/{newsletter['id']}").status_code == 404
    assert acme.get("/contacts").get_json()["data"]["pagination"]["total"] == 3


def test_another_organizations_list_is_not_found(acme, globex, newsletter, contacts) -> None:
    mine = globex.created("/contact-lists", {"name": "Mine"})["id"]
    for list_id in (newsletter["id"], str(uuid4()), "not-a-uuid"):
        path = f"/contact-lists/{list_id}"
        statuses = [
            globex.get(path).status_code,
            globex.put(path, {"name": "Stolen"}).status_code,
            globex.delete(path).status_code,
            globex.get(f"{path}/contacts").status_code,
            globex.post(f"{path}/contacts", {"contact_ids": contacts}).status_code,
            globex.delete(f"{path}/contacts/{contacts[0]}").status_code,
        ]
        assert statuses == [404] * 6
    assert globex.delete(f"/contact-lists/{mine}/contacts/{contacts[0]}").status_code == 404
