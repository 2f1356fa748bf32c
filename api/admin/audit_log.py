"""Who did what."""

from flask import render_template

from api.admin.door import check_organization, platform_or_own, visit
from api.admin.schemas import AuditQuery, query_values
from api.admin.section import Section
from api.admin.tokens import CHOICES_MAX
from models.rules.roles import Right
from models.store.audit_log import list_actions, list_audit_entries
from models.store.organizations import list_organizations
from models.store.pages import PageRequest

section = Section("audit_log", __name__)

_PER_PAGE = 50


@section.page("/audit-log", Right.SEE_AUDIT_LOG)
def show_audit_log() -> str:
    """Entries of the organization or, for a super admin, of all or of one."""
    asked = query_values(AuditQuery)
    if asked["organization_id"] is not None:
        check_organization(asked["organization_id"])
    organization_id = platform_or_own() or asked["organization_id"]
    page = list_audit_entries(
        visit().session,
        organization_id,
        PageRequest(asked["page"] or 1, _PER_PAGE),
        action=asked["action"],
        actor=asked["actor"],
    )
    is_platform = platform_or_own() is None
    return render_template(
        "audit_log.html",
        page=page,
        asked=asked,
        actions=list_actions(visit().session, organization_id),
        organizations=list_organizations(visit().session, PageRequest(1, CHOICES_MAX)).items if is_platform else [],
    )
