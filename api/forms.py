"""Forms as requests carry them. Werkzeug takes one that it cannot read for an empty one; here it is known as such."""

from typing import IO, Any

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.formparser import FormDataParser

MULTIPART = "multipart/form-data"
FORMS = (MULTIPART, "application/x-www-form-urlencoded")

_Parsed = tuple[IO[bytes], Any, Any]


class Unreadable(ImmutableMultiDict[str, Any]):
    """The parts of a form that could not be read: none."""


class _Parser(FormDataParser):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.silent = False

    def parse(self, stream: IO[bytes], *args: Any, **options: Any) -> _Parsed:
        opened: list[IO[bytes]] = []
        open_file = self.stream_factory

        def remember(*args: Any, **options: Any) -> IO[bytes]:
            opened.append(open_file(*args, **options))
            return opened[-1]

        self.stream_factory = remember
        try:
            return super().parse(stream, *args, **options)
        except ValueError:
            for file in opened:
                file.close()
            return stream, Unreadable(), Unreadable()


class Incoming(Request):
    """Flask's request, whose `form` is Unreadable where it could not be read."""

    form_data_parser_class = _Parser


def has_body(request: Request) -> bool:
    """Whether the request has a body, so far as its headers say."""
    return bool(request.content_length) or "Transfer-Encoding" in request.headers
