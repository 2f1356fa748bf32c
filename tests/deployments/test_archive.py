"""Backup and restore, from one machine's folder to another's."""

from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from deployments import postgres
from deployments.archive import back_up, restore
from deployments.state import FolderLock
from models.errors import SetupError
from models.migrations.run import upgrade
from models.session import Database, Role
from models.settings import Settings
from models.store.ledger import read_balance
from models.store.organizations import create_organization, read_organization, top_up


def _settings(folder: Path) -> Settings:
    return Settings().with_values(data_dir=folder, secret_key="the same key on both machines")


def _fill(settings: Settings) -> UUID:
    """A database with one organization that has 12.50 to spend."""
    running = postgres.start(settings.data_dir)
    url = running.cluster.url()
    upgrade(url, settings)
    database = Database(settings.with_values(database_url=url), Role.ENGINE)
    try:
        with database.transaction(None) as session:
            organization_id = create_organization(session, name="Acme").id
            top_up(session, organization_id, Decimal("12.5"), reference="first")
    finally:
        database.close()
        running.stop()
    return organization_id


def test_a_backup_restored_elsewhere_serves_the_same_data_to_the_same_roles(tmp_path: Path) -> None:
    old, new = _settings(tmp_path / "old"), _settings(tmp_path / "new")
    organization_id = _fill(old)
    file = tmp_path / "exosend.backup"
    assert back_up(old, file) == file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600

    restore(new, file)

    running = postgres.start(new.data_dir)
    settings = new.with_values(database_url=running.cluster.url())
    api, engine = Database(settings, Role.API), Database(settings, Role.ENGINE)
    try:
        with engine.transaction(None) as session:
            assert read_organization(session, organization_id).name == "Acme"
            rights = "SELECT bool_or(has_schema_privilege('exosend_engine', oid, 'CREATE')) FROM pg_namespace"
            assert session.execute(text(f"{rights} WHERE nspname IN ('public', 'results')")).scalar_one() is False
        with api.transaction(organization_id) as session:
            assert read_balance(session, organization_id).balance == Decimal("12.5")
    finally:
        api.close()
        engine.close()
        running.stop()
    with pytest.raises(SetupError, match="in use: a backup is restored into an empty one only"):
        restore(new, file)


def test_a_file_that_is_no_backup_changes_nothing(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "stack")
    (tmp_path / "file").write_text("not a backup")
    with pytest.raises(SetupError, match="pg_restore failed"):
        restore(settings, tmp_path / "file")


def test_without_the_secret_key_nothing_is_restored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="There is no secret key"):
        restore(Settings().with_values(data_dir=tmp_path / "stack"), tmp_path / "file")
    assert not (tmp_path / "stack").exists()


def test_a_folder_that_is_being_used_is_left_alone(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    with pytest.raises(SetupError, match="starting or stopping"):
        back_up(settings, tmp_path / "file")
    lock.release()
    assert not (tmp_path / "file").exists()
