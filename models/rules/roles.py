"""Who may do what in the admin panel: roles, rights, and the table of both. Every page and every form names its right.

A super admin belongs to the platform and sees every organization. Owner, member and viewer belong to one organization
and see nothing else, whatever their rights.
"""

from collections.abc import Mapping
from enum import StrEnum


class UserRole(StrEnum):
    """What somebody is."""

    SUPER_ADMIN = "super_admin"
    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


ORGANIZATION_ROLES = (UserRole.OWNER, UserRole.MEMBER, UserRole.VIEWER)


class Right(StrEnum):
    """What somebody may do."""

    USE_PANEL = "use_panel"  # own profile, own password, log out
    SEE_ORGANIZATION = "see_organization"
    SEE_SENDER_IDS = "see_sender_ids"
    SEE_TEMPLATES = "see_templates"  # the system's
    SEE_TOKENS = "see_tokens"
    CREATE_TOKENS = "create_tokens"  # and revoke those one made
    REVOKE_ALL_TOKENS = "revoke_all_tokens"
    MANAGE_USERS = "manage_users"
    SEE_AUDIT_LOG = "see_audit_log"
    LIST_ORGANIZATIONS = "list_organizations"
    MANAGE_ORGANIZATIONS = "manage_organizations"
    TOP_UP = "top_up"
    DECIDE_SENDER_IDS = "decide_sender_ids"
    MANAGE_TEMPLATES = "manage_templates"


_VIEWER = frozenset(
    {Right.USE_PANEL, Right.SEE_ORGANIZATION, Right.SEE_SENDER_IDS, Right.SEE_TEMPLATES, Right.SEE_TOKENS}
)
_MEMBER = _VIEWER | {Right.CREATE_TOKENS}
_OWNER = _MEMBER | {Right.REVOKE_ALL_TOKENS, Right.MANAGE_USERS, Right.SEE_AUDIT_LOG}

RIGHTS: Mapping[UserRole, frozenset[Right]] = {
    UserRole.VIEWER: _VIEWER,
    UserRole.MEMBER: _MEMBER,
    UserRole.OWNER: _OWNER,
    UserRole.SUPER_ADMIN: frozenset(Right),
}


def may(role: UserRole, right: Right) -> bool:
    """Whether somebody of that role has the right."""
    return right in RIGHTS[role]
