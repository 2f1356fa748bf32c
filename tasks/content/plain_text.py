"""The plain text of an html content, for readers that show no html."""

import html as entities
import re

from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from models.errors import InvalidInput
from tasks.content.merge_tags import LIMITS
from tasks.content.placeholders import Placeholders, replace_tags, with_end

_BLANK_LINES = re.compile(r"\n{3,}")
_CELL = "(?:table|thead|tbody|tfoot|tr|td|th)"
_NOT_TEXT = re.compile(
    r"<!--.*?-->|<(style|script)(?=[\s/>]).*?</\1\s*+>|<head(?=[\s/>])(?:(?!<head[\s/>]).)*?</head\s*+>|<[^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_WORD = re.compile(r"\w")


def text_from_html(html: str, field: str = "html_content") -> str:
    """A text source that says what the html says, links as `[words](address)`, with the same merge tags.

    Raises InvalidInput on `field` if the html cannot be read, or its conditions do not survive as text.
    """
    replaced = replace_tags(html, field, "html")
    document = _conditions_into_cells(replaced)
    try:
        text = get_text(with_end(document, f"<p>{replaced.end_word}</p>"), ParserConfig(display_links=True))
    except Exception as error:  # lxml and inscriptis raise whatever they meet, RecursionError among it
        raise InvalidInput({field: [f"The {field} cannot be read as html."]}) from error
    if replaced.end_word not in text:
        # libxml2 stops without an error where elements are nested deeper than 255.
        raise InvalidInput({field: [f"The {field} is broken, or nested deeper than 250 elements."]})
    _check_conditions(document, text, replaced, field)
    lines = [line.rstrip() for line in text.replace(replaced.end_word, "").strip().split("\n")]
    text = _BLANK_LINES.sub("\n\n", "\n".join(lines)) + "\n"
    text = replaced.word.sub(lambda match: replaced.tags[int(match[1])], text)
    if len(text) > LIMITS["text"]:
        raise InvalidInput({field: [f"The text made from the {field} is longer than {LIMITS['text']:,} characters."]})
    return text


def _conditions_into_cells(replaced: Placeholders) -> str:
    """The document with conditions that stand around table rows and cells moved into them.

    What stands between the rows comes out before the table: `{% if %}<tr>…</tr>{% endif %}` would lose its row.
    """
    opening = "|".join(_word(replaced, number) for number in _statements(replaced, "if"))
    closing = "|".join(_word(replaced, number) for number in _statements(replaced, "elif", "else", "endif"))
    document = replaced.text
    # Atomic: forty comments in a row would else be divided in every way there is.
    comments = r"(?:\s*+(?><!--.*?-->))*+\s*+"
    if opening:
        pattern = rf"((?:(?:{opening})\s*)+)((?:{comments}<{_CELL}\b[^>]*>)+)"
        document = re.sub(pattern, r"\2\1", document, flags=re.DOTALL | re.IGNORECASE)
    if closing:
        pattern = rf"((?:</{_CELL}\s*>{comments})+)((?:(?:{closing})\s*)+)"
        document = re.sub(pattern, r"\2\1", document, flags=re.DOTALL | re.IGNORECASE)
    return document


def _statements(replaced: Placeholders, *names: str) -> list[int]:
    pattern = re.compile(rf"\{{%[-+]?\s*(?:{'|'.join(names)})\b")
    return [number for number, tag in enumerate(replaced.tags) if pattern.match(tag)]


def _word(replaced: Placeholders, number: int) -> str:
    return f"{replaced.mark}{number}{replaced.mark}"


def _check_conditions(document: str, text: str, replaced: Placeholders, field: str) -> None:
    """Raise InvalidInput unless each condition is there once, in order, and what has words in the html has words in
    the text, between the same conditions. A condition inside an html tag is gone from both."""
    words = "|".join(_word(replaced, number) for number in _statements(replaced, "if", "elif", "else", "endif"))
    if not words:
        return
    visible = entities.unescape(_NOT_TEXT.sub(" ", document))
    same = re.findall(words, visible) == re.findall(words, text)
    branches = zip(re.split(words, visible), re.split(words, text), strict=False)
    if not same or any(_WORD.search(before) and not _WORD.search(after) for before, after in branches):
        message = f"No text can be made from the {field}, because of its conditions; please give text_content as well."
        raise InvalidInput({field: [message]})
