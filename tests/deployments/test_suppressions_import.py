"""`exosend suppressions import`, as an operator uses it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from models.errors import ExoSendError
from models.rules.ids import new_id
from models.session import Database
from models.store.organizations import create_organization
from models.store.suppressions import suppress

Run = Callable[..., str]
_FILE = "Email;why\nAnn@Example.com;asked\nann@example.com;again\nnobody;x\nben@example.com;\nknown@example.com;\n"


@pytest.fixture
def exosend(exosend: Run) -> Run:
    """Runs this command."""
    return lambda *arguments: exosend("suppressions", "import", *arguments)


@pytest.fixture
def acme(database: Database) -> str:
    """An organization with one address on its list, and one that will be let go by itself."""
    with database.transaction(None) as session:
        organization = create_organization(session, name="Acme")
        suppress(session, organization.id, "known@example.com", reason="complaint", details=None)
        suppress(session, organization.id, "ben@example.com", reason="soft_bounce", details=None)
        session.execute(
            text("UPDATE suppressions SET expires_at = now() + interval '1 day' WHERE reason = 'soft_bounce'")
        )
        return str(organization.id)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gone.csv"
    path.write_text(_FILE)
    return path


def test_addresses_of_a_file_are_suppressed_for_good(exosend: Run, database: Database, acme: str, file: Path) -> None:
    printed = exosend(str(file), "--organization", acme)
    assert printed == "2 suppressed, 1 were before, 1 repeated, 1 errors\n  row 4: Invalid email format\n"
    with database.transaction(None) as session:
        rows = session.execute(text("SELECT recipient, reason, expires_at FROM suppressions ORDER BY recipient"))
        assert [tuple(row) for row in rows] == [
            ("ann@example.com", "list_import", None),
            ("ben@example.com", "list_import", None),
            ("known@example.com", "complaint", None),
        ]
        audited = session.execute(text("SELECT subject, details FROM audit_log WHERE action LIKE 'suppressions.%'"))
        assert [tuple(row) for row in audited] == [("gone.csv", {"addresses": 3, "added": 2})]


def test_a_second_time_changes_nothing_and_says_so_in_json(exosend: Run, acme: str, file: Path) -> None:
    exosend(str(file), "--organization", acme)
    assert json.loads(exosend(str(file), "--organization", acme, "--json")) == {
        "rows": 5,
        "added": 0,
        "known": 3,
        "repeated": 1,
        "errors_total": 1,
        "errors": [{"row": 4, "error": "Invalid email format"}],
    }


def test_what_cannot_be_imported_is_said(exosend: Run, acme: str, tmp_path: Path, file: Path) -> None:
    with pytest.raises(ExoSendError, match="cannot be read"):
        exosend(str(tmp_path / "missing.csv"), "--organization", acme)
    (tmp_path / "names.csv").write_text("name\nAnn\n")
    with pytest.raises(ExoSendError, match='no "email" column'):
        exosend(str(tmp_path / "names.csv"), "--organization", acme)
    with pytest.raises(ExoSendError):
        exosend(str(file), "--organization", str(new_id()))
