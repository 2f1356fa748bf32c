"""A window's outcomes: each message gets its own, whichever statement writes them."""

import pytest
from sqlalchemy import text

from models.rules.lifecycle import MessageState
from models.store import chunks, outbox
from models.store.messages import Result, read_planned, record_by_id, record_results
from tests.support.outbox import singles

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


def _set(engine, resends: int, provider: str | None = "email:before") -> None:
    with engine.database.transaction(None) as session:
        values = {"resends": resends, "provider": provider}
        session.execute(text("UPDATE messages SET resends = :resends, provider = :provider"), values)


def _providers(engine) -> set[str | None]:
    with engine.database.transaction(None) as session:
        return set(session.scalars(text("SELECT provider FROM messages")))


@pytest.mark.parametrize(
    ("resends", "state", "provider"),
    [
        (0, MessageState.DEFERRED, "email:now"),
        (1, MessageState.DEFERRED, "email:before"),
        (0, MessageState.ACCEPTED, "email:now"),
        (1, MessageState.ACCEPTED, "email:now"),
    ],
)
def test_of_what_is_sent_again_the_account_that_had_it_stays_known_while_it_waits(
    make_engine, resends, state, provider
) -> None:
    engine = make_engine(contacts=3)
    run = engine.planned()
    _set(engine, resends)
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, run.epoch, who="test", lease_seconds=60)
        results = [Result(each.id, each.position, state) for each in read_planned(session, lease)]
        record_by_id(session, results, [MessageState.PLANNED], provider="email:now")
    assert _providers(engine) == {provider}


def test_of_what_a_dead_sender_had_out_no_account_is_known(make_engine) -> None:
    engine = make_engine(contacts=3)
    run = engine.planned()
    _set(engine, resends=0)  # deferred once, by an account that need not be that of the second try
    with engine.database.transaction(None) as session:
        lease = chunks.claim_chunk(session, run.id, run.epoch, who="dead", lease_seconds=60)
        chunks.advance(session, lease, cursor=3, counts=chunks.Counts())
    engine.expire_leases(run)
    with engine.database.transaction(None) as session:
        assert chunks.claim_chunk(session, run.id, run.epoch, who="next", lease_seconds=60).uncertain == 3
    assert _providers(engine) == {None}


@pytest.mark.parametrize(("resends", "provider"), [(0, None), (1, "email:before")])
def test_of_what_a_dead_courier_had_out_only_that_which_was_sent_again(make_engine, resends, provider) -> None:
    engine = make_engine(contacts=1)
    singles(engine, "email", ["a@example.com", "b@example.com", "c@example.com"])
    _set(engine, resends)
    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE outbox SET claimed_until = now() - interval '1 second', claimed_by = 'dead'"))
        assert len(outbox.take_lost(session, limit=10)) == 3
    assert _providers(engine) == {provider}
