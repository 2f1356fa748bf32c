"""Against a mail server that somebody else wrote."""

import asyncio
import os
import shutil
import socket
import subprocess
from email import message_from_bytes

import pytest
from aiosmtpd.smtp import SMTP

from tasks.providers.base import OutcomeKind
from tasks.providers.smtp import SmtpProvider

CONTENT = b"From: news@example.com\r\nSubject: Dots\r\n\r\n.\r\n..two\r\nlast\r\n"


class Keeper:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.kept = {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  # aiosmtpd's name
        if address.startswith("bad"):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # aiosmtpd's name
        self.kept[envelope.rcpt_tos[0]] = envelope.content
        return "250 2.0.0 Ok: queued as K1"


def test_another_server_takes_the_same_messages(make_messages, run_in):
    keeper = Keeper()

    async def main():
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(keeper, hostname="mail.example.net"), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?connections=2&timeout=5")
            messages = make_messages(["a@example.net", "bad@example.net", "b@example.net"], CONTENT)
            outcomes = await provider.send(messages)
            await provider.close()
            # aiosmtpd ends its connections in tasks of its own, which may be over by now: wait() refuses an empty set.
            if left := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(left, timeout=10)
            return outcomes

    outcomes = run_in(main())
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.ACCEPTED]
    assert outcomes[0].provider_ref == "K1"
    assert set(keeper.kept) == {"a@example.net", "b@example.net"}
    assert keeper.kept["a@example.net"] == CONTENT
    assert message_from_bytes(keeper.kept["b@example.net"])["Subject"] == "Dots"


@pytest.mark.needs("smtp-sink")
def test_postfix_takes_pipelined_messages(make_messages, run_in, loop_name):
    sink = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # As root it insists on another user to run as.
    process = subprocess.Popen([sink, *(["-u", "nobody"] if os.getuid() == 0 else []), f"127.0.0.1:{port}", "100"])
    try:

        async def main():
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?connections=2&timeout=5")
            outcomes = await provider.send(make_messages(500, CONTENT))
            await provider.close()
            return outcomes

        assert {outcome.kind for outcome in run_in(main(), loop_name)} == {OutcomeKind.ACCEPTED}
    finally:
        process.kill()
        process.wait()
