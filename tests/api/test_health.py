"""Health and metrics."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from api import health
from api.app import create_app
from models.pipelines import PARAMETERS
from models.rules.circuit import OPEN_AFTER
from models.rules.ids import new_id
from models.settings import Settings
from models.store.circuits import note_failure, note_throttled
from models.store.heartbeats import beat
from models.tables import Chunk, Deferral, Outbox, Run
from tasks.runs.reconcile import reconcile


@pytest.fixture
def prefect(monkeypatch) -> dict[str, Any]:
    """Prefect's answers, by path; a path that is not there is a 500."""
    names = [{"name": name.partition("/")[2]} for name in PARAMETERS]
    answers: dict[str, Any] = {
        "/api/health": True,
        "/api/work_pools/exosend/workers/filter": [{"status": "ONLINE"}],
        "/api/deployments/filter": names,
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        found = answers.get(request.url.path)
        return httpx2.Response(500) if found is None else httpx2.Response(200, content=json.dumps(found))

    client = httpx2.Client(base_url="http://prefect/api", transport=httpx2.MockTransport(answer))
    monkeypatch.setattr(health, "prefect_client", lambda *_: client)
    return answers


@pytest.fixture
def courier(engine) -> None:
    with engine.transaction(None) as session:
        beat(session, "courier@tests", "courier", {})


@pytest.fixture
def away(settings: Settings) -> Iterator[Any]:
    """A client of an application whose database is not there."""
    application = create_app(settings.with_values(database_url="postgresql://nobody@127.0.0.1:9/none"))
    yield application.test_client()
    application.extensions["exosend"].database.close()


def test_a_whole_stack_is_healthy(app, prefect, courier) -> None:
    answer = app.test_client().get("/health")
    assert (answer.status_code, answer.get_json()["missing"]) == (200, [])
    assert set(answer.get_json()["checks"]) == {"database", "schema", "courier", "prefect", "worker", "deployments"}


def test_the_sandbox_alone_is_worth_a_warning(app, prefect, courier, settings) -> None:
    assert app.test_client().get("/health").get_json()["warnings"] == [health.NO_REAL_PROVIDER]
    real = create_app(settings.with_values(smtp_url="smtp://127.0.0.1:25"))
    assert real.test_client().get("/health").get_json()["warnings"] == []
    real.extensions["exosend"].database.close()


@pytest.mark.parametrize(
    ("path", "answer", "missing"),
    [
        ("/api/health", None, ["prefect", "worker", "deployments"]),
        ("/api/work_pools/exosend/workers/filter", None, ["worker"]),
        ("/api/work_pools/exosend/workers/filter", [{"status": "OFFLINE"}], ["worker"]),
        ("/api/deployments/filter", [{"name": "send-campaign"}], ["deployments"]),
    ],
)
def test_what_is_missing_of_prefect_is_named(app, prefect, courier, path, answer, missing) -> None:
    prefect[path] = answer
    found = app.test_client().get("/health")
    assert (found.status_code, found.get_json()["missing"]) == (503, missing)


def test_a_silent_courier_is_missing(app, prefect, courier, engine) -> None:
    with engine.transaction(None) as session:
        session.execute(text("UPDATE heartbeats SET seen_at = now() - interval '11 seconds'"))
    assert app.test_client().get("/health").get_json()["missing"] == ["courier"]


def test_readiness_needs_the_database_and_its_schema(app, monkeypatch) -> None:
    client = app.test_client()
    assert client.get("/health/ready").status_code == 200
    monkeypatch.setattr(health, "_newest_schema", lambda: "9999")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["missing"]) == (503, ["schema"])


def test_without_a_database_it_lives_and_is_not_ready(away, prefect) -> None:
    assert away.get("/health/live").get_json() == {"status": "ok"}
    answer = away.get("/health/ready")
    assert (answer.status_code, answer.get_json()["missing"]) == (503, ["database", "schema"])
    assert away.get("/health").get_json()["missing"] == ["database", "schema", "courier"]
    assert "exosend_database_up 0.0" in away.get("/metrics").text


