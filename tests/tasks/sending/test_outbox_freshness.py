"""What the outbox claimed goes out on a fresh look-up only, whatever takes long between the claim and the hand-over."""

import time

from tasks.sending import outbox as outbox_module
from tasks.sending.outbox_circuits import OutboxCircuits
from tasks.sending.outbox_rate import OutboxRate
from tests.support.outbox import message_states, sending, singles, wait_until
from tests.support.sms import block

NUMBER = "+37060000001"
ANN = "ann@example.com"


def test_who_opts_out_while_tokens_are_waited_for_gets_nothing(make_engine, monkeypatch):
    engine = make_engine(contacts=1)
    take = OutboxRate.take
    slow = iter([True])

    def take_long(rate, claimed):
        if claimed and next(slow, False):
            block(engine, NUMBER)
            time.sleep(2.0)
        return take(rate, claimed)

    monkeypatch.setattr(OutboxRate, "take", take_long)
    singles(engine, "sms", [NUMBER])
    with sending(engine, "sms"):
        wait_until(lambda: message_states(engine) == {"suppressed": 1})


def test_who_opts_out_while_a_heavy_mails_window_is_made_smaller_gets_nothing(make_engine, monkeypatch):
    engine = make_engine(contacts=1)
    fit = outbox_module.first_that_fit
    slow = iter([True])

    def fit_after_long(weights, claimed):
        if next(slow, False):
            engine.suppress(ANN)
            time.sleep(2.0)
        return fit(weights, claimed)

    monkeypatch.setattr(outbox_module, "first_that_fit", fit_after_long)
    singles(engine, "email", [ANN])
    with sending(engine, "email"):
        wait_until(lambda: message_states(engine) == {"suppressed": 1})


def test_where_every_claim_takes_long_messages_go_out_all_the_same(make_engine, monkeypatch):
    engine = make_engine(contacts=1)
    claim = OutboxCircuits.claim

    def claim_slowly(circuits, session, who, limit):
        claimed = claim(circuits, session, who, limit)
        time.sleep(1.7 if claimed else 0.0)
        return claimed

    monkeypatch.setattr(OutboxCircuits, "claim", claim_slowly)
    singles(engine, "sms", [NUMBER])
    began = time.monotonic()
    with sending(engine, "sms"):
        wait_until(lambda: message_states(engine) == {"accepted": 1})
    assert time.monotonic() - began < 3.0, "It was claimed more than once."
