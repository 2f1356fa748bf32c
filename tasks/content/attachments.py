"""Files that go out with an email, as parts of its MIME (RFC 2045, 2183, 2231)."""

import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote

_LINE_BYTES = 57  # 76 characters of base64, the most that a line may have (RFC 2045, 6.8)
_PARAMETER_MAX = 48  # characters of a name on one line, which has its number besides
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$&+.^_{}~ ()@,=-]{1,60}").fullmatch


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file of an email: its name without a path, its media type (`application/pdf`), its bytes."""

    file_name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where a file of a content is kept, and what it is: an entry of `contents.attachments`."""

    blob_id: str
    file_name: str
    media_type: str
    size: int


def attachment_part(file: AttachedFile) -> bytes:
    """The file as a part of a multipart, with CRLF line ends."""
    head = (
        f"Content-Type: {file.media_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment;\r\n"
        f"{_file_name(file.file_name)}\r\n\r\n"
    )
    return head.encode("ascii") + _base64_lines(file.content)


def _base64_lines(content: bytes) -> bytes:
    view = memoryview(content)
    lines = [
        binascii.b2a_base64(view[start : start + _LINE_BYTES], newline=False)
        for start in range(0, len(content), _LINE_BYTES)
    ]
    return b"\r\n".join([*lines, b""])


def _file_name(name: str) -> str:
    """The parameter, folded: quoted if it is plain ASCII, else percent-encoded, over several lines if it is long."""
    if _PLAIN_NAME(name):
        return f' filename="{name}"'
    letters = [quote(character, safe="") for character in name]
    pieces = [""]
    for letter in letters:
        if len(pieces[-1]) + len(letter) > _PARAMETER_MAX:
            pieces.append("")
        pieces[-1] += letter
    pieces[0] = f"utf-8''{pieces[0]}"
    if len(pieces) == 1:
        return f" filename*={pieces[0]}"
    return ";\r\n".join([f" filename*{no}*={piece}" for no, piece in enumerate(pieces)])
