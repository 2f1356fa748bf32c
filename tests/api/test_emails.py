"""Single emails over HTTP."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from models.store.organizations import add_verified_domain
from models.tables import Content, EmailDomain, Message, Outbox

FIELDS = {
    "id", "batch_id", "status", "from_email", "from_name", "to_email", "to_name", "subject", "cost", "metadata",
    "created_at", "sent_at", "delivered_at", "opened_at", "clicked_at", "bounced_at", "error_message", "error_code",
}  # fmt: skip
EMAIL = {"to_email": "john@example.org", "subject": "Hello", "html_content": "<p>Hi</p>"}


def _sent(client, body: dict, **options):
    answer = client.post("/emails/send", body, **options)
    assert answer.status_code == 202, answer.text
    return answer.get_json()["data"]


def _refused(client, body: dict) -> dict[str, list[str]]:
    answer = client.post("/emails/send", body)
    assert answer.status_code == 422, answer.text
    return answer.get_json()["errors"]


def test_an_email_is_queued_charged_and_shown_the_same_everywhere(funded, engine) -> None:
    answer = funded.post("/emails/send", {**EMAIL, "to_name": "John Doe", "metadata": {"order_id": 12345}})
    assert answer.status_code == 202
    body = answer.get_json()
    assert (body["success"], body["message"]) == (True, "Email queued for sending.")
    email = body["data"]
    assert set(email) == FIELDS
    assert (email["status"], email["to_email"], email["to_name"]) == ("pending", "john@example.org", "John Doe")
    assert (email["subject"], email["from_email"], email["cost"]) == ("Hello", "hello@example.com", 0.01)
    assert email["metadata"] == {"order_id": 12345}
    assert email["sent_at"] is email["delivered_at"] is email["error_code"] is email["batch_id"] is None
    assert email["created_at"].endswith("+00:00")
    shown = funded.get(f"/emails/{email['id']}/status")
    assert shown.get_json() == {"success": True, "data": email}
    assert funded.get("/emails").get_json()["data"]["emails"] == [email]
    assert funded.get("/balance").get_json()["data"]["balance"] == 99.99
    with engine.transaction(None) as session:
        assert session.execute(select(Outbox.message_id)).scalars().all() == [UUID(email["id"])]


def test_aliases_and_blank_fields(funded) -> None:
    email = _sent(funded, {"to": " John@Example.ORG ", "from": "News@example.com", "subject": "S", "text_content": "t",
                           "html_content": "  "})  # fmt: skip
    assert (email["to_email"], email["from_email"]) == ("john@example.org", "News@example.com")


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"to_email": None}, "to_email", "The to_email field is required."),
        ({"to_email": "nobody"}, "to_email", "The to_email field must be a valid email address."),
        ({"subject": ""}, "subject", "The subject field is required."),
        ({"html_content": ""}, "html_content", "The html_content field is required when text_content is missing."),
        ({"subject": "x" * 999}, "subject", "The subject field must not be greater than 998 characters."),
        ({"reply_to": "x"}, "reply_to", "The reply_to field must be a valid email address."),
        ({"from_email": "a@other.com"}, "from_email",
         "The from_email must be in a verified domain; other.com is not one."),
        ({"template_id": "x"}, "template_id", "The template_id field must be a valid UUID."),
        ({"template_id": str(uuid4())}, "template_id", "The selected template_id is invalid."),
        ({"email_domain_id": str(uuid4())}, "email_domain_id", "The selected email_domain_id is invalid."),
        ({"variables": "x"}, "variables", "The variables field must be an object."),
        ({"variables": {"a": {"b": 1}}}, "variables.a",
         "The variables.a field must be a text, a number, true or false."),
        ({"metadata": {"a": []}}, "metadata.a", "The metadata.a field must be a text, a number, true or false."),
        ({"metadata": {str(n): 1 for n in range(51)}}, "metadata",
         "The metadata field must not have more than 50 keys."),
        ({"metadata": {str(n): "x" * 5000 for n in range(3)}}, "metadata",
         "The metadata field must not be greater than 10 KB."),
        ({"attachments": "x"}, "attachments", "The attachments field must be an array."),
        ({"attachments": ["x"]}, "attachments.0", "The attachments.0 field must be a file."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(funded, engine, change, field, message) -> None:
    assert _refused(funded, {**EMAIL, **change}) == {field: [message]}
    with engine.transaction(None) as session:
        assert session.execute(select(Message.id)).all() == session.execute(select(Content.id)).all() == []


def test_a_mistake_in_the_source_is_named(funded) -> None:
    assert set(_refused(funded, {**EMAIL, "html_content": "{{ a", "subject": "x"})) == {"html_content"}


def test_without_a_domain_there_is_no_sender(acme) -> None:
    errors = {"from_email": ["The from_email field is required: there is no default address."]}
    assert _refused(acme, EMAIL) == errors


def test_values_that_make_too_much_of_an_email_are_refused_before_anything_is_charged(funded) -> None:
    often = {**EMAIL, "html_content": "<p>{{ a }}</p>" * 200, "variables": {"a": "x" * 9000}}
    message = "The variables field makes the message more than 1 MB longer."
    assert _refused(funded, often) == {"variables": [message]}
    answer = funded.post("/emails/send-batch", {"emails": [EMAIL, {**often, "to_email": "jane@example.org"}]})
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {"emails.1.variables": [message.replace("variables", "emails.1.variables")]}
    assert funded.get("/balance").get_json()["data"]["balance"] == 100
    _sent(funded, {**often, "html_content": "<p>{{ a }}</p>" * 20})


def test_the_named_domain_gives_the_sender(funded, engine) -> None:
    with engine.transaction(None) as session:
        other = add_verified_domain(session, funded.organization_id, "shop.example")
        session.execute(text("UPDATE email_domains SET default_from_name = 'Shop' WHERE id = :id"), {"id": other.id})
    email = _sent(funded, {**EMAIL, "email_domain_id": str(other.id)})
    assert (email["from_email"], email["from_name"]) == ("hello@shop.example", "Shop")


def test_an_unverified_domain_cannot_be_named(funded, engine) -> None:
    with engine.transaction(None) as session:
        session.add(EmailDomain(id=(id_ := uuid4()), organization_id=funded.organization_id, domain="new.example"))
    assert set(_refused(funded, {**EMAIL, "email_domain_id": str(id_)})) == {"email_domain_id"}


def test_a_suppressed_address_is_refused_and_not_charged(funded) -> None:
    funded.created("/suppressions", {"email": "john@example.org"})
    assert _refused(funded, {**EMAIL, "to_email": "JOHN@example.org"}) == {
        "to_email": ["The to_email is on the suppression list."]
    }
    assert funded.get("/balance").get_json()["data"]["balance"] == 100


def test_ids_that_are_not_there_are_not_found(funded, globex) -> None:
    email = _sent(funded, EMAIL)
    for client, id_ in ((funded, uuid4()), (funded, "x"), (globex, email["id"])):
        assert client.get(f"/emails/{id_}/status").status_code == 404
    assert globex.get("/emails").get_json()["data"]["emails"] == []


@pytest.mark.parametrize("path", ["/emails", "/emails/x/status", "/emails/batch/x"])
def test_a_token_is_needed(app, path) -> None:
    assert app.test_client().get(f"/api/v1{path}").status_code == 401
    for post in ("send", "send-batch"):
        assert app.test_client().post(f"/api/v1/emails/{post}", json=EMAIL).status_code == 401
