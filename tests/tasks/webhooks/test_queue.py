"""The queue of webhooks: turns, leases, limits, what is removed."""

import threading
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import text

from models.rules.webhooks import DeliveryStatus, EventType
from models.store import webhook_queue
from models.store.webhook_deliveries import replay
from models.store.webhook_queue import ClaimedDelivery, Told
from tasks.webhooks.connecting import Connector, NameResolver, public_or_loopback
from tasks.webhooks.delivering import PLACES, Outcome, judge
from tasks.webhooks.posting import Poster
from tests.support.outbox import wait_until
from tests.support.receivers import Receiver, answer
from tests.support.webhooks import add_endpoint, deliveries, endpoint_of, make_due, put_events, telling

_TYPES = [EventType.EMAIL_SENT]
_ATTEMPT = {"at": "2026-01-15T10:00:00+00:00", "status": 200, "error": None, "body": "", "milliseconds": 1}


@pytest.fixture
def add(database, local, organization_id):
    """Adds an endpoint at that address with so many events waiting; its id."""

    def make(events: int = 0, url: str = "https://hooks.example.com/") -> UUID:
        endpoint_id, _ = add_endpoint(database, local, organization_id, url, _TYPES)
        put_events(database, organization_id, endpoint_id, events)
        return endpoint_id

    return make


def _claim(database, *, limit: int = 100, seconds: float = 60.0, per_endpoint: int = 10) -> list[ClaimedDelivery]:
    with database.transaction(None) as session:
        return webhook_queue.claim(session, seconds=seconds, limit=limit, per_endpoint=per_endpoint)[0]


def _record(database, *told: Told) -> None:
    with database.transaction(None) as session:
        webhook_queue.record(session, told)


def _set(database, statement: str) -> None:
    with database.transaction(None) as session:
        session.execute(text(statement))


def _arrived(claimed: ClaimedDelivery) -> Told:
    return Told(claimed, DeliveryStatus.DELIVERED, _ATTEMPT)


def test_endpoints_take_turns_and_none_has_more_than_its_places(database, add):
    many, few = add(50), add(3)
    taken = Counter(each.endpoint_id for each in _claim(database, limit=6))
    assert taken == {many: 3, few: 3}
    assert Counter(each.endpoint_id for each in _claim(database)) == {many: 7}
    assert _claim(database) == []


def test_one_that_fails_has_one_place_and_rests_after_a_while(database, add):
    endpoint_id = add(20)
    for failures in range(1, 7):
        (claimed, *others) = _claim(database)
        assert (len(others) == 0) == (failures > 1)
        failed = judge(claimed, Outcome(None, "Broken.", 5), chance=lambda: 0.5)
        _record(database, failed)
        with database.transaction(None) as session:
            webhook_queue.release(session, others)
        endpoint = endpoint_of(database, endpoint_id)
        assert endpoint.failures == failures
        assert (endpoint.rest_until is not None) == (failures >= 5)
        if failures >= 5:
            assert _claim(database) == []
            make_due(database)
    (claimed,) = _claim(database)
    _record(database, _arrived(claimed))
    endpoint = endpoint_of(database, endpoint_id)
    assert (endpoint.failures, endpoint.failing_since, endpoint.rest_until) == (0, None, None)
    assert len(_claim(database)) == 10


def test_a_claim_that_ran_out_is_somebody_elses_and_its_answer_counts_for_nothing(database, add):
    add(1)
    (first,) = _claim(database, seconds=0)
    (second,) = _claim(database)
    assert (first.event_id, first.fence + 1) == (second.event_id, second.fence)
    _record(database, _arrived(first))
    (delivery,) = deliveries(database, second.endpoint_id)
    assert (delivery.status, delivery.attempts) == ("pending", [])
    _record(database, _arrived(second))
    _record(database, _arrived(second))
    (delivery,) = deliveries(database, second.endpoint_id)
    assert (delivery.status, len(delivery.attempts)) == ("delivered", 1)


