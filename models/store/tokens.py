"""From a token to who is calling."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text, update
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


def authenticate(session: Session, token_id: UUID, secret_hash: bytes) -> Caller | None:
    """The caller with this token, or None: unknown, wrong, revoked and expired tokens look the same.

    The session then belongs to the caller's organization: row-level security sees it until the transaction ends.
    Looking up and setting are one statement, since every request pays for it.
    """
    row = session.execute(_AUTHENTICATE, {"id": token_id, "hash": secret_hash}).one_or_none()
    if row is None:
        return None
    return Caller(row.organization_id, row.user_id, token_id, tuple(row.abilities), row.rate_limit)


_AUTHENTICATE = text("""
    SELECT organization_id, user_id, abilities, rate_limit, set_config('app.organization', organization_id::text, true)
    FROM authenticate_token(:id, :hash)
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
