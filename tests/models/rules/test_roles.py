"""The table of roles and rights."""

from itertools import pairwise

from models.rules.roles import ORGANIZATION_ROLES, RIGHTS, Right, UserRole, may


def test_each_role_may_what_the_one_below_it_may() -> None:
    rising = [UserRole.VIEWER, UserRole.MEMBER, UserRole.OWNER, UserRole.SUPER_ADMIN]
    assert set(rising) == set(UserRole) == set(RIGHTS)
    assert all(RIGHTS[lower] < RIGHTS[higher] for lower, higher in pairwise(rising))


def test_a_super_admin_may_everything_and_a_viewer_changes_nothing() -> None:
    assert RIGHTS[UserRole.SUPER_ADMIN] == set(Right)
    assert {right for right in RIGHTS[UserRole.VIEWER] if not right.startswith("see_")} == {Right.USE_PANEL}


def test_what_is_the_platforms_is_no_organizations() -> None:
    for right in (Right.LIST_ORGANIZATIONS, Right.MANAGE_ORGANIZATIONS, Right.TOP_UP, Right.DECIDE_SENDER_IDS):
        assert not any(may(role, right) for role in ORGANIZATION_ROLES)
    assert not any(may(role, Right.MANAGE_TEMPLATES) for role in ORGANIZATION_ROLES)
