"""CSS rules into style attributes, once for a content: many mail readers drop <style>."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import cssutils
from premailer import Premailer

from models.errors import InvalidInput
from tasks.content.placeholders import Placeholders, replace_tags, with_end
from tasks.content.stylesheet import StyleWords, protect_style_attributes, split_stylesheet

#: Longest html after inlining, in characters.
INLINED_MAX = 1_000_000
#: Most selectors × elements: premailer looks at each pair, and takes about 3 s for as many.
PAIRS_MAX = 2_000_000
#: Most selectors: cssutils and premailer take 2.5 s for as many, and four times that for twice as many.
SELECTORS_MAX = 4000

_STYLE = re.compile(
    r"<!--.*?-->|<style(?P<attributes>(?=[\s/>])[^>]*)>(?P<css>.*?)</style\s*+>", re.DOTALL | re.IGNORECASE
)
_MEDIA = re.compile(r"""\bmedia\s*=\s*["']?\s*(?!(?:all|screen)\s*+(?:["'>]\s*+)?$)\w""", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>\s*")
_DOCTYPE = re.compile(r"^\s*(<!doctype[^>]*>)", re.IGNORECASE)
# cssutils keeps state in its module: premailer's own issue 65.
_LOCK = Lock()


def inline_css(html: str, field: str = "html_content") -> str:
    """The html with its <style> rules as style attributes. Merge tags stay as they are, and so do rules that only a
    <style> can hold (media queries, :hover, @supports, …), with !important, or the attributes would win over them.

    Html without a <style> comes back as it is. Raises InvalidInput on `field` when it cannot be read, or when a tag
    stands where none can.
    """
    if "<style" not in html.lower():
        return html
    replaced = replace_tags(_XML_DECLARATION.sub("", html), field, "html")
    words = StyleWords(f"{replaced.mark}v")
    with _LOCK:
        cssutils.log.setLevel(logging.CRITICAL)
        inlined = _inline(replaced, words, field)
    inlined = replaced.put_back(words.put_back(inlined), field)
    if len(inlined) > INLINED_MAX:
        raise InvalidInput({field: [f"The {field} is longer than {INLINED_MAX:,} characters with its CSS inlined."]})
    return inlined


def _inline(replaced: Placeholders, words: StyleWords, field: str) -> str:
    with _explained(field):
        document, selectors = _split_styles(replaced, words, field)
    if selectors > SELECTORS_MAX or selectors * document.count("<") > PAIRS_MAX:
        raise _too_many(field)
    with _explained(field):
        inlined: str = Premailer(
            with_end(document, f"<!--{replaced.end_word}-->"),
            allow_network=False,
            cache_css_parsing=False,  # or contents of all organizations stay in memory
            cssutils_logging_level=logging.CRITICAL,
            disable_validation=True,  # validation only logs
            strip_important=False,  # or media queries lose against the attributes
        ).transform(pretty_print=False)
    if replaced.end_word not in inlined:
        # libxml2 stops without an error where elements are nested deeper than 255.
        raise InvalidInput({field: [f"The {field} is broken, or nested deeper than 250 elements."]})
    inlined = inlined.replace(f"<!--{replaced.end_word}-->", "")
    doctype = _DOCTYPE.match(document)
    return inlined if doctype is None or _DOCTYPE.match(inlined) else f"{doctype[1]}\n{inlined}"


def _split_styles(replaced: Placeholders, words: StyleWords, field: str) -> tuple[str, int]:
    """The document with only simple rules left to premailer, and the number of their selectors."""
    selectors = 0

    def split(match: re.Match[str]) -> str:
        nonlocal selectors
        css, attributes = match["css"], match["attributes"]
        if css is None or "data-premailer" in attributes or _MEDIA.search(attributes):
            return match[0]
        if selectors + css.count("{") > SELECTORS_MAX:
            raise _too_many(field)
        if replaced.has_statement(css):
            return f'<style{attributes} data-premailer="ignore">{css}</style>'
        sheet = split_stylesheet(css, words)
        selectors += sheet.selectors
        kept = f'<style{attributes} data-premailer="ignore">{sheet.kept}</style>' if sheet.kept else ""
        return f"<style{attributes}>{sheet.inline}</style>{kept}"

    return _STYLE.sub(split, protect_style_attributes(replaced.text, words)), selectors


def _too_many(field: str) -> InvalidInput:
    return InvalidInput({field: [f"The {field} has too many CSS rules for its size."]})


@contextmanager
def _explained(field: str) -> Iterator[None]:
    """premailer, cssutils and lxml raise whatever they meet: here it becomes InvalidInput."""
    try:
        yield
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput({field: [f"The CSS of the {field} cannot be inlined ({type(error).__name__})."]}) from error
