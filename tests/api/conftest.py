"""The cast: Acme, and its rival Globex, each with a token of its own, talking to the API as the database's API role."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.app import create_app
from models.session import Database, Role
from models.settings import Settings
from models.store.organizations import add_verified_domain, create_organization, create_token, top_up
from models.store.sender_ids import add_verified_sender_id
from tests.support.browser import browser, served

__all__ = ["browser"]


@dataclass(frozen=True)
class Client:
    """An organization that calls the API. Paths are below /api/v1."""

    app: Flask
    organization_id: UUID
    token: str

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any = None) -> TestResponse:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> TestResponse:
        return self.call("DELETE", path)

    def created(self, path: str, body: Any) -> dict[str, Any]:
        """The data of what a POST created."""
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.get_json()["data"]
        return data


@pytest.fixture
def engine(settings: Settings) -> Iterator[Database]:
    """The database as flows and the courier see it."""
    database = Database(settings, Role.ENGINE, pool_size=2)
    yield database
    database.close()


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    """No Prefect is there (port 9 discards), and imports are not waited for."""
    return settings.with_values(prefect_api_url="http://127.0.0.1:9/api", import_wait_seconds=0)


@pytest.fixture
def app(api_settings: Settings) -> Iterator[Flask]:
    """The application, as granian would serve it."""
    application = create_app(api_settings)
    yield application
    application.extensions["exosend"].database.close()


@pytest.fixture
def new_client(app: Flask, engine: Database) -> Callable[..., Client]:
    """Makes an organization of that name and its client; only tests of the limit of requests ever reach it."""

    def make(name: str, rate_limit: int = 100_000) -> Client:
        with engine.transaction(None) as session:
            organization = create_organization(session, name=name, rate_limit=rate_limit)
            token = create_token(session, organization.id, user_id=None, name="tests")
        return Client(app, organization.id, token.text)

    return make


@pytest.fixture
def acme(new_client: Callable[..., Client]) -> Client:
    return new_client("Acme")


@pytest.fixture
def globex(new_client: Callable[..., Client]) -> Client:
    return new_client("Globex")


@pytest.fixture
def funded(acme: Client, engine: Database) -> Client:
    """Acme with 100 credits and a verified default domain, example.com."""
    with engine.transaction(None) as session:
        add_verified_domain(session, acme.organization_id, "example.com")
        top_up(session, acme.organization_id, Decimal(100), reference="start")
    return acme


@pytest.fixture
def give_credits(engine: Database) -> Callable[[Client, str], None]:
    """Tops an organization up."""

    def give(client: Client, amount: str) -> None:
        with engine.transaction(None) as session:
            top_up(session, client.organization_id, Decimal(amount), reference=amount)

    return give


@pytest.fixture
def sending(acme: Client, engine: Database) -> Client:
    """Acme with EXOCLASS as its verified and default sender of SMS, and no credits."""
    with engine.transaction(None) as session:
        add_verified_sender_id(session, acme.organization_id, "EXOCLASS")
    return acme


@pytest.fixture
def texting(sending: Client, give_credits: Callable[[Client, str], None]) -> Client:
    """The same with 100 credits."""
    give_credits(sending, "100")
    return sending


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the application is served."""
    with served(app) as found:
        yield found
