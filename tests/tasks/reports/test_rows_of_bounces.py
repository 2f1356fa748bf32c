"""Five soft bounces in a row: events of several messages to one address, shuffled and doubled, against a model."""

from collections.abc import Callable, Sequence
from random import Random

import pytest
from sqlalchemy import text

from models.rules.reports import ReportKind
from tasks.reports.apply import apply_due
from tests.support.engine import Engine
from tests.support.reports import Said, come_in, left_behind

SOFT = {"bounce_type": "soft"}


def _expected(history: str, batches: Sequence[int]) -> bool:
    """The model: after each batch, the soft bounces since the last delivery that is known."""
    row: set[int] = set()
    delivered = -1
    for start, end in zip([0, *batches], [*batches, len(history)], strict=True):
        row |= {second for second in range(start, end) if history[second] == "s"}
        delivered = max([delivered, *(second for second in range(start, end) if history[second] == "d")])
        row = {second for second in row if second > delivered}
        if len(row) >= 5:
            return True
    return False


def _do(engine: Engine, statement: str, **values: object) -> None:
    with engine.database.transaction(None) as session:
        session.execute(text(statement), values)


@pytest.mark.parametrize(
    ("history", "batches"),
    [
        ("sssss", []),
        ("ssss", []),
        ("ssdsss", []),  # five, and not in a row: a batch has all of them
        ("ssdsss", [3]),
        ("dsssss", []),
        ("ssssds", [5]),
        ("sssdsssss", [2, 6]),
        ("sssssd", [5]),  # a delivery afterwards lifts nothing: that ends by itself
    ],
)
def test_only_five_in_a_row_suppress_whatever_order_they_come_in(
    make_engine: Callable[..., Engine], history: str, batches: list[int]
) -> None:
    people = [f"silent+{no}" for no in range(len(history))]
    engine = make_engine(people=people)
    engine.send(engine.planned())
    kinds = {"s": (ReportKind.BOUNCED, SOFT), "d": (ReportKind.DELIVERED, {})}
    said = [Said(f"{people[no]}@example.com", kinds[what][0], no, kinds[what][1]) for no, what in enumerate(history)]
    come_in(engine.database, engine.organization_id, Random(history).sample([*said, *said], 2 * len(said)))
    _do(engine, "UPDATE incoming_events SET due_at = now() + interval '1 day'")
    _do(engine, "UPDATE messages SET recipient = 'one@example.com'")
    for start, end in zip([0, *batches], [*batches, len(history)], strict=True):
        due = [each.occurred_at for each in said[start:end]]
        _do(engine, "UPDATE incoming_events SET due_at = now() WHERE occurred_at = ANY(:due)", due=due)
        apply_due(engine.database)
    left = left_behind(engine.database, engine.organization_id)
    reasons = [row[2] for row in left["suppressions"]]
    assert reasons == (["soft_bounce"] if _expected(history, batches) else [])
