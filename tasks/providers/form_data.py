"""multipart/form-data (RFC 7578)."""

from collections.abc import Sequence
from uuid import uuid4

Field = tuple[str, str | bytes]
"""A name and a text, or a file of message/rfc822."""


def form_data(fields: Sequence[Field]) -> tuple[str, bytes]:
    """Content-Type and body. Names are the vendor's own: nothing in them needs quoting."""
    boundary = f"exosend-{uuid4().hex}"
    start = f"--{boundary}\r\nContent-Disposition: form-data; name=".encode("ascii")
    pieces: list[bytes] = []
    for name, value in fields:
        if isinstance(value, bytes):
            kind = f'"{name}"; filename="message.eml"\r\nContent-Type: message/rfc822\r\n\r\n'
            pieces += [start, kind.encode("ascii"), value, b"\r\n"]
        else:
            pieces += [start, f'"{name}"\r\n\r\n{value}\r\n'.encode()]
    pieces.append(f"--{boundary}--\r\n".encode("ascii"))
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)
