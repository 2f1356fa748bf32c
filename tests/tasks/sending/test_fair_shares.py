"""In each lane: one organization with thousands of messages waiting, another one with a few."""

import pytest
from sqlalchemy import text

from models.rules.lifecycle import RunKind
from models.store.outbox import claim
from tasks.sending.draining import Drained, drain_runs
from tasks.sending.pacing import send_paced
from tests.support.engine import Engine
from tests.support.handovers import HandOvers
from tests.support.outbox import content, message_states, sending, singles, small_run, wait_until

MANY, FEW = 20_000, 10
WINDOW = 200
FIRST = 10 * WINDOW  # what may be out, or on its way, when the others come

_MANY_SINGLES = """
WITH made AS (
    INSERT INTO messages (id, made_on, organization_id, content_id, channel, recipient, dedupe_key, position, cost)
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(no), 12, '0'))::uuid, '2024-06-10', :organization, :content,
           'email', 'm' || no || '@example.com', no, 0, 0
    FROM generate_series(1, :many) AS no RETURNING id
)
INSERT INTO outbox (message_id, organization_id, channel) SELECT id, :organization, 'email' FROM made
"""


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> HandOvers:
    return HandOvers(monkeypatch)


def _many_singles(engine: Engine) -> None:
    values = {"organization": engine.organization_id, "content": content(engine, "email"), "many": MANY}
    with engine.database.transaction(None) as session:
        session.execute(text(_MANY_SINGLES), values)


def test_of_the_outbox_the_few_are_in_the_next_window(make_engine):
    engine = make_engine(contacts=1)
    _many_singles(engine)
    few = singles(engine.another(), "email", [f"f{no}@example.com" for no in range(FEW)])
    with engine.database.transaction(None) as session:
        claimed = {each.message.id for each in claim(session, "email", who="test", seconds=15, limit=2 * FEW)}
    assert claimed > set(few)


@pytest.mark.parametrize("per_minute", [None, 60_000], ids=["without a rate", "by an account with a rate"])
def test_of_the_outbox_the_few_go_out_among_the_first_windows(make_engine, handed_over, per_minute):
    engine = make_engine(contacts=1, email_rate_per_minute=per_minute)
    second = engine.another()
    _many_singles(engine)
    with sending(engine, "email"):
        wait_until(lambda: len(handed_over) > 0)
        few = set(singles(second, "email", [f"f{no}@example.com" for no in range(FEW)]))
        before = len(handed_over)  # until they are committed thousands of the others may go, as they should
        wait_until(lambda: few <= handed_over.ids)
    last = max(place for place, id_ in enumerate(handed_over.order) if id_ in few)
    assert last - before < FIRST


def test_of_bulk_sms_the_small_one_goes_out_before_the_second_large_one(make_engine, handed_over):
    engine = make_engine(contacts=1)
    large = [small_run(engine, RunKind.BULK, _numbers(500)).run_id for _ in range(3)]
    small = small_run(engine.another(), RunKind.BULK, _numbers(101)).run_id
    drain_runs(engine.database, engine.settings, RunKind.BULK, idle_seconds=0, stop=lambda: False, drained=Drained())
    assert message_states(engine) == {"accepted": 1601}
    assert max(handed_over.places(small)) < min(handed_over.places(large[1]))


def test_of_paced_campaigns_each_moves_at_its_rate_beside_a_large_one(make_engine, handed_over):
    engine = make_engine(contacts=60)
    large = [engine.planned(send_rate_per_minute=599) for _ in range(5)]
    small = engine.planned(send_rate_per_minute=599)
    with engine.database.transaction(None) as session:  # of it the first window is enough
        session.execute(text("UPDATE chunks SET size = 9 WHERE run_id = :run"), {"run": small.id})
    send_paced(engine.database, engine.settings, idle_seconds=0, stop=lambda: len(handed_over.places(small.id)) == 9)
    assert all(len(handed_over.places(run.id)) < 60 for run in large)


def _numbers(count: int) -> list[str]:
    return [f"+3706{no:07d}" for no in range(count)]
