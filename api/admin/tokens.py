"""API tokens: create one, which is shown once; revoke one, which ends it at once."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from flask import render_template, url_for

from api.admin.door import allowed, platform_or_own, visit
from api.admin.schemas import NewToken, form_values
from api.admin.section import Done, Section
from models.errors import InvalidInput
from models.rules.roles import Right
from models.store.organizations import audit, create_token, list_organizations, read_organization
from models.store.pages import PageRequest
from models.store.tokens import list_tokens, read_token, revoke_token

section = Section("tokens", __name__)

CHOICES_MAX = 1000  # organizations in a drop-down list


@section.page("/tokens", Right.SEE_TOKENS)
def show_tokens(**_path: object) -> str:
    """The tokens of the organization or, for a super admin, of all."""
    is_platform = platform_or_own() is None
    organizations = list_organizations(visit().session, PageRequest(1, CHOICES_MAX)).items if is_platform else []
    tokens = list_tokens(visit().session, platform_or_own())
    return render_template("tokens.html", tokens=tokens, organizations=organizations)


@section.form("/tokens", Right.CREATE_TOKENS, page=show_tokens)
def create() -> Done:
    """Create New Token."""
    values = form_values(NewToken)
    session, who = visit().session, visit().who
    organization_id = who.organization_id or values["organization_id"]
    if organization_id is None:
        raise InvalidInput({"organization_id": ["The organization_id field is required."]})
    read_organization(session, organization_id)
    expires_at = None
    if values["expires_on"] is not None:  # good until the end of that day, UTC
        expires_at = datetime.combine(values["expires_on"], time(), UTC) + timedelta(days=1)
        if expires_at <= datetime.now(UTC):
            raise InvalidInput({"expires_on": ["The expires_on field must not be a day that has passed."]})
    name = values["name"]
    token = create_token(session, organization_id, user_id=who.user_id, name=name, expires_at=expires_at)
    details = {"name": name, "expires_at": expires_at.isoformat() if expires_at else None}
    audit(session, organization_id, actor=who.email, action="token.created", subject=str(token.id), details=details)
    return Done(url_for("admin.tokens.show_tokens"), f"The token “{name}” was created.", token.text)


@section.form("/tokens/<id:token_id>/revoke", Right.CREATE_TOKENS, page=show_tokens)
def revoke(token_id: UUID) -> Done:
    """End a token: one's own, or with the right any of the organization."""
    session, who = visit().session, visit().who
    token = read_token(session, platform_or_own(), token_id)
    if token.user_id != who.user_id:
        allowed(Right.REVOKE_ALL_TOKENS)
    if token.revoked_at is None:
        revoke_token(session, token.organization_id, token_id)
        details = {"name": token.name}
        action = "token.revoked"
        audit(session, token.organization_id, actor=who.email, action=action, subject=str(token_id), details=details)
    return Done(url_for("admin.tokens.show_tokens"), f"The token “{token.name}” was revoked.")
