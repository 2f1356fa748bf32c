"""The panel's forms: what each field takes. Checked and worded like the API's requests (api/schemas/fields.py)."""

from datetime import date
from decimal import Decimal
from typing import Any

from flask import request
from marshmallow import fields, validate

from api.arguments import Values, check
from api.schemas.fields import REQUIRED, Address, Choice, Flag, Identifier, Input, Text, Whole
from api.schemas.templates import CATEGORIES, SLUG, SOURCE_MAX
from models.errors import InvalidInput
from models.passwords import PASSWORD_MAX
from models.rules.money import MONEY_MAX, money
from models.rules.roles import UserRole

RATE_LIMIT_MAX = 1_000_000
_CURRENCY = validate.Regexp(r"[A-Z]{3}\Z", error="The :field field must be three capital letters.")


def form_values(schema: type[Input]) -> Values:
    """The values of the form that was sent; a box that is not ticked is "0". Raises InvalidInput."""
    checker = schema()
    sent: dict[str, Any] = {name: "0" for name, kind in checker.fields.items() if isinstance(kind, Flag)}
    return check(checker, sent | request.form.to_dict())


def query_values(schema: type[Input]) -> Values:
    """The values of the address; one that is no good is left out."""
    checker = schema()
    given = {name: value for name, value in request.args.to_dict().items() if name in checker.fields}
    try:
        return check(checker, given)
    except InvalidInput as error:
        good = {name: value for name, value in given.items() if name not in error.errors}
        return check(checker, good)


class Money(fields.Decimal):
    """An amount above zero with at most four decimals."""

    default_error_messages = {"required": REQUIRED, "null": REQUIRED, "invalid": "The :field field must be an amount."}  # noqa: RUF012

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Decimal:
        try:
            amount = money(str(value))
        except ValueError:
            raise self.make_error("invalid") from None
        if amount != Decimal(str(value)) or not 0 < amount <= MONEY_MAX:
            raise self.make_error("invalid")
        return amount


class Day(fields.Date):
    """A day, as `2026-01-31`; one that another day follows."""

    default_error_messages = {"invalid": "The :field field must be a day such as 2026-01-31."}  # noqa: RUF012

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> date:
        try:
            day = date.fromisoformat(str(value))
        except ValueError:
            raise self.make_error("invalid") from None
        if day == date.max:
            raise self.make_error("invalid")
        return day


class PageQuery(Input):
    """Which page of a list."""

    page = Whole(1, 100_000, load_default=1, allow_none=True)


class SenderIdQuery(Input):
    """Which sender IDs."""

    status = Text(20, load_default=None, allow_none=True)


class AuditQuery(PageQuery):
    """Which entries of the audit log."""

    organization_id = Identifier(load_default=None, allow_none=True)
    action = Text(100, load_default=None, allow_none=True)
    actor = Text(320, load_default=None, allow_none=True)


class PasswordChange(Input):
    """The old password, and the new one twice. They are not trimmed: see `raw_password`."""

    current_password = Text(PASSWORD_MAX, required=True)
    new_password = Text(PASSWORD_MAX, required=True)
    repeated_password = Text(PASSWORD_MAX, required=True)


class NewToken(Input):
    """A token to create. `organization_id` is the super admin's to say."""

    name = Text(100, required=True)
    expires_on = Day(load_default=None, allow_none=True)
    organization_id = Identifier(load_default=None, allow_none=True)


class OrganizationForm(Input):
    """An organization."""

    name = Text(255, required=True)
    currency = Text(3, _CURRENCY, required=True)
    rate_limit = Whole(1, RATE_LIMIT_MAX, required=True)


class OrganizationChange(OrganizationForm):
    """What may be changed of an organization."""

    is_active = Flag(required=True)


class TopUp(Input):
    """Credits, and what they were paid by."""

    amount = Money(required=True)
    reference = Text(100, required=True)


class Rejection(Input):
    """Why not."""

    reason = Text(500, required=True)


class NewUser(Input):
    """Somebody who may log in. `organization_id` is the super admin's to say; without it, one of the platform."""

    name = Text(255, required=True)
    email = Address(required=True)
    role = Choice(list(UserRole), required=True)
    organization_id = Identifier(load_default=None, allow_none=True)


class UserChange(Input):
    """What may be changed of a user."""

    name = Text(255, required=True)
    role = Choice(list(UserRole), required=True)
    is_active = Flag(required=True)


class TemplateForm(Input):
    """A system template; with html, text or MJML."""

    name = Text(255, required=True)
    slug = Text(255, SLUG, load_default=None, allow_none=True)
    category = Choice(CATEGORIES, required=True)
    description = Text(1000, load_default=None, allow_none=True)
    subject_template = Text(998, required=True)
    html_content = Text(SOURCE_MAX, load_default=None, allow_none=True)
    text_content = Text(SOURCE_MAX, load_default=None, allow_none=True)
    mjml_content = Text(SOURCE_MAX, load_default=None, allow_none=True)
    variables = Text(100_000, load_default=None, allow_none=True)


class Publication(Input):
    """Whether organizations see a template."""

    is_published = Flag(required=True)
