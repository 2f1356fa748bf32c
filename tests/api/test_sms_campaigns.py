"""SMS campaigns over HTTP: creating, reading, changing and deleting them."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from models.rules.quiet_hours import parse_quiet_hours
from models.store.organizations import set_quiet_hours
from models.store.sender_ids import add_verified_sender_id

FIELDS = {
    "id", "name", "status", "message_content", "sender_id", "sender_id_id", "target_list_ids", "contact_ids",
    "manual_phones", "total_recipients", "total_sent", "total_delivered", "total_failed", "total_segments",
    "total_cost", "scheduled_at", "timezone", "batch_size", "send_rate_per_minute", "created_at", "updated_at",
    "sent_at", "completed_at", "failure_reason", "pause_reason", "quiet_hours",
}  # fmt: skip
SALE = {"name": "Sale", "message_content": "Hi {{ first_name }}"}
PATH = "/sms/campaigns"


def test_a_campaign_has_the_same_fields_everywhere(acme) -> None:
    created = acme.created(PATH, SALE)
    path = f"{PATH}/{created['id']}"
    answers = [created, acme.get(path).get_json()["data"], acme.put(path, {"name": "S"}).get_json()["data"]]
    answers += acme.get(PATH).get_json()["data"]["data"]
    answers.append(acme.post(f"{path}/schedule", {"scheduled_at": "2052-03-28"}).get_json()["data"])
    assert all(set(answer) == FIELDS for answer in answers)


def test_one_that_failed_says_why(acme, engine) -> None:
    path = f"{PATH}/{acme.created(PATH, SALE)['id']}"
    assert acme.get(path).get_json()["data"]["failure_reason"] is None
    with engine.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET status = 'failed', failure_reason = 'The audience costs 5.'"))
    assert acme.get(path).get_json()["data"]["failure_reason"] == "The audience costs 5."


def test_everything_that_is_given_is_kept(acme, engine) -> None:
    with engine.transaction(None) as session:
        sender_id = str(add_verified_sender_id(session, acme.organization_id, "EXOSMS").id)
    contact = acme.created("/contacts", {"email": "a@example.com", "phone": "+37120000001"})["id"]
    contact_list = acme.created("/contact-lists", {"name": "All"})["id"]
    targets = {"target_list_ids": [contact_list], "contact_ids": [contact]}
    pace = {"timezone": "Asia/Yekaterinburg", "batch_size": 22, "send_rate_per_minute": "7"}
    campaign = acme.created(
        PATH, {**SALE, **targets, **pace, "sender_id_id": sender_id, "manual_phones": ["+36 20 123 4567"]}
    )
    expected = {**SALE, **targets, **pace, "send_rate_per_minute": 7, "manual_phones": ["+36201234567"]}
    assert campaign.items() >= {**expected, "sender_id": "EXOSMS", "sender_id_id": sender_id}.items()
    numbers = {name: campaign[name] for name in campaign if name.startswith("total_")}
    assert set(numbers.values()) == {0}


def test_a_new_campaign_is_a_draft_and_with_an_hour_scheduled(acme) -> None:
    assert acme.created(PATH, SALE)["status"] == "draft"
    body = {**SALE, "scheduled_at": "2052-03-28", "timezone": "Asia/Yekaterinburg"}
    answer = acme.post(PATH, body)
    assert answer.get_json()["message"] == "Campaign created."
    campaign = answer.get_json()["data"]
    assert (campaign["status"], campaign["scheduled_at"]) == ("scheduled", "2052-03-27T19:00:00+00:00")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"message_content": ""}, "message_content"),
        ({"message_content": "{{ open"}, "message_content"),
        ({"message_content": "x" * 1531}, "message_content"),
        ({"message_content": "ė" * 671}, "message_content"),
        ({"message_content": "{{ first_name }}" + "x" * 10_000}, "message_content"),
        ({"sender_id_id": str(uuid4())}, "sender_id_id"),
        ({"sender_id_id": "EXOSMS"}, "sender_id_id"),
        ({"target_list_ids": [str(uuid4())]}, "target_list_ids.0"),
        ({"contact_ids": [str(uuid4())]}, "contact_ids.0"),
        ({"contact_ids": ["x"]}, "contact_ids.0"),
        ({"manual_phones": ["+36"]}, "manual_phones.0"),
        ({"manual_phones": ["+36201234567", "0036201234567"]}, "manual_phones.1"),
        ({"manual_phones": [None]}, "manual_phones.0"),
        ({"manual_phones": "+36201234567"}, "manual_phones"),
        ({"send_rate_per_minute": 60_001}, "send_rate_per_minute"),
        ({"batch_size": 0}, "batch_size"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "Mars/Olympus", "scheduled_at": "2052-03-28"}, "timezone"),
        ({"scheduled_at": "tomorrow"}, "scheduled_at"),
        ({"quiet_hours": "21:00-08:00"}, "quiet_hours"),
        ({"quiet_hours": {"start": "21:00"}}, "quiet_hours.end"),
        ({"quiet_hours": {"start": "21:00", "end": "21:00"}}, "quiet_hours"),
    ],
)
def test_what_is_wrong_with_a_campaign_is_named(acme, change, field) -> None:
    campaign = acme.created(PATH, SALE)
    for answer in (acme.post(PATH, {**SALE, **change}), acme.put(f"{PATH}/{campaign['id']}", change)):
        assert answer.status_code == 422, answer.text
        assert list(answer.get_json()["errors"]) == [field]


def test_quiet_hours_are_the_organizations_unless_the_campaign_says(acme, engine) -> None:
    hours, others = {"start": "21:00", "end": "08:00"}, {"start": "20:00", "end": "09:30"}
    assert acme.created(PATH, SALE)["quiet_hours"] is None
    with engine.transaction(None) as session:
        set_quiet_hours(session, acme.organization_id, parse_quiet_hours(hours), actor="test")
    campaign = acme.created(PATH, SALE)
    assert campaign["quiet_hours"] == hours
    assert acme.created(PATH, {**SALE, "quiet_hours": None})["quiet_hours"] is None
    assert acme.created(PATH, {**SALE, "quiet_hours": others})["quiet_hours"] == others
    path = f"{PATH}/{campaign['id']}"
    for change, expected in (({"name": "S"}, hours), ({"quiet_hours": others}, others), ({"quiet_hours": None}, None)):
        assert acme.put(path, change).get_json()["data"]["quiet_hours"] == expected


def test_name_and_text_are_required_and_an_hour_that_has_come_is_refused(acme) -> None:
    assert set(acme.post(PATH, {}).get_json()["errors"]) == {"name", "message_content"}
    answer = acme.post(PATH, {**SALE, "scheduled_at": "2020-01-01"})
    assert answer.get_json()["errors"] == {"scheduled_at": ["The scheduled_at field must be a date after now."]}


def test_all_that_is_wrong_is_named_at_once(acme) -> None:
    body = {**SALE, "message_content": "{{", "manual_phones": ["1", "2"], "contact_ids": [str(uuid4())]}
    fields = {"message_content", "manual_phones.0", "manual_phones.1", "contact_ids.0"}
    assert set(acme.post(PATH, body).get_json()["errors"]) == fields


def test_a_text_with_merge_tags_may_be_longer_than_ten_segments(acme) -> None:
    text = "{% if first_name %}" + "x" * 1500 + "{% else %}" + "y" * 1500 + "{% endif %}"
    assert acme.created(PATH, {**SALE, "message_content": text})["message_content"] == text


def test_things_of_another_organization_cannot_be_referred_to(acme, globex, engine) -> None:
    theirs = {
        "target_list_ids": [globex.created("/contact-lists", {"name": "Theirs"})["id"]],
        "contact_ids": [globex.created("/contacts", {"email": "a@example.com"})["id"]],
    }
    with engine.transaction(None) as session:
        sender_id = str(add_verified_sender_id(session, globex.organization_id, "Globex").id)
    answer = acme.post(PATH, {**SALE, **theirs, "sender_id_id": sender_id})
    assert set(answer.get_json()["errors"]) == {"target_list_ids.0", "contact_ids.0", "sender_id_id"}


def test_a_change_touches_what_it_names_and_nothing_else(acme) -> None:
    campaign = acme.created(PATH, {**SALE, "manual_phones": ["+37120000001"], "batch_size": 7})
    answer = acme.put(f"{PATH}/{campaign['id']}", {"name": "Winter sale", "batch_size": None})
    assert answer.get_json()["message"] == "Campaign updated."
    changed = answer.get_json()["data"]
    expected = {**campaign, "name": "Winter sale", "batch_size": 100}
    assert changed == {**expected, "updated_at": changed["updated_at"]}


def test_the_list_is_newest_first_and_filtered_by_status(acme) -> None:
    names = ["One", "Two", "Three"]
    for name in names:
        acme.created(PATH, {**SALE, "name": name})
    acme.created(PATH, {**SALE, "name": "Later", "scheduled_at": "2052-03-28"})
    page = acme.get(f"{PATH}?status=draft&per_page=2").get_json()["data"]
    assert [each["name"] for each in page["data"]] == ["Three", "Two"]
    assert page["pagination"] == {"total": 3, "per_page": 2, "current_page": 1, "last_page": 2}
    assert acme.get(f"{PATH}?status=x").status_code == 422


def test_a_draft_is_deleted_for_good(acme) -> None:
    campaign = acme.created(PATH, SALE)
    answer = acme.delete(f"{PATH}/{campaign['id']}")
    assert answer.get_json() == {"success": True, "data": None, "message": "Campaign deleted."}
    assert acme.get(f"{PATH}/{campaign['id']}").status_code == 404


def test_neither_another_organization_nor_the_other_channel_finds_it(acme, globex) -> None:
    sms = acme.created(PATH, SALE)["id"]
    email = acme.created("/campaigns", {"name": "January"})["id"]
    paths = [(globex, f"{PATH}/{sms}"), (acme, f"/campaigns/{sms}"), (acme, f"{PATH}/{email}"), (acme, f"{PATH}/x")]
    for client, path in paths:
        answers = [client.get(path), client.put(path, {"name": "Stolen"}), client.delete(path)]
        answers += [client.post(f"{path}/{move}") for move in ("send", "schedule", "unschedule", "pause", "resume")]
        answers.append(client.post(f"{path}/cancel"))
        assert [answer.status_code for answer in answers] == [404] * 9
    assert [each["id"] for each in acme.get(PATH).get_json()["data"]["data"]] == [sms]
    assert [each["id"] for each in acme.get("/campaigns").get_json()["data"]["data"]] == [email]
