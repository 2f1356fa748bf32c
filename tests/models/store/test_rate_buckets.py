"""Token buckets that many take from: all or nothing, in turn, and singles first."""

import random
from collections import Counter
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from models.rules.rate_limits import Limit, in_order
from models.session import Database
from models.store.rate_buckets import (
    forget_unused,
    give_back_tokens,
    look,
    stop_waiting,
    take_for_run,
    take_in_debt,
    take_what_is_there,
    wait_first,
)

ACCOUNT = Limit("account:email/test", 6000)  # holds 100, of which 20 are left to singles
SENDER = Limit("sender:acme", 600)


def _fill(database: Database, limit: Limit, tokens: float) -> None:
    """Put so many into the bucket, and let its clock stand still for the next who asks."""
    with database.transaction(None) as session:
        take_in_debt(session, limit, 0)
        session.execute(
            text(
                "UPDATE rate_buckets SET tokens = :tokens, refilled_at = now() + interval '1 hour' WHERE name = :name"
            ),
            {"tokens": tokens, "name": limit.name},
        )


def _tokens(database: Database, limit: Limit) -> float:
    with database.transaction(None) as session:
        found = session.execute(text("SELECT tokens FROM rate_buckets WHERE name = :name"), {"name": limit.name})
        return float(found.scalar_one())


def _take(database: Database, wanted: dict[Limit, int], run: UUID, organization: UUID) -> float:
    with database.transaction(None) as session:
        return take_for_run(session, wanted, run, organization)


def test_the_most_shared_bucket_is_locked_last():
    limits = [ACCOUNT, Limit("sender:b", 1), Limit("run:z", 1), SENDER]
    assert [limit.name for limit in in_order(limits)] == ["run:z", "sender:acme", "sender:b", ACCOUNT.name]


def test_of_several_buckets_all_is_taken_or_nothing(database):
    run, organization = uuid4(), uuid4()
    _fill(database, SENDER, 10)
    _fill(database, ACCOUNT, 25)
    assert _take(database, {ACCOUNT: 6, SENDER: 6}, run, organization) > 0
    assert (_tokens(database, SENDER), _tokens(database, ACCOUNT)) == (10, 25)
    _fill(database, ACCOUNT, 27)
    assert _take(database, {ACCOUNT: 6, SENDER: 6}, run, organization) == 0
    assert (_tokens(database, SENDER), _tokens(database, ACCOUNT)) == (4, 21)


def test_who_is_told_to_wait_is_told_how_long(database):
    _fill(database, ACCOUNT, 20)
    assert _take(database, {ACCOUNT: 50}, uuid4(), uuid4()) == pytest.approx(0.5)
    _fill(database, SENDER, 2)
    assert _take(database, {SENDER: 4}, uuid4(), uuid4()) == pytest.approx(0.4)


def test_a_window_that_is_larger_than_the_bucket_goes_out_when_it_is_full(database):
    run, organization = uuid4(), uuid4()
    _fill(database, ACCOUNT, 99)
    assert _take(database, {ACCOUNT: 300}, run, organization) > 0
    _fill(database, ACCOUNT, 100)
    assert _take(database, {ACCOUNT: 300}, run, organization) == 0
    assert _tokens(database, ACCOUNT) == -200


def test_runs_leave_a_fifth_to_singles_and_nothing_while_one_waits(database):
    run, organization = uuid4(), uuid4()
    _fill(database, ACCOUNT, 100)
    assert _take(database, {ACCOUNT: 80}, run, organization) == 0
    _fill(database, ACCOUNT, 20)
    assert _take(database, {ACCOUNT: 1}, run, organization) > 0
    _fill(database, ACCOUNT, 20)  # its clock went on with whoever asked
    with database.transaction(None) as session:
        assert take_what_is_there(session, ACCOUNT, 50) == 20
    slow = Limit("account:sms/slow", 60)
    with database.transaction(None) as session:
        wait_first(session, slow, 60)
    assert _take(database, {slow: 1}, run, organization) > 0
    with database.transaction(None) as session:
        assert take_what_is_there(session, slow, 5) == 1


def test_who_does_not_come_at_his_time_lets_the_others_pass(database):
    gone, other = sorted([uuid4(), uuid4()])  # of equals this one is first
    organization = uuid4()
    _fill(database, ACCOUNT, 20)
    assert _take(database, {ACCOUNT: 50}, gone, organization) > 0
    _fill(database, ACCOUNT, 69)
    assert _take(database, {ACCOUNT: 1}, other, organization) > 0
    with database.transaction(None) as session:
        stop_waiting(session, gone)
    _fill(database, ACCOUNT, 69)
    assert _take(database, {ACCOUNT: 1}, other, organization) == 0


@pytest.mark.parametrize(
    ("organizations", "windows"),
    [
        pytest.param("ab", [50, 5], id="two campaigns, large windows and small ones"),
        pytest.param("aa", [50, 5], id="two campaigns of one organization"),
        pytest.param("aaab", [10, 10, 10, 10], id="three campaigns of one organization beside one of another"),
        pytest.param("aabbbc", [40, 5, 20, 20, 3, 10], id="three organizations"),
    ],
)
def test_organizations_have_equal_shares_and_so_have_their_campaigns(
    database, organizations: str, windows: Sequence[int]
):
    """In a simulation whose time are the tokens that come in: everybody always wants more."""
    ids = {name: uuid4() for name in organizations}
    runs = [(uuid4(), ids[name], name, window) for name, window in zip(organizations, windows, strict=True)]
    chance = random.Random(1)
    served: Counter[UUID] = Counter()
    _fill(database, ACCOUNT, 20)
    for _ in range(300):
        _fill(database, ACCOUNT, min(100, _tokens(database, ACCOUNT) + 10))
        for run, organization, _, window in chance.sample(runs, len(runs)):
            _freeze(database)
            if _take(database, {ACCOUNT: window}, run, organization) == 0:
                served[run] += window
    total = sum(served.values())
    assert total > 2800
    for run, _, name, _ in runs:
        fair = total / len(ids) / organizations.count(name)
        assert abs(served[run] - fair) < 0.2 * fair, (name, served[run], fair)


def _freeze(database: Database) -> None:
    with database.transaction(None) as session:
        session.execute(text("UPDATE rate_buckets SET refilled_at = now() + interval '1 hour'"))


def test_what_is_given_back_is_there_again(database):
    _fill(database, ACCOUNT, 100)
    assert _take(database, {ACCOUNT: 40}, uuid4(), uuid4()) == 0
    with database.transaction(None) as session:
        give_back_tokens(session, {ACCOUNT: 40})
        assert look(session, ACCOUNT) == 100
        assert look(session, Limit("account:new", 60)) == 1


def test_what_nobody_asked_for_in_a_long_time_is_forgotten(database):
    _fill(database, ACCOUNT, 20)
    assert _take(database, {ACCOUNT: 50}, uuid4(), uuid4()) > 0
    with database.transaction(None) as session:
        assert forget_unused(session, limit=10) == 0
        session.execute(text("UPDATE rate_buckets SET refilled_at = now() - interval '8 days'"))
        session.execute(text("UPDATE rate_turns SET seen_at = now() - interval '2 hours'"))
        assert forget_unused(session, limit=10) == 1
        assert session.execute(text("SELECT count(*) FROM rate_turns")).scalar_one() == 0
