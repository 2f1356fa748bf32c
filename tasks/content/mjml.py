"""MJML to html, when a template is saved."""

import re

import mrml

from models.errors import InvalidInput
from tasks.content.merge_tags import LIMITS, clean_text
from tasks.content.placeholders import replace_tags

#: Every tag mrml 0.2 compiles. It drops others with all they hold, without a warning.
TAGS = frozenset(
    {"mjml", "mj-head", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-font", "mj-preview", "mj-style"}
    | {"mj-title", "mj-raw", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-text", "mj-image"}
    | {"mj-button", "mj-divider", "mj-spacer", "mj-hero", "mj-social", "mj-social-element", "mj-navbar"}
    | {"mj-navbar-link", "mj-accordion", "mj-accordion-element", "mj-accordion-title", "mj-accordion-text"}
    | {"mj-table", "mj-carousel", "mj-carousel-image"}
)
#: mrml recurses: 3000 nested elements end the process by stack overflow.
NESTING_MAX = 100

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ELEMENT = re.compile(r"<(?P<close>/?)(?P<name>[a-zA-Z][\w:-]*+)(?P<rest>(?:\"[^\"]*+\"|'[^']*+'|[^>\"'])*+)>")
_BEGINNING = re.compile(r"</?[a-zA-Z]")
_FIELD = "mjml_content"
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_POSITION = re.compile(r" in root template at position (\d+):\d+$")


def compile_mjml(mjml: str) -> str:
    """The html of an MJML source, merge tags as they were. Includes are refused: they would read files.

    Raises InvalidInput on `mjml_content`, with the line where it is known.
    """
    mjml = clean_text(mjml).strip()
    if len(mjml) > LIMITS["mjml"]:
        raise InvalidInput({_FIELD: [f"The {_FIELD} may not be longer than {LIMITS['mjml']:,} characters."]})
    replaced = replace_tags(mjml, _FIELD, "mjml")
    # mrml reads neither a comment nor an XML declaration before <mjml>. Blanked, lines keep their numbers.
    source = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), replaced.text)
    source = re.sub(r"^\s*<\?xml.*?\?>", "", source)
    lines_before = len(source) - len(source.lstrip())
    _check_elements(source)
    try:
        content: str = mrml.to_html(source[lines_before:]).content
    except OSError as error:
        raise InvalidInput({_FIELD: [_message(str(error), source, lines_before)]}) from error
    return replaced.put_back(content, _FIELD)


def _check_elements(source: str) -> None:
    depth = position = 0
    while (begins := _BEGINNING.search(source, position)) is not None:
        match = _ELEMENT.match(source, begins.start())
        if match is None:  # nothing is looked for behind it: it would be, from each `<` again
            raise _wrong(source, begins.start(), "the element has no end.")
        position = match.end()
        name = match["name"].lower()
        if name == "mj-include":
            raise _wrong(source, match.start(), "<mj-include> is not available.")
        if name.startswith(("mj-", "mjml")) and name not in TAGS:
            raise _wrong(source, match.start(), f"there is no MJML tag <{name}>.")
        if match["close"]:
            depth -= 1
        elif not match["rest"].endswith("/") and name not in _VOID:
            depth += 1
        if depth > NESTING_MAX:
            raise _wrong(source, match.start(), f"elements are nested deeper than {NESTING_MAX}.")


def _wrong(source: str, position: int, what: str) -> InvalidInput:
    line = source.count("\n", 0, position) + 1
    return InvalidInput({_FIELD: [f"Line {line}: {what}"]})


def _message(message: str, source: str, offset: int) -> str:
    """mrml's message with a line in place of its position, which counts bytes."""
    position = _POSITION.search(message)
    reason = _POSITION.sub("", message).replace(" in root template", "")
    if position is None:
        return f"The MJML is not well-formed: {reason}."
    before = source[offset:].encode("utf-8")[: int(position[1])].decode("utf-8", "replace")
    line = source[:offset].count("\n") + before.count("\n") + 1
    return f"Line {line}: {reason}."
