"""Opens an SMTP session: connect, EHLO, STARTTLS, AUTH. aiosmtplib does all of it; the transactions are ours."""

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from tasks.providers.base import Outcome, OutcomeKind
from tasks.providers.smtp_commands import ServerOffer
from tasks.providers.smtp_replies import reply_code, reply_text
from tasks.providers.smtp_url import SmtpAddress, StartTls


@dataclass(frozen=True, slots=True)
class OpenedConnection:
    """A transport on which mail may be sent, and what the server offered in its last EHLO."""

    transport: asyncio.Transport
    offer: ServerOffer


class SessionRefusedError(Exception):
    """No session could be opened. `outcome` is the answer for messages that wait for one: UNSENT, since none of
    them is at fault. `worth_retrying` is false where the server answered, or did not in the time it had."""

    def __init__(self, outcome: Outcome, *, worth_retrying: bool) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome
        self.worth_retrying = worth_retrying


async def open_connection(
    address: SmtpAddress, local_hostname: str, tls_context: ssl.SSLContext | None, retry_after_seconds: float
) -> OpenedConnection:
    """Open one session. Raises SessionRefusedError; its detail names server and step, never the password."""
    client = aiosmtplib.SMTP(
        hostname=address.host,
        port=address.port,
        local_hostname=local_hostname,
        timeout=address.timeout,
        use_tls=address.tls,
        start_tls=False,
        # Reading the certificates takes 30 ms, so they are read only where they are needed.
        tls_context=(tls_context or _tls_context(address)) if address.tls else None,
    )
    step = "connect"
    try:
        # Each step has its own time-out; this bounds them all together (RFC 5321 section 4.5.3.2.1 and following).
        async with asyncio.timeout(3 * address.timeout):
            await client.connect()
            step = "EHLO"
            await _say_hello(client)
            if address.starttls is not StartTls.OFF and not address.tls:
                step = "STARTTLS"
                await _encrypt(client, address, tls_context)
            if address.username is not None and address.password is not None:
                step = "AUTH"
                await client.login(address.username, address.password)
        step = "session"
        return _taken_over(client)
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError, TimeoutError, ValueError) as error:
        client.close()
        raise _refused(address, step, error, retry_after_seconds) from None
    except asyncio.CancelledError:
        client.close()
        raise


def _tls_context(address: SmtpAddress) -> ssl.SSLContext:
    """Certificates are verified (SSL_CERT_FILE adds a private authority), except where encryption is only taken as
    it comes: `auto` without a password to protect (opportunistic security, RFC 7435)."""
    context = ssl.create_default_context()
    if not address.tls and address.starttls is StartTls.AUTO and address.password is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _say_hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()  # RFC 5321 section 3.2: a server from before ESMTP


async def _encrypt(client: aiosmtplib.SMTP, address: SmtpAddress, tls_context: ssl.SSLContext | None) -> None:
    if client.supports_extension("starttls"):
        await client.starttls(tls_context=tls_context or _tls_context(address))
        await _say_hello(client)  # RFC 3207 section 4.2: what was said in the clear is forgotten
    elif address.starttls is StartTls.REQUIRE:
        raise aiosmtplib.SMTPException("the server offers no STARTTLS and starttls=require")
    elif address.password is not None and not _is_loopback(address.host):
        # Whoever can strip STARTTLS from the EHLO reply would read the password.
        raise aiosmtplib.SMTPException(
            "the server offers no STARTTLS and the password is not sent in the clear; starttls=off would allow it"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _taken_over(client: aiosmtplib.SMTP) -> OpenedConnection:
    transport = client.transport
    if transport is None or transport.is_closing():
        raise aiosmtplib.SMTPServerDisconnected("the server closed the connection")
    size = client.esmtp_extensions.get("size", "")
    offer = ServerOffer(
        pipelining=client.supports_extension("pipelining"),
        smtputf8=client.supports_extension("smtputf8"),
        size_limit=int(size) if size.isascii() and size.isdigit() else 0,
    )
    # uvloop's transports are asyncio.Transport in all but name, so isinstance cannot narrow the type here.
    return OpenedConnection(cast(asyncio.Transport, transport), offer)


def _refused(address: SmtpAddress, step: str, error: Exception, retry_after_seconds: float) -> SessionRefusedError:
    code = "connection"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reply = f"{error.code} {error.message}".encode()
        said, code = reply_text(reply), reply_code(reply) if 200 <= error.code <= 599 else "protocol"
    elif isinstance(error, ssl.SSLError):
        said, code = f"TLS: {error.reason or error}", "tls"
    elif isinstance(error, TimeoutError):
        said, code = "no answer in time", "timeout"
    else:
        said = str(error) or type(error).__name__
    if address.password:
        said = said.replace(address.password, "***")
    detail = f"Mail server {address.host}:{address.port} ({step}): {said}"[:500]
    outcome = Outcome(OutcomeKind.UNSENT, code=code, detail=detail, retry_after_seconds=retry_after_seconds)
    return SessionRefusedError(outcome, worth_retrying=code == "connection")
