"""What webhook endpoints were told, over HTTP: the list, test events, replays."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.support.webhooks import ENDPOINT, put_events

DELIVERY = {
    "id", "event_id", "event_type", "status", "attempts", "payload", "next_attempt_at", "created_at", "finished_at",
}  # fmt: skip


@pytest.fixture
def endpoint(acme) -> dict:
    return acme.created("/webhook-endpoints", ENDPOINT)


def _path(endpoint: dict, rest: str = "") -> str:
    return f"/webhook-endpoints/{endpoint['id']}{rest}"


def _deliveries(client, endpoint: dict, query: str = "") -> list[dict]:
    answer = client.get(_path(endpoint, f"/deliveries{query}"))
    assert answer.status_code == 200, answer.text
    return answer.get_json()["data"]["data"]


def _set(engine, statement: str, **values) -> None:
    with engine.transaction(None) as session:
        session.execute(text(statement), values)


def test_a_test_event_is_queued(acme, endpoint) -> None:
    answer = acme.post(_path(endpoint, "/test"))
    assert (answer.status_code, answer.get_json()["message"]) == (202, "Test event queued.")
    queued = answer.get_json()["data"]
    assert set(queued) == DELIVERY
    assert (queued["event_type"], queued["status"], queued["attempts"]) == ("webhook.test", "pending", [])
    assert _deliveries(acme, endpoint) == [queued]
    assert acme.get(_path(endpoint, f"/deliveries/{queued['id']}")).get_json()["data"] == queued


def test_deliveries_have_pages_and_filters(acme, engine, endpoint) -> None:
    put_events(engine, acme.organization_id, UUID(endpoint["id"]), 3)
    _set(engine, "UPDATE webhook_deliveries SET status = 'failed' WHERE id = (SELECT min(id::text)::uuid FROM"
                 " webhook_deliveries)")  # fmt: skip
    newest = _deliveries(acme, endpoint)
    assert [each["status"] for each in newest] == ["pending", "pending", "failed"]
    assert _deliveries(acme, endpoint, "?status=failed") == newest[2:]
    assert _deliveries(acme, endpoint, "?per_page=1&page=2") == newest[1:2]
    assert _deliveries(acme, endpoint, "?page=9") == []
    assert _deliveries(acme, endpoint, "?event_type=email.sent") == []
    for query in ("status=lost", "event_type=email.read", "page=0", "per_page=101"):
        assert acme.get(_path(endpoint, f"/deliveries?{query}")).status_code == 422


def test_an_event_is_told_again_under_its_id(acme, engine, endpoint) -> None:
    put_events(engine, acme.organization_id, UUID(endpoint["id"]))
    _set(engine, "UPDATE webhook_deliveries SET status = 'failed', tries = 11, finished_at = now()")
    (failed,) = _deliveries(acme, endpoint)
    answer = acme.post(_path(endpoint, f"/deliveries/{failed['id']}/replay"))
    assert (answer.status_code, answer.get_json()["message"]) == (202, "Event queued again.")
    again = answer.get_json()["data"]
    assert (again["id"], again["event_id"], again["status"]) == (failed["id"], failed["event_id"], "pending")
    assert again["finished_at"] is None


def test_what_was_lost_since_then_is_told_again(acme, engine, endpoint) -> None:
    put_events(engine, acme.organization_id, UUID(endpoint["id"]), 4)
    states = ("delivered", "failed", "dropped", "failed")
    for each, status in zip(_deliveries(acme, endpoint), states, strict=True):
        _set(engine, "UPDATE webhook_deliveries SET status = :status WHERE id = :id", status=status, id=each["id"])
    _set(engine, "UPDATE webhook_deliveries SET created_at = now() - interval '2 days' WHERE id = "
                 "(SELECT min(id::text)::uuid FROM webhook_deliveries)")  # fmt: skip

    def replayed(days: float, **more: str) -> int:
        since = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        answer = acme.post(_path(endpoint, "/replay"), {"since": since, **more})
        assert answer.status_code == 202, answer.text
        return answer.get_json()["data"]["replayed"]

    assert (replayed(1), replayed(1), replayed(3), replayed(1, status="delivered")) == (2, 0, 1, 1)


@pytest.mark.parametrize("body", [{}, {"since": "yesterday"}, {"since": "2999-01-01T00:00:00Z"}, {"since": 5},
                                  {"since": "2026-01-01", "status": "pending"}])  # fmt: skip
def test_a_replay_needs_a_time_in_the_past(acme, endpoint, body) -> None:
    assert acme.post(_path(endpoint, "/replay"), body).status_code == 422


def test_nothing_is_sent_to_one_that_is_switched_off(acme, engine, endpoint) -> None:
    put_events(engine, acme.organization_id, UUID(endpoint["id"]))
    (delivery,) = _deliveries(acme, endpoint)
    acme.put(_path(endpoint), {"is_active": False})
    for path in ("/test", f"/deliveries/{delivery['id']}/replay"):
        answer = acme.post(_path(endpoint, path))
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "endpoint_inactive")
    assert acme.post(_path(endpoint, "/replay"), {"since": "2026-01-01"}).status_code == 409
