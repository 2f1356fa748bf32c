"""The form of errors: always the contract's JSON, never a library's words."""

import io
import logging
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.blueprints import account
from models.errors import SetupError
from models.settings import Settings


def test_an_unknown_path_is_not_found(acme) -> None:
    answer = acme.get("/nothing-here")
    assert (answer.status_code, answer.get_json()) == (404, {"message": "Not found."})


def test_a_wrong_method_is_told_which_are_allowed(acme) -> None:
    answer = acme.call("PATCH", "/balance")
    assert answer.status_code == 405
    assert answer.get_json() == {"message": "Method Not Allowed"}
    assert "GET" in answer.headers["Allow"]


def test_one_error_is_the_whole_message(acme) -> None:
    answer = acme.post("/contacts", {})
    assert answer.status_code == 422
    message = "The email field is required."
    assert answer.get_json() == {"message": message, "errors": {"email": [message]}}


def test_further_errors_are_counted_in_the_message(acme) -> None:
    body = {"email": "x", "first_name": 7, "custom_fields": {"a": []}}
    answer = acme.post("/contacts", body).get_json()
    assert answer["message"].endswith("(and 2 more errors)")
    assert set(answer["errors"]) == {"email", "first_name", "custom_fields.a"}
    assert acme.post("/contacts", {**body, "first_name": "A"}).get_json()["message"].endswith("(and 1 more error)")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"\xff", b'{"email": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_invalid_input(acme, body) -> None:
    answer = acme.post("/contacts", data=body)
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {"body"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"email": "a@example.com", "first_name": "a\\u0000b"}', "first_name"),
        (b'{"email": "a@example.com", "custom_fields": {"k": "a\\u0000b"}}', "custom_fields.k"),
        (b'{"email": "a@example.com", "custom_fields": {"k\\u0000": "v"}}', "custom_fields"),
    ],
)
def test_text_that_postgres_cannot_hold_is_invalid_input(acme, body, field) -> None:
    answer = acme.post("/contacts", data=body)
    assert answer.status_code == 422
    assert set(answer.get_json()["errors"]) == {field}


def test_deep_nesting_is_invalid_input(acme) -> None:
    answer = acme.post("/contacts", data=b'{"custom_fields": ' + b'{"a":' * 200 + b"1" + b"}" * 201)
    assert answer.status_code == 422


def test_a_body_over_the_limit_is_too_large(acme) -> None:
    answer = acme.post("/contacts", data=b" " * 17_000_000)
    assert (answer.status_code, answer.get_json()) == (413, {"message": "Payload Too Large"})


def test_a_body_over_the_limit_that_comes_in_chunks_is_too_large(acme) -> None:
    body = io.BytesIO(b'{"email": "a@example.com"' + b" " * 17_000_000 + b"}")
    server = {"wsgi.input_terminated": True}  # as granian says of itself
    in_chunks = {"Transfer-Encoding": "chunked"}
    answer = acme.post("/contacts", input_stream=body, headers=in_chunks, environ_overrides=server)
    assert (answer.status_code, answer.get_json()) == (413, {"message": "Payload Too Large"})


@pytest.mark.parametrize("error", [RuntimeError("secret detail"), SetupError("secret detail")])
def test_what_nobody_expected_is_logged_and_not_told(acme, monkeypatch, caplog, error) -> None:
    def fail(*_args: Any) -> None:
        raise error

    monkeypatch.setattr(account, "read_balance", fail)
    with caplog.at_level(logging.ERROR):
        answer = acme.get("/balance")
    assert (answer.status_code, answer.get_json()) == (500, {"message": "Server Error"})
    assert "secret detail" in caplog.text


def test_a_database_that_goes_away_is_unavailable(acme, monkeypatch) -> None:
    def fail(*_args: Any) -> None:
        raise OperationalError("SELECT secret", {}, psycopg.OperationalError("gone"))

    monkeypatch.setattr(account, "read_balance", fail)
    answer = acme.get("/balance")
    assert (answer.status_code, answer.get_json()) == (503, {"message": "Service Unavailable"})


def test_a_database_that_is_not_there_is_unavailable(settings: Settings) -> None:
    nowhere = settings.with_values(database_url="postgresql://nobody@127.0.0.1:9/none")
    app: Flask = create_app(nowhere)
    token = "Bearer 01a20873-dd11-7487-b916-d7a158f9babe|secret"
    answer = app.test_client().get("/api/v1/balance", headers={"Authorization": token})
    assert (answer.status_code, answer.get_json()) == (503, {"message": "Service Unavailable"})


def test_an_error_leaves_nothing_behind(acme, monkeypatch) -> None:
    acme.post("/contact-lists", {"name": "Kept", "is_default": True})
    assert acme.post("/contact-lists", {"name": "kept", "is_default": True}).status_code == 422
    assert acme.get("/contact-lists").get_json()["data"]["data"][0]["is_default"] is True
