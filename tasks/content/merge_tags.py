"""Merge tags: the small template language of subjects, texts and html.

    {{ first_name }}                         a value, or nothing
    {{ custom_fields.city }}                 a contact's own field
    {{ custom_fields["Home town"] }}         the same, where its name has spaces
    {{ first_name|default("there") }}        another text where the value is missing or empty
    {{ city|upper }}                         filters: default, upper, lower, title, capitalize, trim, urlencode, escape
    {% if plan == "pro" %}…{% elif … %}…{% else %}…{% endif %}

It is what minijinja understands of that, and no more: `parse_source` lets through only words it knows, so that a
rendering cannot fail, cannot call anything and cannot grow (plain minijinja multiplies `"x" * 100000000` into
100 MB, and a few thousand nested `not` end the process by stack overflow). Every key becomes a flat name
(`v0`, `v1`, …) before minijinja sees it, so neither attributes nor the engine's own functions can be reached.
`{#` is plain text: minified CSS contains it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from minijinja import Environment, TemplateError

from models.errors import InvalidInput

#: Longest source of each kind, in characters. 998 is a mail line's limit (RFC 5322, 2.1.1).
LIMITS = {"subject": 998, "html": 500_000, "text": 500_000, "mjml": 500_000}
#: Most tags in one source, and characters in one tag; both bound what minijinja's recursive parser has to hold.
TAGS_MAX = 2000
TAG_LENGTH_MAX = 1000
#: Instructions one rendering may take: 2000 tags of 1000 characters need less.
FUEL = 1_000_000

FILTERS = frozenset({"default", "d", "upper", "lower", "title", "capitalize", "trim", "urlencode", "escape", "e"})
TESTS = frozenset({"defined", "undefined"})
STATEMENTS = frozenset({"if", "elif", "else", "endif"})
OPERATORS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
KEYWORDS = OPERATORS | {"true", "false", "none", "True", "False", "None"}

_OPEN = re.compile(r"\{\{[-+]?|\{%[-+]?")
_TOKEN = re.compile(
    r"""(?P<space>\s*)
    (?:(?P<end>[-+]?(?:\}\}|%\}))
      |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      |(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?)
      |(?P<name>[^\W\d]\w*)
      |(?P<op>==|!=|<=|>=|[<>()\[\],~|.-]))""",
    re.VERBOSE | re.DOTALL,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Tag:
    """`{{ key }}` or `{{ key|default("…") }}`: a value that can be spliced in without a template engine."""

    key: str
    default: str


@dataclass(frozen=True, slots=True)
class Source:
    """A source taken apart.

    `parts` are literal texts and `Tag`s, in order, and None where the source has logic that only minijinja can
    follow. `template` is the source for minijinja, with key `keys[i]` under the name `v{i}`. `tags` are the places
    (start, end) of all tags in the source that was parsed.
    """

    parts: tuple[str | Tag, ...] | None
    template: str
    keys: tuple[str, ...]
    tags: tuple[tuple[int, int], ...]


class TagError(ValueError):
    """A source that is not in the language. `str()` names the line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"Line {line}: {message}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    space: str


