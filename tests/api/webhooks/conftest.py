"""An application to which the vendor acme sends callbacks, and a message that is out."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from api.app import create_app
from models.session import Database, Role
from models.settings import Settings
from tests.support.callbacks import KEY, Acme, know_acme
from tests.support.engine import Engine
from tests.support.outbox import singles


@pytest.fixture
def webhook_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    know_acme(monkeypatch)
    return settings.with_values(email_url="acme://api.acme.example", email_callback_keys=KEY)


@pytest.fixture
def app(webhook_settings: Settings) -> Iterator[Flask]:
    application = create_app(webhook_settings)
    yield application
    application.extensions["exosend"].database.close()


@pytest.fixture
def engine(settings: Settings) -> Iterator[Database]:
    database = Database(settings, Role.ENGINE, pool_size=2)
    yield database
    database.close()


@pytest.fixture
def acme(app: Flask) -> Acme:
    return Acme(app)


@pytest.fixture
def sent(settings: Settings, engine: Database) -> tuple[Engine, UUID]:
    """An organization, and a message of its that some provider took."""
    own = Engine.create(settings, engine, contacts=1)
    [message] = singles(own, "email", ["somebody@example.com"])
    with engine.transaction(None) as session:
        session.execute(text("UPDATE messages SET state = 'accepted', sent_at = now() WHERE id = :id"), {"id": message})
        session.execute(text("DELETE FROM outbox"))
    return own, message
