"""One request to a vendor's API that is not a message: rare, waited for, and without a pool of connections.

The client that sends (http_client.py) only knows POST, and says what was written of it; nobody asks that of these.
"""

import ssl
import time
from dataclasses import dataclass, field

import httpx2

from models.errors import ExoSendError
from tasks.providers.http_client import HttpServer
from tasks.providers.http_exchange import Answer

_MOST_SECONDS = 15.0
_MOST_BYTES = 2 * 1024 * 1024


class NoAnswer(ExoSendError):
    """The vendor cannot be reached, or did not answer whole."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request of any method. `target` is the path with its query, percent-encoded. `host`: where it goes, if not to
    the account's own."""

    method: str
    target: str
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    host: str | None = None


def ask(server: HttpServer, request: ApiRequest) -> Answer:
    """The answer, whatever its status: of at most 2 MB, within half a minute. Redirects are not followed, and proxies
    of the environment not used, since the request holds the account's key. Raises NoAnswer."""
    host = server.authority if request.host is None else request.host
    seconds = min(server.timeout, _MOST_SECONDS)
    until = time.monotonic() + 2 * seconds
    body = bytearray()
    context = ssl.create_default_context() if server.tls else False
    try:
        with (
            httpx2.Client(timeout=seconds, follow_redirects=False, trust_env=False, verify=context) as client,
            client.stream(
                request.method,
                f"{'https' if server.tls else 'http'}://{host}{request.target}",
                content=request.body,
                headers=[*server.headers, *request.headers],
            ) as answer,
        ):
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _MOST_BYTES or time.monotonic() > until:
                    raise NoAnswer(f"The answer of {host} is too long, or too slow.")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NoAnswer(f"{host} does not answer: {error or type(error).__name__}") from None
    return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, bytes(body))
