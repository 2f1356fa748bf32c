"""Html read in one pass, whatever is in it: where its tags stand, and whether what was opened ends.

Sources come from clients. The patterns and parsers that html goes through here, Python's `html.parser` among them, look
for the end of a comment or tag from each of its beginnings: 500 KB of `<a` took them minutes, in a process that serves
others. So what never ends is refused, or left alone, before they see it.
"""

import re
from collections import deque
from collections.abc import Iterator

from models.errors import InvalidInput

# Possessive throughout: nothing is tried twice (WHATWG HTML, 13.2.5.32 to 13.2.5.38).
_TAG = re.compile(r"""<([a-zA-Z][^\s/>]*+)(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+|(?=>)))*+>""")
_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
_LETTER = re.compile(r"[a-zA-Z]")

# By what is opened: its beginnings, and its ends.
_PAIRS = (
    ("comment", re.compile("<!--"), re.compile("-->")),
    ("tag", re.compile("<[a-zA-Z/!?]"), re.compile(">")),
    *(
        (f"<{name}>", re.compile(rf"<{name}(?=[\s/>])", re.IGNORECASE), re.compile(rf"</{name}\s*+>", re.IGNORECASE))
        for name in ("style", "script")
    ),
)


def start_tags(html: str) -> Iterator[tuple[int, str, str]]:
    """Where each tag begins that opens an element, its name in lower case, and how it is written. As browsers read it:
    none in comments, scripts and style sheets, and none after what never ends."""
    position = 0
    while (at := html.find("<", position)) >= 0:
        following = html[at + 1 : at + 2]
        if html.startswith("<!--", at):
            end = html.find("-->", at + 4) + 3
            if end < 3:
                return
        elif following and following in "!?/":
            end = html.find(">", at) + 1
            if not end:
                return
        elif (tag := _TAG.match(html, at)) is not None:
            name, end = tag[1].lower(), tag.end()
            yield at, name, tag[0]
            if name in _ENDS:
                closing = _ENDS[name].search(html, end)
                if closing is None:
                    return
                end = closing.start()
        elif _LETTER.match(following):
            return
        else:
            end = at + 1
        position = end


def check_ends(html: str, field: str) -> None:
    """Raises InvalidInput on `field`, with the line, where a comment, tag, style sheet or script is opened that nothing
    ends. What holds for the last one of each kind holds for those before it."""
    for what, beginning, ending in _PAIRS:
        last = _last(beginning, html)
        if last is not None and ending.search(html, last.end()) is None:
            line = html.count("\n", 0, last.start()) + 1
            raise InvalidInput({field: [f"Line {line}: the {field} has a {what} without an end."]})


def _last(pattern: re.Pattern[str], html: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(html), maxlen=1)), None)
