"""Is it alive, can it serve requests, is all of it there? The answers name what is missing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import httpx2
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from api.scope import Resources, resources
from api.starter import prefect_client
from models.migrations.run import current_revision, head_revision
from models.pipelines import PARAMETERS, WORK_POOL
from models.rules.callbacks import piling_up, unreadable
from models.settings import Settings
from models.store.callbacks import callback_gauges
from models.store.circuits import unavailable
from models.store.heartbeats import last_seen
from models.store.provider_accounts import has_platform_account

logger = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)

COURIER_SILENCE_MAX = timedelta(seconds=10)

NO_REAL_PROVIDER = (
    "No real provider: neither EXOSEND_SMTP_URL nor EXOSEND_EMAIL_URL is set and the platform has no account, so email "
    "goes to the sandbox."
)

_newest_schema = cache(head_revision)


@dataclass
class Health:
    """What was looked at, and what of it is not there."""

    checks: dict[str, bool] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def check(self, name: str, is_there: Callable[[], bool]) -> bool:
        """Look at one thing; an error of its own connection means that it is not there."""
        try:
            self.checks[name] = is_there()
        except (SQLAlchemyError, httpx2.HTTPError, ValueError, KeyError) as error:
            logger.warning("Health: %s: %s", name, type(error).__name__)
            self.checks[name] = False
        return self.checks[name]

    def answer(self) -> Response:
        """200 when all is there, else 503 with the names of what is missing."""
        missing = [name for name, is_there in self.checks.items() if not is_there]
        body: dict[str, Any] = {
            "status": "unavailable" if missing else "ok",
            "missing": missing,
            "checks": {name: "ok" if is_there else "missing" for name, is_there in self.checks.items()},
            "warnings": self.warnings,
        }
        answer = jsonify(body)
        answer.status_code = 503 if missing else 200
        return answer


@blueprint.get("/health/live")
def live() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/health/ready")
def ready() -> Response:
    """Requests can be served: the database is there, with this version's schema."""
    health = Health()
    _look_at_database(health, resources())
    return health.answer()


@blueprint.get("/health")
def everything() -> Response:
    """All of the stack is there."""
    health = Health()
    found = resources()
    if _look_at_database(health, found):
        health.check("courier", lambda: _courier_lives(found))
    else:
        health.checks["courier"] = False
    _look_at_prefect(health, found.settings)
    if not (found.settings.smtp_url or found.settings.email_url or _has_account(found, "email")):
        health.warnings.append(NO_REAL_PROVIDER)
    if health.checks["schema"]:
        health.warnings += _providers_left_alone(found) + _reports_that_wait(found)
    return health.answer()


def _look_at_database(health: Health, found: Resources) -> bool:
    def has_schema() -> bool:
        with found.database.engine.connect() as connection:
            return current_revision(connection) == _newest_schema()

    def answers() -> bool:
        with found.database.engine.connect():  # the pool asks the server before it lends a connection
            return True

    there = health.check("database", answers) and health.check("schema", has_schema)
    health.checks.setdefault("schema", False)
    return there


def _courier_lives(found: Resources) -> bool:
    with found.database.transaction(None) as session:
        silence = last_seen(session, "courier")
    return silence is not None and silence < COURIER_SILENCE_MAX


def _has_account(found: Resources, channel: str) -> bool:
    try:
        with found.database.transaction(None) as session:
            return has_platform_account(session, channel)
    except SQLAlchemyError as error:
        logger.warning("Health: accounts: %s", type(error).__name__)
        return False


def _providers_left_alone(found: Resources) -> list[str]:
    try:
        with found.database.transaction(None) as session:
            return [each.in_words for each in unavailable(session)]
    except SQLAlchemyError as error:
        logger.warning("Health: providers: %s", type(error).__name__)
        return []


def _reports_that_wait(found: Resources) -> list[str]:
    try:
        with found.database.transaction(None) as session:
            gauges = callback_gauges(session)
    except SQLAlchemyError as error:
        logger.warning("Health: reports: %s", type(error).__name__)
        return []
    return [words for words in (piling_up(gauges), unreadable(gauges)) if words]


def _look_at_prefect(health: Health, settings: Settings) -> None:
    client = prefect_client(settings.prefect_url, settings.prefect_credentials)

    def has_worker() -> bool:
        workers = client.post(f"/work_pools/{WORK_POOL}/workers/filter", json={"limit": 200})
        return any(worker["status"] == "ONLINE" for worker in workers.raise_for_status().json())

    def has_deployments() -> bool:
        names = [name.partition("/")[2] for name in PARAMETERS]
        wanted = {"deployments": {"name": {"any_": names}}, "limit": 200}
        known = client.post("/deployments/filter", json=wanted).raise_for_status().json()
        return {deployment["name"] for deployment in known} >= set(names)

    if health.check("prefect", lambda: client.get("/health").is_success):
        health.check("worker", has_worker)
        health.check("deployments", has_deployments)
    else:  # one second of waiting is enough
        health.checks |= {"worker": False, "deployments": False}
