"""The check of a domain: what DNS holds, against what it must hold."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func

from models.errors import SetupError
from models.rules.dns_problems import dkim_problem, dmarc_problem, spf_problem
from models.rules.dns_records import (
    DnsRecord,
    Findings,
    NeededRecords,
    ProviderRecord,
    needed_records,
    with_providers,
)
from models.rules.domain_names import zone_of
from models.rules.lifecycle import RunState
from models.rules.provider_names import vendor_of
from models.session import DATABASE_AWAY, Database
from models.settings import Settings
from models.store.domain_registrations import ask_about_domain_now, records_in
from models.store.email_domains import domain_to_verify, record_findings
from models.store.runs import fail_run, find_run, lock_run, move_run
from models.store.webhook_deliveries import tell_domain_checked
from models.tables import DomainRegistration, EmailDomain, Run
from tasks.domains.keys import signing_key_published
from tasks.domains.lookup import TxtLookup

log = logging.getLogger(__name__)

Lookup = Callable[[str], tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check. `findings` None: DNS gave no answer, and nothing was changed."""

    domain: str
    status: str
    findings: Findings | None


def records_of(domain: EmailDomain, settings: Settings) -> NeededRecords:
    """The records that the domain, which has a key, needs."""
    assert domain.dkim_public_key is not None
    return needed_records(
        domain.domain,
        spf_include=settings.spf_include,
        selector=domain.dkim_selector,
        public_key=domain.dkim_public_key,
        zone=zone_of(domain.domain),
    )


def shown_records(
    domain: EmailDomain, registrations: Sequence[DomainRegistration], settings: Settings
) -> tuple[DnsRecord, ...]:
    """All records that its owner enters, those that providers want among them."""
    wanted: dict[str, list[ProviderRecord]] = defaultdict(list)
    for each in registrations:
        wanted[vendor_of(each.provider)] += records_in(each)
    return with_providers(records_of(domain, settings), wanted, zone_of(domain.domain))


def run_verification(
    database: Database, run_id: UUID, settings: Settings, *, lookup: Lookup | None = None
) -> Verdict | None:
    """Ask DNS and write down what it said; None when the run was done before or its domain is gone.

    No transaction is open while DNS is asked, 30 seconds at most. One question without an answer, and the domain stays
    as it was. A failure fails the run with its reason, unless it is Postgres that is away: then the courier starts it
    again.
    """
    with database.transaction(None) as session:
        run = find_run(session, run_id)
        if not move_run(session, run.organization_id, run.id, RunState.PLANNING):
            return None
        domain = domain_to_verify(session, run.id)
        if domain is None:
            move_run(session, run.organization_id, run.id, RunState.COMPLETED, finished_at=func.now())
            return None
    try:
        findings = ask_dns(domain, settings, lookup or TxtLookup(settings.dns_resolver))
        if findings is None:
            _fail(database, run, "dns_unavailable", "DNS gave no answer; the domain stays as it was.")
            return Verdict(domain.domain, domain.status, None)
        return _record(database, run, findings)
    except SetupError as error:
        _fail(database, run, "verification_failed", str(error))
        raise
    except DATABASE_AWAY:
        raise
    except Exception:
        _fail(database, run, "verification_failed", "The domain could not be checked; ask for it again.")
        raise


def ask_dns(domain: EmailDomain, settings: Settings, lookup: Lookup) -> Findings | None:
    """What DNS holds of a domain that has a key; None when it gave no answer to one of the questions."""
    needed = records_of(domain, settings)
    public_key = signing_key_published(domain, settings)
    found: list[tuple[str, ...]] = []
    for record in needed.listed():
        texts = lookup(record.name)
        if texts is None:
            return None
        found.append(texts)
    spf, dkim, dmarc = found
    wrong = {
        "spf": spf_problem(spf, settings.spf_include),
        "dkim": dkim_problem(dkim, public_key),
        "dmarc": dmarc_problem(dmarc),
    }
    problems = {name: problem for name, problem in wrong.items() if problem is not None}
    return Findings(
        spf="spf" not in problems, dkim="dkim" not in problems, dmarc="dmarc" not in problems, problems=problems
    )


def _record(database: Database, run: Run, findings: Findings) -> Verdict | None:
    with database.transaction(None) as session:
        domain = domain_to_verify(session, run.id, lock=True)
        if lock_run(session, run.organization_id, run.id).state != RunState.PLANNING.value:
            return None
        move_run(session, run.organization_id, run.id, RunState.COMPLETED, finished_at=func.now())
        if domain is None:
            return None
        before = domain.status
        status = record_findings(session, domain, findings)
        ask_about_domain_now(session, domain.id)
        if status != before:
            tell_domain_checked(session, domain)
        log.info("Domain %s is %s: %s", domain.domain, status, findings)
        return Verdict(domain.domain, status, findings)


def _fail(database: Database, run: Run, code: str, reason: str) -> None:
    with database.transaction(None) as session:
        fail_run(session, run, code, reason)
