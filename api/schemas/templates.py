"""Email templates in requests and answers."""

from marshmallow import Schema, fields, validate

from api.schemas.fields import VARIABLES_MAX, Anything, Choice, Flag, Identifier, Input, Text, Time

CATEGORIES = ("transactional", "marketing", "notification", "onboarding", "custom")
SOURCE_MAX = 500_000  # characters; tasks/content checks the same again where content comes together
SLUG = validate.Regexp(
    r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z",
    error="The :field field must only contain lower-case letters, numbers, dashes and underscores.",
)


class TemplateQuery(Input):
    """Which templates to list."""

    category = Choice(CATEGORIES, allow_none=True)


class _TemplateValues(Input):
    slug = Text(255, SLUG, allow_none=True, metadata={"description": "Unique among the live ones."})
    description = Text(1000, allow_none=True)
    html_content = Text(SOURCE_MAX, allow_none=True)
    text_content = Text(SOURCE_MAX, allow_none=True, metadata={"description": "Made from the html if left out."})
    mjml_content = Text(SOURCE_MAX, allow_none=True, metadata={"description": "Compiled if there is no html."})
    variables = Anything(
        allow_none=True,
        metadata={
            "type": "array",
            "maxItems": VARIABLES_MAX,
            "description": "Objects {key, label, default, required}; a bare text is a key.",
        },
    )


class NewTemplate(_TemplateValues):
    """A template to create: with html, text or MJML."""

    name = Text(255, required=True)
    category = Choice(CATEGORIES, allow_none=True)
    subject_template = Text(998, required=True)


class TemplateChange(_TemplateValues):
    """What to change of a template; what is left out stays."""

    name = Text(255)
    category = Choice(CATEGORIES)
    subject_template = Text(998)
    is_active = Flag()


class PreviewRequest(Input):
    """Values to try a template with."""

    data = Anything(allow_none=True, metadata={"type": "object", "description": "Values by merge tag."})


class PreviewSchema(Schema):
    """What a recipient would read."""

    subject = fields.String(required=True)
    html_content = fields.String(required=True, allow_none=True)
    text_content = fields.String(required=True, allow_none=True)


class VariableSchema(Schema):
    """A merge tag of a template."""

    key = fields.String(required=True)
    label = fields.String(required=True, allow_none=True)
    default = fields.Raw(required=True, allow_none=True)
    required = fields.Boolean(required=True)


class TemplateSchema(Schema):
    """An email template."""

    id = Identifier(required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True, allow_none=True)
    category = Choice(CATEGORIES, required=True)
    subject_template = fields.String(required=True)
    is_system = fields.Function(lambda template: template.organization_id is None, metadata={"type": "boolean"})
    is_active = fields.Boolean(required=True)
    version = fields.Integer(required=True)
    times_used = fields.Integer(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)
    description = fields.String(required=True, allow_none=True)
    html_content = fields.String(required=True, allow_none=True)
    text_content = fields.String(required=True, allow_none=True)
    mjml_content = fields.String(required=True, allow_none=True)
    variables = fields.List(fields.Nested(VariableSchema), required=True)
