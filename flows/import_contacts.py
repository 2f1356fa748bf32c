"""Import a CSV of contacts."""

from uuid import UUID

from prefect import flow
from prefect.client.schemas import State
from prefect.states import Completed

from flows.naming import name_by_import
from tasks.steps.contacts import import_file


@flow(name="import-contacts", flow_run_name=name_by_import, persist_result=False)
def import_contacts(
    import_id: UUID,
) -> State:
    """Import the contacts of an uploaded CSV: normalise, validate, dedupe, store, put on a list.

    Args:
        import_id: Id of the import; the API stored its file.
    """
    counts = import_file(import_id)
    if counts is None:
        return Completed(message="The file had been imported before.")
    return Completed(message=f"{counts.imported} imported, {counts.skipped} skipped, {counts.errors} errors.")
