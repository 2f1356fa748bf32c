"""Merge tags: the small template language of subjects, texts and html.

    {{ first_name }}                         a value, or nothing
    {{ custom_fields.city }}                 a contact's own field
    {{ custom_fields["Home town"] }}         the same, where its name has spaces
    {{ first_name|default("there") }}        another text where the value is missing or empty
    {{ city|upper }}                         filters: default, upper, lower, title, capitalize, trim, urlencode, escape
    {% if plan == "pro" %}…{% elif … %}…{% else %}…{% endif %}

    {% if age >= 18 and city in ["Riga", "Ventspils"] or not plan is defined %}…{% endif %}

It is what minijinja understands of that, and no more: `parse_source` lets through only words it knows, so that a
rendering cannot fail, cannot call anything and cannot grow (plain minijinja multiplies `"x" * 100000000` into 100 MB).
`{#` is plain text: minified CSS contains it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from minijinja import TemplateError

from models.errors import InvalidInput
from tasks.content.engine import new_environment
from tasks.content.expressions import TagError, Token, plain_value, read_tag, rewrite

#: Longest source of each kind, in characters. 998 is a mail line's limit (RFC 5322, 2.1.1).
LIMITS = {"subject": 998, "html": 500_000, "text": 500_000, "mjml": 500_000}
#: Most tags in one source.
TAGS_MAX = 2000
#: Deepest conditions within conditions; minijinja's parser recurses.
NESTING_MAX = 50

_OPEN = re.compile(r"\{\{[-+]?|\{%[-+]?")
_TRIMS = re.compile(r"\{[{%][-+]")
_FLAT_NAME = re.compile(r"\bv([0-9]+)\b")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Tag:
    """`{{ key }}` or `{{ key|default("…") }}`: a value that can be spliced in without a template engine."""

    key: str
    default: str


@dataclass(frozen=True, slots=True)
class Logic:
    """A part that minijinja renders by itself: a value with filters, or a whole {% if %} … {% endif %}.

    In `template` the value of key `keys[i][0]` goes by the name `keys[i][1]`.
    """

    template: str
    keys: tuple[tuple[str, str], ...]


Part = str | Tag | Logic


@dataclass(frozen=True, slots=True)
class Source:
    """A source taken apart into literal texts, plain values and logic, in order. `keys` are all it uses; `tags` are
    the places (start, end) of all tags in the source that was parsed."""

    parts: tuple[Part, ...]
    keys: tuple[str, ...]
    tags: tuple[tuple[int, int], ...]


def clean_text(text: str) -> str:
    r"""`text` as it may stand in a mail: line ends as \n, no control characters, no lone surrogates."""
    if text.isprintable():  # most are
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text)
    return text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=64)
def parse_source(source: str) -> Source:
    """Take a clean source apart. Raises TagError on what is not in the language. Nothing is rendered."""
    keys: dict[str, int] = {}
    parts: list[Part] = []
    logic: list[str] = []  # the template of the condition that is open
    whole: list[str] = []
    tags: list[tuple[int, int]] = []
    conditions: list[int] = []
    position = 0
    while (opening := _OPEN.search(source, position)) is not None:
        start, braces = opening.start(), opening.group()
        literal = source[position:start]
        line = source.count("\n", 0, start) + 1
        tokens, position = read_tag(source, start, braces, line)
        tags.append((start, position))
        if len(tags) > TAGS_MAX:
            raise TagError(f"there are more than {TAGS_MAX} tags.", line)
        inside = bool(conditions)
        value, template = _read_tokens(braces, tokens, keys, conditions, line)
        whole += [literal, template]
        if inside or conditions:
            parts += [] if inside else [literal]
            logic += [literal, template] if inside else [template]
            if not conditions:
                parts.append(_logic("".join(logic), keys))
                logic.clear()
        else:
            parts += [literal, value or _logic(template, keys)]
    if conditions:
        raise TagError("{% if %} has no {% endif %}.", conditions[-1])
    whole.append(source[position:])
    parts.append(source[position:])
    template = "".join(whole)
    if tags:
        _check_syntax(template)
    if any(_TRIMS.match(source, start) or source[end - 3] in "-+" for start, end in tags):
        parts = [_logic(template, keys)]  # `{{-` and `-}}` reach into the text around them
    return Source(tuple(part for part in parts if part != ""), tuple(keys), tuple(tags))


def _read_tokens(
    braces: str, tokens: list[Token], keys: dict[str, int], conditions: list[int], line: int
) -> tuple[Tag | None, str]:
    """A tag as a plain value, if it is one, and as minijinja is to read it."""
    *body, end = tokens
    head = ""
    if braces.startswith("{%"):
        word = body.pop(0) if body else end
        _follow_conditions(word.text, bool(body), conditions, line)
        head = word.space + word.text
    value = plain_value(body) if braces.startswith("{{") else None
    template = "".join([braces, head, *rewrite(body, keys, line), end.space, end.text])
    return Tag(*value) if value else None, template


def _logic(template: str, keys: dict[str, int]) -> Logic:
    numbers = {int(number) for number in _FLAT_NAME.findall(template)}
    return Logic(template, tuple((key, f"v{number}") for key, number in keys.items() if number in numbers))


def _follow_conditions(word: str, has_more: bool, open_lines: list[int], line: int) -> None:
    """Keep account of the conditions that are open, by the lines of their {% if %}."""
    if word == "if":
        open_lines.append(line)
        if len(open_lines) > NESTING_MAX:
            raise TagError(f"conditions are nested deeper than {NESTING_MAX}.", line)
    elif word not in ("elif", "else", "endif"):
        raise TagError(f"{{% {word} %}} is not available; there are if, elif, else and endif.", line)
    elif not open_lines:
        raise TagError(f"{{% {word} %}} has no {{% if %}}.", line)
    elif word == "endif":
        open_lines.pop()
    if has_more != (word in ("if", "elif")):
        raise TagError(f"{{% {word} %}} {'must not have' if has_more else 'needs'} a condition.", line)


def _check_syntax(template: str) -> None:
    try:
        new_environment().undeclared_variables_in_str(template)
    except TemplateError as error:
        raise TagError(f"{error.detail or error.message}.", error.line or 1) from error


def merge_tags(source: str) -> frozenset[str]:
    """The keys that a source uses: `first_name`, `custom_fields.city`. Raises TagError."""
    return frozenset(parse_source(clean_text(source)).keys)


def check_source(field: str, source: str, kind: str) -> Source:
    """The source taken apart, of `kind` subject, text or html.

    Raises InvalidInput on `field`, with the line, when it is too long or not in the language.
    """
    if len(source) > LIMITS[kind]:
        raise InvalidInput({field: [f"The {field} may not be longer than {LIMITS[kind]:,} characters."]})
    try:
        return parse_source(clean_text(source))
    except TagError as error:
        raise InvalidInput({field: [f"The {field} has a mistake. {error}"]}) from error
