"""Email domains: adding them, their DKIM keys, what DNS said, and the default one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.errors import IllegalState, InvalidInput, NotFound
from models.rules.dns_records import Findings
from models.rules.domain_drift import CHECK_EVERY
from models.rules.domain_names import domain_of
from models.rules.ids import new_id
from models.rules.lifecycle import CampaignStatus, Channel, RunKind, RunState
from models.store.constraints import unique_fields
from models.store.runs import lock_run
from models.tables import Campaign, EmailDomain, Run

DOMAINS_MAX = 100  # of one organization: the list of them has no pages
_UNIQUE = {"uq_email_domains_organization_id_domain": "domain"}
_SENDING = [CampaignStatus.SCHEDULED.value, CampaignStatus.SENDING.value, CampaignStatus.PAUSED.value]


def list_domains(session: Session, organization_id: UUID) -> Sequence[EmailDomain]:
    """The organization's domains, newest first."""
    chosen = select(EmailDomain).where(EmailDomain.organization_id == organization_id)
    return session.execute(chosen.order_by(EmailDomain.created_at.desc(), EmailDomain.id.desc())).scalars().all()


def verified_domains(session: Session, organization_id: UUID) -> Sequence[EmailDomain]:
    """The domains that mail may come from."""
    chosen = select(EmailDomain).where(EmailDomain.organization_id == organization_id, EmailDomain.status == "verified")
    return session.execute(chosen).scalars().all()


def read_domain(session: Session, organization_id: UUID, domain_id: UUID, *, lock: bool = False) -> EmailDomain:
    """The domain; with `lock`, nobody changes it until the transaction ends. Raises NotFound."""
    chosen = select(EmailDomain).where(EmailDomain.organization_id == organization_id, EmailDomain.id == domain_id)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    found = session.execute(chosen).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def create_domain(session: Session, organization_id: UUID, values: dict[str, Any]) -> EmailDomain:
    """A new domain, pending. Raises InvalidInput on `domain` when the organization has it, or too many."""
    have = select(func.count()).select_from(EmailDomain).where(EmailDomain.organization_id == organization_id)
    if session.execute(have).scalar_one() >= DOMAINS_MAX:
        raise InvalidInput({"domain": [f"An organization must not have more than {DOMAINS_MAX} domains."]})
    with unique_fields(_UNIQUE):
        return session.execute(
            insert(EmailDomain).values(organization_id=organization_id, id=new_id(), **values).returning(EmailDomain)
        ).scalar_one()


def give_key(session: Session, domain: EmailDomain, *, public_key: str, private_key: bytes) -> EmailDomain:
    """Give a domain without DKIM keys this pair, unless somebody else gave it one meanwhile; the domain as it is."""
    session.execute(
        update(EmailDomain)
        .where(
            EmailDomain.organization_id == domain.organization_id,
            EmailDomain.id == domain.id,
            EmailDomain.dkim_public_key.is_(None),
        )
        .values(dkim_public_key=public_key, dkim_private_key=private_key)
    )
    session.refresh(domain)
    return domain


def queue_verification(session: Session, organization_id: UUID, domain_id: UUID) -> tuple[EmailDomain, Run]:
    """Queue a check of the domain; a failed one is pending again. Raises NotFound.

    A check that is queued already has not looked yet, so it serves this request too and is returned. One that has
    begun does not: the owner may have mended a record since, so another is queued, whose result is the one that counts.
    """
    domain = read_domain(session, organization_id, domain_id, lock=True)
    if domain.status == "failed":
        domain.status = "pending"
    run = lock_run(session, organization_id, domain.verification_run_id) if domain.verification_run_id else None
    if run is None or run.state != RunState.QUEUED.value:
        kind = RunKind.VERIFY_DOMAIN.value
        run = Run(id=new_id(), organization_id=organization_id, kind=kind, started_by="api")
        session.add(run)
        session.flush()
        session.refresh(run)
        domain.verification_run_id = run.id
    session.flush()
    return domain, run


