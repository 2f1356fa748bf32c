"""Fields of requests, with the contract's words for what is wrong. `:field` becomes the dotted name (api/arguments.py).

Values arrive trimmed, with None for "". Fields of answers are at the end.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from models.rules.address import is_valid_address, normalise_address
from models.rules.money import json_number
from models.rules.schedule import format_time

REQUIRED = "The :field field is required."
VARIABLES_MAX = 200  # of a template
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WHOLE = re.compile(r"-?[0-9]{1,18}")


class Input(Schema):
    """A request's body or query. Unknown fields are ignored."""

    class Meta:
        unknown = EXCLUDE


def _messages(invalid: str) -> dict[str, Any]:
    return {"required": REQUIRED, "null": REQUIRED, "invalid": invalid}


class Text(fields.String):
    """A text of at most `longest` characters."""

    default_error_messages = _messages("The :field field must be a string.")

    def __init__(self, longest: int, *rules: validate.Validator, **options: Any) -> None:
        error = f"The :field field must not be greater than {longest:,} characters."
        super().__init__(validate=[validate.Length(max=longest, error=error), *rules], **options)


ONE_LINE = validate.Regexp(r"^[^\r\n]*$", error="The :field field must be a single line.")
"""A rule for what stands in a header of a message: such a text with a line break is a try to write another header."""


class Address(fields.String):
    """An email address; comes out normalised unless `as_written`."""

    default_error_messages = _messages("The :field field must be a valid email address.")

    def __init__(self, *, as_written: bool = False, metadata: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(metadata={"format": "email", **(metadata or {})}, **options)
        self._as_written = as_written

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        if not isinstance(value, str) or not is_valid_address(value):
            raise self.make_error("invalid")
        return value if self._as_written else normalise_address(value)


class Identifier(fields.UUID):
    """A UUID in its usual form."""

    default_error_messages = _messages("The :field field must be a valid UUID.")

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> UUID:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise self.make_error("invalid")
        return UUID(value)


class Whole(fields.Integer):
    """A whole number between two bounds; digits in a text count as one."""

    default_error_messages = _messages("The :field field must be an integer.")

    def __init__(self, lowest: int, highest: int, **options: Any) -> None:
        error = f"The :field field must be between {lowest} and {highest}."
        super().__init__(validate=validate.Range(lowest, highest, error=error), **options)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.make_error("invalid")


class Flag(fields.Boolean):
    """true or false; 1, 0 and their texts count (1 == True)."""

    default_error_messages = _messages("The :field field must be true or false.")
    truthy = {True, "1", "true", "True"}  # noqa: RUF012
    falsy = {False, "0", "false", "False"}  # noqa: RUF012


class Choice(fields.String):
    """One of some words."""

    default_error_messages = _messages("The selected :field is invalid.")

    def __init__(self, choices: Sequence[str], **options: Any) -> None:
        super().__init__(validate=validate.OneOf(choices, error="The selected :field is invalid."), **options)


class Identifiers(fields.List[UUID]):
    """A list of at most `most` UUIDs."""

    default_error_messages = _messages("The :field field must be an array.")

    def __init__(self, most: int, *, least: int = 0, **options: Any) -> None:
        error = f"The :field field must not have more than {most:,} items."
        rules = [validate.Length(max=most, error=error)]
        if least:
            rules.append(validate.Length(min=least, error=REQUIRED))
        super().__init__(Identifier(), validate=rules, **options)


class Texts(fields.List[str]):
    """A list of at most `most` texts, each of at most `longest` characters and none of them empty."""

    default_error_messages = _messages("The :field field must be an array.")

    def __init__(self, most: int, longest: int, **options: Any) -> None:
        error = f"The :field field must not have more than {most:,} items."
        super().__init__(Text(longest), validate=validate.Length(max=most, error=error), **options)


class Scalars(fields.Dict):
    """An object of texts, numbers, true and false: at most 64 keys, of at most 100 characters."""

    default_error_messages = _messages("The :field field must be an object.")
    KEYS_MAX = 64
    KEY_MAX = 100
    TEXT_MAX = 10_000

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        if value == []:  # how PHP writes an empty object
            return {}
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        if len(value) > self.KEYS_MAX:
            raise ValidationError(f"The :field field must not have more than {self.KEYS_MAX} keys.")
        errors: dict[str, list[str]] = {}
        for key, item in value.items():
            if not 0 < len(key.strip()) <= self.KEY_MAX:
                raise ValidationError(f"The keys of the :field field must have 1 to {self.KEY_MAX} characters.")
            if not isinstance(item, str | int | float | None):  # also a file: a form's part may have any name
                errors[key] = ["The :field field must be a text, a number, true or false."]
            elif isinstance(item, str) and len(item) > self.TEXT_MAX:
                errors[key] = [f"The :field field must not be greater than {self.TEXT_MAX:,} characters."]
        if errors:
            raise ValidationError(errors)
        return {key.strip(): item for key, item in value.items()}


class TagValues(Scalars):
    """Values of merge tags, as many as a template may define."""

    KEYS_MAX = VARIABLES_MAX


class Anything(fields.Raw):
    """Whatever the client sent; a rule of its own checks it."""

    default_error_messages = {"required": REQUIRED, "null": REQUIRED}  # noqa: RUF012


class Time(fields.String):
    """In answers: an instant, as `2026-01-10T10:00:00+00:00`."""

    def __init__(self, *, metadata: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(metadata={"format": "date-time", **(metadata or {})}, **options)

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str | None:
        return None if value is None else format_time(value)


class Amount(fields.Float):
    """In answers: an amount of money, as an exact number."""

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Any:
        return None if value is None else json_number(value)
