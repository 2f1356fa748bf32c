"""Domains with the accounts that send for them, by a vendor's API on loopback."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text

from models.session import Database
from models.store.domain_registrations import registration_problems, registrations_of
from models.store.email_domains import create_domain, delete_domain, queue_verification, read_domain
from models.store.organizations import create_organization
from models.store.provider_accounts import add_account, remove_account
from tasks.domains.keys import with_key
from tasks.domains.registering import Registering
from tasks.domains.verifying import run_verification, shown_records
from tests.support.engine import Engine
from tests.support.http_api import RunningApi, address, running_api

NAME = "news.acme.com"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api("mailgun", tmp_path_factory.mktemp("sink") / "log") as started:
        yield started


@pytest.fixture
def api(running: RunningApi) -> RunningApi:
    for told in (running.api.domains.known, running.api.domains.proved, running.api.domains.refused):
        told.clear()
    return running


@pytest.fixture
def engine(make_engine, api) -> Engine:
    return make_engine(contacts=1, email_url=api.url, smtp_url="")


def _add(engine: Engine, name: str = NAME, organization_id: UUID | None = None) -> UUID:
    with engine.database.transaction(None) as session:
        whose = organization_id or engine.organization_id
        domain = create_domain(session, whose, {"domain": name})
        return with_key(session, domain, engine.settings).id


def _globex(engine: Engine) -> UUID:
    with engine.database.transaction(None) as session:
        return create_organization(session, name="Globex").id


def _remove(engine: Engine, domain_id: UUID, organization_id: UUID | None = None) -> None:
    with engine.database.transaction(None) as session:
        delete_domain(session, organization_id or engine.organization_id, domain_id)


def _work(engine: Engine, *, due: bool = True) -> None:
    """Let the time of all have come, and ask about them."""
    with engine.database.transaction(None) as session:
        if due:
            session.execute(text("UPDATE domain_registrations SET next_try_at = now() - interval '1 second'"))
    registering = Registering(engine.database, engine.settings)
    registering.look()
    while registering.ask_next():
        pass


def _row(engine: Engine, domain_id: UUID, columns: str = "state, is_ours, problem") -> tuple[object, ...]:
    with engine.database.transaction(None) as session:
        chosen = text(f"SELECT {columns} FROM domain_registrations WHERE email_domain_id = :id")
        return tuple(session.execute(chosen, {"id": domain_id}).one_or_none() or ())


def _audited(database: Database) -> list[str]:
    with database.transaction(None) as session:
        log = "SELECT action FROM audit_log WHERE action LIKE 'email_domain.%registered' ORDER BY id"
        return list(session.execute(text(log)).scalars())


def test_a_new_domain_is_added_and_verified_by_itself(engine: Engine, api: RunningApi) -> None:
    domain_id = _add(engine)
    _work(engine, due=False)
    assert _row(engine, domain_id) == ("registered", True, None)
    assert api.api.domains.known.keys() == {NAME, "acme.example.com"}  # all that the organization has
    api.api.domains.proved.add(NAME)
    _work(engine, due=False)
    assert _row(engine, domain_id)[0] == "registered"  # not yet asked again
    with engine.database.transaction(None) as session:
        run = queue_verification(session, engine.organization_id, domain_id)[1]
    run_verification(engine.database, run.id, engine.settings, lookup=lambda _: ())  # its owner asks, and DNS is empty
    _work(engine, due=False)
    assert _row(engine, domain_id) == ("verified", True, None)
    assert _row(engine, domain_id, "next_try_at > now() + interval '23 hours'") == (True,)
    assert _audited(engine.database) == ["email_domain.registered"] * 2


def test_what_the_vendor_wants_in_dns_is_shown_with_one_spf_record(engine: Engine) -> None:
    domain_id = _add(engine)
    _work(engine)
    with engine.database.transaction(engine.organization_id) as session:
        known = registrations_of(session, engine.organization_id, [domain_id])[domain_id]
        row = read_domain(session, engine.organization_id, domain_id)
        records = shown_records(row, known, engine.settings)
    assert [(each.type, each.name, each.provider) for each in records] == [
        ("TXT", NAME, None),
        ("TXT", f"exosend._domainkey.{NAME}", None),
        ("TXT", f"_dmarc.{NAME}", None),
        ("TXT", f"smtp._domainkey.{NAME}", "mailgun"),
    ]
    assert records[0].value == "v=spf1 include:spf.exosend.com include:mailgun.org ~all"
    assert records[3].host == "smtp._domainkey.news"


def test_a_removed_domain_is_taken_out_if_it_was_added_by_us(engine: Engine, api: RunningApi) -> None:
    ours = _add(engine)
    api.api.domains.known["old.com"] = {"id": "1", "name": "old.com", "state": "active", "web_prefix": "email"}
    theirs = _add(engine, "old.com")
    _work(engine)
    assert _row(engine, theirs) == ("verified", False, None)
    _remove(engine, ours)
    _remove(engine, theirs)
    _work(engine)
    assert api.api.domains.known.keys() == {"old.com", "acme.example.com"}
    assert _row(engine, ours) == _row(engine, theirs) == ()
    assert _audited(engine.database)[-1] == "email_domain.deregistered"


def test_what_another_organization_sends_from_stays_there(engine: Engine, api: RunningApi) -> None:
    globex = _globex(engine)
    first, second = _add(engine), _add(engine, NAME, globex)
    _work(engine)
    owners = {domain_id: _row(engine, domain_id, "is_ours") for domain_id in (first, second)}
    assert sorted(owners.values()) == [(False,), (True,)]
    added_by = first if owners[first] == (True,) else second
    other, whose = (second, globex) if added_by == first else (first, engine.organization_id)
    _remove(engine, added_by, engine.organization_id if added_by == first else globex)
    _work(engine)
    assert NAME in api.api.domains.known
    assert _row(engine, other, "is_ours") == (True,)
    _remove(engine, other, whose)
    _work(engine)
    assert NAME not in api.api.domains.known


def test_a_domain_that_is_another_organizations_is_not_asked_about(engine: Engine, api: RunningApi) -> None:
    domain_id = _add(engine, "acme.example.com", _globex(engine))  # verified by Acme
    _work(engine)
    assert _row(engine, domain_id) == ("failed", False, "The domain is verified by another organization.")


def test_a_refusal_is_shown_and_changes_nothing_else(engine: Engine, api: RunningApi) -> None:
    api.api.domains.refused[NAME] = "Domain is on a list of ours"
    domain_id = _add(engine)
    _work(engine)
    state, is_ours, problem = _row(engine, domain_id)
    assert (state, is_ours) == ("failed", False)
    assert "Domain is on a list of ours" in str(problem)
    with engine.database.transaction(None) as session:
        assert [(each.provider, each.domains) for each in registration_problems(session)] == [("mailgun", 1)]
        status = session.execute(text("SELECT status FROM email_domains WHERE id = :id"), {"id": domain_id})
        assert status.scalar_one() == "pending"
    api.api.domains.refused.clear()
    _work(engine)
    assert _row(engine, domain_id) == ("registered", True, None)


def test_an_account_that_is_away_is_asked_about_one_domain_and_rests(make_engine, api) -> None:
    engine = make_engine(contacts=1, email_url=address("mailgun", 1), smtp_url="")
    ids = [_add(engine, name) for name in ("a.com", "b.com", "c.com")]
    _work(engine)
    rows = [_row(engine, each, "state, next_try_at > now(), asked_at IS NOT NULL") for each in ids]
    assert {row[:2] for row in rows} == {("pending", True)}
    assert [row[2] for row in rows].count(True) <= 1


def test_each_account_of_the_route_has_the_domain(make_engine, api: RunningApi) -> None:
    engine = make_engine(contacts=1, email_url="", smtp_url="smtp://127.0.0.1:25")
    globex = _globex(engine)
    with engine.database.transaction(None) as session:
        account = {"channel": "email", "vendor": "mailgun", "name": "own", "url": api.url, "actor": "test"}
        own = add_account(session, engine.settings, engine.organization_id, **account).id
    ours, theirs = _add(engine), _add(engine, NAME, globex)
    _work(engine)
    with engine.database.transaction(None) as session:
        rows = session.execute(
            text("SELECT email_domain_id, provider, state FROM domain_registrations WHERE domain = :name ORDER BY 2"),
            {"name": NAME},
        ).all()
        assert {tuple(row) for row in rows} == {
            (ours, f"mailgun:{own}", "registered"),
            (ours, "smtp", "by_hand"),
            (theirs, "smtp", "by_hand"),
        }
        remove_account(session, own, actor="test")
    _work(engine)
    with engine.database.transaction(None) as session:
        left = session.execute(text("SELECT DISTINCT provider FROM domain_registrations")).scalars().all()
    assert left == ["smtp"]
