"""From the sources of a template that a request gives to the columns that are stored."""

from dataclasses import asdict
from typing import Any

from api.arguments import Values
from api.schemas.fields import VARIABLES_MAX
from models.errors import InvalidInput
from models.tables import EmailTemplate
from tasks.content.plain_text import text_from_html
from tasks.content.rendering import read_variables
from tasks.content.template import complete_template

SOURCES = ("subject_template", "html_content", "text_content", "mjml_content")


def read_definitions(values: Values) -> list[dict[str, Any]]:
    """The variables that a template defines, as they are stored. Raises InvalidInput."""
    definitions = values.get("variables") or []
    if not isinstance(definitions, list):
        raise InvalidInput({"variables": ["The variables field must be an array."]})
    if len(definitions) > VARIABLES_MAX:
        raise InvalidInput({"variables": [f"The variables field must not have more than {VARIABLES_MAX} items."]})
    return [asdict(variable) for variable in read_variables("variables", definitions)]


def merge_sources(template: EmailTemplate, given: Values) -> Values:
    """The sources after a change. What was made from a source that changes is made anew."""
    sources = {source: given.get(source, getattr(template, source)) for source in SOURCES}
    if given.get("mjml_content") and "html_content" not in given:
        sources["html_content"] = None
    if sources["html_content"] != template.html_content and "text_content" not in given and _has_made_text(template):
        sources["text_content"] = None
    return sources


def _has_made_text(template: EmailTemplate) -> bool:
    try:
        return template.html_content is not None and template.text_content == text_from_html(template.html_content)
    except InvalidInput:
        return False


def make_content(sources: Values) -> Values:
    """All four sources: MJML compiled where there is no html, a text made where there is none. Raises InvalidInput."""
    content = complete_template(
        subject=sources["subject_template"],
        html=sources["html_content"],
        text=sources["text_content"],
        mjml=sources["mjml_content"],
    )
    return dict(zip(SOURCES, (content.subject, content.html, content.text, content.mjml), strict=True))
