"""Callbacks over HTTP: what is kept, and what becomes of it."""

import time
from uuid import UUID

from models.rules.ids import new_id
from models.session import Database
from models.settings import Settings
from models.store.organizations import create_organization
from models.store.provider_accounts import add_account
from tasks.reports.apply import apply_due
from tests.support.callbacks import KEY, Acme, dropped, event, one, state


def test_a_signed_event_is_applied_by_the_courier_and_kept_as_it_came(acme: Acme, engine, sent) -> None:
    _, message = sent
    answer = acme.post([event("delivered", "1", id=message), event("opened", "2", id=message)])
    assert (answer.status_code, answer.data) == (204, b"")
    assert state(engine, message) == "accepted"  # not on the request's path
    assert apply_due(engine) == 2
    assert state(engine, message) == "opened"
    assert one(engine, "SELECT events || provider || (problem IS NULL) FROM callbacks") == "2acmetrue"


def test_what_comes_again_is_answered_as_before_and_counts_once(acme: Acme, engine, sent) -> None:
    _, message = sent
    events = [event("opened", "1", id=message)]
    again = [*events, event("clicked", "2", id=message, payload={"url": "https://example.com/"})]
    for each in (events, events, again):
        assert acme.post(each).status_code == 204
    apply_due(engine)
    assert one(engine, "SELECT count(*) FROM callbacks") == 2
    assert one(engine, "SELECT count(*) FROM events") == 2
    assert dropped(engine) == {"repeated": 1}


def test_ids_of_nobody_are_answered_with_success_and_counted(acme: Acme, engine: Database) -> None:
    assert acme.post([event("opened", "1", id=new_id())]).status_code == 204
    apply_due(engine)
    assert dropped(engine) == {"unmatched": 1}
    assert one(engine, "SELECT count(*) FROM incoming_events") == 0


def _own_account(engine: Database, settings: Settings, whose: UUID | None) -> str:
    values = {"channel": "email", "vendor": "acme", "name": "own", "url": "acme://a:b@acme.example", "actor": "test"}
    with engine.transaction(None) as session:
        return str(add_account(session, settings, whose, callback_keys=[KEY], **values).id)  # type: ignore[arg-type]


def test_an_organizations_own_account_says_nothing_of_anothers_message(app, engine, settings, sent) -> None:
    own, message = sent
    with engine.transaction(None) as session:
        rival = create_organization(session, name="Globex").id
    complained = [event("complained", "1", id=message)]
    assert Acme(app, _own_account(engine, settings, rival)).post(complained).status_code == 204
    apply_due(engine)
    assert (state(engine, message), dropped(engine)) == ("accepted", {"foreign": 1})
    # Nor does it take the event's key from whoever may say it.
    assert Acme(app, _own_account(engine, settings, own.organization_id)).post(complained).status_code == 204
    apply_due(engine)
    assert state(engine, message) == "complained"


def test_texts_are_stored_whatever_is_in_them(acme: Acme, engine, sent) -> None:
    odd = {"reason": "NUL \0 and more" + "x" * 5000, "n" * 500: "y", "deep": {"a": 1}, "big": 2**60, "code": "5.1.1"}
    bounced = event("bounced", "k" * 5000, id=sent[1], payload=odd)
    assert acme.post([bounced | {"at": 4e9}]).status_code == 204
    apply_due(engine)
    payload = one(engine, "SELECT payload FROM events")
    assert isinstance(payload, dict)
    assert (payload["reason"][:13], len(payload["reason"]), "deep" in payload) == ("NUL  and more", 1000, False)
    assert one(engine, "SELECT occurred_at <= received_at FROM events") is True


def test_an_inbound_sms_waits_for_who_knows_what_it_means(acme: Acme, engine: Database) -> None:
    stop = {**event("inbound", "in-1", to="+37060000001", text="STOP"), "from": "+37061234567"}
    for _ in range(2):
        assert acme.post([stop | {"at": time.time()}]).status_code == 204
    assert one(engine, "SELECT sender || recipient || text FROM inbound_messages") == "+37061234567+37060000001STOP"


def test_while_the_database_is_away_the_vendor_is_asked_to_come_again(app, engine, monkeypatch) -> None:
    app.extensions["exosend"].database.close()
    monkeypatch.setattr(app.extensions["exosend"].database, "_engine", _gone())
    answer = Acme(app).post([event("opened", "1", id=new_id())])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def _gone() -> object:
    from sqlalchemy import create_engine  # noqa: PLC0415

    return create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", isolation_level="AUTOCOMMIT")
