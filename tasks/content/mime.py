"""Whole MIME messages, built once for a content and filled in for each recipient.

Python's email package makes 570 messages of 5 KB a second here; joining prepared bytes makes some hundred
times as many. What is the same for all is encoded once, in `PreparedEmail`; `build` fills in the recipient, the date,
the id and the values. Bodies with logic ({% if %}, filters) are rendered by minijinja and encoded for each recipient,
with the same result to the byte after decoding.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import UUID

from tasks.content.attachments import AttachedFile, attachment_part
from tasks.content.freeze import FrozenEmail, with_text
from tasks.content.headers import (
    WireAddress,
    mailbox_header,
    plain_header,
    to_header,
    unstructured_header,
    wire_address,
)
from tasks.content.merge_tags import parse_source
from tasks.content.rendering import VALUES_BYTES_MAX, Renderer, Scalar, check_growth
from tasks.content.splice import Encoder, Maker, Piece, Slot, cut, cut_header

_BYTES_OF_CHARACTER = 24  # at most: four in UTF-8, three of each in quoted-printable, in html and in text


class PreparedEmail:
    """A content compiled for sending.

    `keys` are the merge tags it uses, `sender` is the envelope's sender. One object serves one thread.
    """

    def __init__(
        self,
        frozen: FrozenEmail,
        extra_headers: Sequence[tuple[str, str]] = (),
        attachments: Sequence[AttachedFile] = (),
    ) -> None:
        """`extra_headers` are (name, source) pairs in printable ASCII, with tags for values in it; else ValueError.

        `attachments` follow the bodies in a multipart/mixed.
        """
        sender = wire_address(frozen.from_email, "from_email")
        self.sender = sender.address
        self.keys = frozen.keys
        self._id_end = f"@{sender.address.rpartition('@')[2]}>\r\n".encode("ascii")
        self._variables = dict(frozen.variables)
        pieces: list[Piece] = [_same_headers(frozen, sender)]
        for name, source in extra_headers:
            plain_header(name, source)
            pieces += cut_header(name, source)
        pieces += self._subject(frozen.subject)
        pieces += self._with_attachments(frozen, attachments)
        self._pieces: list[bytes] = []
        self._slots: list[tuple[int, str, bytes, Encoder]] = []
        self._makers: list[tuple[int, Maker]] = []
        # The first three places are the recipient's own header lines.
        for piece in [b"", b"", b"", *_joined(pieces)]:
            index = len(self._pieces)
            if isinstance(piece, bytes):
                self._pieces.append(piece)
            else:
                self._pieces.append(b"")
                if isinstance(piece, Slot):
                    self._slots.append((index, piece.key, piece.default, piece.encode))
                else:
                    self._makers.append((index, piece))
        self._fixed = sum(map(len, self._pieces))
        self._date: tuple[datetime | None, bytes] = (None, b"")

    def build(
        self,
        message_id: UUID,
        recipient: str,
        to_name: str | None,
        date: datetime,
        variables: Mapping[str, Scalar],
    ) -> bytes:
        """The message with CRLF line ends, not dot-stuffed. `date` has a time zone.

        Same arguments, same bytes. Raises InvalidInput on `to_email` if the recipient is no address, on `variables` if
        they are too much of it. To a recipient with a local part outside ASCII (`wire_address(…).needs_smtputf8`) the
        header holds UTF-8 as well.
        """
        pieces = self._pieces.copy()
        pieces[0] = to_header(recipient, to_name)
        pieces[1] = self._date_header(date)
        pieces[2] = b"Message-ID: <%b%b" % (str(message_id).encode("ascii"), self._id_end)
        get = variables.get
        for index, key, default, encode in self._slots:
            value = get(key)
            pieces[index] = default if value is None else encode(value) or default
        for index, make in self._makers:
            pieces[index] = make(variables)
        message = b"".join(pieces)
        check_growth(len(message) - self._fixed)
        return message

    def _date_header(self, date: datetime) -> bytes:
        known, header = self._date
        if known is not date:
            if date.tzinfo is None:
                raise ValueError("the date needs a time zone")
            header = f"Date: {format_datetime(date)}\r\n".encode("ascii")
            self._date = (date, header)
        return header

    def _subject(self, subject: str) -> list[Piece]:
        source = parse_source(subject)
        renderer = Renderer(source, is_html=False, common=self._variables)
        if not source.keys:
            return [unstructured_header("Subject", renderer.render({}))]
        return [lambda values: unstructured_header("Subject", renderer.render(values))]

    def _with_attachments(self, frozen: FrozenEmail, attachments: Sequence[AttachedFile]) -> list[Piece]:
        bodies = self._bodies(frozen)
        if not attachments:
            return bodies
        # Base64 has no "_", and no boundary of the two is how the other begins: a hash has no "m".
        boundary = b"=_m" + frozen.hash.hex()[:32].encode("ascii")
        head = b'Content-Type: multipart/mixed;\r\n boundary="%b"\r\n\r\n--%b\r\n' % (boundary, boundary)
        files = [b"\r\n--%b\r\n%b" % (boundary, attachment_part(file)) for file in attachments]
        return [head, *bodies, *files, b"--%b--\r\n" % boundary]

    def _bodies(self, frozen: FrozenEmail) -> list[Piece]:
        parts: list[list[Piece]] = []
        if frozen.text is not None:
            parts.append([_part_headers("plain"), *self._body("text", frozen.text)])
        if frozen.html is not None:
            parts.append([_part_headers("html"), *self._body("html", frozen.html)])
        if len(parts) == 1:
            return parts[0]
        # See tasks.content.splice: no quoted-printable body contains "=_".
        boundary = b"=_" + frozen.hash.hex()[:32].encode("ascii")
        head = b'Content-Type: multipart/alternative;\r\n boundary="%b"\r\n\r\n' % boundary
        pieces: list[Piece] = [head]
        for part in parts:
            pieces += [b"--%b\r\n" % boundary, *part, b"\r\n"]
        return [*pieces, b"--%b--\r\n" % boundary]

    def _body(self, kind: str, text: str) -> list[Piece]:
        """The body with one line end at its end."""
        parts = list(parse_source(text.rstrip("\n")).parts)
        if parts and isinstance(parts[-1], str):
            parts[-1] += "\n"
        else:
            parts.append("\n")
        return cut(parts, self._variables, is_html=kind == "html")


def check_values(frozen: FrozenEmail, values: Mapping[str, Scalar]) -> None:
    """Raise InvalidInput on `variables` when the message of these values could not be built."""
    tags = sum(len(parse_source(text).tags) for text in (frozen.html, frozen.text) if text)
    characters = sum(len(value) for value in values.values() if isinstance(value, str))
    if tags * characters * _BYTES_OF_CHARACTER > VALUES_BYTES_MAX:  # else it is none of its values' fault
        PreparedEmail(with_text(frozen)).build(
            UUID(int=0), "a@example.com", None, datetime.fromtimestamp(0, UTC), values
        )


def _same_headers(frozen: FrozenEmail, sender: WireAddress) -> bytes:
    lines = [mailbox_header("From", sender, frozen.from_name)]
    if frozen.reply_to:
        lines.append(mailbox_header("Reply-To", wire_address(frozen.reply_to, "reply_to"), None))
    return b"".join([*lines, b"MIME-Version: 1.0\r\n"])


def _part_headers(subtype: str) -> bytes:
    return (
        b'Content-Type: text/%b; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
        % subtype.encode("ascii")
    )


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with neighbouring bytes made one."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
