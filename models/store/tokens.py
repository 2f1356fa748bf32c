"""From a token to who is calling, and whether the request may go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import func

from models.errors import NotFound
from models.session import driver
from models.store.arrays import array_text, bytes_array_text
from models.tables import ApiToken, Organization, User


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request comes from. `rate_limit`: requests a minute of the whole organization."""

    organization_id: UUID
    user_id: UUID | None
    token_id: UUID
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


def admit(connection: Connection, asked: Sequence[tuple[UUID, bytes]]) -> list[Admission | None]:
    """Find out who calls, and count the requests; in the order of `asked`, tokens' ids and the hashes of their secrets.
    None: unknown, wrong, revoked and expired tokens look the same.

    `connection` is in autocommit: a request counts also if its work fails, and the next one of the organization does
    not wait until that is done. One statement, since every request pays for it; a count that a crash of Postgres
    takes away harms nobody, so its commit does not wait for the disk.
    """
    ids = array_text(token_id for token_id, _ in asked)
    hashes = bytes_array_text(secret_hash for _, secret_hash in asked)
    admissions: list[Admission | None] = [None] * len(asked)
    for row in driver(connection).execute(_ADMIT, [ids, hashes]).fetchall():
        place, organization_id, user_id, rate_limit, remaining, retry_after, _ = row
        caller = Caller(organization_id, user_id, asked[place - 1][0], rate_limit)
        admissions[place - 1] = Admission(caller, remaining, retry_after)
    return admissions


def identify(connection: Connection, token_id: UUID, secret_hash: bytes) -> Caller | None:
    """Find out who calls, and count nothing; None as of `admit`."""
    row = driver(connection).execute(_IDENTIFY, [token_id, secret_hash]).fetchone()
    if row is None:
        return None
    organization_id, user_id, rate_limit = row
    return Caller(organization_id, user_id, token_id, rate_limit)


_IDENTIFY = "SELECT organization_id, user_id, rate_limit FROM authenticate_token(%s, %s)"

_ADMIT = """
    SELECT place, organization_id, user_id, rate_limit, remaining, retry_after,
           set_config('synchronous_commit', 'off', true)
    FROM admit_requests(%s::uuid[], %s::bytea[])
"""


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token, whose it is and of which organization. `is_good`: calls with it are answered."""

    token: ApiToken
    organization: str
    user: str | None
    is_good: bool


def list_tokens(
    session: Session, organization_id: UUID | None, *, user_id: UUID | None = None
) -> Sequence[ListedToken]:
    """Tokens, newest first, at most 1,000; of one user if given. Without an organization, those of all."""
    is_good = and_(ApiToken.revoked_at.is_(None), func.coalesce(ApiToken.expires_at > func.now(), True))
    chosen = (
        select(ApiToken, Organization.name, User.name, is_good)
        .join(Organization, Organization.id == ApiToken.organization_id)
        .outerjoin(User, User.id == ApiToken.user_id)
    )
    if organization_id is not None:
        chosen = chosen.where(ApiToken.organization_id == organization_id)
    if user_id is not None:
        chosen = chosen.where(ApiToken.user_id == user_id)
    rows = session.execute(chosen.order_by(ApiToken.created_at.desc(), ApiToken.id.desc()).limit(1000))
    return [ListedToken(*row) for row in rows]


def read_token(session: Session, organization_id: UUID | None, token_id: UUID) -> ApiToken:
    """The token, of the organization if one is given. Raises NotFound."""
    chosen = select(ApiToken).where(ApiToken.id == token_id)
    if organization_id is not None:
        chosen = chosen.where(ApiToken.organization_id == organization_id)
    token = session.execute(chosen).scalar_one_or_none()
    if token is None:
        raise NotFound
    return token


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
