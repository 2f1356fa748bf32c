"""Callbacks for tests: a vendor named acme, and who sends in its name."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from models.session import Database
from tasks.providers import callback_vendors, vendors
from tests.support.vendors.acme import sign

KEY = "a key for callbacks"
_VENDORS = Path(__file__).with_name("vendors")


def know_acme(monkeypatch: pytest.MonkeyPatch, folder: Path = _VENDORS) -> None:
    """Let acme.py of the folder be one of the vendors, whatever another test took for acme."""
    sys.modules.pop(f"{vendors.__name__}.acme", None)
    callback_vendors._modules.cache_clear()  # it knows the module that was just forgotten
    monkeypatch.setattr(vendors, "__path__", [*vendors.__path__, str(folder)])


@dataclass(frozen=True)
class Acme:
    """The vendor: it posts events to the address of an account."""

    app: Flask
    account: str = "default"
    key: str = KEY

    def post(self, events: Sequence[dict[str, Any]] | bytes, *, at: int | None = None, **options: Any) -> TestResponse:
        """Signed, now or at another time."""
        body = events if isinstance(events, bytes) else orjson.dumps(events)
        headers = {**sign(body, int(time.time()) if at is None else at, self.key), **options.pop("headers", {})}
        path = f"/webhooks/acme/{self.account}"
        return self.app.test_client().post(path, data=body, headers=headers, **options)


def event(kind: str, key: str, **values: Any) -> dict[str, Any]:
    """An event in acme's words: `id` or `ref` of the message, `to`, `payload`; `at` is now unless told."""
    return {
        "kind": kind,
        "key": key,
        "at": time.time(),
        **{name: v if name == "payload" else str(v) for name, v in values.items()},
    }


def one(engine: Database, query: str, **values: object) -> Any:
    """The one value that a query gives."""
    with engine.transaction(None) as session:
        return session.execute(text(query), values).scalar_one()


def state(engine: Database, message: UUID) -> str:
    """A message's."""
    return str(one(engine, "SELECT state FROM messages WHERE id = :id", id=message))


def dropped(engine: Database) -> dict[str, int]:
    """How many events came to nothing, by why."""
    with engine.transaction(None) as session:
        return {row[0]: row[1] for row in session.execute(text("SELECT outcome, events FROM report_counts"))}
