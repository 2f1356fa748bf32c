"""Webhook endpoints over HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.encryption import decrypt
from models.rules.webhooks import ENDPOINTS_MAX, EventType
from tests.support.webhooks import deliveries, put_events

URL = "https://hooks.example.com/exosend?key=1"
NEW = {"url": URL, "event_types": ["email.delivered", "email.bounced", "email.delivered"]}
_URL, _DESCRIPTION = "The url field", "The description field"
FIELDS = {
    "id", "url", "description", "event_types", "is_active", "disabled_at", "disabled_reason", "failing_since",
    "dropped", "previous_secret_until", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def endpoint(acme) -> dict:
    return acme.created("/webhook-endpoints", NEW)


def _path(endpoint: dict, rest: str = "") -> str:
    return f"/webhook-endpoints/{endpoint['id']}{rest}"


def _set(engine, statement: str, **values) -> None:
    with engine.transaction(None) as session:
        session.execute(text(statement), values)


def test_it_has_the_same_fields_everywhere_and_its_secret_once(acme, endpoint) -> None:
    assert endpoint.pop("secret").startswith("whsec_")
    shown = acme.get(_path(endpoint)).get_json()["data"]
    (listed,) = acme.get("/webhook-endpoints").get_json()["data"]
    assert set(endpoint) == FIELDS
    assert endpoint == shown == listed
    assert (shown["url"], shown["event_types"], shown["is_active"]) == (URL, ["email.delivered", "email.bounced"], True)


def test_a_secret_is_stored_encrypted_and_kept_in_no_answer(acme, engine, settings) -> None:
    key = {"headers": {"Idempotency-Key": "one"}}
    first = acme.post("/webhook-endpoints", NEW, **key).get_json()["data"]
    again = acme.post("/webhook-endpoints", NEW, **key).get_json()["data"]
    assert again == {**first, "secret": None}
    with engine.transaction(None) as session:
        stored = session.execute(text("SELECT secret FROM webhook_endpoints")).scalar_one()
        kept = session.execute(text("SELECT answer FROM idempotency_keys")).scalar_one()
    assert decrypt(settings, bytes(stored)).decode() == first["secret"]
    assert first["secret"].encode() not in bytes(stored)
    assert first["secret"] not in str(kept)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"url": None}, "url", "The url field is required."),
        ({"url": 7}, "url", "The url field must be a string."),
        ({"url": "http://hooks.example.com/"}, "url", "The url field must begin with https://."),
        ({"url": "http://127.0.0.1/"}, "url", "The url field must begin with https://."),
        ({"url": "ftp://hooks.example.com/"}, "url", "The url field must begin with https://."),
        ({"url": "https://"}, "url", "The url field must be a valid URL."),
        ({"url": "https://hooks.example.com:0x1/"}, "url", "The url field must be a valid URL."),
        ({"url": "https://a@hooks.example.com/"}, "url", f"{_URL} must not have a user, a password or a fragment."),
        ({"url": "https://hooks.example.com:22/"}, "url", "The url field must have port 443, or one from 1024 on."),
        ({"url": URL + "x" * 2000}, "url", f"{_URL} must not be greater than 2,000 characters."),
        ({"event_types": None}, "event_types", "The event_types field is required."),
        ({"event_types": []}, "event_types", "The event_types field is required."),
        ({"event_types": "email.sent"}, "event_types", "The event_types field must be an array."),
        ({"event_types": ["email.read"]}, "event_types.0", "The selected event_types.0 is invalid."),
        ({"description": "x" * 1001}, "description", f"{_DESCRIPTION} must not be greater than 1,000 characters."),
        ({"is_active": "maybe"}, "is_active", "The is_active field must be true or false."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(acme, endpoint, change, field, message) -> None:
    for answer in (acme.post("/webhook-endpoints", {**NEW, **change}), acme.put(_path(endpoint), change)):
        if answer.status_code == 200:  # what a new one must have may be left as it is
            assert change == {"url": None}
            continue
        assert (answer.status_code, answer.get_json()["errors"]) == (422, {field: [message]})


def test_an_organization_has_few(acme, globex, endpoint) -> None:
    for _ in range(ENDPOINTS_MAX - 1):
        acme.created("/webhook-endpoints", NEW)
    answer = acme.post("/webhook-endpoints", NEW)
    assert (answer.status_code, set(answer.get_json()["errors"])) == (422, {"url"})
    globex.created("/webhook-endpoints", NEW)


def test_what_is_left_out_of_a_change_stays(acme, endpoint) -> None:
    changed = acme.put(_path(endpoint), {"description": "CRM", "event_types": ["sms.sent"]}).get_json()
    assert changed["message"] == "Webhook endpoint updated."
    data = changed["data"]
    assert (data["url"], data["description"], data["event_types"]) == (URL, "CRM", ["sms.sent"])
    assert acme.put(_path(endpoint), {"is_active": False}).get_json()["data"]["is_active"] is False


def test_switching_it_on_forgets_how_it_failed(acme, engine, endpoint) -> None:
    _set(engine, "UPDATE webhook_endpoints SET is_active = false, disabled_at = now(), disabled_reason = 'x',"
                 " failures = 9, failing_since = now(), rest_until = now() + interval '1 hour'")  # fmt: skip
    assert acme.get(_path(endpoint)).get_json()["data"]["disabled_reason"] == "x"
    on = acme.put(_path(endpoint), {"is_active": True}).get_json()["data"]
    assert on["is_active"]
    assert on["disabled_at"] is on["disabled_reason"] is on["failing_since"] is None


def test_a_new_secret_leaves_the_old_one_a_day(acme, endpoint) -> None:
    answer = acme.post(_path(endpoint, "/rotate-secret"))
    assert (answer.status_code, answer.get_json()["message"]) == (200, "Webhook secret replaced.")
    rotated = answer.get_json()["data"]
    assert rotated["secret"] != endpoint["secret"]
    left = datetime.fromisoformat(rotated["previous_secret_until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)


def test_it_is_deleted(acme, endpoint) -> None:
    answer = acme.delete(_path(endpoint))
    assert (answer.status_code, answer.get_json()["message"]) == (200, "Webhook endpoint deleted.")
    assert acme.get(_path(endpoint)).status_code == 404
    assert acme.delete(_path(endpoint)).status_code == 404


def test_every_type_can_be_asked_for(acme) -> None:
    asked = acme.created("/webhook-endpoints", {**NEW, "event_types": list(EventType)})
    assert asked["event_types"] == list(EventType)


_WAYS = (
    ("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("POST", "/test"), ("POST", "/replay"),
    ("GET", "/deliveries"), ("GET", "/deliveries/{}"), ("POST", "/deliveries/{}/replay"),
)  # fmt: skip


def test_another_organizations_endpoint_is_not_found(acme, globex, engine, endpoint) -> None:
    put_events(engine, acme.organization_id, UUID(endpoint["id"]))
    (delivery,) = deliveries(engine, UUID(endpoint["id"]))
    own = globex.created("/webhook-endpoints", NEW)
    for id_ in (endpoint["id"], str(uuid4()), "nonsense"):
        for method, rest in _WAYS:
            path = f"/webhook-endpoints/{id_}{rest}".format(delivery.id)
            assert globex.call(method, path, {}).status_code == 404, (method, path)
    for method, rest in _WAYS[-2:]:
        assert globex.call(method, _path(own, rest.format(delivery.id))).status_code == 404
    assert acme.get(_path(endpoint)).get_json()["data"]["url"] == URL
