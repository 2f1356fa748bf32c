"""The import of a CSV as a Prefect task."""

from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from models.store.imports import ImportCounts
from tasks.runs.alive import staying_alive
from tasks.runs.importing import run_import
from tasks.steps.best_effort import best_effort
from tasks.steps.engine import flow_database, flow_settings, served_run


@task(name="import", cache_policy=NO_CACHE)
def import_file(import_id: UUID) -> ImportCounts | None:
    """Import the stored file, and show the numbers; None when it had been imported before."""
    database = flow_database()
    with database.transaction(None) as session:
        served_run(session, import_id)
    with staying_alive(database, import_id):
        counts = run_import(database, import_id, flow_settings())
    if counts is None:
        get_run_logger().info("The file had been imported before.")
        return None
    with best_effort():
        create_table_artifact(
            key=f"import-{import_id}",
            table=[
                {"what": "rows in the file", "number": counts.rows},
                {"what": "imported", "number": counts.imported},
                {"what": "skipped (there already, or repeated in the file)", "number": counts.skipped},
                {"what": "errors", "number": counts.errors},
                {"what": "warnings", "number": counts.warnings},
            ],
            description=f"{flow_run.name}: what came of the file",
        )
    return counts
