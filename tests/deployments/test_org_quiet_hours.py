"""`exosend org quiet-hours`, as an operator uses it."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import text

from models.errors import InvalidInput, NotFound
from models.rules.ids import new_id
from models.session import Database
from models.store.organizations import create_organization

Run = Callable[..., str]


@pytest.fixture
def organization_id(database: Database) -> UUID:
    with database.transaction(None) as session:
        return create_organization(session, name="Acme").id


def test_hours_are_set_and_switched_off(exosend: Run, database: Database, organization_id: UUID) -> None:
    for given, stored in (("21:00-08:00", {"start": "21:00", "end": "08:00"}), ("off", None)):
        said = exosend("org", "quiet-hours", str(organization_id), given)
        assert said.strip() == "quiet hours of new SMS campaigns: " + ("none" if stored is None else given)
        with database.transaction(None) as session:
            assert session.execute(text("SELECT quiet_hours FROM organizations")).scalar_one() == stored
            entry = session.execute(text("SELECT action, details FROM audit_log ORDER BY id DESC LIMIT 1")).one()
        assert (entry.action, entry.details) == ("organization.quiet_hours_changed", {"quiet_hours": stored})


@pytest.mark.parametrize("hours", ["21:00", "21-8", "21:00-20:30", "on"])
def test_what_are_no_hours_is_refused(exosend: Run, organization_id: UUID, hours: str) -> None:
    with pytest.raises(InvalidInput, match="is not two times of day"):
        exosend("org", "quiet-hours", str(organization_id), hours)


def test_an_organization_that_is_not_there_is_not_found(exosend: Run) -> None:
    with pytest.raises(NotFound):
        exosend("org", "quiet-hours", str(new_id()), "off")
