"""A campaign is tried before it is sent, over HTTP: the answer says what it would come to, and nothing is changed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from models.rules.quiet_hours import parse_quiet_hours, quiet_until
from models.store.organizations import add_verified_domain, top_up
from models.store.sender_ids import add_verified_sender_id

DRY = {"dry_run": True}
PHONES = ["+37120000001", "+37120000002", "+37120000001", "+12125550123"]


@pytest.fixture
def ready(acme, engine):
    """An organization that may send both kinds, with credits for ten SMS to Latvia."""
    with engine.transaction(None) as session:
        add_verified_sender_id(session, acme.organization_id, "EXOSMS")
        add_verified_domain(session, acme.organization_id, "acme.example.com")
        top_up(session, acme.organization_id, Decimal(1), reference="t1")
        session.execute(text("UPDATE prices SET price = 0.05 WHERE channel = 'sms' AND prefix IN ('371', '1')"))
    return acme


def _everything(engine) -> dict[str, object]:
    """What a dry run must leave as it is."""
    tables = ("campaigns", "runs", "contents", "ledger_entries", "sender_ids", "messages")
    with engine.transaction(None) as session:
        return {
            table: session.execute(text(f"SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM {table} t")).scalar_one()
            for table in tables
        }


def _sms(client, **values: object) -> str:
    body = {"name": "Sale", "message_content": "It\u2019s time, " + "x" * 70, "manual_phones": PHONES, **values}
    return f"/sms/campaigns/{client.created('/sms/campaigns', body)['id']}"


def test_an_sms_campaign_is_counted_priced_and_advised_and_nothing_is_changed(ready, engine) -> None:
    hours = {"start": "21:00", "end": "08:00"}
    path = _sms(ready, quiet_hours=hours)
    before = _everything(engine)
    answer = ready.post(f"{path}/send", DRY)
    assert (answer.status_code, answer.get_json()["message"]) == (200, "Nothing was sent.")
    assert _everything(engine) == before
    data = answer.get_json()["data"]
    found = data.pop("dry_run")
    assert data == ready.get(path).get_json()["data"]
    now = datetime.now(UTC)
    asleep = sum(quiet_until(number, parse_quiet_hours(hours), now) is not None for number in set(PHONES))
    assert found["in_quiet_hours"] == asleep
    assert {name: found[name] for name in ("recipients", "cost", "balance", "is_affordable", "total_segments")} == {
        "recipients": 3, "cost": 0.3, "balance": 1.0, "is_affordable": True, "total_segments": 6
    }  # fmt: skip
    assert (found["segments"], found["dropped"]) == ({"2": 3}, {"duplicate": 1})
    assert [each["replacement"] for each in found["forcing_characters"]] == ["'"]
    assert (found["forcing_total"], found["suggested_message"]) == (1, "It's time, " + "x" * 70)


def test_then_it_is_sent_for_just_that(ready, monkeypatch) -> None:
    monkeypatch.setattr("api.campaign_actions.start_flow", lambda *_, **__: None)
    path = _sms(ready)
    found = ready.post(f"{path}/send", DRY).get_json()["data"]["dry_run"]
    sent = ready.post(f"{path}/send", {"dry_run": False}).get_json()["data"]
    assert "dry_run" not in sent
    assert (sent["status"], sent["total_recipients"]) == ("sending", found["recipients"])
    assert (sent["total_cost"], sent["total_segments"]) == (found["cost"], found["total_segments"])
    assert found["in_quiet_hours"] == 0
    assert ready.post(f"{path}/send", DRY).status_code == 409


def test_too_little_credit_and_nobody_to_write_to_are_answers(ready) -> None:
    found = ready.post(f"{_sms(ready, message_content='x' * 1530)}/send", DRY).get_json()["data"]["dry_run"]
    assert (found["is_affordable"], found["cost"], found["segments"]) == (False, 1.5, {"10": 3})
    found = ready.post(f"{_sms(ready, manual_phones=[])}/send", DRY).get_json()["data"]["dry_run"]
    assert (found["recipients"], found["cost"], found["segments"], found["dropped"]) == (0, 0, {}, {})


def test_an_email_campaign_is_tried_as_well(ready, engine) -> None:
    ids = [ready.created("/contacts", {"email": f"c{n}@example.com"})["id"] for n in range(3)]
    ready.put(f"/contacts/{ids[2]}", {"status": "unsubscribed"})
    list_id = ready.created("/contact-lists", {"name": "All"})["id"]
    ready.post(f"/contact-lists/{list_id}/contacts", {"contact_ids": ids})
    body = {"name": "January", "subject": "S", "html_content": "<p>Hi</p>", "target_list_ids": [list_id]}
    path = f"/campaigns/{ready.created('/campaigns', body)['id']}"
    before = _everything(engine)
    found = ready.post(f"{path}/send", DRY).get_json()["data"]["dry_run"]
    assert (found["recipients"], found["dropped"], found["is_affordable"]) == (2, {"unsubscribed": 1}, True)
    assert _everything(engine) == before


def test_what_keeps_it_from_being_sent_is_named(acme, globex) -> None:
    path = _sms(acme)
    assert set(acme.post(f"{path}/send", DRY).get_json()["errors"]) == {"sender_id_id"}
    assert set(acme.post(f"{path}/send", {"dry_run": "perhaps"}).get_json()["errors"]) == {"dry_run"}
    assert globex.post(f"{path}/send", DRY).status_code == 404


def test_an_audience_that_takes_too_long_is_told(ready, monkeypatch) -> None:
    monkeypatch.setattr("tasks.runs.dry_run.read_in_time", lambda *_, **__: None)
    assert set(ready.post(f"{_sms(ready)}/send", DRY).get_json()["errors"]) == {"dry_run"}
