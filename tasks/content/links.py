"""The links of an html source, found as browsers find them and replaced where they stand; the rest stays as it is."""

import html as entities
import re
from collections.abc import Callable
from urllib.parse import SplitResult, quote, urlsplit

import idna

from models.errors import InvalidInput
from models.rules.link_tokens import is_web_address
from tasks.content.markup import start_tags
from tasks.content.placeholders import Placeholders, replace_tags

_LINKING = frozenset({"a", "area"})
_ATTRIBUTE = re.compile(r"""([^\s=/>"']+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>]*))?""")
_NAME = re.compile(r"<[^\s/>]+")
_OFF = frozenset({"off", "false", "no", "0"})
# Browsers take these out of an address wherever they stand (WHATWG URL, basic URL parser).
_DROPPED = str.maketrans("", "", "\t\n\r")
_SAFE = "%/:=&?~#+!$,;'@()*[]|{}^"


def replace_links(html: str, link_for: Callable[[str], str]) -> str:
    """The html with `link_for(address)` as the href of each link to an http or https address.

    Left alone: links of other schemes (mailto, tel) and to places in the page, those whose href has merge tags, since
    where they lead is each recipient's own, and those with `data-track="off"`. Html that cannot be read comes back.
    """
    try:
        source = replace_tags(html, "html_content", "html")
    except InvalidInput:
        return html
    pieces: list[str] = []
    position = 0
    for start, name, tag in start_tags(source.text):
        if name not in _LINKING or (place := _href(tag, source)) is None:
            continue
        first, last, address = place
        pieces += [source.text[position : start + first], f'"{link_for(address)}"']
        position = start + last
    pieces.append(source.text[position:])
    # Nothing of a source is lost or moved here, so each word is there once.
    return source.word.sub(lambda match: source.tags[int(match[1])], "".join(pieces))


def _href(tag: str, source: Placeholders) -> tuple[int, int, str] | None:
    """Where the value of href stands in the tag, quotes included, and the address; None if it is to be left alone."""
    name = _NAME.match(tag)
    href: re.Match[str] | None = None
    for attribute in _ATTRIBUTE.finditer(tag, name.end() if name else 0):
        key, value = attribute[1].lower(), (attribute[2] or "").strip("\"'").strip().lower()
        if key == "data-track" and value in _OFF:
            return None
        if key == "href" and href is None and attribute[2]:  # of two the first counts
            href = attribute
    if href is None or source.word.search(href[2]):
        return None
    written = href[2][1:-1] if href[2][0] in "\"'" else href[2]
    address = web_address(entities.unescape(written))
    return None if address is None else (*href.span(2), address)


def web_address(written: str) -> str | None:
    """The address as a browser would ask for it, in ASCII; None if it is none of the web, or too long to be signed."""
    address = written.translate(_DROPPED).strip(" ")
    try:
        parts = urlsplit(address)
        if parts.hostname and not is_web_address(address):
            address = _in_ascii(parts)
    except (ValueError, UnicodeError):  # no host, or none that there can be
        return None
    return address if is_web_address(address) and parts.hostname else None


def _in_ascii(parts: SplitResult) -> str:
    """With its host in A-labels and the rest percent-encoded."""
    host = parts.netloc
    if not host.isascii():
        host = idna.encode(parts.hostname or "", uts46=True).decode("ascii")
        host += f":{parts.port}" if parts.port else ""
    rest = parts._replace(scheme="", netloc="").geturl()
    return f"{parts.scheme}://{host}{quote(rest, safe=_SAFE)}"
