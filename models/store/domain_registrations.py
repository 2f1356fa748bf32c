"""Which domains providers are asked about, and what they said. For the engine, but for `registrations_of`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, exists, select, text, update
from sqlalchemy.orm import Session

from models.rules.dns_records import ProviderRecord
from models.rules.ids import least_id_at
from models.rules.registration import Registration, ask_again_after
from models.store.organizations import audit
from models.store.provider_accounts import Account
from models.tables import DomainRegistration, EmailDomain

_ACTOR = "registration"
_MOST_AT_ONCE = 1000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('domain_registrations', 0))")
# An account of an organization is for its domains, one of the platform for all.
_ADD = text("""
    INSERT INTO domain_registrations (email_domain_id, provider, organization_id, domain)
    SELECT d.id, a.provider, d.organization_id, d.domain
    FROM unnest(CAST(:providers AS text[]), CAST(:owners AS uuid[])) AS a (provider, owner)
    JOIN email_domains d ON a.owner IS NULL OR a.owner = d.organization_id
    WHERE d.id > CAST(:after AS uuid) AND NOT EXISTS (
        SELECT FROM domain_registrations r WHERE r.email_domain_id = d.id AND r.provider = a.provider)
    LIMIT :most
    ON CONFLICT DO NOTHING
""")
_LEAVE = text("""
    UPDATE domain_registrations SET state = 'leaving', tries = 0, next_try_at = now(), problem = NULL
    WHERE state <> 'leaving' AND NOT EXISTS (SELECT FROM email_domains d WHERE d.id = email_domain_id)
""")
# Of an account that is no more nobody can ask anything.
_FORGET = text("""
    DELETE FROM domain_registrations
    WHERE CASE WHEN provider LIKE '%:%'
        THEN NOT EXISTS (SELECT FROM provider_accounts a WHERE a.id = CAST(split_part(provider, ':', 2) AS uuid))
        ELSE provider <> CAST(:default AS text) END
