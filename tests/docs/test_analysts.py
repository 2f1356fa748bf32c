"""docs/analysts.md: its five answers in SQL and in Polars, run on data whose truth is known."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import insert, text

from models.rules.ids import new_id
from models.session import Database, Role, conninfo, role_url
from models.settings import Settings
from models.tables import Contact, ContactListMember
from tasks.runs.results import make_parquet
from tests.support.engine import Engine

_PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text()
_PARTS = re.split(r"^### (?=\d\. )", _PAGE, flags=re.MULTILINE)[1:]
_PRICE = Decimal("0.0100")
# Six people whom a first campaign reaches, and what becomes of the others.
_OTHERS = {
    "reject+5.1.1@example.net": "active",
    "reject+5.7.1@example.org": "active",
    "defer+9@example.net": "active",  # both its tries
    "uncertain@example.org": "active",
    "gone@example.org": "unsubscribed",
    "stop@example.net": "active",  # suppressed before the plan
    "late@example.org": "active",  # suppressed after it
}


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=8)
    yield found
    found.close()


def _suppress(engine: Engine, recipient: str) -> None:
    with engine.database.transaction(None) as session:
        session.execute(
            text("INSERT INTO suppressions (organization_id, id, recipient, reason) VALUES (:o, :id, :r, 'manual')"),
            {"o": engine.organization_id, "id": new_id(), "r": recipient},
        )


def _add_contacts(engine: Engine) -> None:
    own = {"organization_id": engine.organization_id}
    rows = [{**own, "id": new_id(), "email": email, "status": status} for email, status in _OTHERS.items()]
    with engine.database.transaction(None) as session:
        session.execute(insert(Contact), rows)
        members = [{**own, "list_id": engine.list_id, "contact_id": row["id"]} for row in rows]
        session.execute(insert(ContactListMember), members)


@pytest.fixture
def run(settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A run to everybody and a second one to two of them, both ended; their files lie in `results`."""
    engine = Engine.create(settings.with_values(retry_attempts=2), database, contacts=6)
    _add_contacts(engine)
    _suppress(engine, "stop@example.net")
    everybody = engine.planned()
    _suppress(engine, "late@example.org")
    engine.send(everybody)
    engine.make_retries_due(everybody)
    assert engine.requeue(everybody) == 1
    engine.send(everybody)
    few = engine.planned(name="Offer", segment_filters={"first_name": ["N0", "N1"]})
    engine.send(few)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    for ended in (everybody, few):
        assert engine.close(ended) is not None
        (tmp_path / "results" / f"{ended.id}.parquet").write_bytes(make_parquet(database, ended.id))
    return everybody.id


_ANSWERS: dict[str, list[tuple[object, ...]]] = {
    "1": [
        ("accepted", None, 6),
        ("dropped", "suppressed", 1),
        ("dropped", "unsubscribed", 1),
        ("failed", "451", 1),
        ("failed", "5.1.1", 1),
        ("failed", "5.7.1", 1),
        ("suppressed", "suppressed", 1),
        ("uncertain", "timeout", 1),
    ],
    "2": [("example.net", 2, 2), ("example.org", 1, 2)],
    "3": [(1, 4), (2, 2)],
    "4": [(8, 8 * _PRICE)],
    "5": [(11 * _PRICE, 4 * _PRICE, 7 * _PRICE)],
}


def _block(part: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", part, re.DOTALL)
    assert found, f"{part.splitlines()[0]} has no {language}."
    return found[1]


def _in_sql(settings: Settings, part: str, run: UUID) -> list[tuple[Any, ...]]:
    query = _block(part, "sql").replace(":'run'", f"'{run}'")
    with psycopg.connect(conninfo(role_url(settings, Role.ANALYST))) as connection:
        return connection.execute(sql.SQL(query)).fetchall()  # type: ignore[arg-type]


def _in_polars(part: str, run: UUID) -> list[tuple[Any, ...]]:
    names: dict[str, Any] = {"run": run}
    exec(compile(_block(part, "python"), "docs/analysts.md", "exec"), names)
    return list(names["answer"].rows())


@pytest.mark.parametrize("part", _PARTS, ids=lambda part: part.splitlines()[0])
def test_both_answers_are_the_truth(settings: Settings, run: UUID, part: str) -> None:
    in_sql, in_polars = _in_sql(settings, part, run), _in_polars(part, run)
    assert in_sql == in_polars
    expected = _ANSWERS[part[0]]
    if part[0] == "4":  # a campaign may go out over midnight
        assert [(sum(sent for _, sent, _ in in_sql), sum(cost for *_, cost in in_sql))] == expected
    else:
        assert in_sql == expected


def test_five_questions_are_asked() -> None:
    assert [part[0] for part in _PARTS] == list(_ANSWERS)


def test_a_run_adds_up(settings: Settings, run: UUID) -> None:
    with psycopg.connect(conninfo(role_url(settings, Role.ANALYST))) as connection:
        counts = connection.execute(
            "SELECT recipients, accepted + failed + suppressed + cancelled + uncertain, dropped,"
            " (SELECT sum(dropped) FROM results.funnel f WHERE f.run_id = r.run_id),"
            " (SELECT count(*) FROM results.recipients p WHERE p.run_id = r.run_id)"
            " FROM results.runs r WHERE run_id = %s",
            [run],
        ).fetchone()
    assert counts == (11, 11, 2, 2, 13)
