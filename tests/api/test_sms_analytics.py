"""Analytics of SMS over HTTP."""

from datetime import date
from uuid import UUID

from models.store.rollups import count_by_day

NOTHING = {"total_sent": 0, "total_delivered": 0, "total_undelivered": 0, "delivery_rate": 0, "days": []}


def _count(engine, organization_id: UUID, day: int, channel: str = "sms", **counts: int) -> None:
    with engine.transaction(None) as session:
        count_by_day(session, {(organization_id, channel, date(2026, 1, day)): counts})


def _sms(client, query: str = "from=2026-01-01&to=2026-01-31") -> dict:
    answer = client.get(f"/analytics/sms?{query}")
    assert answer.status_code == 200, answer.text
    data: dict = answer.get_json()["data"]
    return data


def test_sms_of_a_period_together_and_by_day(acme, engine) -> None:
    _count(engine, acme.organization_id, 15, sent=200, delivered=190, bounced=4)
    _count(engine, acme.organization_id, 15, sent=50)
    _count(engine, acme.organization_id, 2, sent=3, delivered=1)
    _count(engine, acme.organization_id, 2, "email", sent=1000)
    assert _sms(acme) == {
        "total_sent": 253,
        "total_delivered": 191,
        "total_undelivered": 4,
        "delivery_rate": 75.5,
        "days": [
            {"day": "2026-01-02", "sent": 3, "delivered": 1, "undelivered": 0, "delivery_rate": 33.3},
            {"day": "2026-01-15", "sent": 250, "delivered": 190, "undelivered": 4, "delivery_rate": 76},
        ],
    }


def test_bounds_are_whole_days_and_no_others(acme, engine) -> None:
    _count(engine, acme.organization_id, 15, sent=1)
    assert _sms(acme, "from=2026-01-15&to=2026-01-15")["total_sent"] == 1
    assert _sms(acme, "from=2026-01-16&to=2026-01-31") == NOTHING
    assert set(acme.get("/analytics/sms?from=x&to=y").get_json()["errors"]) == {"from", "to"}


def test_another_organizations_sms_are_not_seen(acme, globex, engine) -> None:
    _count(engine, acme.organization_id, 15, sent=1)
    assert _sms(globex) == NOTHING
