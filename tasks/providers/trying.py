"""Trying an account: whether it can be reached and lets us in, and one message by it."""

import asyncio
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

from models.errors import SetupError
from models.rules.ids import new_id
from models.settings import Settings
from models.store.provider_accounts import Account, open_url
from tasks.providers.api_call import ApiRequest, NoAnswer, ask
from tasks.providers.base import Outcome, OutgoingMessage
from tasks.providers.http_provider import HttpProvider, Vendor
from tasks.providers.registry import SMPP, SMTP, provider_of
from tasks.providers.smpp_url import parse_smpp_url
from tasks.providers.smtp_connection import SessionRefusedError, open_connection
from tasks.providers.smtp_url import parse_smtp_url

_CONNECT_SECONDS = 15.0
_SEND_SECONDS = 120.0


async def reach(settings: Settings, account: Account) -> str:
    """Connect and log in, or ask what only a known key is told; nothing is sent. Returns what was found.

    Raises SetupError, which says what is wrong and no secret.
    """
    url, setting = open_url(settings, account), f"The URL of the account {account.name}"
    if account.vendor == SMTP:
        address = parse_smtp_url(url, setting)
        try:
            opened = await open_connection(address, "localhost", None, 0.0)
        except SessionRefusedError as error:
            raise SetupError(error.outcome.detail or "The mail server lets nobody in.") from None
        opened.transport.write(b"QUIT\r\n")
        opened.transport.close()
        return f"{address.host}:{address.port} lets us in" + (f" as {address.username}" if address.username else "")
    if account.vendor == SMPP:
        smsc = parse_smpp_url(setting, url)
        await _connect(smsc.host, smsc.port, tls=smsc.tls)
        return f"{smsc.host}:{smsc.port} answers; whether it lets us in, a message shows (--to)"
    provider = provider_of(settings, account)
    await provider.close()
    assert isinstance(provider, HttpProvider)
    server, request = provider.vendor.server, provider.vendor.check()
    if request is None:
        await _connect(server.host, server.port, tls=server.tls)
        return f"{server.host} answers; whether it lets us in, a message shows (--to)"
    return await asyncio.to_thread(_check, provider.vendor, request)


def _check(vendor: Vendor, request: ApiRequest) -> str:
    try:
        answer = ask(vendor.server, request)
    except NoAnswer as error:
        raise SetupError(vendor.clean(str(error))) from None
    host = request.host or vendor.server.host
    if vendor.is_let_in(answer):
        return f"{host} was reached, and the key is accepted"
    said = vendor.words(answer, vendor.meaning(answer).text)
    if answer.status in (401, 403):
        raise SetupError(f"{host} was reached, and the key is refused: {said}")
    raise SetupError(f"{host} was reached, and says nothing of the key: {said}")


async def send_one(settings: Settings, account: Account, sender: str, recipient: str) -> Outcome:
    """Really send one message by the account, past the queue: nothing of it is kept or charged. Raises SetupError."""
    text = "A test of this account, sent by ExoSend."
    content = text.encode()
    if account.channel == "email":
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"], mail["To"], mail["Subject"] = sender, recipient, "A test of an account"
        mail["Message-ID"] = f"<{new_id()}@{sender.rpartition('@')[2]}>"
        mail.set_content(text)
        content = mail.as_bytes()
    provider = provider_of(settings, account)
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            [outcome] = await provider.send([OutgoingMessage(new_id(), sender, recipient, content)])
    finally:
        await provider.close()
    return outcome


async def _connect(host: str, port: int, *, tls: bool) -> None:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context() if tls else None)
    except (OSError, TimeoutError) as error:
        raise SetupError(f"{host}:{port} does not answer: {error or type(error).__name__}") from None
    writer.close()
