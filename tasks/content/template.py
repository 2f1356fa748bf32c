"""What saving a template does with its parts, and what a preview shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import InvalidInput
from tasks.content.inline_css import inline_css
from tasks.content.merge_tags import check_source, clean_text
from tasks.content.mjml import compile_mjml
from tasks.content.plain_text import text_from_html
from tasks.content.rendering import Renderer, Scalar, header_text

#: Most values of one message, and characters in one of them.
VALUES_MAX = 200
VALUE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class TemplateContent:
    """The parts of a template as they are stored. `mjml` is kept beside the html made from it."""

    subject: str
    html: str | None
    text: str | None
    mjml: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a recipient would get."""

    subject: str
    html: str | None
    text: str | None


def complete_template(*, subject: str, html: str | None, text: str | None, mjml: str | None) -> TemplateContent:
    """A template's parts, checked; html made from MJML and text made from html where they are missing.

    Raises InvalidInput on subject_template, html_content, text_content or mjml_content: no content at all, mistakes in
    merge tags or MJML (with the line), tags where none can stand, sources over the limits.
    """
    errors: dict[str, list[str]] = {}
    checks = {"subject_template": (subject, "subject"), "html_content": (html, "html"), "text_content": (text, "text")}
    for field, (source, kind) in checks.items():
        try:
            check_source(field, source or "", kind)
        except InvalidInput as error:
            errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    if not header_text(subject):
        raise InvalidInput({"subject_template": ["The subject_template field is required."]})
    made_from = "html_content"
    if mjml and mjml.strip() and not (html and html.strip()):
        html = compile_mjml(mjml)
        made_from = "mjml_content"
    if not (html and html.strip()) and not (text and text.strip()):
        raise InvalidInput(
            {"html_content": ["The html_content field is required without mjml_content and text_content."]}
        )
    if html and html.strip():
        inline_css(clean_text(html), made_from)  # only to see that it will go through when an email is sent
        if not (text and text.strip()):
            text = text_from_html(clean_text(html), made_from)
    return TemplateContent(subject, html or None, text or None, mjml or None)


def render_preview(
    *, subject: str, html: str | None, text: str | None, variables: Mapping[str, Scalar], data: Mapping[str, Any]
) -> Preview:
    """Subject, html (CSS inlined) and text as a recipient with `data` would get them.

    `variables` are the defaults. `data` may hold objects (`{"custom_fields": {"city": …}}`); see `flat_values`.
    Raises InvalidInput on `data.…` for what is not plain data, and like `freeze_email` on the sources.
    """
    values = flat_values(data, "data")
    subject = _render("subject", subject, "subject", variables, values) or ""
    html = _render("html_content", inline_css(clean_text(html)) if html else None, "html", variables, values)
    return Preview(header_text(subject), html, _render("text_content", text, "text", variables, values))


def _render(
    field: str, source: str | None, kind: str, variables: Mapping[str, Scalar], values: Mapping[str, Scalar]
) -> str | None:
    if not source:
        return None
    return Renderer(check_source(field, source, kind), is_html=kind == "html", common=variables).render(values)


def flat_values(data: Mapping[str, Any], field: str) -> dict[str, Scalar]:
    """Values by merge tag: `{"custom_fields": {"city": "Riga"}}` becomes `{"custom_fields.city": "Riga"}`.

    Raises InvalidInput with the dotted field for anything but texts, numbers, true, false and null, for more than 200
    values, and for texts over 10,000 characters.
    """
    flat: dict[str, Scalar] = {}
    errors: dict[str, list[str]] = {}
    waiting: list[tuple[str, Any, int]] = [(str(key), value, 1) for key, value in reversed(list(data.items()))]
    while waiting:
        key, value, depth = waiting.pop()
        if isinstance(value, Mapping) and depth < 4:
            waiting += [(f"{key}.{name}", inner, depth + 1) for name, inner in reversed(list(value.items()))]
        elif isinstance(value, str) and len(value) > VALUE_MAX:
            errors[f"{field}.{key}"] = [f"The {field}.{key} field may not be longer than {VALUE_MAX:,} characters."]
        elif value is None or isinstance(value, str | int | float | bool):
            flat[key] = value
        else:
            errors[f"{field}.{key}"] = [f"The {field}.{key} field must be a text, a number, true or false."]
        if len(flat) + len(errors) > VALUES_MAX:
            raise InvalidInput({field: [f"The {field} may not have more than {VALUES_MAX} values."]})
    if errors:
        raise InvalidInput(errors)
    return flat