def domain_to_verify(session: Session, run_id: UUID, *, lock: bool = False) -> EmailDomain | None:
    """The domain whose last check this run is; None when it was removed, or a later check was queued."""
    chosen = select(EmailDomain).where(EmailDomain.verification_run_id == run_id)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    return session.execute(chosen).scalar_one_or_none()


def record_findings(session: Session, domain: EmailDomain, findings: Findings) -> str:
    """Write down what DNS said, and the status that follows; returns the status. `domain` must be locked.

    Verified when all three hold and no other organization has the domain verified; else failed, and then it is the
    default no more. What an operator verified stays so. For the engine, which alone sees that another one has it.
    """
    domain.spf_verified, domain.dkim_verified, domain.dmarc_verified = findings.spf, findings.dkim, findings.dmarc
    domain.problems = dict(findings.problems)
    domain.last_checked_at = domain.updated_at = func.now()
    domain.drifting_since, domain.misses, domain.next_check_at = None, 0, func.now() + CHECK_EVERY
    session.flush()
    if domain.verified_by_operator:
        return domain.status
    verified = findings.hold and (domain.status == "verified" or _claim(session, domain))
    if not verified:
        domain.status, domain.is_default, domain.verified_at = "failed", False, None
    session.flush()
    session.refresh(domain)
    return domain.status


def _claim(session: Session, domain: EmailDomain) -> bool:
    """Make the domain verified; False when another organization's is. Of two at once the unique index lets one win."""
    try:
        with session.begin_nested():
            session.execute(
                update(EmailDomain)
                .where(EmailDomain.id == domain.id)
                .values(status="verified", verified_at=func.now())
                .execution_options(synchronize_session=False)
            )
    except IntegrityError:
        return False
    session.refresh(domain)
    return True


def make_default(session: Session, organization_id: UUID, domain_id: UUID) -> EmailDomain:
    """Make a verified domain the default, in place of the one before. Raises NotFound, IllegalState."""
    _one_at_a_time(session, organization_id)
    domain = read_domain(session, organization_id, domain_id, lock=True)
    if domain.status != "verified":
        raise IllegalState(
            "Only a verified domain can be the default.", code="domain_not_verified", current_status=domain.status
        )
    session.execute(
        update(EmailDomain)
        .where(EmailDomain.organization_id == organization_id, EmailDomain.is_default, EmailDomain.id != domain_id)
        .values(is_default=False, updated_at=func.now())
    )
    domain.is_default, domain.updated_at = True, func.now()
    session.flush()
    session.refresh(domain)
    return domain


def _one_at_a_time(session: Session, organization_id: UUID) -> None:
    # Two requests that each make a default would both find none and one would break the unique index.
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('email_domains.default:' || :id, 0))"),
        {"id": str(organization_id)},
    )


def delete_domain(session: Session, organization_id: UUID, domain_id: UUID) -> None:
    """Remove a domain with its keys. Raises NotFound, and IllegalState while a campaign on its way sends from it."""
    domain = read_domain(session, organization_id, domain_id, lock=True)
    if _is_in_use(session, domain):
        raise IllegalState(
            "A domain cannot be removed while a campaign that is scheduled, sending or paused sends from it.",
            code="domain_in_use",
            current_status=domain.status,
        )
    session.execute(
        delete(EmailDomain).where(EmailDomain.organization_id == organization_id, EmailDomain.id == domain_id)
    )


def _is_in_use(session: Session, domain: EmailDomain) -> bool:
    """Whether a campaign on its way names the domain, or has its address from it or in it."""
    domains = list_domains(session, domain.organization_id)
    givers = {other.id: other for other in domains}
    default = next((other for other in domains if other.is_default), None)
    senders = (
        select(Campaign.email_domain_id, Campaign.from_email)
        .where(
            Campaign.organization_id == domain.organization_id,
            Campaign.channel == Channel.EMAIL.value,
            Campaign.status.in_(_SENDING),
        )
        .distinct()
    )
    for named, address in session.execute(senders):
        giver = givers.get(named) if named else default
        if named == domain.id or (not address and giver is domain):
            return True
        sender = address or (giver.default_from_email if giver else None)
        if sender and domain_of(sender) == domain.domain:
            return True
    return False
