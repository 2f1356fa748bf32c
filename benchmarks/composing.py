"""Rendering and MIME alone: from a planned message to the bytes for the wire, beside joining the same bytes."""

import time
from decimal import Decimal
from uuid import UUID

import polars as pl

from benchmarks.campaigns import TAGS, frozen_campaign
from benchmarks.measure import Bench, Figure, in_turns
from benchmarks.people import people
from models.rules.ids import message_id, new_id
from models.rules.segment import parse_segment
from models.store.messages import PlannedMessage
from models.tables import Content
from tasks.audience.plan import plan_email
from tasks.runs.email_content import EmailComposer

_MESSAGES = 50_000
_PLACES = 10  # where a message of this content differs from the next


def measure_composing(bench: Bench) -> Figure:
    """No aim: it shows how much of dispatch's time is the message itself."""
    count = bench.amount(_MESSAGES)
    planned = _planned(count)
    email = frozen_campaign()
    content = Content(
        subject=email.subject, html=email.html, text=email.text, from_email=email.from_email, variables={}
    )
    compose = EmailComposer(content)
    size = len(compose(planned[0]).content)

    def product() -> float:
        began = time.perf_counter()
        for message in planned:
            compose(message)
        return time.perf_counter() - began

    def limit() -> float:
        same = [b"x" * (size // (_PLACES + 1))] * (_PLACES + 1)
        own = [message.recipient.encode() for message in planned]
        began = time.perf_counter()
        for recipient in own:
            pieces = same.copy()
            for place in range(_PLACES):
                pieces[place] = recipient
            b"".join(pieces)
        return time.perf_counter() - began

    seconds, limits = in_turns(bench.rounds, product, limit)
    return Figure(
        name="rendering and MIME",
        limit_name="join of prepared pieces",
        amount=count,
        unit="messages",
        product_seconds=seconds,
        limit_seconds=limits,
        compare="speed",
        notes={"message_bytes": size},
    )


def _planned(count: int) -> list[PlannedMessage]:
    rows = people(count).select(
        "email",
        pl.col("first_name"),
        contact_id=pl.lit(str(new_id())),
        status=pl.lit("active"),
        custom_fields=pl.struct("company").struct.json_encode(),
    )
    suppressed = pl.DataFrame(schema={"recipient": pl.String})
    kept = plan_email(rows, suppressed, segment=parse_segment({}), price=Decimal("0.001"), tags=TAGS).kept
    run_id: UUID = new_id()
    content_id = new_id()
    return [
        PlannedMessage(message_id(run_id, position), position, recipient, variables, 0, 0.0, content_id, None)
        for position, recipient, variables in kept.select("position", "recipient", "variables").iter_rows()
    ]
