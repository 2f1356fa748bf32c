"""Against a mail server that somebody else wrote."""

from email import message_from_bytes

from aiosmtpd.controller import Controller

from tasks.providers.base import OutcomeKind
from tasks.providers.smtp import SmtpProvider

CONTENT = b"From: news@example.com\r\nSubject: Dots\r\n\r\n.\r\n..two\r\nlast\r\n"


class Keeper:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.kept = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("bad"):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        self.kept[envelope.rcpt_tos[0]] = envelope.content
        return "250 2.0.0 Ok: queued as K1"


def test_another_server_takes_the_same_messages(make_messages, run_in):
    keeper = Keeper()
    controller = Controller(keeper, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        port = controller.server.sockets[0].getsockname()[1]

        async def main():
            provider = SmtpProvider.from_url(f"smtp://127.0.0.1:{port}?connections=2&timeout=5")
            outcomes = await provider.send(
                make_messages(["a@example.net", "bad@example.net", "b@example.net"], CONTENT)
            )
            await provider.close()
            return outcomes

        outcomes = run_in(main())
    finally:
        controller.stop()
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED, OutcomeKind.REJECTED, OutcomeKind.ACCEPTED]
    assert outcomes[0].provider_ref == "K1"
    assert set(keeper.kept) == {"a@example.net", "b@example.net"}
    assert keeper.kept["a@example.net"] == CONTENT
    assert message_from_bytes(keeper.kept["b@example.net"])["Subject"] == "Dots"