""")
# Whoever takes one has ten minutes: after a crash somebody else asks.
_TAKE = text("""
    UPDATE domain_registrations SET next_try_at = now() + interval '10 minutes'
    WHERE (email_domain_id, provider) = (
        SELECT email_domain_id, provider FROM domain_registrations
        WHERE next_try_at <= now() AND provider = ANY(CAST(:providers AS text[]))
        ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING email_domain_id, provider
""")
_PROBLEMS = text("""
    SELECT provider, problem, count(*) AS domains FROM domain_registrations
    WHERE problem IS NOT NULL AND state <> 'by_hand' GROUP BY provider, problem ORDER BY count(*) DESC LIMIT 20
""")


@dataclass(frozen=True, slots=True)
class Told:
    """What came of asking. `problem`: a vendor's words; of the account's and not the domain's if `is_of_account`."""

    state: Registration
    is_ours: bool = False
    reference: str | None = None
    records: tuple[ProviderRecord, ...] = ()
    problem: str | None = None
    is_of_account: bool = False


def look_for_new_domains(session: Session, accounts: Sequence[Account], since: datetime) -> None:
    """Have each account asked about the domains that it sends for and that were added since a time.

    `accounts`: those that send email, that of the environment among them.
    """
    owners = [account.organization_id for account in accounts]
    values = {"providers": [account.provider for account in accounts], "owners": owners}
    session.execute(_ADD, {**values, "after": least_id_at(since), "most": _MOST_AT_ONCE})


def look_for_all_domains(session: Session, accounts: Sequence[Account], default: Account | None) -> None:
    """The same of all domains, and of those that are no more. `default`: the account of the environment.

    One process does it at a time. It compares all rows: half a second for 100,000 domains.
    """
    if not session.execute(_ALONE).scalar_one():
        return
    look_for_new_domains(session, accounts, _BEGINNING)
    session.execute(_LEAVE)
    # Where the environment names no account it may be named again: what is known of its domains stays.
    session.execute(_FORGET, {"default": None if default is None else default.provider})


def take_registration(session: Session, providers: Sequence[str]) -> DomainRegistration | None:
    """One of these accounts whose time has come, the longest waiting first; others take others."""
    row = session.execute(_TAKE, {"providers": list(providers)}).one_or_none()
    if row is None:
        return None
    return session.get(DomainRegistration, (row.email_domain_id, row.provider), populate_existing=True)


def is_verified_elsewhere(session: Session, registration: DomainRegistration) -> bool:
    """Whether the domain is another organization's, as DNS says."""
    same = exists().where(
        EmailDomain.domain == registration.domain,
        EmailDomain.status == "verified",
        EmailDomain.organization_id != registration.organization_id,
    )
    return bool(session.execute(select(same)).scalar_one())


def hand_on(session: Session, registration: DomainRegistration) -> bool:
    """Whether another organization has the same domain with the same account, which then is its to take out."""
    changed = session.execute(
        update(DomainRegistration)
        .where(
            DomainRegistration.domain == registration.domain,
            DomainRegistration.provider == registration.provider,
            DomainRegistration.email_domain_id != registration.email_domain_id,
            DomainRegistration.state != Registration.LEAVING,
        )
        .values(is_ours=DomainRegistration.is_ours | registration.is_ours)
        .returning(DomainRegistration.email_domain_id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


def record_registration(session: Session, taken: DomainRegistration, told: Told) -> None:
    """Write down what came of asking. A domain that was removed meanwhile is leaving, whatever was said."""
    row = _lock(session, taken)
    if row is None:
        return
    is_leaving = row.state == Registration.LEAVING and told.state is not Registration.LEAVING
    if told.is_ours and not row.is_ours:
        _audit(session, row, "registered")
    state = Registration.LEAVING if is_leaving else told.state
    row.tries = row.tries + 1 if row.state == state else 1
    row.state, row.is_ours, row.reference = state, told.is_ours, told.reference
    row.records = [asdict(record) for record in told.records]
    row.problem, row.is_of_account = told.problem, told.is_of_account
    now = datetime.now(UTC)
    row.asked_at = now
    row.next_try_at = now if is_leaving else now + ask_again_after(state, row.tries)
    session.flush()


def end_registration(session: Session, taken: DomainRegistration, *, was_removed: bool) -> None:
    """Forget a domain that was leaving; audited where the provider took it out."""
    row = _lock(session, taken)
    if row is None:
        return
    if was_removed:
        _audit(session, row, "deregistered")
    session.execute(
        delete(DomainRegistration).where(
            DomainRegistration.email_domain_id == row.email_domain_id, DomainRegistration.provider == row.provider
        )
    )


def rest_account(session: Session, provider: str, rest: timedelta) -> None:
    """Ask an account nothing for some time: it is away, and would be asked about each of its domains."""
    until = datetime.now(UTC) + rest
    session.execute(
        update(DomainRegistration)
        .where(DomainRegistration.provider == provider, DomainRegistration.next_try_at < until)
        .values(next_try_at=until)
        .execution_options(synchronize_session=False)
    )


def ask_about_domain_now(session: Session, domain_id: UUID) -> None:
    """Have the providers look at a domain's records at once: DNS was just looked at."""
    session.execute(
        text("UPDATE domain_registrations SET next_try_at = now(), tries = 0 WHERE email_domain_id = :id"),
        {"id": domain_id},
    )


def registrations_of(
    session: Session, organization_id: UUID, domain_ids: Iterable[UUID]
) -> Mapping[UUID, Sequence[DomainRegistration]]:
    """How domains of an organization stand with the accounts that send for them."""
    chosen = select(DomainRegistration).where(
        DomainRegistration.organization_id == organization_id,
        DomainRegistration.email_domain_id.in_(list(domain_ids)),
        DomainRegistration.state != Registration.LEAVING,
    )
    found: dict[UUID, list[DomainRegistration]] = defaultdict(list)
    for row in session.execute(chosen.order_by(DomainRegistration.provider)).scalars():
        found[row.email_domain_id].append(row)
    return found


def records_in(row: DomainRegistration) -> tuple[ProviderRecord, ...]:
    """What the provider wants to find in DNS."""
    return tuple(ProviderRecord(**record) for record in row.records)


def registration_problems(session: Session) -> Sequence[Row[Any]]:
    """What providers say is wrong, and of how many domains; the most frequent first."""
    return session.execute(_PROBLEMS).all()


def _lock(session: Session, taken: DomainRegistration) -> DomainRegistration | None:
    key = (taken.email_domain_id, taken.provider)
    return session.get(DomainRegistration, key, with_for_update=True, populate_existing=True)


def _audit(session: Session, row: DomainRegistration, what: str) -> None:
    details = {"provider": row.provider}
    action = f"email_domain.{what}"
    audit(session, row.organization_id, actor=_ACTOR, action=action, subject=row.domain, details=details)
