"""Email templates."""

import re
import time
from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.schemas.envelopes import Nothing, answer_of, array_of, done, found
from api.schemas.templates import (
    NewTemplate,
    PreviewRequest,
    PreviewSchema,
    TemplateChange,
    TemplateQuery,
    TemplateSchema,
)
from api.scope import own
from api.template_values import SOURCES, make_content, merge_sources, read_definitions
from models.errors import InvalidInput
from models.store import templates
from tasks.content.rendering import Variable, defaults_of
from tasks.content.template import render_preview

blueprint = Blueprint("Email templates", __name__, "Contents to send again, with merge tags such as {{ first_name }}.")


@blueprint.route("/email-templates")
@blueprint.arguments(TemplateQuery, location="query")
@blueprint.response(200, array_of(TemplateSchema))
def list_email_templates(arguments: Arguments) -> dict[str, Any]:
    """List email templates

    Active ones, those of the system included, newest first.
    """
    return found(templates.list_templates(*own(), category=arguments().get("category")))


@blueprint.route("/email-templates", methods=["POST"])
@blueprint.arguments(NewTemplate)
@blueprint.response(201, answer_of(TemplateSchema, mutation=True))
def create_email_template(arguments: Arguments) -> dict[str, Any]:
    """Create an email template

    MJML without html is compiled, and a text is made from the html where there is none.
    """
    values = arguments()
    columns = {**values, "category": values.get("category") or "custom", "variables": read_definitions(values)}
    columns |= make_content({source: values.get(source) for source in SOURCES})
    return done(templates.create_template(*own(), columns), "Template created.")


@blueprint.route("/email-templates/<id:template_id>")
@blueprint.response(200, answer_of(TemplateSchema))
def get_email_template(template_id: UUID) -> dict[str, Any]:
    """Read an email template

    With its sources and variables.
    """
    return found(templates.read_template(*own(), template_id))


@blueprint.route("/email-templates/<id:template_id>", methods=["PUT"], errors=(403,))
@blueprint.arguments(TemplateChange)
@blueprint.response(200, answer_of(TemplateSchema, mutation=True))
def update_email_template(arguments: Arguments, template_id: UUID) -> dict[str, Any]:
    """Update an email template

    What is left out stays. Another content is another version. System templates cannot be changed.
    """
    template = templates.lock_own_template(*own(), template_id)
    columns = arguments()
    if "variables" in columns:
        columns["variables"] = read_definitions(columns)
    if any(source in columns for source in SOURCES):
        columns |= make_content(merge_sources(template, columns))
    return done(templates.update_template(*own(), template, columns), "Template updated.")


@blueprint.route("/email-templates/<id:template_id>", methods=["DELETE"], errors=(403,))
@blueprint.response(200, Nothing)
def delete_email_template(template_id: UUID) -> dict[str, Any]:
    """Delete an email template

    It is no longer available for sending; what was sent with it still names it.
    """
    templates.delete_template(*own(), templates.lock_own_template(*own(), template_id))
    return done(None, "Template deleted.")


@blueprint.route("/email-templates/<id:template_id>/preview", methods=["POST"])
@blueprint.arguments(PreviewRequest)
@blueprint.response(200, answer_of(PreviewSchema))
def preview_email_template(arguments: Arguments, template_id: UUID) -> dict[str, Any]:
    """Preview an email template

    As a recipient with `data` would get it. A missing value takes the variable's default.
    """
    template = templates.read_template(*own(), template_id)
    data = arguments().get("data") or {}
    if not isinstance(data, dict):
        raise InvalidInput({"data": ["The data field must be an object."]})
    preview = render_preview(
        subject=template.subject_template,
        html=template.html_content,
        text=template.text_content,
        variables=defaults_of([Variable(**variable) for variable in template.variables]),
        data=data,
    )
    return found({"subject": preview.subject, "html_content": preview.html, "text_content": preview.text})


@blueprint.route("/email-templates/<id:template_id>/duplicate", methods=["POST"])
@blueprint.response(201, answer_of(TemplateSchema, mutation=True))
def duplicate_email_template(template_id: UUID) -> dict[str, Any]:
    """Duplicate an email template

    The copy is the organization's own, whoever the template belonged to.
    """
    template = templates.read_template(*own(), template_id)
    columns = {name: getattr(template, name) for name in (*templates.CONTENT_COLUMNS, "category", "description")}
    columns["name"] = f"{template.name[:248]} (Copy)"
    columns["slug"] = _copied_slug(template.slug or _slug_of(template.name))
    return done(templates.create_template(*own(), columns), "Template duplicated.")


def _slug_of(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or "template"


def _copied_slug(slug: str) -> str:
    """`welcome-copy-1705312200`; the next free second for the second copy of one second."""
    base = slug[:230]
    stamp = int(time.time())
    while templates.slug_taken(*own(), f"{base}-copy-{stamp}"):
        stamp += 1
    return f"{base}-copy-{stamp}"
