"""Opens a bound connection to an SMSC."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

from tasks.providers.base import Outcome, OutcomeKind
from tasks.providers.connection_pool import LONGEST_PAUSE
from tasks.providers.smpp_link import BindRefusedError, SmppLink
from tasks.providers.smpp_statuses import ACCOUNT
from tasks.providers.smpp_url import SmppAddress

LinkT = TypeVar("LinkT", bound=SmppLink)

CONNECT_SECONDS = 10.0


async def open_link(
    address: SmppAddress, link: Callable[[], LinkT], tls_context: ssl.SSLContext | None
) -> tuple[asyncio.Transport, LinkT]:
    """Connect and bind. Raises BindRefusedError, OSError (TimeoutError and ssl.SSLError are such), ValueError for a
    host that is no name; nothing is left open then."""
    context = tls_context
    if address.tls and context is None:  # reading the certificates takes 30 ms
        context = await asyncio.to_thread(ssl.create_default_context)
    opened: LinkT | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            transport, opened = await asyncio.get_running_loop().create_connection(
                link, address.host, address.port, ssl=context if address.tls else None
            )
        async with asyncio.timeout(address.timeout):
            await asyncio.shield(opened.bound)
    except BaseException:
        if opened is not None:
            opened.drop("aborted", "it was given up")
        raise
    return transport, opened


def unreachable(address: SmppAddress, error: Exception) -> Outcome:
    """What a connection that cannot be opened means for all that waits."""
    code = "connection"
    if isinstance(error, BindRefusedError):
        said = str(error)
        code = "account" if error.status in ACCOUNT else "connection"
    elif isinstance(error, ssl.SSLError):
        said, code = f"TLS: {error.reason or error}", "tls"
    elif isinstance(error, TimeoutError):
        said, code = "no answer in time", "timeout"
    else:
        said = str(error) or type(error).__name__
    detail = f"SMSC {address.host}:{address.port}: {said}"[:500]
    return Outcome(OutcomeKind.UNSENT, code=code, detail=detail, retry_after_seconds=LONGEST_PAUSE)