def test_requests_are_counted_by_route(acme, courier) -> None:
    acme.get("/contacts/0190a1b2-0000-7000-8000-000000000000")
    page = acme.app.test_client().get("/metrics").text
    assert 'exosend_http_requests_total{endpoint="Contacts.get_contact",method="GET",status="404"}' in page
    assert "0190a1b2" not in page
    assert "exosend_database_up 1.0" in page
    assert "exosend_courier_silence_seconds " in page


def test_the_engine_is_measured_over_all_organizations(app, engine, acme, globex) -> None:
    with engine.transaction(None) as session:
        for organization in (acme.organization_id, globex.organization_id):
            run_id = new_id()
            session.add(
                Run(id=run_id, organization_id=organization, kind="campaign", state="sending", started_by="api")
            )
            session.flush()
            session.add(Chunk(run_id=run_id, no=0, organization_id=organization, size=7))
            session.add(Deferral(run_id=run_id, position=3, organization_id=organization, retry_at=datetime.now(UTC)))
    page = app.test_client().get("/metrics").text
    assert 'exosend_open_runs{kind="campaign",state="sending"} 2.0' in page
    assert 'exosend_open_chunks{state="ready"} 2.0' in page
    assert "exosend_deferred_messages 2.0" in page


def test_the_outbox_is_measured_over_all_organizations(app, engine, acme, globex) -> None:
    with engine.transaction(None) as session:
        for organization, due in ((acme, timedelta(seconds=-90)), (globex, timedelta(hours=1))):
            at = datetime.now(UTC) + due
            session.add(
                Outbox(message_id=new_id(), organization_id=organization.organization_id, channel="sms", due_at=at)
            )
    page = app.test_client().get("/metrics").text
    assert 'exosend_outbox_messages{channel="sms"} 2.0' in page
    assert 'exosend_outbox_messages{channel="email"} 0.0' in page
    oldest = re.search(r'exosend_outbox_oldest_seconds{channel="sms"} ([0-9.]+)', page)
    assert oldest is not None
    assert float(oldest[1]) >= 90


def test_what_came_of_the_last_reconciliation_is_measured(app, engine, acme) -> None:
    assert "\nexosend_reconcile_differences " not in app.test_client().get("/metrics").text
    with engine.transaction(None) as session:
        session.execute(text("UPDATE organizations SET balance = balance + 1"))
    reconcile(engine)
    page = app.test_client().get("/metrics").text
    assert "\nexosend_reconcile_differences 2.0" in page
    assert "\nexosend_reconcile_unfinished 0.0" in page
    at = re.search(r"\nexosend_reconcile_timestamp_seconds ([0-9.e+]+)", page)
    assert at is not None
    assert abs(float(at[1]) - datetime.now(UTC).timestamp()) < 600


def test_a_provider_that_is_left_alone_is_a_warning_and_a_metric(app, engine, prefect, courier) -> None:
    with engine.transaction(None) as session:
        for _ in range(OPEN_AFTER):
            note_failure(session, "email/smtp", "Mail server mx:25 (connect): refused")
        note_throttled(session, "sms/sandbox", 30.0)
    client = app.test_client()
    answer = client.get("/health")
    assert answer.status_code == 200
    said = [warning for warning in answer.get_json()["warnings"] if warning.startswith("The provider")]
    assert said[0].startswith("The provider email/smtp is unavailable. It is tried again in ")
    assert said[0].endswith(" s. Mail server mx:25 (connect): refused")
    assert said[1].startswith("The provider sms/sandbox asked for a pause.")
    metrics = client.get("/metrics").text
    assert 'exosend_provider_unavailable{channel="email"} 1.0' in metrics
    assert 'exosend_provider_unavailable{channel="sms"} 0.0' in metrics
