"""One POST to an endpoint, over connections that are kept open for a moment; h11 speaks the protocol.

Redirects are not followed, and of an answer no more is read than is shown to people. Connections come from
`Connector` alone.
"""

import asyncio
import contextlib
import ssl
import time
from collections import defaultdict
from dataclasses import dataclass

import h11

from models.errors import ExoSendError
from models.rules.webhook_url import WebhookAddress
from models.rules.webhooks import ANSWER_SHOWN
from tasks.webhooks.connecting import Connector, Unreachable

CONNECT_SECONDS = 5.0  # the name's look-up and TLS included
TOTAL_SECONDS = 15.0
_IDLE_SECONDS = 10.0
_MOST_IDLE = 4  # of one server
_MOST_SKIPPED = 16 * 1024  # of an answer, to keep its connection; a longer one ends it
_READ_BYTES = 16 * 1024
_USER_AGENT = "ExoSend-Webhooks/1"

_Key = tuple[bool, str, int]


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """What the endpoint answered: the beginning of the body, and its Retry-After as it stands."""

    status: int
    body: bytes
    retry_after: str | None


class NoAnswer(ExoSendError):
    """There was a connection, and no answer: broken off, too slow, not HTTP. Says which."""


class _Stale(Exception):
    """A connection that was kept open was closed before it was used again."""


@dataclass(slots=True)
class _Open:
    """A connection and what of the protocol it has seen."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection
    is_used: bool = False
    idle_since: float = 0.0

    def close(self) -> None:
        self.writer.transport.abort()


class Poster:
    """Posts to any number of endpoints at once. Used in one event loop."""

    def __init__(
        self,
        connector: Connector,
        *,
        tls_context: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._connector = connector
        self._tls_context = tls_context or ssl.create_default_context()
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._idle: dict[_Key, list[_Open]] = defaultdict(list)

    async def post(self, address: WebhookAddress, headers: tuple[tuple[str, str], ...], body: bytes) -> PostAnswer:
        """Post it. Raises Unreachable when there was no connection, NoAnswer when there was nothing but one."""
        try:
            async with asyncio.timeout(self._total_seconds):
                with contextlib.suppress(_Stale):
                    return await self._post(await self._take(address), address, headers, body)
                return await self._post(await self._connect(address), address, headers, body)
        except TimeoutError:
            raise NoAnswer(f"No answer within {self._total_seconds:g} seconds.") from None

    def close_idle(self, *, older_than: float = _IDLE_SECONDS) -> None:
        """Close what was not used for so many seconds."""
        now = time.monotonic()
        for key, kept in list(self._idle.items()):
            for connection in [each for each in kept if now - each.idle_since >= older_than]:
                kept.remove(connection)
                connection.close()
            if not kept:
                del self._idle[key]

    async def close(self) -> None:
        """Close everything that is kept open."""
        self.close_idle(older_than=-1.0)
        await asyncio.sleep(0)  # asyncio closes sockets from callbacks

    async def _take(self, address: WebhookAddress) -> _Open:
        kept = self._idle.get(_key(address))
        while kept:
            connection = kept.pop()
            fresh = time.monotonic() - connection.idle_since < _IDLE_SECONDS
            if fresh and not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.close()
        return await self._connect(address)

    async def _connect(self, address: WebhookAddress) -> _Open:
        try:
            async with asyncio.timeout(self._connect_seconds):
                opened = await self._connector.connect(address.host, address.port)
                try:
                    reader, writer = await asyncio.open_connection(
                        sock=opened,
                        ssl=self._tls_context if address.tls else None,
                        server_hostname=address.host if address.tls else None,
                        limit=_READ_BYTES,
                    )
                except BaseException:
                    opened.close()
                    raise
        except (Unreachable, OSError, TimeoutError, UnicodeError):
            raise Unreachable from None  # one text for all
        return _Open(reader, writer, h11.Connection(h11.CLIENT, max_incomplete_event_size=_READ_BYTES))

    async def _post(
        self, connection: _Open, address: WebhookAddress, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> PostAnswer:
        is_kept = False
        try:
            await _write(connection, address, headers, body)
            answer = await _read(connection)
            is_kept = connection.http.our_state is h11.DONE and connection.http.their_state is h11.DONE
        except (OSError, h11.RemoteProtocolError, EOFError) as error:
            if connection.is_used and not isinstance(error, h11.RemoteProtocolError):
                raise _Stale from None
            is_garbage = isinstance(error, h11.RemoteProtocolError)
            raise NoAnswer("It is not HTTP." if is_garbage else "The connection broke before the answer.") from None
        finally:
            kept = self._idle[_key(address)]
            if is_kept and len(kept) < _MOST_IDLE and connection.http.trailing_data == (b"", False):
                connection.http.start_next_cycle()
                connection.is_used, connection.idle_since = True, time.monotonic()
                kept.append(connection)
            else:
                connection.close()
        return answer


def _key(address: WebhookAddress) -> _Key:
    return address.tls, address.host, address.port


async def _write(connection: _Open, address: WebhookAddress, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    own = [
        ("Host", address.authority),
        ("User-Agent", _USER_AGENT),
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        *headers,
    ]
    http = connection.http
    whole = http.send(h11.Request(method="POST", target=address.target, headers=own)) or b""
    whole += http.send(h11.Data(data=body)) or b""
    http.send(h11.EndOfMessage())
    connection.writer.write(whole)
    await connection.writer.drain()


async def _read(connection: _Open) -> PostAnswer:
    """Raises EOFError, OSError or RemoteProtocolError when there is no status. A body may break, or be long."""
    while isinstance(event := await _next(connection), h11.InformationalResponse):
        pass
    if not isinstance(event, h11.Response):
        raise EOFError  # noqa: TRY004 it is no wrong type but the end of the connection
    asked = [value.decode("latin-1") for name, value in event.headers if name == b"retry-after"]
    body, length = b"", 0
    with contextlib.suppress(OSError, EOFError, h11.RemoteProtocolError):
        while length <= _MOST_SKIPPED and isinstance(data := await _next(connection), h11.Data):
            length += len(data.data)
            body = (body + bytes(data.data))[:ANSWER_SHOWN]
    return PostAnswer(event.status_code, body, asked[0] if asked else None)


async def _next(connection: _Open) -> object:
    """The next event of the protocol. Raises EOFError at the end of the connection in the middle of something."""
    while (event := connection.http.next_event()) is h11.NEED_DATA:
        data = await connection.reader.read(_READ_BYTES)
        if not data and connection.http.their_state is not h11.SEND_BODY:
            raise EOFError
        connection.http.receive_data(data)
    return event
