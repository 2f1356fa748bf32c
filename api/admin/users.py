"""Users: an owner's own organization's, or for a super admin everybody."""

from uuid import UUID

from flask import render_template, url_for

from api.admin.door import platform_or_own, visit
from api.admin.schemas import NewUser, UserChange, form_values
from api.admin.section import Done, Section
from api.admin.tokens import CHOICES_MAX
from models.errors import InvalidInput
from models.rules.roles import ORGANIZATION_ROLES, Right, UserRole
from models.store.organizations import list_organizations
from models.store.pages import PageRequest
from models.store.users import change_user, create_user, list_users, read_user, reset_password
from models.tables import User

section = Section("users", __name__)


@section.page("/users", Right.MANAGE_USERS)
def show_users() -> str:
    """Who may log in."""
    return render_template("users.html", users=list_users(visit().session, platform_or_own()))


@section.page("/users/new", Right.MANAGE_USERS)
def show_new_user() -> str:
    """The form of a new one."""
    is_platform = platform_or_own() is None
    organizations = list_organizations(visit().session, PageRequest(1, CHOICES_MAX)).items if is_platform else []
    roles = list(UserRole) if is_platform else ORGANIZATION_ROLES
    return render_template("user_new.html", organizations=organizations, roles=roles)


@section.form("/users/new", Right.MANAGE_USERS, page=show_new_user)
def create() -> Done:
    """Create a user with a made password, which is shown once."""
    values = form_values(NewUser)
    organization_id = platform_or_own() or values["organization_id"]
    user, password = create_user(
        visit().session,
        organization_id,
        name=values["name"],
        email=values["email"],
        role=UserRole(values["role"]),
        actor=visit().who.email,
    )
    return Done(_page(user.id), f"{user.name} may log in with this password, and has to change it then.", password)


@section.page("/users/<id:user_id>", Right.MANAGE_USERS)
def show_user(user_id: UUID) -> str:
    """One user."""
    user = read_user(visit().session, platform_or_own(), user_id)
    roles = ORGANIZATION_ROLES if user.organization_id else (UserRole.SUPER_ADMIN,)
    return render_template("user.html", user=user, roles=roles, is_own=_is_own(user))


@section.form("/users/<id:user_id>", Right.MANAGE_USERS, page=show_user)
def change(user_id: UUID) -> Done:
    """Change name, role, and whether they may log in."""
    values = form_values(UserChange)
    user = read_user(visit().session, platform_or_own(), user_id)
    role, is_active = UserRole(values["role"]), values["is_active"]
    if _is_own(user) and (role != user.role or not is_active):
        raise InvalidInput({"role": ["Nobody takes away their own role or access: ask another administrator."]})
    change_user(visit().session, user, name=values["name"], role=role, is_active=is_active, actor=visit().who.email)
    return Done(_page(user_id), "The user was changed.")


@section.form("/users/<id:user_id>/password", Right.MANAGE_USERS, page=show_user)
def make_new_password(user_id: UUID) -> Done:
    """Give them a made password, which is shown once."""
    user = read_user(visit().session, platform_or_own(), user_id)
    if user.email is None:
        raise InvalidInput({"email": ["This user has no email address to log in with."]})
    if _is_own(user):
        raise InvalidInput({"password": ["Change your own password on your profile."]})
    password = reset_password(visit().session, user, actor=visit().who.email)
    return Done(_page(user_id), f"{user.name} may log in with this password, and has to change it then.", password)


def _is_own(user: User) -> bool:
    return user.id == visit().who.user_id


def _page(user_id: UUID) -> str:
    return url_for("admin.users.show_user", user_id=user_id)
