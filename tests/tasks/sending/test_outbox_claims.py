"""Claims while a provider call lasts: shared by several couriers, renewed, given back, cut off."""

import psycopg
import pytest

from tasks.providers.base import LATE, Outcome, OutcomeKind
from tasks.providers.sandbox import SandboxProvider
from tasks.sending import outbox as outbox_module
from tests.support.outbox import check_money, count, message_states, sending, singles, wait_until
from tests.support.processes import mail_server

CLAIMED = "SELECT count(*) FROM outbox WHERE claimed_until > now()"
EXPIRED = "SELECT count(*) FROM outbox WHERE claimed_until <= now()"


def test_several_couriers_share_the_outbox_and_nobody_gets_it_twice(make_engine, tmp_path):
    with mail_server(tmp_path) as server:
        engine = make_engine(contacts=1, smtp_url=server.url)
        recipients = [f"c{no}@example.com" for no in range(800)]
        with sending(engine, "email"), sending(engine, "email"):
            for start in range(0, 800, 40):
                singles(engine, "email", recipients[start : start + 40])
            wait_until(lambda: message_states(engine) == {"accepted": 800})
        assert server.accepted() == dict.fromkeys(recipients, 1)
        check_money(engine)


def test_a_claim_is_renewed_while_its_call_lasts(make_engine):
    engine = make_engine(contacts=1, lease_seconds=2.0)
    singles(engine, "email", ["slow+3500@example.com"])
    with sending(engine, "email"):
        wait_until(lambda: count(engine, CLAIMED) == 1)
        wait_until(lambda: count(engine, EXPIRED) > 0 or message_states(engine) == {"accepted": 1})
        assert message_states(engine) == {"accepted": 1}
    assert count(engine, "SELECT count(*) FROM outbox") == 0


def test_who_cannot_renew_is_cut_off_and_goes_on_with_new_connections(make_engine, monkeypatch):
    def fail(*_: object) -> int:
        raise psycopg.OperationalError("the connection is closed")

    monkeypatch.setattr(outbox_module, "renew", fail)
    engine = make_engine(contacts=1, lease_seconds=2.0)
    singles(engine, "email", ["slow+30000@example.com"])
    with sending(engine, "email"):
        wait_until(lambda: message_states(engine) == {"uncertain": 1})
        singles(engine, "email", ["ann@example.com"])
        wait_until(lambda: message_states(engine) == {"uncertain": 1, "accepted": 1})


@pytest.mark.parametrize(("kind", "code", "state"), [("unsent", LATE, "planned"), ("unsent", "aborted", "deferred")])
def test_what_was_not_begun_in_time_is_looked_up_again_at_once(make_engine, monkeypatch, kind, code, state):
    calls = []
    send = SandboxProvider.send

    async def refuse_once(self, messages, until):
        calls.append(len(messages))
        if len(calls) == 1:
            return [Outcome(OutcomeKind(kind), code=code) for _ in messages]
        return await send(self, messages, until)

    monkeypatch.setattr(SandboxProvider, "send", refuse_once)
    engine = make_engine(contacts=1)
    singles(engine, "sms", ["+37060000001"])
    with sending(engine, "sms"):
        if state == "deferred":  # it is not to blame, and waits for some seconds
            wait_until(lambda: message_states(engine) == {"deferred": 1})
            assert count(engine, "SELECT tries FROM messages") == 0
        else:
            wait_until(lambda: message_states(engine) == {"accepted": 1})
            assert calls == [1, 1]


def test_a_provider_whose_code_fails_leaves_its_window_uncertain(make_engine, monkeypatch):
    async def fail(self, messages, until):
        raise ZeroDivisionError

    engine = make_engine(contacts=1)
    monkeypatch.setattr(SandboxProvider, "send", fail)
    singles(engine, "sms", ["+37060000001"])
    with sending(engine, "sms"):
        wait_until(lambda: message_states(engine) == {"uncertain": 1})
