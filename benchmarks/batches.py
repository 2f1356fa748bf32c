"""Accepting batches of email: from the request's bytes to the answer, beside the bare INSERT of the same rows.

In one process, without the web server: what is measured is what the application does, Postgres and commit included.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import orjson
from flask import Flask
from sqlalchemy.orm import Session

from api.app import create_app
from benchmarks.measure import Bench, Figure, in_turns
from models.session import Database, Role, driver
from models.store.organizations import add_verified_domain, create_organization, create_token, top_up
from models.store.templates import create_template

_EMAILS = 1000  # of a batch
_BATCHES = 10
_NO_LIMIT = 1_000_000  # requests a minute
_LINE = "<p>Sixty-odd bytes of what receipts are full of, just as they are.</p>\n"
_INSERT = """
INSERT INTO messages (id, made_on, organization_id, run_id, content_id, channel, recipient, dedupe_key, position,
                      variables, state, cost)
SELECT gen_random_uuid(), made_on, organization_id, NULL, content_id, channel, recipient, gen_random_uuid()::text,
       position, variables, state, cost
FROM (SELECT * FROM messages WHERE organization_id = %s LIMIT %s) m
"""


def measure_batches(bench: Bench) -> list[Figure]:
    """One template with values, and another html for each email."""
    settings = bench.settings.with_values(prefect_api_url="http://127.0.0.1:9/api")
    app = create_app(settings)
    database = Database(settings, Role.ENGINE)
    try:
        return [_measure(bench, app, database, name) for name in ("one template", "as many html bodies")]
    finally:
        database.close()
        app.extensions["exosend"].database.close()


def _measure(bench: Bench, app: Flask, database: Database, name: str) -> Figure:
    count = bench.amount(_EMAILS)
    with database.transaction(None) as session:
        organization = create_organization(session, name=name, rate_limit=_NO_LIMIT)
        top_up(session, organization.id, Decimal(1_000_000), reference="benchmark")
        add_verified_domain(session, organization.id, f"{organization.id}.example.com")
        token = create_token(session, organization.id, user_id=None, name="benchmark").text
        template_id = add_template(session, organization.id)
    emails = with_template(template_id) if name == "one template" else _with_html
    batches = iter([_body(emails, count, number) for number in range(bench.rounds * _BATCHES)])

    def product() -> float:
        bench.settle()
        client = app.test_client()
        headers = {"Authorization": f"Bearer {token}"}
        bodies = [next(batches) for _ in range(_BATCHES)]
        began = time.perf_counter()
        for body in bodies:
            answer = client.post("/api/v1/emails/send-batch", data=body, headers=headers)
            assert answer.status_code == 202, answer.text
        return time.perf_counter() - began

    def limit() -> float:
        bench.settle()
        began = time.perf_counter()
        for _ in range(_BATCHES):
            with database.transaction(None) as session:
                driver(session).execute(_INSERT, [organization.id, count])
        return time.perf_counter() - began

    seconds, limits = in_turns(bench.rounds, product, limit)
    return Figure(
        name=f"accepting batches of {count}, {name}",
        limit_name="INSERT … SELECT of the messages",
        amount=count * _BATCHES,
        unit="emails",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
        notes={"ms_a_batch": round(min(seconds) / _BATCHES * 1000, 1)},
    )


def _body(emails: Callable[[int, str], dict[str, object]], count: int, batch: int) -> bytes:
    return orjson.dumps({"emails": [emails(number, f"{batch}-{number}") for number in range(count)]})


def add_template(session: Session, organization_id: UUID) -> str:
    """A template with a value, of the size of a receipt; its id."""
    values = {"name": "T", "subject_template": "Order {{ order }}", "html_content": _html("{{ order }}")}
    return str(create_template(session, organization_id, values).id)


def with_template(template_id: str) -> Callable[[int, str], dict[str, object]]:
    """What makes a batch's email of its number and of the order that it is about."""

    def email(number: int, order: str) -> dict[str, object]:
        variables = {"order": order, "first_name": "Marta"}
        return {"to_email": _recipient(number), "template_id": template_id, "variables": variables}

    return email


def _with_html(number: int, order: str) -> dict[str, object]:
    return {"to_email": _recipient(number), "subject": f"Order {order}", "html_content": _html(order)}


def _recipient(number: int) -> str:
    return f"person.{number}@mail{number % 40}.example.com"


def _html(order: str) -> str:
    return f"<h1>Order {order}</h1>\n{_LINE * 20}<p>Thank you!</p>\n"
