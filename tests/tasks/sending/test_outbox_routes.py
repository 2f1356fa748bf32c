"""The outbox of organizations that have accounts of their own, and of what is sent again by the account that had it."""

from uuid import UUID

import pytest
from sqlalchemy import text

from models.rules.circuit import OPEN_AFTER
from models.rules.uncertainty import Decision, Verdict
from models.store.provider_accounts import set_active
from models.store.uncertain_lists import decide_single
from tests.support.engine import Engine
from tests.support.http_api import TWILIO
from tests.support.outbox import message_states, sending, singles, wait_until
from tests.support.sinks import SMTP, Wanted, servers, unused
from tests.support.uncertain import choose, resolve, ripen

NUMBERS = [f"+3712000000{number}" for number in range(6)]


def _providers(engine: Engine) -> dict[str, str | None]:
    with engine.database.transaction(None) as session:
        rows = session.execute(text("SELECT recipient, provider FROM messages"))
        return {row.recipient: row.provider for row in rows}


def test_each_organization_goes_by_its_own_account_in_one_window(make_engine, tmp_path):
    engine = make_engine(contacts=1)
    globex = engine.another()
    with servers(tmp_path, Wanted(SMTP), Wanted(SMTP)) as (own, platform):
        name, common = own.account(engine, globex.organization_id), platform.account(engine)
        singles(engine, "email", ["a@example.com", "b@example.com"])
        singles(globex, "email", ["c@example.com"])
        with sending(engine, "email"):
            wait_until(lambda: message_states(engine) == {"accepted": 3})
        assert _providers(engine) == {"a@example.com": common, "b@example.com": common, "c@example.com": name}
        assert (set(own.accepted()), set(platform.accepted())) == (
            {"c@example.com"},
            {"a@example.com", "b@example.com"},
        )


@pytest.mark.parametrize("is_own_away", [True, False])
def test_an_account_that_is_away_holds_up_nobody_elses_messages(make_engine, tmp_path, is_own_away):
    engine = make_engine(contacts=1)
    globex = engine.another()
    away, well = (globex, engine) if is_own_away else (engine, globex)
    with servers(tmp_path, Wanted(SMTP)) as (server,):
        if is_own_away:
            name = server.account(engine)
            unused().account(engine, globex.organization_id)
        else:
            unused().account(engine)
            # Alone on its route: the platform's would be the next one.
            name = server.account(engine, globex.organization_id, priority=0)
        with sending(engine, "email"):
            for number in range(OPEN_AFTER):
                singles(away, "email", [f"away{number}@example.com"])
                wait_until(lambda: message_states(engine)["planned"] == 0)
            singles(away, "email", ["later@example.com"])
            singles(well, "email", ["ann@example.com"])
            wait_until(lambda: _providers(engine)["ann@example.com"] == name)
        if is_own_away:  # the platform's account is the next one for what its own did not take
            assert set(_providers(engine).values()) == {name}
        else:
            assert message_states(engine)["accepted"] == 1
            assert _providers(engine)["later@example.com"] is None


def _uncertain_sms(engine: Engine) -> UUID:
    """One that an account took and said nothing of."""
    [message_id] = singles(engine, "sms", NUMBERS[:1])
    with sending(engine, "sms"):
        wait_until(lambda: message_states(engine) == {"uncertain": 1})
    return message_id


def test_what_had_no_key_is_not_sent_again_by_another_account(make_engine, tmp_path):
    engine = make_engine(contacts=1)
    fault = {"at": "final", "action": "accept_close"}
    with servers(tmp_path, Wanted(TWILIO.name, [fault]), Wanted(TWILIO.name)) as (first, second):
        name, _ = first.account(engine, priority=0), second.account(engine)
        message_id = _uncertain_sms(engine)
        choose(engine, "resend")
        ripen(engine)
        assert resolve(engine) == {Verdict.HOLD: 1}
        # Whatever judged it sendable, and whoever switched its account off meanwhile: it is uncertain again.
        with engine.database.transaction(None) as session:
            decide_single(session, engine.organization_id, message_id, Decision.RESEND)
            session.execute(text("UPDATE messages SET state = 'planned', resends = 1"))
            session.execute(text("DELETE FROM uncertain_messages"))
            session.execute(
                text(
                    "INSERT INTO outbox (message_id, organization_id, channel, chunk_no)"
                    " SELECT id, organization_id, channel, 0 FROM messages"
                )
            )
            set_active(session, UUID(name.partition(":")[2]), is_active=False, actor="test")
        with sending(engine, "sms"):
            wait_until(lambda: message_states(engine) == {"uncertain": 1})
        assert second.accepted() == {}
        assert sum(first.accepted().values()) == 1


def test_an_accounts_own_rate_puts_off_only_its_messages(make_engine, tmp_path):
    engine = make_engine(contacts=1)
    globex = engine.another()
    with servers(tmp_path, Wanted(SMTP), Wanted(SMTP)) as (slow, fast):
        slow.account(engine, globex.organization_id, rate_per_minute=60)
        fast.account(engine)
        singles(globex, "email", [f"s{number}@example.com" for number in range(5)])
        singles(engine, "email", [f"f{number}@example.com" for number in range(20)])
        with sending(engine, "email"):
            wait_until(lambda: len(fast.accepted()) == 20)
            assert len(slow.accepted()) <= 2
