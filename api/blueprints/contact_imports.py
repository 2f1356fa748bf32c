"""CSV imports of contacts: a flow does the work, and the call waits for it a while."""

import time
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from flask import Response, jsonify
from sqlalchemy.orm import Session

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.csv_download import csv_answer
from api.idempotency import forget_answer, keep_answer
from api.schemas.contact_imports import ImportSchema, NewImport
from api.schemas.envelopes import answer_of, done, found
from api.scope import own, resources, scope
from api.starter import start_flow
from models.errors import InvalidInput, NotFound
from models.pipelines import IMPORT_CONTACTS, ImportContacts, start_key
from models.rules.lifecycle import RunState
from models.store.contact_lists import read_contact_list
from models.store.imports import list_problems, read_import
from models.store.organizations import read_organization
from models.store.runs import read_run
from tasks.audience.csv_layout import inspect_csv
from tasks.content.attachment_rules import clean_file_name
from tasks.content.attachments import AttachedFile
from tasks.runs.importing import accept_import

blueprint = Blueprint("Contact imports", __name__, "Contacts from CSV files.")

SHOWN_MAX = 100  # errors, and warnings, in an answer
# A waiting call holds a thread of its process; four of sixteen leave room for everybody else.
_WAITING = BoundedSemaphore(4)
_LOOK_SECONDS = 0.2

_STATUSES = {
    RunState.QUEUED.value: "pending",
    RunState.COMPLETED.value: "completed",
    RunState.FAILED.value: "failed",
    RunState.CANCELLED.value: "failed",
}


@blueprint.route("/contacts/import", methods=["POST"])
@blueprint.arguments(NewImport, location="files")
@blueprint.response(200, answer_of(ImportSchema, mutation=True))
@blueprint.alt_response(202, schema=answer_of(ImportSchema, mutation=True), success=True)
def import_contacts(arguments: Arguments) -> Response | dict[str, Any]:
    """Import contacts from a CSV file

    Answers 200 when the import has finished within 25 s, and 202 with its `import_id` when it goes on.
    """
    values = arguments()
    file: AttachedFile = values["file"]
    inspect_csv(file.content)
    import_id = _accept(*own(), file.content, file.file_name, values.get("list_id"))
    # For a second try that comes before this one has waited to the end.
    keep_answer(lambda: _started(_shown(*own(), import_id)))
    scope().commit()
    result = _wait(scope().caller.organization_id, import_id)
    if result["status"] == "failed":
        forget_answer()
        raise InvalidInput({"file": [result["failure_reason"] or "The file could not be imported."]})
    if result["status"] == "completed":
        return done(result, "Import completed.")
    return _started(result)


def _accept(session: Session, organization_id: UUID, content: bytes, file_name: str, list_id: UUID | None) -> UUID:
    settings = resources().settings
    organization = read_organization(session, organization_id)
    if list_id is not None:
        _check_list(session, organization_id, list_id)
    run = accept_import(session, organization_id, content, file_name=clean_file_name(file_name), list_id=list_id)
    scope().after_commit(
        lambda: start_flow(
            settings,
            IMPORT_CONTACTS,
            ImportContacts(import_id=run.id),
            idempotency_key=start_key(run.id, run.epoch),
            tags=[f"organization:{organization_id}", f"import:{run.id}"],
            run_name=f"{organization.name} · contacts"[:200],
        )
    )
    return run.id


def _started(result: dict[str, Any]) -> Response:
    answer = jsonify(answer_of(ImportSchema, mutation=True)().dump(done(result, "Import started.")))
    answer.status_code = 202
    return answer


def _check_list(session: Session, organization_id: UUID, list_id: UUID) -> None:
    try:
        read_contact_list(session, organization_id, list_id, keep=True)
    except NotFound:
        raise InvalidInput({"list_id": ["The selected list_id is invalid."]}) from None


def _wait(organization_id: UUID, import_id: UUID) -> dict[str, Any]:
    """The import as it is when it ends, or when waiting has taken long enough."""
    until = time.monotonic() + resources().settings.import_wait_seconds
    waits = _WAITING.acquire(blocking=False)
    try:
        while True:
            with resources().database.transaction(organization_id) as session:
                result = _shown(session, organization_id, import_id)
            if not waits or result["status"] in ("completed", "failed") or time.monotonic() >= until:
                return result
            time.sleep(_LOOK_SECONDS)
    finally:
        if waits:
            _WAITING.release()


def _shown(session: Session, organization_id: UUID, import_id: UUID) -> dict[str, Any]:
    record = read_import(session, organization_id, import_id)
    run = read_run(session, organization_id, import_id)
    columns = {column.key: getattr(record, column.key) for column in record.__table__.columns}
    problems = {
        severity: list_problems(session, organization_id, import_id, severity, limit=SHOWN_MAX)
        for severity, total in (("error", record.errors_total), ("warning", record.warnings_total))
        if total
    }
    return {
        **columns,
        "import_id": import_id,
        "status": _STATUSES.get(run.state, "processing"),
        "failure_reason": run.failure_reason,
        "finished_at": record.finished_at or run.finished_at,
        "errors": [{"row": each.row, "error": each.message} for each in problems.get("error", ())],
        "warnings": [{"row": each.row, "warning": each.message} for each in problems.get("warning", ())],
    }


@blueprint.route("/contacts/imports/<id:import_id>")
@blueprint.response(200, answer_of(ImportSchema))
def get_import(import_id: UUID) -> dict[str, Any]:
    """Read an import

    How far it is, and when it has ended, what came of its rows.
    """
    return found(_shown(*own(), import_id))


@blueprint.route("/contacts/imports/<id:import_id>/errors")
@blueprint.response(200, content_type="text/csv")
def download_import_errors(import_id: UUID) -> Response:
    """Download the errors of an import

    All of them, and the warnings, as a CSV file with the columns row, severity and message.
    """
    read_import(*own(), import_id)
    problems = [each for severity in ("error", "warning") for each in list_problems(*own(), import_id, severity)]
    problems.sort(key=lambda each: each.row)
    rows = [(each.row, each.severity, each.message) for each in problems]
    return csv_answer(f"import-{import_id}-errors.csv", ("row", "severity", "message"), rows)
