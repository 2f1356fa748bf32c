r"""Bodies as quoted-printable (RFC 2045, 6.7) that values are put into without encoding the rest again.

A body is encoded once, cut where its merge tags stand. Every piece begins at the start of a line and ends with a line
end, a soft one (`=\r\n`, which a reader drops) where the text goes on. So pieces can be joined in any number without
a line growing beyond 76 characters, and what a reader decodes is the text, character by character. A piece is never
empty of its last line end, so a space before a value is not at the end of a line either.

Quoted-printable contains `=` only before two hexadecimal digits or a line end: a boundary that begins with `=_`
cannot occur in it, whatever the values hold.
"""

import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tasks.content.merge_tags import Logic, Part, Tag, parse_source
from tasks.content.rendering import LogicRenderer, Scalar, Values, html_of, is_missing, text_of
from tasks.content.tracking_tags import HEADS, UNREPEATED

Encoder = Callable[[Scalar], bytes]
Maker = Callable[[Values], bytes]

SOFT_BREAK = b"=\r\n"
_VALUES_KEPT = 2048

# What stands for itself in quoted-printable and, for html, needs no escape either. 75 and "=" make a full line.
_SAFE_TEXT = re.compile(r"[ -<>-~]{1,75}").fullmatch
_SAFE_HTML = re.compile(r"[ !#-%(-;?-~]{1,75}").fullmatch


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for the value of `key`, written by `encode`; `default` stands there when it is missing, encoded."""

    key: str
    default: bytes
    encode: Encoder


Piece = bytes | Slot | Maker


def encode_piece(text: str) -> bytes:
    r"""Part of a text as quoted-printable that begins and ends at the start of a line. `text` has \n line ends."""
    # The letter keeps the encoder from treating the end of the piece as the end of the text, and leaves room for "=".
    encoded = binascii.b2a_qp(text.encode("utf-8") + b"a", istext=True)[:-1].replace(b"\n", b"\r\n")
    return encoded if not encoded or encoded.endswith(b"\n") else encoded + SOFT_BREAK


# Names, companies and plans come again and again, each of them in both bodies.
@lru_cache(maxsize=_VALUES_KEPT, typed=True)
def encode_text_value(value: Scalar) -> bytes:
    """A value in a plain text body."""
    if type(value) is str and _SAFE_TEXT(value):
        return value.encode("ascii") + SOFT_BREAK
    return encode_piece(text_of(value))


@lru_cache(maxsize=_VALUES_KEPT, typed=True)
def encode_html_value(value: Scalar) -> bytes:
    """A value in an html body, escaped."""
    if type(value) is str and _SAFE_HTML(value):
        return value.encode("ascii") + SOFT_BREAK
    return encode_piece(html_of(value))


def cut(parts: Sequence[Part], common: Values, *, is_html: bool) -> list[Piece]:
    """A parsed body as encoded pieces, slots, and makers for its logic.

    `common` holds the values of those who have none of their own.
    """
    encode, write = (encode_html_value, html_of) if is_html else (encode_text_value, text_of)
    pieces: list[Piece] = []
    for part in parts:
        if isinstance(part, Tag):
            value = common.get(part.key)
            keep = encode.__wrapped__ if part.key in UNREPEATED else encode
            if part.key in HEADS:
                keep = _encode_head
            pieces.append(Slot(part.key, encode(part.default if is_missing(value) else value), keep))
        elif isinstance(part, Logic):
            pieces.append(_maker(LogicRenderer(part, write, common)))
        else:
            pieces.append(encode_piece(part))
    return pieces


def cut_header(name: str, source: str) -> list[Piece]:
    """A header line of printable ASCII, with tags for values that are. Raises ValueError for other tags."""
    pieces: list[Piece] = [f"{name}: ".encode("ascii")]
    for part in parse_source(source).parts:
        if isinstance(part, Tag):
            pieces.append(Slot(part.key, b"", _encode_ascii))
        elif isinstance(part, Logic):
            raise ValueError(f"not a header: {name!r}")  # noqa: TRY004 - it is the source that is wrong
        else:
            pieces.append(part.encode("ascii"))
    return [*pieces, b"\r\n"]


def _encode_head(value: Scalar) -> bytes:
    # base64url on a line of its own: nothing in it has another meaning in any of the encodings.
    return str(value).encode("ascii") + SOFT_BREAK


def _encode_ascii(value: Scalar) -> bytes:
    return str(value).encode("ascii")


def _maker(logic: LogicRenderer) -> Maker:
    return lambda values: encode_piece(logic.render(values))
