"""A content for a provider that fills it in itself: the pieces that all have in common, and what is each one's own.

The same values as in a MIME message of ours stand in the same places, rendered by the same code. A provider's own
template language is not used: it would read other things out of the same text.
"""

from collections.abc import Sequence

from tasks.content.freeze import FrozenEmail
from tasks.content.merge_tags import Logic, Part, Tag, parse_source
from tasks.content.rendering import Renderer, Values, check_growth, header_text

Places = tuple[str | int, ...]


class MergeSource:
    """Subject, text and html as pieces with numbered places. One object serves one thread.

    The subject is one place where it has merge tags: what may stand in a header is known of the whole only.
    """

    def __init__(self, frozen: FrozenEmail, headers: Sequence[tuple[str, str]] = ()) -> None:
        """`headers` are (name, source) pairs, of which no value needs an escape."""
        self._variables = dict(frozen.variables)
        self._renderers: list[Renderer] = []
        subject = parse_source(frozen.subject)
        self._subject = Renderer(subject, is_html=False, common=self._variables)
        self._subject_is_own = bool(subject.keys)
        self._first = 1 if self._subject_is_own else 0
        self.subject: Places = (0,) if self._subject_is_own else (header_text(self._subject.render({})),)
        self.text = None if frozen.text is None else self._cut(parse_source(frozen.text).parts, is_html=False)
        self.headers = tuple((name, self._cut(parse_source(source).parts, is_html=False)) for name, source in headers)
        self.html = None if frozen.html is None else self._cut(parse_source(frozen.html).parts, is_html=True)

    def values(self, values: Values) -> tuple[str, ...]:
        """What belongs into the places. Raises InvalidInput on `variables` if they cannot be used, or are too much."""
        own = [renderer.render(values) for renderer in self._renderers]
        check_growth(sum(map(len, own)))
        return (header_text(self._subject.render(values)), *own) if self._subject_is_own else tuple(own)

    def _cut(self, parts: Sequence[Part], *, is_html: bool) -> Places:
        known: dict[Tag | Logic, int] = {}
        pieces: list[str | int] = []
        for part in parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            if part not in known:
                known[part] = self._first + len(self._renderers)
                self._renderers.append(Renderer.of_part(part, is_html=is_html, common=self._variables))
            pieces.append(known[part])
        return tuple(pieces)
