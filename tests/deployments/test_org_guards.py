"""`exosend org guards`, as an operator uses it."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text

from models.errors import InvalidInput, NotFound
from models.rules.ids import new_id
from models.session import Database
from models.store.organizations import create_organization

Run = Callable[..., str]


@pytest.fixture
def exosend(exosend: Run) -> Run:
    """Runs this command."""
    return lambda *arguments: exosend("org", "guards", *arguments)


@pytest.fixture
def organization_id(database: Database) -> UUID:
    with database.transaction(None) as session:
        return create_organization(session, name="Acme").id


def _limits(database: Database) -> tuple[object, ...]:
    with database.transaction(None) as session:
        columns = "guard_least, guard_failed_percent, guard_bounced_percent, guard_complained_percent"
        return tuple(session.execute(text(f"SELECT {columns} FROM organizations")).one())


def test_limits_are_set_and_what_is_left_out_gets_its_default(
    exosend: Run, database: Database, organization_id: UUID
) -> None:
    assert _limits(database) == (500, Decimal(20), Decimal(10), Decimal("0.5"))
    said = exosend(str(organization_id), "--least", "1000", "--failed", "5.25", "--complained", "off")
    assert said.splitlines() == [
        "refused for good: at most 5.25 % of 1000 messages or more",
        "bounced for good: at most 10 % of 1000 messages or more",
        "complained of: no limit",
    ]
    assert _limits(database) == (1000, Decimal("5.25"), Decimal(10), None)
    with database.transaction(None) as session:
        entry = session.execute(text("SELECT action, details FROM audit_log ORDER BY id DESC LIMIT 1")).one()
    assert entry.action == "organization.guards_changed"
    assert entry.details["complained_percent"] is None


@pytest.mark.parametrize("share", ["101", "-1", "1.005", "a tenth", "NaN"])
def test_what_is_no_percentage_is_refused(exosend: Run, organization_id: UUID, share: str) -> None:
    with pytest.raises(InvalidInput, match="--bounced must be a percentage"):
        exosend(str(organization_id), "--bounced", share)


def test_an_organization_that_is_not_there_is_not_found(exosend: Run) -> None:
    with pytest.raises(NotFound):
        exosend(str(new_id()))
