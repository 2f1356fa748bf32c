"""Attachments, and emails as multipart forms."""

import base64

import pytest
from sqlalchemy import select

from models.tables import Blob, BlobPart, Content, Message
from tests.support.forms import encoded, form_of

EMAIL = {"to_email": "john@example.org", "subject": "Hello {{ first_name }}", "text_content": "Hi"}
PDF = ("invoice.pdf", b"%PDF-1.7 x")


def _json_file(name: str, content: bytes, media_type: str = "application/pdf") -> dict[str, str]:
    return {"file_name": name, "content": base64.b64encode(content).decode(), "media_type": media_type}


def _post(client, form: dict, path: str = "/emails/send", **options):
    return client.post(path, **encoded(form_of(form)), **options)


def _stored(engine) -> list[list[dict]]:
    with engine.transaction(None) as session:
        return list(session.execute(select(Content.attachments)).scalars())


def _count(engine, *tables) -> list[int]:
    with engine.transaction(None) as session:
        return [len(session.execute(select(table)).all()) for table in tables]


def test_a_form_and_json_say_the_same(funded, engine) -> None:
    email = {**EMAIL, "variables": {"first_name": "John"}, "metadata": {"order_id": "12345", "campaign": "onboarding"}}
    by_form = _post(funded, {**email, "attachments": [PDF]})
    by_json = funded.post("/emails/send", {**email, "attachments": [_json_file(*PDF)]})
    assert (by_form.status_code, by_json.status_code) == (202, 202)
    shown = [answer.get_json()["data"] for answer in (by_form, by_json)]
    own = ("id", "created_at")
    assert [{k: v for k, v in email.items() if k not in own} for email in shown[:1]] == [
        {k: v for k, v in email.items() if k not in own} for email in shown[1:]
    ]
    assert (shown[0]["subject"], shown[0]["metadata"]) == ("Hello John", email["metadata"])
    files = [{key: file[key] for key in file if key != "blob_id"} for [file] in _stored(engine)]
    assert files == [{"file_name": "invoice.pdf", "media_type": "application/pdf", "size": 10}] * 2
    with engine.transaction(None) as session:
        assert set(session.execute(select(BlobPart.content)).scalars()) == {PDF[1]}
        assert None not in session.execute(select(Blob.expires_at)).scalars().all()


def test_a_batch_may_come_as_a_form(funded, engine) -> None:
    emails = [
        {"to_email": f"p{n}@example.org", "subject": "S", "html_content": "<p>{{ n }}</p>", "variables": {"n": n}}
        for n in range(3)
    ]
    answer = _post(funded, {"emails": emails, "attachments": [PDF]}, "/emails/send-batch")
    assert answer.status_code == 202, answer.text
    assert answer.get_json()["data"]["total_emails"] == 3
    with engine.transaction(None) as session:
        rows = session.execute(select(Message.recipient, Message.variables).order_by(Message.position)).all()
    assert [tuple(row) for row in rows] == [(f"p{n}@example.org", {"n": str(n)}) for n in range(3)]
    assert _count(engine, Blob, Content) == [1, 1]
    emails[2]["to_email"] = "x"
    assert set(_post(funded, {"emails": emails}, "/emails/send-batch").get_json()["errors"]) == {"emails.2.to_email"}


def test_an_email_of_a_batch_may_have_files_of_its_own(funded, engine) -> None:
    emails = [{**EMAIL, "attachments": [_json_file("own.txt", b"x")]}, EMAIL]
    body = {"emails": emails, "attachments": [_json_file("all.txt", b"y")]}
    assert funded.post("/emails/send-batch", body).status_code == 202
    names = sorted([file["file_name"] for file in files] for files in _stored(engine))
    assert names == [["all.txt"], ["all.txt", "own.txt"]]
    assert _count(engine, Blob) == [2]


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [
        ("../../etc/passwd", b"x", "passwd"),
        ("C:\\temp\\a b.txt", b"x", "a b.txt"),
        ("a\r\nX-Evil: 1.txt", b"x", "a  X-Evil: 1.txt"),
        ("\u202etxt.pdf", b"x", "txt.pdf"),
        ("žalia sąskaita.pdf", b"x", "žalia sąskaita.pdf"),
        (" .. ", b"x", "attachment"),
        ("ė" * 300 + ".pdf", b"x", "ė" * 98 + ".pdf"),
        ("empty.txt", b"", "empty.txt"),
    ],
)
def test_file_names_are_cleaned(funded, engine, name, content, kept) -> None:
    assert funded.post("/emails/send", {**EMAIL, "attachments": [_json_file(name, content)]}).status_code == 202
    [[file]] = _stored(engine)
    assert file["file_name"] == kept


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("setup.EXE", b"x"),
        ("invoice.pdf.js", b"x"),
        ("invoice.exe. ", b"x"),
        ("invoice.exe::$DATA", b"x"),
        ("invoice.pdf.library-ms", b"x"),
        ("run.sh", b"x"),
        ("invoice.pdf", b"MZ\x90\x00"),
        ("invoice.pdf", b"\x7fELF\x02"),
        ("invoice.pdf", b"\xcf\xfa\xed\xfe"),
        ("readme.txt", b"#!/bin/sh\n"),
    ],
)
def test_programs_are_refused(funded, engine, name, content) -> None:
    answer = _post(funded, {**EMAIL, "attachments": [PDF, (name, content)]})
    assert answer.status_code == 422
    message = "The attachments.1 must not be an executable file."
    assert answer.get_json()["errors"] == {"attachments.1": [message]}
    assert _count(engine, Blob, Content, Message) == [0, 0, 0]


def test_ten_files_and_20_mb_are_the_most(funded, engine) -> None:
    for files, status in (([PDF] * 10, 202), ([PDF] * 11, 422)):
        assert _post(funded, {**EMAIL, "attachments": files}).status_code == status
    for size, status in ((20 * 1024 * 1024, 202), (20 * 1024 * 1024 + 1, 422)):
        answer = _post(funded, {**EMAIL, "attachments": [("a.bin1", b"x" * (size - 1)), ("b.txt", b"x")]})
        assert answer.status_code == status
    assert answer.get_json()["errors"] == {"attachments": ["The attachments must not be greater than 20 MB together."]}
    assert _post(funded, {**EMAIL, "attachments": [("a.txt", b"x" * 41 * 1024 * 1024)]}).status_code == 413


def test_without_the_credits_no_file_is_left_behind(acme, funded, engine) -> None:
    with engine.transaction(None) as session:
        session.connection().exec_driver_sql("UPDATE organizations SET balance = 0")
    assert _post(funded, {**EMAIL, "attachments": [PDF]}).status_code == 402
    assert _count(engine, Blob, BlobPart, Content, Message) == [0, 0, 0, 0]


def test_an_idempotency_key_covers_the_files(funded, engine) -> None:
    key = {"Idempotency-Key": "k"}
    first, again, other = (
        _post(funded, {**EMAIL, "attachments": [(PDF[0], content)]}, headers=key)
        for content in (PDF[1], PDF[1], b"another")
    )
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert _count(engine, Message, Blob) == [1, 1]


@pytest.mark.parametrize("file", [{"content": "%"}, {"content": 1}, {"file_name": 1, "content": ""}, 5])
def test_what_is_no_file_is_refused(funded, file) -> None:
    answer = funded.post("/emails/send", {**EMAIL, "attachments": [file]})
    assert answer.status_code == 422
    assert next(iter(answer.get_json()["errors"])).startswith("attachments.0")
