"""Verified domains are looked at again, by a real DNS server: drift, its time of grace, and what DNS does not say."""

from uuid import UUID

import pytest
from sqlalchemy import text

from models.store.domain_checks import count_drifting
from models.store.email_domains import create_domain, make_default, queue_verification
from tasks.domains.keys import with_key
from tasks.domains.lookup import TxtLookup
from tasks.domains.rechecking import recheck_next
from tasks.domains.verifying import records_of, run_verification
from tests.support.dns_server import NXDOMAIN, SERVFAIL, SILENT

NAME = "news.acme.com"
DKIM = f"exosend._domainkey.{NAME}"


@pytest.fixture
def engine(make_engine, dns_server):
    return make_engine(contacts=1, dns_resolver=dns_server.address)


@pytest.fixture
def domain_id(engine, dns_server) -> UUID:
    """A verified domain, the default one."""
    with engine.database.transaction(None) as session:
        domain = create_domain(session, engine.organization_id, {"domain": NAME})
        records = records_of(with_key(session, domain, engine.settings), engine.settings)
        run = queue_verification(session, engine.organization_id, domain.id)[1]
        id_ = domain.id
    _publish(dns_server, records)
    run_verification(engine.database, run.id, engine.settings)
    with engine.database.transaction(None) as session:
        make_default(session, engine.organization_id, id_)
    return id_


def _publish(dns_server, records) -> None:
    for record in records.listed():
        dns_server.holds(record.name, record.value)


def _pass(engine, hours: float) -> bool:
    """Let so many hours pass, and look at what is due."""
    with engine.database.transaction(None) as session:
        session.execute(
            text(
                "UPDATE email_domains SET next_check_at = next_check_at - make_interval(hours => :h),"
                " drifting_since = drifting_since - make_interval(hours => :h)"
            ),
            {"h": hours},
        )
    lookup = TxtLookup(engine.settings.dns_resolver, try_seconds=0.1, name_seconds=0.2)
    return recheck_next(engine.database, engine.settings, lookup)


def _row(engine, domain_id: UUID, columns: str) -> tuple:
    with engine.database.transaction(None) as session:
        return tuple(
            session.execute(text(f"SELECT {columns} FROM email_domains WHERE id = :i"), {"i": domain_id}).one()
        )


def _audited(engine) -> list[str]:
    with engine.database.transaction(None) as session:
        rows = session.execute(text("SELECT action FROM audit_log WHERE subject = :name ORDER BY id"), {"name": NAME})
        return list(rows.scalars())


def test_a_domain_is_looked_at_once_a_day(engine, domain_id) -> None:
    assert [_pass(engine, 23), _pass(engine, 2), _pass(engine, 0)] == [False, True, False]
    assert _row(engine, domain_id, "status, drifting_since, problems") == ("verified", None, {})


def test_what_is_missing_is_shown_at_once_and_counts_after_72_hours(engine, dns_server, domain_id) -> None:
    dns_server.holds(DKIM, "v=DKIM1; k=rsa; p=MIIB")
    _pass(engine, 24)
    status, is_default, dkim, problems = _row(engine, domain_id, "status, is_default, dkim_verified, problems")
    assert (status, is_default, dkim, list(problems)) == ("verified", True, False, ["dkim"])
    with engine.database.transaction(None) as session:
        assert count_drifting(session) == 1
    _pass(engine, 60)
    assert _row(engine, domain_id, "status") == ("verified",)
    _pass(engine, 13)
    assert _row(engine, domain_id, "status, is_default, verified_at") == ("failed", False, None)
    assert _audited(engine) == ["email_domain.drifted", "email_domain.unverified"]
    assert _pass(engine, 100) is False


def test_records_that_come_back_end_it(engine, dns_server, domain_id) -> None:
    dns_server.fails(NAME, NXDOMAIN)
    _pass(engine, 24)
    dns_server.holds(NAME, f"v=spf1 include:{engine.settings.spf_include} ~all")
    _pass(engine, 2)
    assert _row(engine, domain_id, "status, drifting_since, misses, problems") == ("verified", None, 0, {})
    assert _audited(engine) == ["email_domain.drifted", "email_domain.recovered"]


@pytest.mark.parametrize("fault", [SERVFAIL, SILENT])
def test_without_an_answer_it_stays_verified_for_ever(engine, dns_server, domain_id, fault) -> None:
    for name in (NAME, DKIM, f"_dmarc.{NAME}"):
        dns_server.fails(name, fault)
    for _ in range(5):
        assert _pass(engine, 100)
    assert _row(engine, domain_id, "status, drifting_since, misses") == ("verified", None, 0)
    assert _audited(engine) == []


def test_a_check_that_the_owner_asked_for_meanwhile_counts(engine, domain_id) -> None:
    def lookup(_name: str) -> tuple[str, ...]:
        with engine.database.transaction(None) as session:
            queue_verification(session, engine.organization_id, domain_id)
        return ()

    with engine.database.transaction(None) as session:
        session.execute(text("UPDATE email_domains SET next_check_at = now()"))
    assert recheck_next(engine.database, engine.settings, lookup)
    assert _row(engine, domain_id, "status, misses") == ("verified", 0)
