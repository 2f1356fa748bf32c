"""A window's outcomes: each message gets its own, whichever statement writes them."""

import pytest
from sqlalchemy import text

from models.rules.lifecycle import MessageState
from models.store import chunks
from models.store.messages import Result, read_planned, record_results

REFS = ["a", None, 'c"\\', "d,{}", "e"]


@pytest.mark.parametrize("places", [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [4, 3, 2, 1, 0], [0, 2, 4, 6, 8]])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_each_message_gets_its_own_reference(make_engine, places, is_mixed) -> None:
    engine = make_engine(contacts=20)
    run = engine.planned()
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, run.epoch, who="test", lease_seconds=60)
        assert lease is not None
        planned = read_planned(session, lease)
        states = [MessageState.FAILED if is_mixed and no == 2 else MessageState.ACCEPTED for no in range(5)]
        results = [
            Result(planned[place].id, planned[place].position, state, ref)
            for place, state, ref in zip(places, states, REFS, strict=True)
        ]
        record_results(session, lease, results, provider="smtp")
        rows = session.execute(text("SELECT id, state, provider_ref, tries FROM messages WHERE state <> 'planned'"))
        found = {row.id: (row.state, row.provider_ref, row.tries) for row in rows}
    assert found == {result.id: (result.state.value, result.provider_ref, 1) for result in results}
