"""Somebody who calls the API, in this process, as granian would serve it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from api.app import create_app
from models.store.organizations import create_token
from tests.support.engine import Engine


@dataclass(frozen=True, slots=True)
class Caller:
    """An organization with a token. Paths are below /api/v1. May be used by several threads."""

    app: Flask
    token: str

    def post(self, path: str, body: object = None, key: str | None = None, **options: Any) -> TestResponse:
        """A POST, under an `Idempotency-Key` if there is one."""
        headers = {"Authorization": f"Bearer {self.token}", **({"Idempotency-Key": key} if key else {})}
        if body is not None:
            options["json"] = body
        return self.app.test_client().post(f"/api/v1{path}", headers=headers, **options)

    def drop_connections(self) -> None:
        """Close what the API has open to Postgres and does not use."""
        self.app.extensions["exosend"].database.close()


@contextlib.contextmanager
def calling(engine: Engine) -> Iterator[Caller]:
    """The engine's organization as a caller, until the block ends. No Prefect is there (port 9 discards)."""
    with engine.database.transaction(None) as session:
        session.execute(
            text("UPDATE organizations SET rate_limit = 1000000 WHERE id = :id"), {"id": engine.organization_id}
        )
        token = create_token(session, engine.organization_id, user_id=None, name="tests").text
    app = create_app(engine.settings.with_values(prefect_api_url="http://127.0.0.1:9/api"))
    try:
        yield Caller(app, token)
    finally:
        app.extensions["exosend"].database.close()


def an_email(recipient: str, **values: object) -> dict[str, object]:
    """What POST /emails/send takes."""
    return {"to_email": recipient, "subject": "Your code", "text_content": "1234", **values}