def clean_text(text: str) -> str:
    r"""`text` as it may stand in a mail: line ends as \n, no control characters, no lone surrogates."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text)
    return text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=64)
def parse_source(source: str) -> Source:
    """Take a source apart. Raises TagError on what is not in the language. Nothing is rendered."""
    keys: dict[str, int] = {}
    parts: list[str | Tag] = []
    template: list[str] = []
    tags: list[tuple[int, int]] = []
    simple = True
    position = 0
    while (opening := _OPEN.search(source, position)) is not None:
        literal = source[position : opening.start()]
        line = source.count("\n", 0, opening.start()) + 1
        tokens, position = _read_tag(source, opening, line)
        tags.append((opening.start(), position))
        if len(tags) > TAGS_MAX:
            raise TagError(f"there are more than {TAGS_MAX} tags.", line)
        rewritten, tag = _check_tag(opening.group(), tokens, keys, line)
        parts += [literal, tag] if tag else [literal]
        template += [literal, rewritten]
        simple = simple and tag is not None
    parts.append(source[position:])
    template.append(source[position:])
    found = tuple(part for part in parts if part != "")
    if not simple:
        _check_syntax("".join(template))
    return Source(found if simple else None, "".join(template), tuple(keys), tuple(tags))


def _check_syntax(template: str) -> None:
    try:
        new_environment().undeclared_variables_in_str(template)
    except TemplateError as error:
        raise TagError(f"{error.detail or error.message}.", error.line or 1) from error


def new_environment(finalizer: Callable[[Any], str] | None = None) -> Environment:
    """minijinja as all sources are read and rendered: no comments, no loader, limited work, `finalizer` for output."""
    environment = Environment(
        fuel=FUEL,
        finalizer=finalizer,
        keep_trailing_newline=True,
        pycompat=False,
        auto_escape_callback=lambda _name: False,  # the finalizer escapes
        comment_start_string="{#\0",  # clean sources hold no NUL, so there are no comments
        comment_end_string="\0#}",
        debug=False,  # or errors quote the template
    )
    for name in ("escape", "e"):
        environment.add_filter(name, lambda value: value)
    for name in ("default", "d"):
        environment.add_filter(name, _or_default)
    return environment


def _or_default(value: Any, default: Any = "", *_: Any) -> Any:
    # A contact without a first name has an empty one: it wants "there" as much as one whose name is unknown.
    return default if value is None or value == "" else value


def merge_tags(source: str) -> frozenset[str]:
    """The keys that a source uses: `first_name`, `custom_fields.city`. Raises TagError."""
    return frozenset(parse_source(clean_text(source)).keys)


def _read_tag(source: str, opening: re.Match[str], line: int) -> tuple[list[_Token], int]:
    """The tokens after the opening braces, the closing ones last, and where the text goes on."""
    closing = "}}" if opening.group().startswith("{{") else "%}"
    tokens: list[_Token] = []
    position = opening.end()
    while True:
        match = _TOKEN.match(source, position, opening.start() + TAG_LENGTH_MAX)
        if match is None or (match["end"] and not match["end"].endswith(closing)):
            raise TagError(_unreadable(source, opening.start(), position), line)
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match["space"]))
        position = match.end()
        if kind == "end":
            return tokens, position


def _unreadable(source: str, start: int, position: int) -> str:
    tag = source[start : start + 40].partition("\n")[0]
    if position - start > TAG_LENGTH_MAX - 100:
        return f"the tag {tag!r} is longer than {TAG_LENGTH_MAX} characters."
    rest = source[position:].lstrip()[:1]
    return f"the tag {tag!r} is not closed." if not rest else f"unexpected {rest!r} in the tag {tag!r}."


def _check_tag(opening: str, tokens: list[_Token], keys: dict[str, int], line: int) -> tuple[str, Tag | None]:
    """The tag with its keys rewritten, and the `Tag` if it is a plain value."""
    end = tokens[-1]
    body = tokens[:-1]
    head = ""
    if opening.startswith("{%"):
        if not body or body[0].text not in STATEMENTS:
            word = body[0].text if body else ""
            raise TagError(f"{{% {word} %}} is not available; there are if, elif, else and endif.", line)
        head = body[0].space + body[0].text
        if body[0].text in ("else", "endif") and len(body) > 1:
            raise TagError(f"nothing may follow {body[0].text}.", line)
        body = body[1:]
    written = "".join(_rewrite(body, keys, line))
    whole = f"{opening}{head}{written}{end.space}{end.text}"
    return whole, _plain_value(body) if opening == "{{" and end.text == "}}" else None


def _plain_value(tokens: list[_Token]) -> Tag | None:
    """The tag if it is just a key, or a key with a text as default."""
    path = list(_key_path(tokens, 0))
    if not path or tokens[0].text in KEYWORDS:
        return None
    key = ".".join(path)
    rest = [token.text for token in tokens[_path_length(tokens, 0) :]]
    if not rest:
        return Tag(key, "")
    if len(rest) == 5 and rest[:3] in (["|", "default", "("], ["|", "d", "("]) and rest[4] == ")":
        text = rest[3]
        # An escape in the literal is minijinja's to read.
        if text[0] in "\"'" and "\\" not in text:
            return Tag(key, clean_text(text[1:-1]))
    return None


def _key_path(tokens: list[_Token], index: int) -> Iterator[str]:
    """The parts of the key that starts here: a name, then `.name` or `["name"]`."""
    if index >= len(tokens) or tokens[index].kind != "name":
        return
    yield tokens[index].text
    end = index + _path_length(tokens, index)
    for token in tokens[index + 1 : end]:
        if token.kind == "name":
            yield token.text
        elif token.kind == "string":
            yield token.text[1:-1]


def _path_length(tokens: list[_Token], index: int) -> int:
    position = index + 1
    while True:
        following = [(token.kind, token.text) for token in tokens[position : position + 3]]
        if len(following) >= 2 and following[0][1] == "." and following[1][0] == "name":
            position += 2
        elif len(following) == 3 and following[0][1] == "[" and following[1][0] == "string" and following[2][1] == "]":
            position += 3
        else:
            return position - index


def _rewrite(tokens: list[_Token], keys: dict[str, int], line: int) -> Iterator[str]:
    """The expression with flat names for its keys. Raises TagError on any word or sign that is not allowed there."""
    index = 0
    before = ""  # what stands before: a sign, a keyword, "filter" with its name, or "value"
    while index < len(tokens):
        token = tokens[index]
        after = tokens[index + 1] if index + 1 < len(tokens) else _Token("end", "", "")
        length = 1
        text = token.text
        if token.kind == "op":
            _check_sign(text, before, after, line)
            before = "value" if text in (")", "]") else text
        elif token.kind != "name":
            before = "value"
        elif before == "|":
            if text not in FILTERS:
                raise TagError(f"there is no filter {text!r}; there are {', '.join(sorted(FILTERS))}.", line)
            before = "default" if text in ("default", "d") else "value"
        elif before == "is" and text != "not":
            if text not in TESTS:
                raise TagError(f"'is {text}' is not available; there are is defined and is undefined.", line)
            before = "value"
        elif text in KEYWORDS:
            if text == "in" and after.kind != "string" and after.text != "[":
                raise TagError('after in there must be a list, as in ["a", "b"], or a text.', line)
            if before != "is":  # in "is not defined" the test is still to come
                before = text if text in OPERATORS else "value"
        else:
            key = ".".join(_key_path(tokens, index))
            length = _path_length(tokens, index)
            text = f"v{keys.setdefault(key, len(keys))}"
            before = "value"
        yield token.space + text
        index += length


def _check_sign(sign: str, before: str, after: _Token, line: int) -> None:
    """`(` after a value would call it, `[` would index it, `.` would read an attribute: none of them is allowed."""
    if sign == "(" and before in ("value", "in", "is"):
        raise TagError("nothing can be called.", line)
    if sign == "[" and before != "in":
        raise TagError('[ ] may hold a field\'s name, as in custom_fields["Home town"], or follow in.', line)
    if sign == ".":
        raise TagError("a dot may only stand between names.", line)
    if sign == "-" and (after.kind != "number" or before in ("value", "default")):
        raise TagError("values cannot be subtracted.", line)


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
