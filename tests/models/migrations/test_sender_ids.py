"""Sender IDs that were there before they had two stages keep what was decided, there and back."""

from pathlib import Path

import psycopg
from alembic.script import ScriptDirectory

import models.migrations
from models.migrations.run import downgrade, upgrade
from models.rules.ids import new_id
from models.settings import Settings

_REVISION = "0006"
_BEFORE = [("Both", True, True), ("First", True, False), ("None", False, False)]
_STATUSES = [("Both", "approved", "verified"), ("First", "approved", "pending"), ("None", "pending", "pending")]


def test_old_sender_ids_keep_what_was_decided(empty_database_url: str, session_settings: Settings) -> None:
    settings = session_settings.with_values(database_url=empty_database_url)
    scripts = ScriptDirectory(str(Path(models.migrations.__file__).parent))
    before = scripts.get_revision(_REVISION).down_revision
    assert isinstance(before, str)
    upgrade(empty_database_url, settings, before)
    organization = new_id()
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("INSERT INTO organizations (id, name) VALUES (%s, 'Acme')", [organization])
        for name, approved, verified in _BEFORE:
            connection.execute(
                "INSERT INTO sender_ids (id, organization_id, sender_id, is_approved, is_provider_verified, is_default)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                [new_id(), organization, name, approved, verified, verified],
            )
    upgrade(empty_database_url, settings, _REVISION)
    with psycopg.connect(empty_database_url) as connection:
        found = connection.execute("SELECT sender_id, admin_status, provider_status FROM sender_ids ORDER BY 1")
        assert found.fetchall() == _STATUSES
        times = connection.execute(
            "SELECT sender_id, is_default, approved_at = created_at, verified_at = created_at"
            " FROM sender_ids ORDER BY 1"
        )
        assert times.fetchall() == [
            ("Both", True, True, True),
            ("First", False, True, None),
            ("None", False, None, None),
        ]
    downgrade(empty_database_url, before)
    with psycopg.connect(empty_database_url) as connection:
        found = connection.execute("SELECT sender_id, is_approved, is_provider_verified FROM sender_ids ORDER BY 1")
        assert found.fetchall() == _BEFORE
        assert connection.execute("SELECT count(*) FROM prices WHERE channel = 'sms'").fetchone() == (0,)
