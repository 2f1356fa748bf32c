"""From a token to who is calling, and whether the request may go on."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import func

from models.errors import NotFound
from models.tables import ApiToken


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request comes from. `rate_limit`: requests a minute of the whole organization."""

    organization_id: UUID
    user_id: UUID | None
    token_id: UUID
    abilities: tuple[str, ...]
    rate_limit: int


@dataclass(frozen=True, slots=True)
class Admission:
    """What is known about a request before anything is done for it.

    `remaining`: requests that the organization has left in its minute. `retry_after`: None if this request may go on,
    else the seconds after which there are some again.
    """

    caller: Caller
    remaining: int
    retry_after: int | None


def admit(connection: Connection, token_id: UUID, secret_hash: bytes) -> Admission | None:
    """Find out who calls, and count the request; None: unknown, wrong, revoked and expired tokens look the same.

    `connection` is in autocommit: the request counts also if its work fails, and the next one of the organization does
    not wait until that is done. One statement, since every request pays for it; a count that a crash of Postgres
    takes away harms nobody, so its commit does not wait for the disk.
    """
    row = connection.execute(_ADMIT, {"id": token_id, "hash": secret_hash}).one_or_none()
    if row is None:
        return None
    caller = Caller(row.organization_id, row.user_id, token_id, tuple(row.abilities), row.rate_limit)
    return Admission(caller, row.remaining, row.retry_after)


def identify(connection: Connection, token_id: UUID, secret_hash: bytes) -> Caller | None:
    """Find out who calls, and count nothing; None as of `admit`."""
    row = connection.execute(_IDENTIFY, {"id": token_id, "hash": secret_hash}).one_or_none()
    if row is None:
        return None
    return Caller(row.organization_id, row.user_id, token_id, tuple(row.abilities), row.rate_limit)


_IDENTIFY = text("SELECT organization_id, user_id, abilities, rate_limit FROM authenticate_token(:id, :hash)")

_ADMIT = text("""
    SELECT organization_id, user_id, abilities, rate_limit, remaining, retry_after,
           set_config('synchronous_commit', 'off', true)
    FROM admit_request(:id, :hash)
""")


def revoke_token(session: Session, organization_id: UUID, token_id: UUID) -> None:
    """End a token now; the next request with it is refused. Revoking twice is harmless. Raises NotFound."""
    revoked = session.execute(
        update(ApiToken)
        .where(ApiToken.organization_id == organization_id, ApiToken.id == token_id)
        .values(revoked_at=func.coalesce(ApiToken.revoked_at, func.now()))
        .returning(ApiToken.id)
    ).one_or_none()
    if revoked is None:
        raise NotFound
