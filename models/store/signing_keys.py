"""The keys by which mail of verified domains is signed, encrypted as they are stored. For the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from models.session import driver


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The DKIM key of a domain. `private_key` is PKCS #8, encrypted (models/encryption.py)."""

    domain: str
    selector: str
    private_key: bytes = field(repr=False)


_READ = """
SELECT d.organization_id, d.domain, d.dkim_selector, d.dkim_private_key
FROM unnest(%s::uuid[], %s::text[]) AS w (organization_id, domain)
JOIN email_domains d ON d.organization_id = w.organization_id AND d.domain = w.domain
WHERE d.status = 'verified' AND d.dkim_private_key IS NOT NULL
"""


def read_signing_keys(session: Session, senders: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], SigningKey]:
    """The keys of organizations' domains, of those that are verified and have one."""
    organizations, domains = [each[0] for each in senders], [each[1] for each in senders]
    rows = driver(session).execute(_READ, [organizations, domains])
    return {(organization, domain): SigningKey(domain, selector, key) for organization, domain, selector, key in rows}
