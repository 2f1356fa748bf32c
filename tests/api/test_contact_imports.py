"""CSV imports over HTTP. The flow itself is tested elsewhere: here its one call is made by hand."""

import csv
import io
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from api.blueprints import contact_imports
from api.csv_download import csv_answer
from tasks.runs.importing import run_import

FIELDS = {
    *("import_id", "status", "file_name", "list_id", "rows", "imported", "skipped", "errors", "errors_total"),
    *("warnings", "warnings_total", "failure_reason", "created_at", "finished_at"),
}
CSV = b"Email;First_Name;phone\na@example.com;Ann;\nnobody;Bob;\n;Cy;\na@example.com;Again;\nd@example.com;;12\n"


def _upload(client, content: bytes | None, **form: Any):
    data = {**form} if content is None else {"file": FileStorage(io.BytesIO(content), "people.csv"), **form}
    boundary, body = encode_multipart(data)  # in memory: the test client would leave a temporary file open
    return client.post("/contacts/import", data=body, content_type=f"multipart/form-data; boundary={boundary}")


@pytest.fixture
def flow(monkeypatch, engine, settings) -> list[UUID]:
    """Prefect with a very fast worker: the import is done as soon as it is started."""
    done: list[UUID] = []

    def start_flow(_settings: object, _deployment: str, parameters: Any, **_options: Any) -> None:
        run_import(engine, parameters.import_id, settings)
        done.append(parameters.import_id)

    monkeypatch.setattr(contact_imports, "start_flow", start_flow)
    return done


def test_an_import_that_finishes_in_time_answers_with_its_result(acme, flow) -> None:
    answer = _upload(acme, CSV)
    assert (answer.status_code, answer.get_json()["message"]) == (200, "Import completed.")
    data = answer.get_json()["data"]
    assert set(data) == FIELDS
    assert (data["status"], data["rows"], data["imported"], data["skipped"]) == ("completed", 5, 2, 1)
    assert data["errors"] == [
        {"row": 3, "error": "Invalid email format"},
        {"row": 4, "error": "Missing required email field"},
    ]
    assert data["imported"] + data["skipped"] + data["errors_total"] == data["rows"]
    assert [warning["row"] for warning in data["warnings"]] == [6]
    assert acme.get(f"/contacts/imports/{data['import_id']}").get_json() == {"success": True, "data": data}
    assert acme.get("/contacts").get_json()["data"]["pagination"]["total"] == 2


def test_an_import_that_goes_on_answers_with_its_id(acme) -> None:
    answer = _upload(acme, CSV)  # Prefect is away: the courier would start it
    assert (answer.status_code, answer.get_json()["message"]) == (202, "Import started.")
    data = answer.get_json()["data"]
    assert set(data) == FIELDS
    assert (data["status"], data["imported"], data["errors"]) == ("pending", 0, [])


def test_all_contacts_of_the_file_go_on_the_list(acme, flow) -> None:
    acme.created("/contacts", {"email": "a@example.com"})
    list_id = acme.created("/contact-lists", {"name": "Imported"})["id"]
    data = _upload(acme, CSV, list_id=list_id).get_json()["data"]
    assert (data["imported"], data["skipped"]) == (1, 2)
    assert acme.get(f"/contact-lists/{list_id}").get_json()["data"]["contacts_count"] == 2


def test_at_most_100_errors_are_listed_and_all_can_be_downloaded(acme, flow) -> None:
    data = _upload(acme, b"email\n" + b"nobody\n" * 120).get_json()["data"]
    assert (len(data["errors"]), data["errors_total"]) == (100, 120)
    download = acme.get(f"/contacts/imports/{data['import_id']}/errors")
    assert download.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert download.headers["Content-Disposition"].startswith("attachment;")
    rows = list(csv.reader(io.StringIO(download.text)))
    assert rows[:2] == [["row", "severity", "message"], ["2", "error", "Invalid email format"]]
    assert len(rows) == 121


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_of_a_download_is_a_formula(start) -> None:
    answer = csv_answer("x.csv", ["cell"], [[start], ["plain"], [-7]])
    cells = [row[0] for row in csv.reader(io.StringIO(answer.get_data(as_text=True), newline=""))]
    assert cells == ["cell", f"'{start}", "plain", "-7"]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\x00\x01\x02", b"name\nAnn\n", b"email,EMAIL\na@example.com,b\n", b"email\n" + b"x" * 10_500_000],
)
def test_a_file_that_cannot_be_imported_is_refused_and_not_stored(acme, engine, content) -> None:
    answer = _upload(acme, content)
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {"file"}
    with engine.transaction(None) as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM blobs").scalar_one() == 0


def test_a_list_that_is_not_there_is_refused(acme, globex) -> None:
    theirs = globex.created("/contact-lists", {"name": "Theirs"})["id"]
    for list_id in (theirs, str(uuid4()), "x"):
        answer = _upload(acme, CSV, list_id=list_id)
        assert answer.status_code == 422
        assert set(answer.get_json()["errors"]) == {"list_id"}


def test_only_four_calls_of_a_process_wait(acme, monkeypatch) -> None:
    monkeypatch.setattr(contact_imports._WAITING, "_value", 0)
    found = acme.app.extensions["exosend"]
    patient = replace(found, settings=found.settings.with_values(import_wait_seconds=3600))
    monkeypatch.setitem(acme.app.extensions, "exosend", patient)
    assert _upload(acme, CSV).status_code == 202


def test_another_organizations_import_is_not_found(acme, globex) -> None:
    import_id = _upload(acme, CSV).get_json()["data"]["import_id"]
    for path in (f"/contacts/imports/{import_id}", f"/contacts/imports/{import_id}/errors", "/contacts/imports/x"):
        assert globex.get(path).status_code == 404


@pytest.mark.parametrize("name", ["peo\x00ple.csv", "lists/people.csv", "\u202epeople\x07.csv"])
def test_a_file_loses_what_no_name_of_one_has(acme, flow, name) -> None:
    part = f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode()
    body = b"--b\r\n" + part + b"\r\n\r\n" + CSV + b"\r\n--b--\r\n"
    answer = acme.post("/contacts/import", data=body, content_type="multipart/form-data; boundary=b")
    assert (answer.status_code, answer.get_json()["data"]["file_name"]) == (200, "people.csv")
