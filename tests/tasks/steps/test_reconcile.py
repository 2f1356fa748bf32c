"""What the flow shows of a reconciliation, and how it ends."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from flows import reconcile as flow_module
from models.session import Database
from tasks.steps import reconcile as steps
from tests.support.engine import Engine


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, database: Database) -> dict[str, Any]:
    """The artifacts that were made, by key; without a Prefect server."""
    made: dict[str, Any] = {}

    def keep(*arguments: Any, **values: Any) -> None:
        made[values["key"]] = values.get("table", arguments)

    for name in ("create_table_artifact", "create_markdown_artifact"):
        monkeypatch.setattr(steps, name, keep)
    monkeypatch.setattr(steps, "flow_database", lambda: database)
    monkeypatch.setattr(steps, "get_run_logger", lambda: logging.getLogger("flow"))
    monkeypatch.setattr(flow_module, "compare_all", steps.compare_all.fn)
    return made


def test_a_flow_that_finds_nothing_is_completed(make_engine: Callable[..., Engine], shown: dict[str, Any]) -> None:
    engine = make_engine(contacts=1)
    state = flow_module.reconcile.fn(engine.organization_id)
    assert state.is_completed()
    assert str(state.message).startswith("Every law holds: 0 differences in ")
    assert set(shown) == {"reconcile-laws", "reconcile-summary"}
    assert {row["differences"] for row in shown["reconcile-laws"]} == {0}


def test_a_flow_that_finds_a_difference_fails_and_names_it(
    make_engine: Callable[..., Engine], shown: dict[str, Any]
) -> None:
    engine = make_engine(contacts=1)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE contact_lists SET contacts_count = 7"))
    state = flow_module.reconcile.fn()
    assert state.is_failed()
    assert "broken: list_members 1" in str(state.message)
    assert shown["reconcile-differences"] == [
        {
            "law": "list_members",
            "organization": str(engine.organization_id),
            "what": f"list {engine.list_id}",
            "expected": "1",
            "found": "7",
        }
    ]
    assert "**list_members**: 1 differences" in shown["reconcile-summary"][0]


def test_a_flow_for_an_organization_that_is_not_there_says_so(shown: dict[str, Any]) -> None:
    nobody = uuid4()
    state = flow_module.reconcile.fn(nobody)
    assert (state.is_failed(), state.message) == (True, f"There is no organization {nobody}.")
