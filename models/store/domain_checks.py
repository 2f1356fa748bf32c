"""Verified domains that are looked at again, and what became of their records. For the engine."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.rules.dns_records import Findings
from models.rules.domain_drift import Standing, after_check, is_still_verified, next_check
from models.store.organizations import audit
from models.tables import EmailDomain

_ACTOR = "dns"

# Whoever takes one has half an hour: after a crash somebody else looks.
_TAKE = text("""
    UPDATE email_domains SET next_check_at = now() + interval '30 minutes'
    WHERE id = (
        SELECT id FROM email_domains
        WHERE status = 'verified' AND next_check_at <= now() AND dkim_private_key IS NOT NULL
          AND NOT verified_by_operator
        ORDER BY next_check_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
""")


def take_domain_to_check(session: Session) -> EmailDomain | None:
    """A verified domain whose time has come, the longest waiting first; others take others. One that an operator
    verified is none: nobody was asked for its records."""
    row = session.execute(_TAKE).one_or_none()
    return None if row is None else session.get(EmailDomain, row.id)


def record_check(session: Session, seen: EmailDomain, findings: Findings | None) -> EmailDomain | None:
    """Write down what DNS said of a domain that was taken (None: nothing), and what follows; the domain as it is then.

    None when it was removed, or its owner had it checked meanwhile: that result counts. What changes is audited.
    """
    domain = _lock(session, seen.id)
    if domain is None or domain.status != "verified" or domain.verification_run_id != seen.verification_run_id:
        return None
    now = datetime.now(UTC)
    holds = None if findings is None else findings.hold
    before = Standing(domain.drifting_since, domain.misses)
    after = after_check(before, holds, now)
    domain.next_check_at = now + next_check(after, holds)
    if findings is None:
        return domain
    domain.spf_verified, domain.dkim_verified, domain.dmarc_verified = findings.spf, findings.dkim, findings.dmarc
    domain.problems = dict(findings.problems)
    domain.drifting_since, domain.misses = after.drifting_since, after.misses
    domain.last_checked_at = domain.updated_at = func.now()
    if not is_still_verified(after, now):
        domain.status, domain.is_default, domain.verified_at = "failed", False, None
        _audit(session, domain, "unverified")
    elif before.drifting_since is None and after.drifting_since is not None:
        _audit(session, domain, "drifted")
    elif before.drifting_since is not None and after.drifting_since is None:
        _audit(session, domain, "recovered")
    session.flush()
    session.refresh(domain)
    return domain


def count_drifting(session: Session) -> int:
    """Verified domains of all organizations whose records are missing."""
    return int(session.execute(text("SELECT drifting_domains()")).scalar_one())


def _lock(session: Session, domain_id: UUID) -> EmailDomain | None:
    chosen = select(EmailDomain).where(EmailDomain.id == domain_id).with_for_update()
    return session.execute(chosen.execution_options(populate_existing=True)).scalar_one_or_none()


def _audit(session: Session, domain: EmailDomain, what: str) -> None:
    details = {"problems": domain.problems}
    action = f"email_domain.{what}"
    audit(session, domain.organization_id, actor=_ACTOR, action=action, subject=domain.domain, details=details)
