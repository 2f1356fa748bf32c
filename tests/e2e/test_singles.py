"""Messages that are no campaign's, written as the API writes them, through the processes of a real stack."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from api.starter import start_draining, wake_courier
from deployments.connection import connected_settings
from deployments.sink_log import read_log
from models.rules.lifecycle import RunKind
from models.session import Database, Role
from models.settings import Settings, load_settings
from models.store.runs import find_run
from tests.support.engine import Engine
from tests.support.outbox import singles, small_run
from tests.support.stack import Stack, wait_for

NUMBERS = [f"+3706{no:07d}" for no in range(200)]


@pytest.fixture
def settings(stack: Stack) -> Settings:
    """Those of the stack, with its database."""
    folder = Path(stack.demo.environment["EXOSEND_DATA_DIR"])
    port = int(stack.demo.environment["EXOSEND_PREFECT_PORT"])
    return connected_settings(load_settings(data_dir=folder)).with_values(prefect_port=port)


@pytest.fixture
def engine(stack: Stack, settings: Settings) -> Iterator[Engine]:
    """The stack's database, and the test's organization in it."""
    database = Database(settings, Role.ENGINE)
    yield Engine(settings, database, UUID(stack.organization_id), uuid4())
    database.close()


def _states(engine: Engine) -> dict[str, str]:
    """Recipient → state of the organization's messages."""
    with engine.database.transaction(None) as session:
        rows = session.execute(
            text("SELECT recipient, state FROM messages WHERE organization_id = :organization"),
            {"organization": engine.organization_id},
        )
        return {row.recipient: row.state for row in rows}


def _reached(engine: Engine, recipients: list[str]) -> bool:
    """Whether all were accepted; the sandbox may have reported more of them since."""
    states = _states(engine)
    return all(states[recipient] not in {"planned", "uncertain", "failed"} for recipient in recipients)


def test_a_single_sms_and_a_single_email_are_delivered(stack: Stack, engine: Engine) -> None:
    address = f"{uuid4().hex}@example.com"
    singles(engine, "sms", NUMBERS[:1])
    singles(engine, "email", [address])
    wake_courier(engine.database)
    wait_for("both", lambda: _reached(engine, [NUMBERS[0], address]), seconds=20)
    assert read_log(stack.demo.accept_log)[address] == 1
    assert engine.balance() == Decimal("4999.98")


def test_bulk_sms_and_a_batch_are_sent_by_their_flows(stack: Stack, engine: Engine) -> None:
    addresses = [f"{uuid4().hex}@example.com" for _ in range(150)]
    runs = [small_run(engine, RunKind.BULK, NUMBERS), small_run(engine, RunKind.BATCH, addresses)]
    for kind in (RunKind.BULK, RunKind.BATCH):
        start_draining(engine.settings, kind)

    def ended() -> bool:
        with engine.database.transaction(None) as session:
            return all(find_run(session, run.run_id).state == "completed" for run in runs)

    wait_for("both runs", ended)
    assert _reached(engine, [*NUMBERS, *addresses])
    accepted = read_log(stack.demo.accept_log)
    assert all(accepted[address] == 1 for address in addresses)
    for kind, run in zip(("bulk", "batch"), runs, strict=True):
        artifact = wait_for(f"the table of send-{kind}", lambda: _table_with(stack, kind, run.run_id))  # noqa: B023
        assert (artifact["type"], '"organization": "Acme"' in artifact["data"]) == ("table", True)
        flow_run = stack.prefect("GET", f"/flow_runs/{artifact['flow_run_id']}")
        assert flow_run["name"].startswith(f"send-{kind} · since ")


def _table_with(stack: Stack, kind: str, run_id: UUID) -> dict[str, Any] | None:
    """The table in which a draining flow shows the run; other flows have shown others."""
    filter_ = {"artifacts": {"key": {"any_": [f"sent-{kind}"]}}}
    found = stack.prefect("POST", "/artifacts/filter", json=filter_)
    return next((artifact for artifact in found if str(run_id) in artifact["data"]), None)
