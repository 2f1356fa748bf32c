"""Runs that go by several accounts, over real sockets: the witness is what each server accepted."""

from collections import Counter

import pytest
from sqlalchemy import text

from models.store.provider_accounts import set_active
from tasks.sending import routes
from tests.support.http_api import MAILGUN, TWILIO
from tests.support.http_runs import planned_run
from tests.support.invariants import examine
from tests.support.sinks import SMTP, Server, Wanted, servers, unused

REFUSES = "refuses connections"


def _providers(engine, run) -> Counter:
    """Messages by account and state."""
    with engine.database.transaction(None) as session:
        rows = session.execute(
            text("SELECT provider, state, count(*) FROM messages WHERE run_id = :r GROUP BY 1, 2"), {"r": run.id}
        )
        return Counter({(provider, state): count for provider, state, count in rows})


def _nobody_twice(*found: Server) -> Counter:
    accepted = sum((server.accepted() for server in found), Counter())
    assert set(accepted.values()) <= {1}
    return accepted


def test_equal_accounts_share_a_run_and_each_message_says_which_had_it(make_engine, tmp_path):
    engine = make_engine(contacts=120)
    with servers(tmp_path, Wanted(SMTP), Wanted(SMTP), Wanted(SMTP)) as (one, two, last):
        names = [server.account(engine) for server in (one, two)] + [last.account(engine, priority=200)]
        run = engine.planned(batch_size=50)
        engine.send(run)
        assert _providers(engine, run) == {
            (name, "accepted"): len(server.accepted()) for name, server in zip(names[:2], (one, two), strict=True)
        }
    assert _nobody_twice(one, two).keys() == set(engine.recipients)
    assert min(len(one.accepted()), len(two.accepted())) > 30
    assert last.accepted() == {}
    assert engine.close(run) is not None
    examine(engine, run, one.accepted() + two.accepted())


@pytest.mark.parametrize(
    ("vendor", "fault", "account"),
    [
        (SMTP, REFUSES, None),
        (SMTP, {"at": "connect", "reply": "421 4.3.2 Shutting down"}, None),
        (MAILGUN.name, REFUSES, None),
        (MAILGUN.name, None, "api:wrong"),
        (MAILGUN.name, {"at": "final", "reply": "429 Too Many Requests", "seconds": 60}, None),
        (TWILIO.name, REFUSES, None),
        (TWILIO.name, None, "AC0:wrong"),
        (TWILIO.name, {"at": "final", "reply": "429 Too Many Requests", "seconds": 60}, None),
    ],
)
def test_what_an_account_certainly_did_not_take_goes_by_the_next(make_engine, tmp_path, vendor, fault, account):
    engine = make_engine(contacts=40)
    other = TWILIO.name if vendor == TWILIO.name else SMTP
    faults = [] if fault in (None, REFUSES) else [fault]
    with servers(tmp_path, Wanted(vendor, faults, account), Wanted(other)) as (first, second):
        (unused(vendor) if fault == REFUSES else first).account(engine, name="first", priority=0)
        name = second.account(engine)
        run = planned_run(engine, TWILIO if vendor == TWILIO.name else MAILGUN, 10)
        engine.send(run)
        assert _providers(engine, run) == {(name, "accepted"): 40}
    assert first.accepted() == {}
    assert len(_nobody_twice(second)) == 40


@pytest.mark.parametrize(("vendor", "other"), [(SMTP, SMTP), (MAILGUN.name, SMTP), (TWILIO.name, TWILIO.name)])
def test_what_may_have_been_taken_goes_by_no_other(make_engine, tmp_path, vendor, other):
    engine = make_engine(contacts=30)
    fault = {"at": "final", "action": "accept_close"}
    with servers(tmp_path, Wanted(vendor, [fault]), Wanted(other)) as (first, second):
        name, _ = first.account(engine, priority=0), second.account(engine)
        run = planned_run(engine, TWILIO if vendor == TWILIO.name else MAILGUN, 10)
        engine.send(run)
        found = _providers(engine, run)
    took, went = first.accepted(), second.accepted()
    assert found[name, "uncertain"] == len(took) > 0
    assert not took.keys() & went.keys()
    assert set((took + went).values()) == {1}


def test_while_every_account_is_away_nothing_is_lost_and_the_route_is_left_alone(make_engine, tmp_path):
    engine = make_engine(contacts=50)
    for name in ("one", "two"):
        unused().account(engine, name=name)
    run = engine.planned(batch_size=10)
    engine.send(run)
    states = engine.states(run)
    assert states["deferred"] == 30
    assert states["planned"] == 20
    with engine.database.transaction(None) as session:
        assert session.execute(text("SELECT max(tries) FROM messages")).scalar_one() == 0
        names = session.execute(text("SELECT name FROM provider_circuits WHERE open_until IS NOT NULL")).scalars().all()
    assert "email/routes" in names


