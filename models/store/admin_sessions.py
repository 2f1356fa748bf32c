"""Who is logged in to the admin panel, and who may try to. All through functions of the database (0008_admin.py).

The API's role cannot read the sessions themselves, so what is read by mistake is nobody's session. It may open one,
since it logs people in: whoever has all of that role is not kept out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from models.rules.roles import Right, UserRole, may
from models.store.organizations import hash_secret

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=1)

# Failures before the first wait, the first wait and the longest, in seconds.
_ACCOUNT_WAITS = (5, 30, 900)
_ADDRESS_WAITS = (20, 30, 900)  # many people may come from one address


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is logged in. `organization_id`: None for the platform's own."""

    user_id: UUID
    organization_id: UUID | None
    name: str
    email: str
    role: UserRole
    must_change_password: bool

    def may(self, right: Right) -> bool:
        """Whether they have the right."""
        return may(self.role, right)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that may log in."""

    user_id: UUID
    organization_id: UUID | None
    password_hash: str


def find_account(connection: Connection, email: str) -> Account | None:
    """The account that may log in under the address; None also for one that is disabled or has no password."""
    row = connection.execute(text("SELECT * FROM admin_account(:email)"), {"email": email.lower()}).one_or_none()
    return None if row is None else Account(row.user_id, row.organization_id, row.password_hash)


def open_session(connection: Connection | Session, user_id: UUID) -> str:
    """Log the user in. Returns the session's id, which only the cookie holds."""
    id_ = secrets.token_urlsafe(32)
    values = {"user": user_id, "hash": hash_secret(id_), "lifetime": LIFETIME}
    connection.execute(text("SELECT open_admin_session(:user, :hash, :lifetime)"), values)
    return id_


def read_session(connection: Connection, id_: str) -> SignedIn | None:
    """Who is logged in under that id; None: unknown, expired, idle for too long, or its user may not any more."""
    values = {"hash": hash_secret(id_), "idle": IDLE}
    row = connection.execute(text("SELECT * FROM read_admin_session(:hash, :idle)"), values).one_or_none()
    if row is None:
        return None
    role = UserRole(row.role)
    return SignedIn(row.user_id, row.organization_id, row.name, row.email, role, row.must_change_password)


def close_session(connection: Connection | Session, id_: str) -> None:
    """Log out. Harmless when it is no session."""
    connection.execute(text("SELECT close_admin_session(:hash)"), {"hash": hash_secret(id_)})


def close_sessions_of(session: Session, user_id: UUID) -> None:
    """Log the user out everywhere."""
    session.execute(text("SELECT close_admin_sessions(:user)"), {"user": user_id})


def act_on_platform(session: Session, id_: str) -> None:
    """Let the transaction see and change every organization, if the session with that id is a super admin's."""
    session.execute(text("SELECT set_config('app.admin_session', :hash, true)"), {"hash": hash_secret(id_).hex()})


def count_try(connection: Connection, email: str, address: str) -> int:
    """Count a try to log in, before its password is looked at. Returns 0, or the seconds to wait before the next.

    `connection` is in autocommit, so that tries that come together all count.
    """
    # The address first: one that has to wait cannot go on locking out accounts.
    for key, waits in ((_address_key(address), _ADDRESS_WAITS), (_account_key(email), _ACCOUNT_WAITS)):
        values = dict(zip(("free", "first", "most"), waits, strict=True))
        statement = text("SELECT count_login(:key, :free, :first, :most)")
        seconds = int(connection.execute(statement, {"key": key, **values}).scalar_one())
        if seconds:
            return seconds
    return 0


def forgive(connection: Connection, email: str, address: str) -> None:
    """The try that was counted was right."""
    values = {"account": _account_key(email), "address": _address_key(address)}
    connection.execute(text("SELECT forgive_login(:account, :address)"), values)


def _account_key(email: str) -> bytes:
    return hashlib.sha256(f"account:{email.lower()}".encode()).digest()


def _address_key(address: str) -> bytes:
    """IPv6 by its /64: whoever has one has all the addresses in it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        parsed = None
    if isinstance(parsed, IPv6Address):
        address = parsed.exploded[:19]
    return hashlib.sha256(f"address:{address}".encode()).digest()
