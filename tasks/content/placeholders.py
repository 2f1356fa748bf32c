"""Plain words in the place of merge tags, for programs that would damage the tags.

premailer writes `{{ url }}` in an href as `%7B%7B%20url…`, an MJML or html parser ends a tag at the `>` of
`{% if age > 18 %}`. They get a document with words like `qzx3qzx` instead, and the tags are put back afterwards.
"""

import re
from dataclasses import dataclass

from models.errors import InvalidInput
from tasks.content.markup import check_ends
from tasks.content.merge_tags import check_source

_CLOSING = re.compile(r"(?:</body\s*>\s*)?(?:</html\s*>\s*)?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Placeholders:
    """`text` is the source with words for its tags; `tags` are the tags, in order; `mark` begins and ends each word.

    The words are lower-case letters and digits: parsers lower-case attribute names, and CSS takes them as values.
    """

    text: str
    tags: tuple[str, ...]
    mark: str

    @property
    def end_word(self) -> str:
        """A word for the end of the document, by which one sees that a parser came to the end."""
        return f"{self.mark}end{self.mark}"

    @property
    def word(self) -> re.Pattern[str]:
        """Matches the words; group 1 is the tag's number."""
        return re.compile(f"{self.mark}([0-9]+){self.mark}")

    def has_statement(self, text: str) -> bool:
        """Whether a {% … %} stands in this part of `self.text`."""
        return any(self.tags[int(number)].startswith("{%") for number in self.word.findall(text))

    def put_back(self, text: str, field: str) -> str:
        """`text` with the tags again. Raises InvalidInput on `field` if a tag was lost, or a {% … %} moved.

        A value in a style rule may well be there more than once afterwards, as it is copied to each element.
        """
        found = [int(number) for number in self.word.findall(text)]
        lost = set(range(len(self.tags))) - set(found)
        statements = [number for number in found if self.tags[number].startswith("{%")]
        wanted = [number for number, tag in enumerate(self.tags) if tag.startswith("{%")]
        if lost or statements != wanted:
            number = min(lost) if lost else next(n for n in wanted if statements.count(n) != 1 or statements != wanted)
            raise InvalidInput({field: [f"The tag {self.tags[number]} cannot stand where it stands in {field}."]})
        return self.word.sub(lambda match: self.tags[int(match[1])], text)


def replace_tags(source: str, field: str, kind: str) -> Placeholders:
    """The source with words for its tags. Raises InvalidInput on `field` if it is not in the language, or is html or
    MJML that does not end."""
    places = check_source(field, source, kind).tags
    mark = "qzx"
    while mark in source.lower():
        mark += "x"
    pieces: list[str] = []
    position = 0
    for number, (start, end) in enumerate(places):
        pieces += [source[position:start], f"{mark}{number}{mark}"]
        position = end
    pieces.append(source[position:])
    text = "".join(pieces)
    check_ends(text, field)
    return Placeholders(text, tuple(source[start:end] for start, end in places), mark)


def with_end(document: str, mark: str) -> str:
    """The html document with `mark` as the last thing in its body; behind </html> parsers lose it."""
    closing = _CLOSING.search(document)
    place = closing.start() if closing else len(document)
    return f"{document[:place]}{mark}{document[place:]}"
