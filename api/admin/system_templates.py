"""The system's email templates: everybody sees what is published, super admins write them."""

import json
from typing import Any
from uuid import UUID

from flask import Response, render_template, url_for

from api.admin.door import visit
from api.admin.schemas import Publication, TemplateForm, form_values
from api.admin.section import Done, Section
from api.arguments import Values
from api.schemas.templates import CATEGORIES
from api.template_values import SOURCES, make_content, merge_sources, read_definitions
from models.errors import InvalidInput
from models.rules.roles import Right
from models.store.organizations import audit
from models.store.templates import (
    create_template,
    list_system_templates,
    read_system_template,
    update_template,
)
from models.tables import EmailTemplate
from tasks.content.rendering import Variable, defaults_of
from tasks.content.template import Preview, render_preview

section = Section("templates", __name__)

PREVIEW_POLICY = "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; font-src https:; sandbox"


@section.page("/templates", Right.SEE_TEMPLATES)
def show_templates() -> str:
    """The system's templates."""
    return render_template(
        "templates.html", templates=list_system_templates(visit().session, with_unpublished=_is_editor())
    )


@section.page("/templates/new", Right.MANAGE_TEMPLATES)
def show_new_template() -> str:
    """The form of a new one."""
    return render_template("template.html", template=None, variables="", categories=CATEGORIES)


@section.form("/templates/new", Right.MANAGE_TEMPLATES, page=show_new_template)
def create() -> Done:
    """Create a template. Organizations see it when it is published."""
    columns = _columns()
    columns |= make_content({source: columns[source] for source in SOURCES})
    template = create_template(visit().session, None, columns | {"is_active": False})
    _audit("template.created", template)
    return Done(_page(template), f"{template.name} was created. Organizations see it when you publish it.")


@section.page("/templates/<id:template_id>", Right.MANAGE_TEMPLATES)
def show_template(template_id: UUID) -> str:
    """The form of one that is there."""
    template = read_system_template(visit().session, template_id, with_unpublished=True)
    variables = json.dumps(template.variables, indent=2, ensure_ascii=False) if template.variables else ""
    return render_template("template.html", template=template, variables=variables, categories=CATEGORIES)


@section.form("/templates/<id:template_id>", Right.MANAGE_TEMPLATES, page=show_template)
def change(template_id: UUID) -> Done:
    """Change it; another content is another version."""
    template = read_system_template(visit().session, template_id, with_unpublished=True, lock=True)
    columns = _columns()
    columns |= make_content(merge_sources(template, _changed_sources(template, columns)))
    updated = update_template(visit().session, None, template, columns)
    _audit("template.changed", updated)
    return Done(_page(updated), f"{updated.name} was saved as version {updated.version}.")


@section.form("/templates/<id:template_id>/published", Right.MANAGE_TEMPLATES, page=show_template)
def publish(template_id: UUID) -> Done:
    """Show it to organizations, or no longer."""
    is_published = form_values(Publication)["is_published"]
    template = read_system_template(visit().session, template_id, with_unpublished=True, lock=True)
    updated = update_template(visit().session, None, template, {"is_active": is_published})
    _audit("template.published" if is_published else "template.unpublished", updated)
    said = "Organizations see" if is_published else "Organizations no longer see"
    return Done(_page(updated), f"{said} {updated.name}.")


@section.page("/templates/<id:template_id>/preview", Right.SEE_TEMPLATES)
def show_preview(template_id: UUID) -> str:
    """As a recipient would get it: subject and text here, the html in a frame that can do nothing."""
    template = read_system_template(visit().session, template_id, with_unpublished=_is_editor())
    return render_template("template_preview.html", template=template, preview=_preview(template))


@section.page("/templates/<id:template_id>/preview/content", Right.SEE_TEMPLATES)
def show_preview_content(template_id: UUID) -> Response:
    """The html alone, for the frame; nothing in it runs, also when it is opened by itself."""
    template = read_system_template(visit().session, template_id, with_unpublished=_is_editor())
    answer = Response(_preview(template).html or "", mimetype="text/html")
    answer.headers["Content-Security-Policy"] = f"{PREVIEW_POLICY}; frame-ancestors 'self'"
    return answer


def _preview(template: EmailTemplate) -> Preview:
    defaults = defaults_of([Variable(**variable) for variable in template.variables])
    named = {each["key"]: f"[{each['key']}]" for each in template.variables if each["key"] not in defaults}
    return render_preview(
        subject=template.subject_template,
        html=template.html_content,
        text=template.text_content,
        variables=defaults,
        data=named,
    )


def _is_editor() -> bool:
    return visit().who.may(Right.MANAGE_TEMPLATES)


def _columns() -> Values:
    values = form_values(TemplateForm)
    for source in SOURCES:  # browsers send \r\n; what is stored must not differ for that alone
        if values[source] is not None:
            values[source] = values[source].replace("\r\n", "\n")
    try:
        values["variables"] = json.loads(values["variables"] or "[]")
    except ValueError:
        raise InvalidInput({"variables": ["The variables field must be a JSON array."]}) from None
    return {**values, "variables": read_definitions(values)}


def _changed_sources(template: EmailTemplate, columns: Values) -> dict[str, Any]:
    """Only what was changed in the form, so that what was made from it is made anew."""
    return {
        source: columns[source]
        for source in SOURCES
        if _as_sent(columns[source]) != _as_sent(getattr(template, source))
    }


def _as_sent(text: str | None) -> str:
    """A text as it comes back from a form in which nobody touched it."""
    return (text or "").replace("\r\n", "\n").strip()


def _audit(action: str, template: EmailTemplate) -> None:
    details = {"name": template.name, "version": template.version}
    audit(visit().session, None, actor=visit().who.email, action=action, subject=str(template.id), details=details)


def _page(template: EmailTemplate) -> str:
    return url_for("admin.templates.show_template", template_id=template.id)
