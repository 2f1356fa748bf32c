"""CSV imports: accepting a file, and importing it."""

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from models.errors import InvalidInput
from models.rules.ids import new_id
from models.rules.lifecycle import RunKind, RunState
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.blobs import read_blob, write_blob
from models.store.imports import ImportCounts, finish_import, lock_contacts, read_import, store_contacts
from models.store.runs import fail_run, find_run, lock_run, move_run
from models.tables import ContactImport, Run
from tasks.audience.csv_contacts import read_contacts
from tasks.audience.csv_layout import inspect_csv

log = logging.getLogger(__name__)
_KEEP_UPLOADS = timedelta(days=30)


def accept_import(
    session: Session, organization_id: UUID, content: bytes, *, file_name: str | None, list_id: UUID | None
) -> Run:
    """Store an uploaded CSV and queue its run. Raises InvalidInput on `file` when it cannot be imported at all.

    `list_id` must be the organization's. The caller starts the flow after the commit.
    """
    inspect_csv(content)
    blob_id = write_blob(session, organization_id, content, media_type="text/csv", keep=_KEEP_UPLOADS)
    run = Run(id=new_id(), organization_id=organization_id, kind=RunKind.IMPORT.value, started_by="api")
    session.add(run)
    session.flush()
    session.add(
        ContactImport(id=run.id, organization_id=organization_id, list_id=list_id, file_name=file_name, blob_id=blob_id)
    )
    session.flush()
    session.refresh(run)
    return run


def run_import(database: Database, import_id: UUID, settings: Settings) -> ImportCounts | None:
    """Import the file in one transaction; None when that was done before.

    A failure fails the run with its reason, unless it is Postgres that is away: then the courier starts it again.
    """
    with database.transaction(None) as session:
        run = find_run(session, import_id)
        if not move_run(session, run.organization_id, run.id, RunState.PLANNING):
            return None
        record = read_import(session, run.organization_id, run.id)
        content = read_blob(session, run.organization_id, record.blob_id)
    try:
        parsed = read_contacts(content, default_region=settings.default_region)
        with database.transaction(None) as session:
            lock_contacts(session, run.organization_id)
            # Not kept as `run`: a rollback empties what was read, and `_fail` needs the run after one.
            if lock_run(session, run.organization_id, run.id).state != RunState.PLANNING.value:
                return None
            imported = store_contacts(session, run.organization_id, run.id, record.list_id, parsed.contacts)
            counts = ImportCounts(
                rows=parsed.rows,
                imported=imported,
                skipped=parsed.contacts.height - imported + parsed.repeated,
                errors=parsed.errors.height,
                warnings=parsed.warnings.height,
            )
            finish_import(session, run.organization_id, run.id, counts, parsed.errors, parsed.warnings)
            move_run(session, run.organization_id, run.id, RunState.COMPLETED, finished_at=func.now())
    except InvalidInput as error:
        _fail(database, run, f"{error} Nothing was imported.")
        raise
    except DATABASE_AWAY:  # nothing was stored, and the next try may go through: the courier starts it again
        raise
    except Exception:
        _fail(database, run, "The file could not be imported; nothing of it was stored. Upload it again.")
        raise
    log.info("Import: %s", counts)
    return counts


def _fail(database: Database, run: Run, reason: str) -> None:
    with database.transaction(None) as session:
        fail_run(session, run, "import_failed", reason)
