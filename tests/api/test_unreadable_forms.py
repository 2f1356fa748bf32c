"""Bodies that are no form, and forms where none is taken."""

from io import BytesIO
from typing import Any

import pytest

DRY_RUN = b'--b\r\nContent-Disposition: form-data; name="dry_run"\r\n\r\n1\r\n--b--\r\n'
MULTIPART = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nemail\r\n'


def _errors(answer: Any) -> Any:
    assert answer.status_code == 422, answer.text
    return answer.get_json()["errors"]


@pytest.mark.parametrize("content_type", [MULTIPART, "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("path", ["send", "schedule"])
def test_a_form_is_no_body_of_an_endpoint_that_takes_json(funded, content_type, path) -> None:
    campaign = funded.created("/campaigns", {"name": "C"})["id"]
    answer = funded.post(f"/campaigns/{campaign}/{path}", data=DRY_RUN, content_type=content_type)
    assert _errors(answer) == {"body": ["The body must be valid JSON."]}
    assert funded.get(f"/campaigns/{campaign}").get_json()["data"]["status"] == "draft"


@pytest.mark.parametrize("body", [b"", b"--b--\r\n"])
def test_no_body_is_an_empty_one_whatever_its_type(funded, body) -> None:
    campaign = funded.created("/campaigns", {"name": "C"})["id"]
    for path, field in ((f"/campaigns/{campaign}/schedule", "scheduled_at"), ("/contacts/import", "file")):
        options = {"input_stream": BytesIO(body), "content_length": len(body), "content_type": MULTIPART}
        assert _errors(funded.post(path, **options)) == {field: [f"The {field} field is required."]}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (FILE, MULTIPART),  # it ends before the form does
        (FILE + b"--b--\r\n", "multipart/form-data"),
        (FILE + b"--b--\r\n", "multipart/form-data; boundary=other"),
        (b"--b\r\n\r\nemail\r\n--b--\r\n", MULTIPART),
        (b"email=\xff", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_a_form_that_cannot_be_read_is_said_to_be_none(acme, body, content_type, headers) -> None:
    answer = acme.post("/contacts/import", data=body, content_type=content_type, headers=headers)
    assert _errors(answer) == {"body": [f"The body must be valid {content_type.partition(';')[0]}."]}


def test_what_is_not_there_comes_before_what_cannot_be_read(acme) -> None:
    nowhere = "/campaigns/00000000-0000-7000-8000-000000000000/send"
    assert acme.post(nowhere, data=DRY_RUN, content_type=MULTIPART).status_code == 404
