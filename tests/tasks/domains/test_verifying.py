"""The check of a domain against a real DNS server, and what it changes."""

from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from models.errors import SetupError
from models.rules.dns_records import Findings
from models.store.email_domains import create_domain, delete_domain, make_default, queue_verification, read_domain
from models.store.organizations import create_organization
from tasks.domains import verifying
from tasks.domains.keys import with_key
from tasks.domains.lookup import TxtLookup
from tasks.domains.verifying import records_of, run_verification
from tests.support.dns_server import NXDOMAIN, SERVFAIL, SILENT
from tests.support.engine import DOMAIN

NAME = "news.acme.com"
FLAGS = "spf_verified dkim_verified dmarc_verified"
RECORDS = ("", "exosend._domainkey.", "_dmarc.")


@pytest.fixture
def engine(make_engine, dns_server):
    return make_engine(contacts=1, dns_resolver=dns_server.address)


@pytest.fixture
def domain_id(engine, dns_server) -> UUID:
    """A new domain, whose records are in DNS."""
    return _add(engine, engine.organization_id, dns_server)


def _add(engine, organization_id: UUID, dns_server) -> UUID:
    with engine.database.transaction(organization_id) as session:
        domain = create_domain(session, organization_id, {"domain": NAME})
        for record in records_of(with_key(session, domain, engine.settings), engine.settings).listed():
            dns_server.holds(record.name, record.value)
        return domain.id


def _queue(engine, domain_id: UUID, organization_id: UUID | None = None) -> UUID:
    organization_id = organization_id or engine.organization_id
    with engine.database.transaction(organization_id) as session:
        return queue_verification(session, organization_id, domain_id)[1].id


def _verify(engine, domain_id: UUID, organization_id: UUID | None = None):
    lookup = TxtLookup(engine.settings.dns_resolver, try_seconds=0.2, name_seconds=0.5)
    return run_verification(engine.database, _queue(engine, domain_id, organization_id), engine.settings, lookup=lookup)


def _row(engine, domain_id: UUID, columns: str = f"status, is_default, {FLAGS.replace(' ', ', ')}") -> tuple:
    with engine.database.transaction(None) as session:
        return tuple(
            session.execute(text(f"SELECT {columns} FROM email_domains WHERE id = :id"), {"id": domain_id}).one()
        )


def _runs(engine) -> list[tuple[str, str | None]]:
    with engine.database.transaction(None) as session:
        return [tuple(row) for row in session.execute(text("SELECT state, failure_code FROM runs ORDER BY id"))]


def test_a_domain_is_verified_when_all_three_hold(engine, domain_id) -> None:
    verdict = run_verification(engine.database, _queue(engine, domain_id), engine.settings)
    assert (verdict.domain, verdict.status, verdict.findings) == (NAME, "verified", Findings(True, True, True))
    assert _row(engine, domain_id) == ("verified", False, True, True, True)
    assert _row(engine, domain_id, "verified_at = last_checked_at") == (True,)
    assert _runs(engine) == [("completed", None)]


@pytest.mark.parametrize("missing", range(3))
def test_a_record_that_does_not_exist_fails_the_domain(engine, dns_server, domain_id, missing) -> None:
    dns_server.fails(RECORDS[missing] + NAME, NXDOMAIN)
    assert _verify(engine, domain_id).status == "failed"
    assert _row(engine, domain_id) == ("failed", False, *(number != missing for number in range(3)))


def test_two_spf_records_fail_the_domain(engine, dns_server, domain_id) -> None:
    dns_server.holds(NAME, f"v=spf1 include:{engine.settings.spf_include} ~all", "v=spf1 -all")
    assert _verify(engine, domain_id).findings == Findings(False, True, True)


@pytest.mark.parametrize("fault", [SERVFAIL, SILENT])
@pytest.mark.parametrize("record", RECORDS)
def test_without_an_answer_nothing_changes(engine, dns_server, domain_id, fault, record) -> None:
    _verify(engine, domain_id)
    before = _row(engine, domain_id, "*")[:-1]
    for other in RECORDS:
        dns_server.fails(other + NAME, NXDOMAIN)
    dns_server.fails(record + NAME, fault)
    verdict = _verify(engine, domain_id)
    assert (verdict.status, verdict.findings) == ("verified", None)
    changed = [(a, b) for a, b in zip(before, _row(engine, domain_id, "*")[:-1], strict=True) if a != b]
    assert len(changed) == 1  # which run looked last
    assert _runs(engine)[-1] == ("failed", "dns_unavailable")