def test_an_account_that_is_switched_off_takes_nothing_from_the_next_window_on(make_engine, tmp_path, monkeypatch):
    monkeypatch.setattr(routes, "_KNOWN_SECONDS", 0.0)
    engine = make_engine(contacts=100)
    with servers(tmp_path, Wanted(SMTP), Wanted(SMTP)) as (first, second):
        names = first.account(engine, priority=0), second.account(engine)
        run = engine.planned(batch_size=10)
        engine.send(run, stop=_after(30, first, lambda: _switch(engine, names[0], is_active=False)))
        taken = len(first.accepted())
        assert 30 <= taken < 100
        assert _providers(engine, run) == {(names[0], "accepted"): taken, (names[1], "accepted"): 100 - taken}
    assert len(_nobody_twice(first, second)) == 100


def test_an_account_that_is_added_takes_its_part_of_a_run_that_is_out(make_engine, tmp_path, monkeypatch):
    monkeypatch.setattr(routes, "_KNOWN_SECONDS", 0.0)
    with servers(tmp_path, Wanted(SMTP), Wanted(SMTP)) as (first, second):
        engine = make_engine(contacts=100, smtp_url=first.url)
        run = engine.planned(batch_size=10)
        engine.send(run, stop=_after(30, first, lambda: second.account(engine, weight=1000)))
        taken = len(first.accepted())
        assert 30 <= taken < 100
        assert _providers(engine, run)["smtp", "accepted"] == taken
    assert len(_nobody_twice(first, second)) == 100


def test_where_all_accounts_are_off_nothing_goes_to_the_sandbox(make_engine, tmp_path):
    engine = make_engine(contacts=10)
    name = unused().account(engine)
    _switch(engine, name, is_active=False)
    run = engine.planned(batch_size=10)
    engine.send(run)
    assert engine.states(run) == {"deferred": 10}
    _switch(engine, name, is_active=True)


def test_an_organization_goes_by_its_own_account_and_others_do_not(make_engine, tmp_path):
    engine = make_engine(contacts=20)
    with servers(tmp_path, Wanted(SMTP), Wanted(SMTP)) as (own, platform):
        name, _ = own.account(engine, engine.organization_id, priority=900), platform.account(engine, priority=0)
        globex = engine.another()
        foreign = platform.account(engine, globex.organization_id, name="globex")
        run = engine.planned(batch_size=10)
        engine.send(run)
        assert _providers(engine, run) == {(name, "accepted"): 20}
        assert foreign not in dict(_providers(engine, run))
    assert platform.accepted() == {}


def test_an_account_for_some_countries_takes_no_other_sms(make_engine, tmp_path):
    engine = make_engine(contacts=10)
    with servers(tmp_path, Wanted(TWILIO.name)) as (server,):
        name = server.account(engine, countries=["LV"])
        run = planned_run(engine, TWILIO, 10)
        with engine.database.transaction(None) as session:
            session.execute(text("UPDATE messages SET recipient = '+37061234567' WHERE position = 3"))
        engine.send(run)
        found = _providers(engine, run)
    assert found[name, "accepted"] == 9
    assert sum(count for (_, state), count in found.items() if state == "failed") == 1
    with engine.database.transaction(None) as session:
        assert (
            session.execute(text("SELECT error_code FROM messages WHERE state = 'failed'")).scalar_one() == "no_route"
        )


def test_an_account_that_cannot_be_opened_hands_nothing_over(make_engine, tmp_path):
    engine = make_engine(contacts=20)
    with servers(tmp_path, Wanted(SMTP), Wanted(SMTP)) as (locked, open_):
        locked.account(engine, priority=0)
        with engine.database.transaction(None) as session:
            session.execute(text("UPDATE provider_accounts SET url_encrypted = 'nonsense'"))
        name = open_.account(engine)
        run = engine.planned(batch_size=10)
        engine.send(run)
        assert _providers(engine, run) == {(name, "accepted"): 20}


def _switch(engine, name: str, *, is_active: bool) -> None:
    with engine.database.transaction(None) as session:
        set_active(session, name.partition(":")[2], is_active=is_active, actor="test")


def _after(count: int, server: Server, do):
    """A `stop` that never stops, and does something once when the server has accepted so many."""
    done = []

    def stop() -> bool:
        if not done and len(server.accepted()) >= count:
            done.append(1)
            do()
        return False

    return stop
