"""Users: who may log in to the admin panel, as what."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import InvalidInput, NotFound
from models.passwords import check_new_password, hash_password, make_password
from models.rules.ids import new_id
from models.rules.roles import ORGANIZATION_ROLES, UserRole
from models.store.admin_sessions import close_sessions_of
from models.store.constraints import unique_fields
from models.store.organizations import audit, read_organization
from models.tables import Organization, User

_UNIQUE = {"uq_users_email": "email"}


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user, and the name of the organization."""

    user: User
    organization: str | None


def list_users(session: Session, organization_id: UUID | None) -> Sequence[ListedUser]:
    """Users, by organization and name. Without an organization, those of all and the platform's own."""
    chosen = select(User, Organization.name).outerjoin(Organization, Organization.id == User.organization_id)
    if organization_id is not None:
        chosen = chosen.where(User.organization_id == organization_id)
    rows = session.execute(chosen.order_by(Organization.name.nulls_first(), User.name, User.id).limit(1000))
    return [ListedUser(user, name) for user, name in rows]


def read_user(session: Session, organization_id: UUID | None, user_id: UUID) -> User:
    """The user, of the organization if one is given. Raises NotFound."""
    chosen = select(User).where(User.id == user_id)
    if organization_id is not None:
        chosen = chosen.where(User.organization_id == organization_id)
    user = session.execute(chosen).scalar_one_or_none()
    if user is None:
        raise NotFound
    return user


def user_by_email(session: Session, email: str) -> User:
    """The user with that address, of any organization (for a role that sees them). Raises NotFound."""
    user = session.execute(select(User).where(User.email == email.lower())).scalar_one_or_none()
    if user is None:
        raise NotFound(f"There is no user with the address {email}.")
    return user


def create_user(
    session: Session,
    organization_id: UUID | None,
    *,
    name: str,
    email: str,
    role: UserRole,
    actor: str,
    password: str | None = None,
) -> tuple[User, str | None]:
    """A new user who may log in; audited. Without a password one is made, returned, and to be changed at log-in.

    Raises InvalidInput: a role that does not go with the organization, or an address that is somebody's already.
    """
    _check_role(organization_id, role)
    if organization_id is not None:
        read_organization(session, organization_id)
    made = make_password() if password is None else None
    if password is not None:
        check_new_password(password, field="password", email=email)
    with unique_fields(_UNIQUE):
        user = session.execute(
            insert(User)
            .values(
                id=new_id(),
                organization_id=organization_id,
                name=name,
                email=email.lower(),
                role=role,
                password_hash=hash_password(password or made or ""),
                must_change_password=made is not None,
            )
            .returning(User)
        ).scalar_one()
    audit(session, organization_id, actor=actor, action="user.created", subject=email.lower(), details={"role": role})
    return user, made


def change_user(session: Session, user: User, *, name: str, role: UserRole, is_active: bool, actor: str) -> None:
    """Change name, role, and whether they may log in; audited. Who may less from now on is logged out.

    Raises InvalidInput for a role that does not go with the organization.
    """
    _check_role(user.organization_id, role)
    changes: dict[str, object] = {}
    if name != user.name:
        changes["name"] = name
    if role != user.role:
        changes["role"] = role
    if is_active != (user.disabled_at is None):
        changes["disabled_at"] = None if is_active else func.now()
    if not changes:
        return
    details = {key: value for key, value in changes.items() if key != "disabled_at"}
    if "disabled_at" in changes:
        details["is_active"] = is_active
    session.execute(update(User).where(User.id == user.id).values(**changes))
    if changes.keys() - {"name"}:
        close_sessions_of(session, user.id)
    audit(session, user.organization_id, actor=actor, action="user.changed", subject=str(user.email), details=details)


def set_password(session: Session, user: User, password: str, *, actor: str, field: str = "password") -> None:
    """Their new password; audited. They are logged out everywhere. Raises InvalidInput on `field`."""
    check_new_password(password, field=field, email=user.email)
    _write_password(session, user, password, must_change=False)
    audit(session, user.organization_id, actor=actor, action="user.password_changed", subject=str(user.email))


def reset_password(session: Session, user: User, *, actor: str) -> str:
    """Give them a made password, to be changed at log-in; audited. They are logged out everywhere."""
    password = make_password()
    _write_password(session, user, password, must_change=True)
    audit(session, user.organization_id, actor=actor, action="user.password_reset", subject=str(user.email))
    return password


def _write_password(session: Session, user: User, password: str, *, must_change: bool) -> None:
    values = {"password_hash": hash_password(password), "must_change_password": must_change}
    session.execute(update(User).where(User.id == user.id).values(**values))
    close_sessions_of(session, user.id)


def _check_role(organization_id: UUID | None, role: UserRole) -> None:
    if (role in ORGANIZATION_ROLES) != (organization_id is not None):
        known = "owner, member or viewer" if organization_id is not None else "super_admin"
        raise InvalidInput({"role": [f"The role field must be {known} here."]})
