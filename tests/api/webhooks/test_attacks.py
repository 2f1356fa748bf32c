"""Callbacks that no provider sent, or that are more than one can take."""

import time

import pytest

from api.app import create_app
from models.rules.callbacks import CALLBACK_BYTES_MAX
from models.rules.ids import new_id
from models.session import Database
from models.settings import Settings
from models.store.provider_accounts import add_account
from tests.support.callbacks import KEY, Acme, event, one


@pytest.mark.parametrize(
    ("seconds", "key"), [(0, "another key"), (-301, KEY), (330, KEY)], ids=["forged", "recorded", "from the future"]
)
def test_what_is_forged_or_stale_is_refused_and_nothing_is_kept(app, engine, sent, seconds, key) -> None:
    answer = Acme(app, key=key).post([event("opened", "1", id=sent[1])], at=int(time.time()) + seconds)
    assert (answer.status_code, answer.get_json()) == (403, {"message": "This action is unauthorized."})
    assert one(engine, "SELECT (SELECT count(*) FROM callbacks) + (SELECT count(*) FROM incoming_events)") == 0


def test_an_account_without_keys_believes_nothing(webhook_settings: Settings) -> None:
    app = create_app(webhook_settings.with_values(email_callback_keys=None))
    assert Acme(app, key="").post([]).status_code == 403
    app.extensions["exosend"].database.close()


def test_who_forges_again_and_again_is_turned_away_and_the_vendor_is_not(app, acme) -> None:
    forger = Acme(app, key="guessed")
    answers = [forger.post([]).status_code for _ in range(32)]
    assert answers[:30] == [403] * 30
    assert answers[-1] == 429
    assert acme.post([], environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 204


def test_an_address_that_is_nobodys_is_not_found(app, engine, webhook_settings) -> None:
    for account in ("nonsense", str(new_id())):
        assert Acme(app, account).post([]).status_code == 404
    for path in ("/webhooks/nobody/default", "/webhooks/twilio/default", "/webhooks/__init__/default"):
        assert app.test_client().post(path).status_code == 404
    assert app.test_client().get("/webhooks/acme/default").status_code == 405


def test_an_account_has_one_address(app, engine, settings, webhook_settings) -> None:
    """Or each spelling of it would be another caller's, with a limit of its own, and be remembered for ever."""
    with engine.transaction(None) as session:
        account = add_account(
            session,
            settings,
            None,
            channel="email",
            vendor="acme",
            name="acme",
            url="acme://api.acme.example",
            callback_keys=[KEY],
            priority=1,
            weight=1,
            countries=None,
            rate_per_minute=None,
            actor="tests",
        )
        id_ = account.id
    assert Acme(app, str(id_)).post([]).status_code == 204
    for spelling in (str(id_).upper(), id_.hex, f"{id_}-", f"{{{id_}}}", id_.urn):
        if spelling != str(id_):
            assert Acme(app, spelling).post([]).status_code == 404, spelling


def test_who_tries_addresses_of_nobody_shuts_out_nobody_else(app, engine, settings, webhook_settings) -> None:
    client = app.test_client()
    answers = [client.post(f"/webhooks/acme/{new_id()}").status_code for _ in range(60)]
    assert set(answers) == {404, 429}
    assert Acme(app).post([], environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 204


@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 100_000, b'[{"kind":"opened"}]', b'{"a":1}', b"\xff\xfe", b'[{"kind":"\\ud800"}]', b"[1e400]"],
    ids=["cut", "deep", "fields", "object", "bytes", "surrogate", "number"],
)
def test_what_is_signed_and_unreadable_is_kept_for_the_operator(acme: Acme, engine, body) -> None:
    for _ in range(2):
        answer = acme.post(body)
        assert (answer.status_code, answer.get_json()) == (400, {"message": "Bad Request"})
    assert one(engine, "SELECT body FROM callbacks WHERE problem LIKE 'No array of events%'") == body
    assert one(engine, "SELECT count(*) FROM incoming_events") == 0


def test_ten_thousand_events_are_taken_and_one_more_is_not(acme: Acme, engine, sent) -> None:
    message = sent[1]
    events = [{"kind": "opened", "key": str(no), "at": 0, "id": str(message)} for no in range(10_001)]
    assert acme.post(events[:-1]).status_code == 204
    assert one(engine, "SELECT count(*) FROM incoming_events") == 10_000
    assert acme.post(events).status_code == 400
    assert one(engine, "SELECT problem FROM callbacks WHERE problem IS NOT NULL") == (
        "It has 10001 events; 10000 are the most."
    )


def test_a_body_that_is_too_large_is_refused_unread(acme: Acme, engine: Database) -> None:
    assert acme.post(b"[" + b" " * CALLBACK_BYTES_MAX + b"]").status_code == 413
    assert acme.post([], headers={"X-Long": "x" * 20_000}).status_code == 413
    assert one(engine, "SELECT count(*) FROM callbacks") == 0
