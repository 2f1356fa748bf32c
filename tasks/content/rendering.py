"""Values into sources: what a recipient reads where a merge tag stands.

Values are plain data: text, whole and decimal numbers, true and false. None and the empty text are missing, and a
missing value takes the content's own value for that key (a template's default, what a sender gave for everybody),
then the tag's `default`, then nothing. `render` and the splicing of prepared bytes (`tasks.content.splice`) use the
functions of this module, and a test holds the two to the same result.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minijinja import TemplateError

from models.errors import InvalidInput
from tasks.content.engine import new_environment
from tasks.content.merge_tags import LIMITS, Logic, Source, Tag, clean_text

Scalar = str | int | float | bool | None
Values = Mapping[str, Scalar]

#: By how much values may make a message longer, in bytes (in characters, where a provider fills them in). A text
#: may have 2,000 tags, and a value 10,000 characters: without a limit one message would have 180 MB.
VALUES_BYTES_MAX = 1024 * 1024

#: Characters that would end a header line, for some reader or other (RFC 5322, 2.2; Unicode's own line ends).
_HEADER_BREAKS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def text_of(value: Scalar) -> str:
    """A value as text, cleaned: `true` and `false`, 2.5 and 30 (also for 30.0), None as nothing."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # minijinja hands 30.0 back as 30, so that is how it reads everywhere.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def html_of(value: Scalar) -> str:
    """A value as it stands in html, in a text or a quoted attribute."""
    return html.escape(text_of(value))


def header_text(text: str) -> str:
    """`text` on one line: no line ends or control characters, tabs as spaces, trimmed, at most 998 characters."""
    return _HEADER_BREAKS.sub("", clean_text(text).replace("\t", " ")).strip(" ")[: LIMITS["subject"]].rstrip(" ")


def is_missing(value: Scalar) -> bool:
    """Whether a value counts as not given: None, or a text of which nothing is left."""
    return value is None or (isinstance(value, str) and not clean_text(value))


def check_growth(size: int) -> None:
    """Raise InvalidInput on `variables` when the values make so much of a message that it is more than any needs."""
    if size > VALUES_BYTES_MAX:
        raise InvalidInput({"variables": ["The variables field makes the message more than 1 MB longer."]})


# The same as in other fields of requests (api/schemas/fields.py); 1 == True.
TRUE: frozenset[Scalar] = frozenset({True, "1", "true", "True"})
FALSE: frozenset[Scalar] = frozenset({False, "0", "false", "False"})


@dataclass(frozen=True, slots=True)
class Variable:
    """What a template says about one of its merge tags."""

    key: str
    label: str | None = None
    default: Scalar = None
    required: bool = False


def read_variables(field: str, definitions: Sequence[Any]) -> list[Variable]:
    """A template's `variables`: objects {key, label, default, required}; a bare text is a key.

    Raises InvalidInput with dotted fields (`variables.2.key`).
    """
    errors: dict[str, list[str]] = {}
    variables: list[Variable] = []
    for index, definition in enumerate(definitions):
        given = {"key": definition} if isinstance(definition, str) else definition
        place = f"{field}.{index}"
        if not isinstance(given, Mapping):
            errors[place] = ["A variable must be a key or an object with a key."]
        elif problems := _problems(place, given):
            errors |= problems
        else:
            required = given.get("required") in TRUE
            variables.append(Variable(given["key"].strip(), given.get("label"), given.get("default"), required))
    if errors:
        raise InvalidInput(errors)
    return variables


def _problems(place: str, given: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with an object that defines a variable, by dotted fields."""
    key, label, default, required = map(given.get, ("key", "label", "default", "required"))
    is_flag = required is None or (isinstance(required, str | int | float) and required in TRUE | FALSE)
    rules = {
        "key": (isinstance(key, str) and key.strip(), "is required"),
        "label": (isinstance(label, str | None), "must be a string"),
        "default": (
            isinstance(default, str | int | float | None),
            "must be a text, a number, true or false",
        ),
        "required": (is_flag, "must be true or false"),
    }
    wrong = [(f"{place}.{name}", words) for name, (is_right, words) in rules.items() if not is_right]
    return {field: [f"The {field} field {words}."] for field, words in wrong}


def defaults_of(variables: Sequence[Variable]) -> dict[str, Scalar]:
    """The defaults by key, of those that have one."""
    return {variable.key: variable.default for variable in variables if not is_missing(variable.default)}


def missing_required(variables: Sequence[Variable], values: Values) -> list[str]:
    """Keys of required variables that have neither a value nor a default."""
    return [
        variable.key
        for variable in variables
        if variable.required and is_missing(values.get(variable.key)) and is_missing(variable.default)
    ]


class LogicRenderer:
    """One piece of logic, compiled. `write` is text_of or html_of; `common` holds the values of those without one."""

    def __init__(self, logic: Logic, write: Callable[[Scalar], str], common: Values) -> None:
        self._keys = [(key, name, _engine_value(common.get(key))) for key, name in logic.keys]
        self._environment = new_environment(write)
        self._environment.add_template("logic", logic.template)

    def render(self, values: Values) -> str:
        """The text for these values. Raises InvalidInput on `variables` if they cannot be used."""
        context = {}
        for key, name, common in self._keys:
            value = _engine_value(values.get(key))
            if value is None:
                value = common
            if value is not None:
                context[name] = value
        try:
            return self._environment.render_template("logic", **context)
        except TemplateError as error:
            raise InvalidInput({"variables": [f"The content cannot be rendered: {error.message}"]}) from error


class Renderer:
    """One source, compiled for many renderings. Belongs to one thread."""

    def __init__(self, source: Source, *, is_html: bool, common: Values) -> None:
        self._write = html_of if is_html else text_of
        self._common = {key: value for key, value in common.items() if not is_missing(value)}
        self._parts = [
            LogicRenderer(part, self._write, self._common) if isinstance(part, Logic) else part for part in source.parts
        ]

    @classmethod
    def of_part(cls, part: Tag | Logic, *, is_html: bool, common: Values) -> "Renderer":
        """The renderer of one part of a source."""
        return cls(Source((part,), (), ()), is_html=is_html, common=common)

    def render(self, values: Values) -> str:
        """The source with these values. Raises InvalidInput on `variables` if they cannot be used."""
        return "".join([self._render_part(part, values) for part in self._parts])

    def _render_part(self, part: str | Tag | LogicRenderer, values: Values) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, LogicRenderer):
            return part.render(values)
        return self._write(values.get(part.key)) or self._write(self._common.get(part.key, part.default))


def _engine_value(value: Scalar) -> Scalar:
    """A value as minijinja may have it; None if it is missing."""
    if isinstance(value, str):
        return clean_text(value) or None
    # minijinja turns whole numbers beyond 64 or 128 bits into floats: 10**40 would read 1e+40.
    return value if value is None or -(2**53) < value < 2**53 else text_of(value)
