"""Uncertain messages of campaigns over HTTP: listed, decided about, carried out by the courier."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.rules.ids import made_on, message_ids, new_id
from tasks.sending.resolving import Resolver

_MESSAGES = """
    INSERT INTO messages (id, made_on, organization_id, run_id, content_id, channel, recipient, dedupe_key, position,
                          state, cost, error_code, error_message, first_tried_at)
    VALUES (:id, :day, :organization, :run, :run, :channel, :to, :to, :position, 'uncertain', 0.01, 'uncertain',
            'No answer.', now())
"""


@pytest.fixture(params=["campaigns", "sms/campaigns"])
def path(request) -> str:
    """Where campaigns of each channel are."""
    return f"/{request.param}"


@pytest.fixture
def campaign(acme, engine, path) -> tuple[str, list[str]]:
    """A completed campaign of three uncertain messages, and their ids."""
    body = {"name": "January", "message_content": "Hi"} if path.startswith("/sms") else {"name": "January"}
    campaign_id = acme.created(path, body)["id"]
    run = new_id()
    ids = message_ids(run, 3)
    channel = "sms" if path.startswith("/sms") else "email"
    values: dict[str, Any] = {"run": run, "campaign": campaign_id, "organization": acme.organization_id}
    with engine.transaction(None) as session:
        session.execute(
            text("""
                INSERT INTO runs (id, organization_id, kind, state, campaign_id, started_by, total_recipients, charged,
                                  planned_at, finished_at)
                VALUES (:run, :organization, 'campaign', 'completed', :campaign, 'api', 3, 0.03, now(), now())
            """),
            values,
        )
        session.execute(
            text("""
                INSERT INTO chunks (run_id, no, organization_id, state, size, cursor, recorded, uncertain)
                VALUES (:run, 0, :organization, 'done', 3, 3, 3, 3)
            """),
            values,
        )
        session.execute(text("UPDATE campaigns SET run_id = :run, status = 'completed' WHERE id = :campaign"), values)
        for position, id_ in enumerate(ids):
            own = {"id": id_, "day": made_on(run), "channel": channel, "to": f"c{position}", "position": position}
            session.execute(text(_MESSAGES), values | own)
        session.execute(
            text("""
                INSERT INTO uncertain_messages
                    (message_id, made_on, organization_id, run_id, chunk_no, channel, is_held)
                SELECT id, made_on, organization_id, run_id, 0, channel, true FROM messages
            """)
        )
    return str(campaign_id), [str(id_) for id_ in ids]


def _states(engine) -> list[str]:
    with engine.transaction(None) as session:
        return list(session.execute(text("SELECT state FROM messages ORDER BY id")).scalars())


def test_they_are_listed_page_by_page(acme, campaign, path):
    campaign_id, ids = campaign
    page = acme.get(f"{path}/{campaign_id}/uncertain?per_page=2").get_json()["data"]
    assert page["pagination"] == {"total": 3, "per_page": 2, "current_page": 1, "last_page": 2}
    assert [each["message_id"] for each in page["data"]] == ids[:2]
    first = page["data"][0]
    assert first.pop("since")
    assert first == {
        "message_id": ids[0],
        "recipient": "c0",
        "provider": None,
        "error_code": "uncertain",
        "error": "No answer.",
        "cost": 0.01,
        "tries": 0,
        "resends": 0,
        "is_held": True,
        "decision": None,
    }
    assert acme.get(f"{path}/{campaign_id}/uncertain?page=0").status_code == 422


@pytest.mark.parametrize(("action", "state", "refund"), [("accept", "accepted", 0), ("fail", "failed", 1)])
def test_a_decision_is_carried_out_and_may_be_repeated(
    acme, engine, api_settings, campaign, path, action, state, refund
):
    campaign_id, ids = campaign
    answer = acme.post(f"{path}/{campaign_id}/resolve-uncertain", {"action": action, "message_ids": ids[:1]})
    assert answer.get_json()["data"] == {"action": action, "messages": 1}
    listed = acme.get(f"{path}/{campaign_id}/uncertain").get_json()["data"]["data"]
    assert [each["decision"] for each in listed] == [action, None, None]
    Resolver(engine, api_settings).resolve_due()
    assert _states(engine) == [state, "uncertain", "uncertain"]
    again = acme.post(f"{path}/{campaign_id}/resolve-uncertain", {"action": action, "message_ids": ids[:1]})
    assert again.get_json()["data"]["messages"] == 0
    shown = acme.get(f"{path}/{campaign_id}").get_json()["data"]
    assert (shown["status"], shown["total_sent"]) == ("completed", 1 - refund)
    assert shown.get("total_uncertain", 2) == 2
    with engine.transaction(None) as session:
        entries = session.execute(text("SELECT kind, amount::text FROM ledger_entries")).all()
        audited = session.execute(text("SELECT action, details FROM audit_log WHERE subject <> ''")).all()
    assert entries == [("refund", "0.0100")] * refund
    assert [entry.details for entry in audited if entry.action == "uncertain.resolved"] == [
        {"action": action, "messages": 1}
    ]


def test_all_of_them_are_meant_where_none_is_named(acme, campaign, path):
    answer = acme.post(f"{path}/{campaign[0]}/resolve-uncertain", {"action": "resend"})
    assert answer.get_json()["data"] == {"action": "resend", "messages": 3}


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "action"), ({"action": "sent"}, "action"), ({"action": "fail", "message_ids": ["x"]}, "message_ids.0")],
)
def test_what_is_wrong_is_named(acme, campaign, path, body, field):
    answer = acme.post(f"{path}/{campaign[0]}/resolve-uncertain", body)
    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]) == [field]


def test_a_cancelled_campaign_sends_nothing_again(acme, engine, campaign, path):
    with engine.transaction(None) as session:
        session.execute(text("UPDATE runs SET state = 'cancelled'"))
    assert acme.post(f"{path}/{campaign[0]}/resolve-uncertain", {"action": "resend"}).status_code == 409
    assert acme.post(f"{path}/{campaign[0]}/resolve-uncertain", {"action": "fail"}).status_code == 200


def test_nobody_sees_or_decides_about_anothers(acme, globex, engine, campaign, path):
    campaign_id, ids = campaign
    for id_ in (campaign_id, str(uuid4()), "x"):
        assert globex.get(f"{path}/{id_}/uncertain").status_code == 404
        assert globex.post(f"{path}/{id_}/resolve-uncertain", {"action": "fail"}).status_code == 404
    body = {"name": "Mine", "message_content": "Hi"}
    own = globex.created(path, body)["id"]
    answer = globex.post(f"{path}/{own}/resolve-uncertain", {"action": "fail", "message_ids": ids})
    assert answer.get_json()["data"]["messages"] == 0
    other = "/campaigns" if path.startswith("/sms") else "/sms/campaigns"
    assert acme.get(f"{other}/{campaign_id}/uncertain").status_code == 404
    with engine.transaction(None) as session:
        assert session.execute(text("SELECT count(*) FROM uncertain_messages WHERE decision IS NOT NULL")).scalar() == 0
    assert UUID(ids[0])
