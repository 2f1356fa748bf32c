"""Analytics over HTTP: the documented numbers, periods, and whose they are."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text

from models.rules.ids import made_on, new_id
from models.store.rollups import count_by_day, count_by_run, count_clients, count_links
from models.tables import Campaign, Chunk, Event, Message, Run

DAY = date(2026, 1, 15)
OVERVIEW = {
    "total_sent": 12500, "total_delivered": 12300, "total_opened": 5200, "total_clicked": 1100, "total_bounced": 150,
    "total_complained": 5, "delivery_rate": 98.4, "open_rate": 42.3, "click_rate": 8.9, "bounce_rate": 1.2,
}  # fmt: skip
CAMPAIGN = {
    "total_sent": 5000, "total_delivered": 4950, "total_opened": 2100, "total_clicked": 450, "total_bounced": 50,
    "total_complained": 2, "open_rate": 42.4, "click_rate": 9.1, "bounce_rate": 1, "unsubscribe_rate": 0.3,
}  # fmt: skip


def _counts(shown: dict) -> dict[str, int]:
    return {name.removeprefix("total_"): value for name, value in shown.items() if name.startswith("total_")}


def _count_day(engine, organization_id: UUID, day: date, channel: str = "email", **counts: int) -> None:
    with engine.transaction(None) as session:
        count_by_day(session, {(organization_id, channel, day): counts})


def _data(client, path: str):
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.get_json()["data"]


@pytest.fixture
def campaign(acme, engine) -> Campaign:
    """A campaign with the numbers of the documentation."""
    campaign_id, run_id = new_id(), new_id()
    with engine.transaction(None) as session:
        row = Campaign(id=campaign_id, organization_id=acme.organization_id, channel="email", name="January Newsletter")
        row.run_id = run_id
        session.add(row)
        session.flush()
        run = {"id": run_id, "kind": "campaign", "campaign_id": campaign_id, "started_by": "api", "state": "completed"}
        session.execute(insert(Run).values(organization_id=acme.organization_id, total_recipients=5000, **run))
        chunk = {"run_id": run_id, "no": 0, "size": 5000, "state": "done", "accepted": 5000}
        session.execute(insert(Chunk).values(organization_id=acme.organization_id, **chunk))
        count_by_run(session, {run_id: {**_counts(CAMPAIGN), "unsubscribed": 15}})
        clicks = {"https://exosend.com/docs": (145, 120), "https://exosend.com/pricing": (230, 180)}
        links = {(run_id, acme.organization_id, url): counts for url, counts in clicks.items()}
        count_links(session, links)
        opens = {
            ("Desktop", "Gmail"): 900, ("Desktop", "Outlook"): 300, ("Mobile", "Apple Mail"): 600,
            ("Mobile", "Outlook"): 50, ("Mobile", "Chrome Mobile"): 100, ("Tablet", "Samsung Internet"): 150,
            ("Unknown", "Unknown"): 0,
        }  # fmt: skip
        count_clients(session, {(run_id, acme.organization_id, *names): count for names, count in opens.items()})
    return row


def test_the_overview_is_as_documented(acme, engine) -> None:
    _count_day(engine, acme.organization_id, DAY, **_counts(OVERVIEW))
    assert _data(acme, "/analytics/overview?from=2026-01-01&to=2026-01-31") == OVERVIEW


def test_bounds_are_whole_days_and_the_last_is_included(acme, engine) -> None:
    for day in range(13, 18):
        _count_day(engine, acme.organization_id, DAY.replace(day=day), sent=10 ** (day - 13))
    found = {
        "from=2026-01-14&to=2026-01-16": 1110,
        "from=2026-01-15&to=2026-01-15": 100,
        "from=2026-01-15T23:59:00%2B00:00&to=2026-01-15T00:00:00Z": 100,
        "from=2026-01-16T01:00:00%2B02:00&to=2026-01-16T01:00:00+02:00": 100,
        "from=2026-01-20&to=2026-01-31": 0,
    }
    shown = {query: _data(acme, f"/analytics/overview?{query}")["total_sent"] for query in found}
    assert shown == found


def test_by_default_it_is_the_last_thirty_days(acme, engine) -> None:
    today = datetime.now(UTC).date()
    for days, sent in ((0, 1), (30, 10), (32, 100)):
        _count_day(engine, acme.organization_id, today - timedelta(days=days), sent=sent)
    assert _data(acme, "/analytics/overview")["total_sent"] == 11


def test_nothing_sent_gives_zeros(acme) -> None:
    assert set(_data(acme, "/analytics/overview").values()) == {0}


def test_sms_and_other_organizations_are_left_out(acme, globex, engine) -> None:
    _count_day(engine, acme.organization_id, DAY, channel="sms", sent=7)
    _count_day(engine, globex.organization_id, DAY, sent=9)
    assert _data(acme, "/analytics/overview?from=2026-01-01&to=2026-01-31")["total_sent"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [("from=yesterday", "from"), ("to=2026-02-30", "to"), ("from=2026-01-02&to=2026-01-01", "to")],
)
def test_a_period_that_is_none_is_refused(acme, query, field) -> None:
    answer = acme.get(f"/analytics/overview?{query}")
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {field}


def test_a_campaign_is_as_documented(acme, campaign) -> None:
    shown = _data(acme, f"/analytics/campaigns/{campaign.id}")
    assert shown == {"campaign_id": str(campaign.id), "campaign_name": "January Newsletter", **CAMPAIGN}
    show = _data(acme, f"/campaigns/{campaign.id}")
    assert [show[name] for name in ("open_rate", "click_rate", "bounce_rate")] == ["42.0%", "9.0%", "1.0%"]


def test_its_links_are_as_documented(acme, campaign) -> None:
    assert _data(acme, f"/analytics/campaigns/{campaign.id}/links") == [
        {"url": "https://exosend.com/pricing", "total_clicks": 230, "unique_clicks": 180},
        {"url": "https://exosend.com/docs", "total_clicks": 145, "unique_clicks": 120},
    ]


def test_its_devices_and_clients_are_as_documented(acme, campaign) -> None:
    shown = _data(acme, f"/analytics/campaigns/{campaign.id}/devices")
    assert shown["devices"] == [
        {"device": "Desktop", "count": 1200, "percentage": 57.1},
        {"device": "Mobile", "count": 750, "percentage": 35.7},
        {"device": "Tablet", "count": 150, "percentage": 7.1},
    ]
    assert shown["clients"][:3] == [
        {"client": "Gmail", "count": 900, "percentage": 42.9},
        {"client": "Apple Mail", "count": 600, "percentage": 28.6},
        {"client": "Outlook", "count": 350, "percentage": 16.7},
    ]


def test_a_draft_has_nothing_yet(acme) -> None:
    draft = acme.created("/campaigns", {"name": "Draft"})["id"]
    assert set(_data(acme, f"/analytics/campaigns/{draft}").values()) == {draft, "Draft", 0}
    assert _data(acme, f"/analytics/campaigns/{draft}/links") == []
    assert _data(acme, f"/analytics/campaigns/{draft}/devices") == {"devices": [], "clients": []}


def _message(engine, organization_id: UUID, channel: str) -> UUID:
    id_ = new_id()
    with engine.transaction(None) as session:
        session.add(
            Message(
                id=id_, made_on=made_on(id_), organization_id=organization_id, content_id=new_id(), channel=channel,
                recipient="r@example.com", dedupe_key="r", position=0, cost=0,
            )
        )  # fmt: skip
        for kind, minute, payload in (("opened", 5, {"ip": "192.0.2.1"}), ("delivered", 0, {"smtp_code": 250})):
            event_id = new_id()
            event = {"id": event_id, "made_on": made_on(event_id), "message_id": id_, "kind": kind, "payload": payload}
            at = datetime(2026, 1, 15, 10, minute, tzinfo=UTC)
            session.execute(insert(Event).values(organization_id=organization_id, occurred_at=at, **event))
    return id_


def test_events_of_an_email_ascend(acme, engine) -> None:
    email = str(_message(engine, acme.organization_id, "email"))
    shown = _data(acme, f"/analytics/emails/{email}/events")
    assert all(set(event) == {"id", "email_id", "event_type", "occurred_at", "metadata"} for event in shown)
    assert [(e["email_id"], e["event_type"], e["occurred_at"], e["metadata"]) for e in shown] == [
        (email, "delivered", "2026-01-15T10:00:00+00:00", {"smtp_code": 250}),
        (email, "opened", "2026-01-15T10:05:00+00:00", {"ip": "192.0.2.1"}),
    ]


def test_what_is_not_an_email_of_ones_own_is_not_found(acme, globex, engine, campaign) -> None:
    sms = _message(engine, acme.organization_id, "sms")
    email = _message(engine, acme.organization_id, "email")
    with engine.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET channel = 'sms' WHERE id = :id"), {"id": campaign.id})
    paths = [f"campaigns/{campaign.id}{end}" for end in ("", "/links", "/devices")]
    paths += [f"emails/{id_}/events" for id_ in (sms, uuid4(), "no-id")] + ["campaigns/no-id"]
    assert {acme.get(f"/analytics/{path}").status_code for path in paths} == {404}
    with engine.transaction(None) as session:
        session.execute(text("UPDATE campaigns SET channel = 'email' WHERE id = :id"), {"id": campaign.id})
    paths = [*paths[:3], f"emails/{email}/events"]
    assert {globex.get(f"/analytics/{path}").status_code for path in paths} == {404}
