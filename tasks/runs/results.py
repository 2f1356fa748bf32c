"""results.parquet: what became of each recipient, for those who work with files."""

import io
from datetime import timedelta
from uuid import UUID

from models.session import Database
from models.store.blobs import write_blob
from models.store.results import read_recipients
from models.store.runs import find_run, lock_run

_KEEP_RESULTS = timedelta(days=400)


def store_results(database: Database, run_id: UUID) -> UUID | None:
    """Write the run's results.parquet and remember it; None when that was done before."""
    with database.transaction(None) as session:
        organization_id = find_run(session, run_id).organization_id
    content = make_parquet(database, run_id)
    with database.transaction(None) as session:
        run = lock_run(session, organization_id, run_id)
        if run.results_blob_id is not None:
            return None
        media_type = "application/vnd.apache.parquet"
        run.results_blob_id = write_blob(session, organization_id, content, media_type=media_type, keep=_KEEP_RESULTS)
        return run.results_blob_id


def make_parquet(database: Database, run_id: UUID) -> bytes:
    """One row per recipient, dropped ones included: the view `results.recipients` without the organization."""
    with database.transaction(None) as session:
        frame = read_recipients(session, run_id)
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
