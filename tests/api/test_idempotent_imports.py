"""`Idempotency-Key` on an upload: a body of parts, and a view that commits before it answers."""

import io
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from api.blueprints import contact_imports
from tasks.runs.importing import run_import

CSV = b"email\na@example.com\nb@example.com\n"


def _upload(client, content: bytes = CSV, *, boundary: str = "one", name: str = "people.csv", **form: Any):
    data = {"file": FileStorage(io.BytesIO(content), name), **form}
    boundary, body = encode_multipart(data, boundary=boundary)
    kind = f"multipart/form-data; boundary={boundary}"
    return client.post("/contacts/import", data=body, content_type=kind, headers={"Idempotency-Key": "import-1"})


def _imports(engine) -> int:
    with engine.transaction(None) as session:
        return int(session.execute(text("SELECT count(*) FROM imports")).scalar_one())


@pytest.fixture
def flow(monkeypatch, engine, settings) -> list[UUID]:
    """Prefect with a very fast worker: the import is done as soon as it is started."""
    done: list[UUID] = []

    def start_flow(_settings: object, _deployment: str, parameters: Any, **_options: Any) -> None:
        run_import(engine, parameters.import_id, settings)
        done.append(parameters.import_id)

    monkeypatch.setattr(contact_imports, "start_flow", start_flow)
    return done


def test_an_upload_that_comes_again_imports_nothing_again(acme, engine, flow) -> None:
    first = _upload(acme)
    again = _upload(acme, boundary="two")
    assert (first.status_code, again.status_code, len(flow), _imports(engine)) == (200, 200, 1, 1)
    assert first.get_json()["message"] == "Import completed."
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"


def test_another_file_or_another_field_is_another_request(acme, flow) -> None:
    list_id = acme.created("/contact-lists", {"name": "L"})["id"]
    _upload(acme)
    for other in (_upload(acme, CSV + b"c@example.com\n"), _upload(acme, list_id=list_id)):
        assert (other.status_code, set(other.get_json()["errors"])) == (422, {"Idempotency-Key"})


def test_a_second_try_that_comes_while_the_import_goes_on_gets_its_id(acme, engine, monkeypatch) -> None:
    inner: list[Any] = []
    # The first try has committed and is about to wait; its client has lost the connection and tries again.
    monkeypatch.setattr(contact_imports, "start_flow", lambda *_args, **_options: inner.append(_upload(acme)))
    first = _upload(acme)
    (second,) = inner
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.get_json()["message"] == "Import started."
    assert second.get_json()["data"].keys() == first.get_json()["data"].keys()
    assert second.get_json()["data"]["import_id"] == first.get_json()["data"]["import_id"]
    assert _imports(engine) == 1


def test_an_import_that_failed_may_be_tried_again(acme, engine, flow, monkeypatch) -> None:
    def fail(import_id: UUID) -> None:
        with engine.transaction(None) as session:
            session.execute(
                text("UPDATE runs SET state = 'failed', failure_reason = 'The disk is full.' WHERE id = :id"),
                {"id": import_id},
            )

    with monkeypatch.context() as patch:
        patch.setattr(contact_imports, "start_flow", lambda _s, _d, parameters, **_o: fail(parameters.import_id))
        failed = _upload(acme)
    assert (failed.status_code, failed.get_json()["message"]) == (422, "The disk is full.")
    again = _upload(acme)
    assert (again.status_code, again.get_json()["message"]) == (200, "Import completed.")
    assert "Idempotent-Replayed" not in again.headers


def test_a_file_that_is_refused_leaves_its_key_free(acme, flow) -> None:
    assert _upload(acme, b"").status_code == 422
    assert _upload(acme).status_code == 200


def test_who_has_no_requests_left_has_no_upload_read(new_client, monkeypatch) -> None:
    client = new_client("Hurried", rate_limit=1)
    client.get("/balance")
    monkeypatch.setattr("api.idempotency._multipart_fields", lambda: pytest.fail("The body was read."))
    assert _upload(client).status_code == 429
