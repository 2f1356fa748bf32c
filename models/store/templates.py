"""Email templates: the organization's own and the system's. Every version of a template's content is kept."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.errors import Forbidden, NotFound
from models.rules.ids import new_id
from models.store.constraints import unique_fields
from models.tables import EmailTemplate, EmailTemplateVersion

CONTENT_COLUMNS = ("subject_template", "html_content", "text_content", "mjml_content", "variables")
"""What makes a new version when it changes."""

_UNIQUE = {"uq_email_templates_organization_id_slug": "slug", "uq_email_templates_system_slug": "slug"}


def _visible(organization_id: UUID) -> ColumnElement[bool]:
    return and_(
        or_(EmailTemplate.organization_id == organization_id, EmailTemplate.organization_id.is_(None)),
        EmailTemplate.deleted_at.is_(None),
    )


def list_templates(session: Session, organization_id: UUID, *, category: str | None) -> Sequence[EmailTemplate]:
    """Active templates, the system's included, newest first."""
    chosen = select(EmailTemplate).where(_visible(organization_id), EmailTemplate.is_active)
    if category is not None:
        chosen = chosen.where(EmailTemplate.category == category)
    return session.execute(chosen.order_by(EmailTemplate.created_at.desc(), EmailTemplate.id.desc())).scalars().all()


def read_template(session: Session, organization_id: UUID, template_id: UUID) -> EmailTemplate:
    """A template, the organization's own or the system's, active or not. Raises NotFound."""
    template = session.execute(
        select(EmailTemplate).where(_visible(organization_id), EmailTemplate.id == template_id)
    ).scalar_one_or_none()
    if template is None:
        raise NotFound
    return template


def usable_templates(
    session: Session, organization_id: UUID, template_ids: Collection[UUID]
) -> dict[UUID, EmailTemplate]:
    """Those of the templates that can be sent with, the system's included, by id."""
    if not template_ids:
        return {}
    chosen = select(EmailTemplate).where(
        _visible(organization_id), EmailTemplate.is_active, EmailTemplate.id.in_(template_ids)
    )
    return {template.id: template for template in session.execute(chosen).scalars()}


def count_uses(session: Session, organization_id: UUID, uses: Mapping[UUID, int]) -> None:
    """Count messages that were made from own templates; the system's are nobody's to count."""
    for template_id in sorted(uses):  # in order, so that no two requests wait for each other
        session.execute(
            update(EmailTemplate)
            .where(EmailTemplate.organization_id == organization_id, EmailTemplate.id == template_id)
            .values(times_used=EmailTemplate.times_used + uses[template_id])
            .execution_options(synchronize_session=False)
        )


def lock_own_template(session: Session, organization_id: UUID, template_id: UUID) -> EmailTemplate:
    """The template, locked, to be changed. Raises NotFound, and Forbidden for one of the system."""
    if read_template(session, organization_id, template_id).organization_id is None:
        raise Forbidden
    template = session.execute(
        select(EmailTemplate)
        .where(
            EmailTemplate.organization_id == organization_id,
            EmailTemplate.id == template_id,
            EmailTemplate.deleted_at.is_(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if template is None:
        raise NotFound
    return template


def list_system_templates(session: Session, *, with_unpublished: bool) -> Sequence[EmailTemplate]:
    """The system's templates by name; those that organizations do not see only if asked for."""
    chosen = select(EmailTemplate).where(EmailTemplate.organization_id.is_(None), EmailTemplate.deleted_at.is_(None))
    if not with_unpublished:
        chosen = chosen.where(EmailTemplate.is_active)
    return session.execute(chosen.order_by(EmailTemplate.name, EmailTemplate.id)).scalars().all()


def read_system_template(
    session: Session, template_id: UUID, *, with_unpublished: bool, lock: bool = False
) -> EmailTemplate:
    """A template of the system. Raises NotFound."""
    chosen = select(EmailTemplate).where(
        EmailTemplate.id == template_id, EmailTemplate.organization_id.is_(None), EmailTemplate.deleted_at.is_(None)
    )
    if not with_unpublished:
        chosen = chosen.where(EmailTemplate.is_active)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    template = session.execute(chosen).scalar_one_or_none()
    if template is None:
        raise NotFound
    return template


def create_template(session: Session, organization_id: UUID | None, values: Mapping[str, Any]) -> EmailTemplate:
    """A new template, version 1; without an organization one of the system.

    Raises InvalidInput when its slug is another live one's.
    """
    with unique_fields(_UNIQUE):
        template = session.execute(
            insert(EmailTemplate)
            .values(organization_id=organization_id, id=new_id(), **values)
            .returning(EmailTemplate)
        ).scalar_one()
    _keep_version(session, template)
    return template


def update_template(
    session: Session, organization_id: UUID | None, template: EmailTemplate, values: Mapping[str, Any]
) -> EmailTemplate:
    """Change the columns in `values` of a locked template; other content is another version. Raises InvalidInput."""
    changed = any(name in values and values[name] != getattr(template, name) for name in CONTENT_COLUMNS)
    with unique_fields(_UNIQUE):
        updated = session.execute(
            update(EmailTemplate)
            .where(EmailTemplate.organization_id == organization_id, EmailTemplate.id == template.id)
            .values(**values, version=EmailTemplate.version + int(changed), updated_at=func.now())
            .returning(EmailTemplate)
            .execution_options(populate_existing=True)
        ).scalar_one()
    if changed:
        _keep_version(session, updated)
    return updated


def _keep_version(session: Session, template: EmailTemplate) -> None:
    content = {name: getattr(template, name) for name in CONTENT_COLUMNS}
    session.execute(
        insert(EmailTemplateVersion).values(
            template_id=template.id, version=template.version, organization_id=template.organization_id, **content
        )
    )


def delete_template(session: Session, organization_id: UUID, template: EmailTemplate) -> None:
    """Delete a locked template softly: what was made from it still names it, and its slug is free again."""
    session.execute(
        update(EmailTemplate)
        .where(EmailTemplate.organization_id == organization_id, EmailTemplate.id == template.id)
        .values(deleted_at=func.now(), updated_at=func.now())
    )


def slug_taken(session: Session, organization_id: UUID, slug: str) -> bool:
    """Whether a live template of the organization has the slug."""
    return (
        session.execute(
            select(EmailTemplate.id).where(
                EmailTemplate.organization_id == organization_id,
                EmailTemplate.slug == slug,
                EmailTemplate.deleted_at.is_(None),
            )
        ).first()
        is not None
    )
