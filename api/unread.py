"""The rest of a request's body is read before it is answered, so that the connection can be used again.

An answer may be known before all of the body is there: without a token, with an unknown id. Granian closes a
connection whose request was not read to its end, and does not say so in the answer; a client that keeps its
connections then loses the next request it sends on it (seen: "Server disconnected without sending a response").
Only where the server ends a body itself (`wsgi.input_terminated`): on another, reading on would wait for what comes
after it.
RFC 9112, 9.3: a server reads the entire request body or closes the connection after its answer; 9.6: and says so.
"""

from flask import Flask, Response, request

READ_BYTES_MAX = 1024 * 1024
"""So much is read for nothing to keep a connection; a longer body costs more than a new one."""
_PIECE = 64 * 1024


def read_the_rest(app: Flask) -> None:
    """Have all requests of the app read to their end, or their connection closed after an answer that says so."""
    app.after_request(_read_the_rest)


def _read_the_rest(answer: Response) -> Response:
    environ = request.environ
    has_body = environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ
    if has_body and environ.get("wsgi.input_terminated"):
        source, left = environ["wsgi.input"], READ_BYTES_MAX
        while left > 0 and (piece := source.read(min(_PIECE, left))):
            left -= len(piece)
        if left <= 0:
            answer.headers["Connection"] = "close"
    return answer