def test_a_default_domain_that_fails_is_the_default_no_more(engine, dns_server, domain_id) -> None:
    _verify(engine, domain_id)
    with engine.database.transaction(None) as session:
        make_default(session, engine.organization_id, domain_id)
    dns_server.holds(NAME, "v=spf1 -all")
    assert _verify(engine, domain_id).status == "failed"
    assert _row(engine, domain_id, "status, is_default, verified_at") == ("failed", False, None)


def test_a_failed_domain_is_pending_while_it_is_checked_again(engine, dns_server, domain_id) -> None:
    dns_server.fails(NAME, NXDOMAIN)
    _verify(engine, domain_id)
    _queue(engine, domain_id)
    assert _row(engine, domain_id, "status") == ("pending",)


def test_of_two_organizations_one_verifies_a_domain(engine, dns_server, domain_id) -> None:
    with engine.database.transaction(None) as session:
        globex = create_organization(session, name="Globex").id
    assert _verify(engine, domain_id).status == "verified"
    other = _add(engine, globex, dns_server)  # and its records now take the place of the first one's
    assert _verify(engine, other, globex).status == "failed"
    assert _row(engine, other) == ("failed", False, True, True, True)
    assert _row(engine, domain_id, "status") == ("verified",)


def test_what_an_operator_verified_stays_so(engine) -> None:
    with engine.database.transaction(None) as session:
        found = session.execute(text("SELECT id FROM email_domains WHERE domain = :d"), {"d": DOMAIN}).scalar_one()
        with_key(session, read_domain(session, engine.organization_id, found), engine.settings)
    assert _verify(engine, found).findings == Findings(False, False, False)
    assert _row(engine, found) == ("verified", True, False, False, False)


def test_a_check_that_was_not_begun_serves_the_next_request_too(engine, domain_id) -> None:
    first = _queue(engine, domain_id)
    assert _queue(engine, domain_id) == first
    run_verification(engine.database, first, engine.settings)
    assert run_verification(engine.database, first, engine.settings) is None
    assert _queue(engine, domain_id) != first


def test_the_result_of_a_check_that_was_asked_for_again_meanwhile_does_not_count(engine, domain_id) -> None:
    later = []

    def lookup(_name: str) -> tuple[str, ...]:
        later.append(_queue(engine, domain_id))
        return ()

    first = _queue(engine, domain_id)
    assert run_verification(engine.database, first, engine.settings, lookup=lookup) is None
    assert len(set(later)) == 1
    assert _row(engine, domain_id, "status") == ("pending",)
    assert run_verification(engine.database, later[0], engine.settings).status == "verified"


def test_a_domain_that_is_removed_while_it_is_checked_is_no_error(engine, domain_id) -> None:
    def lookup(_name: str) -> tuple[str, ...]:
        with engine.database.transaction(None) as session:
            session.execute(text("DELETE FROM email_domains WHERE id = :id"), {"id": domain_id})
        return ()

    assert run_verification(engine.database, _queue(engine, domain_id), engine.settings, lookup=lookup) is None
    assert _runs(engine) == [("completed", None)]


def test_a_domain_that_was_removed_before_is_no_error(engine, domain_id) -> None:
    run_id = _queue(engine, domain_id)
    with engine.database.transaction(None) as session:
        delete_domain(session, engine.organization_id, domain_id)
    assert run_verification(engine.database, run_id, engine.settings) is None
    assert _runs(engine) == [("completed", None)]


def test_a_key_that_the_secret_key_does_not_open_verifies_nothing(engine, domain_id) -> None:
    other = engine.settings.with_values(secret_key="another key")
    with pytest.raises(SetupError, match="secret key"):
        run_verification(engine.database, _queue(engine, domain_id), other)
    assert _row(engine, domain_id, "status") == ("pending",)
    assert _runs(engine) == [("failed", "verification_failed")]


def test_a_check_that_postgres_broke_off_is_left_for_the_courier(engine, domain_id, monkeypatch) -> None:
    def break_off(*_):
        raise psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")

    monkeypatch.setattr(verifying, "record_findings", break_off)
    with pytest.raises(psycopg.errors.LockNotAvailable):
        _verify(engine, domain_id)
    assert _runs(engine) == [("planning", None)]


def test_the_private_key_is_not_stored_as_it_is(engine, domain_id) -> None:
    stored, published = _row(engine, domain_id, "dkim_private_key, dkim_public_key")
    assert bytes(stored).startswith(b"gAAAA")  # a Fernet token
    assert len(published) == 392  # 294 octets: RSA of 2048 bits