def test_what_is_asked_for_again_while_it_is_out_is_told_again(database, organization_id, add):
    endpoint_id = add(1)
    (out,) = _claim(database)
    with database.transaction(None) as session:
        replay(session, organization_id, endpoint_id, out.id)
    _record(database, _arrived(out))
    (again,) = _claim(database)
    assert again.event_id == out.event_id


def test_nobody_claims_what_another_has(database, add):
    add(40), add(40)
    taken: list[ClaimedDelivery] = []
    threads = [threading.Thread(target=lambda: taken.extend(_claim(database, per_endpoint=100))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken += _claim(database, per_endpoint=100)
    assert (len(taken), len({each.id for each in taken})) == (80, 80)


def test_only_the_last_attempts_are_kept(database, add):
    endpoint_id = add(1)
    for no in range(23):
        (claimed,) = _claim(database)
        _record(database, Told(claimed, DeliveryStatus.PENDING, {**_ATTEMPT, "milliseconds": no}, 0.0))
        make_due(database)
    (delivery,) = deliveries(database, endpoint_id)
    assert [each["milliseconds"] for each in delivery.attempts] == list(range(3, 23))


def test_of_a_queue_that_is_full_the_oldest_are_dropped_and_it_shows(database, add):
    full, short = add(8), add(2)
    (out, *_) = _claim(database, limit=1, per_endpoint=1)
    with database.transaction(None) as session:
        assert webhook_queue.drop_surplus(session, most=5) == {full: 3}
        assert webhook_queue.drop_surplus(session, most=5) == {}
    states = [each.status for each in deliveries(database, full) if each.id != out.id]
    assert states == ["dropped"] * 3 + ["pending"] * 4
    assert [endpoint_of(database, each).dropped for each in (full, short)] == [3, 0]


def test_what_is_old_is_removed_and_what_has_lost_its_endpoint(database, add):
    old, gone, kept = add(3), add(3), add(1)
    _set(database, f"UPDATE webhook_deliveries SET created_at = now() - interval '8 days' WHERE endpoint_id = '{old}'")
    _set(database, f"DELETE FROM webhook_endpoints WHERE id = '{gone}'")
    removed = []
    for _ in range(4):
        with database.transaction(None) as session:
            removed.append(webhook_queue.remove_old(session, limit=4))
    assert removed == [4, 2, 0, 0]
    assert [len(deliveries(database, each)) for each in (old, gone, kept)] == [0, 0, 1]


def test_what_waits_for_one_that_is_switched_off_goes_out_when_it_is_on_again(database, add):
    endpoint_id = add(2)
    _set(database, "UPDATE webhook_endpoints SET is_active = false")
    assert _claim(database) == []
    _set(database, "UPDATE webhook_endpoints SET is_active = true")
    assert {each.endpoint_id for each in _claim(database)} == {endpoint_id}


def test_endpoints_that_say_nothing_hold_up_nobody(database, local, add):
    """Three dead ones with full queues and few places in all; one that works gets all it has at once."""
    with Receiver().running() as dead, Receiver().running() as alive:
        dead.script.extend([None] * 500)
        for _ in range(3):
            add(50, dead.url)
        working = add(30, alive.url)
        poster = Poster(Connector(NameResolver("127.0.0.1:9"), public_or_loopback), total_seconds=600)
        settings = local.with_values(webhook_connections=3 * PLACES + 5)
        with telling(database, settings, poster, last_seconds=0.1):
            alive.wait_for(30)
            wait_until(lambda: all(each.status == "delivered" for each in deliveries(database, working)))
            assert len(dead.got) <= 3 * PLACES


def test_a_receiver_gets_each_event_once_from_several_senders(database, local, add):
    with Receiver().running() as receiver:
        endpoint_id = add(40, receiver.url)
        receiver.script.extend([answer(200)] * 40)
        with telling(database, local), telling(database, local):
            receiver.wait_for(40)
            wait_until(lambda: all(each.status == "delivered" for each in deliveries(database, endpoint_id)))
    assert Counter(receiver.ids) == {str(each.event_id): 1 for each in deliveries(database, endpoint_id)}
