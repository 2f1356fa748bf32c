"""The check of a domain as its flow has it done, without Prefect."""

from models.store.email_domains import create_domain, queue_verification
from tasks.domains.keys import with_key
from tasks.domains.verifying import records_of
from tasks.steps import domains
from tests.support.dns_server import DnsServer


def test_a_server_that_is_away_does_not_stop_the_check(make_engine, monkeypatch) -> None:
    tried: list[str] = []

    def fail(*, key: str, **_: object) -> None:
        tried.append(key)
        raise ConnectionError("all connection attempts failed")

    monkeypatch.setattr(domains, "create_table_artifact", fail)
    with DnsServer().running() as server:
        engine = make_engine(contacts=1, dns_resolver=server.address)
        monkeypatch.setattr(domains, "flow_database", lambda: engine.database)
        monkeypatch.setattr(domains, "flow_settings", lambda: engine.settings)
        with engine.database.transaction(engine.organization_id) as session:
            domain = create_domain(session, engine.organization_id, {"domain": "news.acme.com"})
            for record in records_of(with_key(session, domain, engine.settings), engine.settings).listed():
                server.holds(record.name, record.value)
            run_id = queue_verification(session, engine.organization_id, domain.id)[1].id
        verdict = domains.verify.fn(run_id)
    assert verdict is not None
    assert verdict.status == "verified"
    assert tried == [f"domain-{run_id}"]
