"""Over SMTP each message has a return path of its own, where that is asked for."""

import socket
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from models.settings import Settings
from tasks.providers.base import OutcomeKind
from tasks.providers.registry import open_provider
from tasks.providers.return_paths import return_paths_of
from tests.tasks.providers.conftest import MakeMessages, RunIn


class _Takes:
    def __init__(self) -> None:
        self.senders: dict[str, str | None] = {}

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.senders[envelope.rcpt_tos[0]] = envelope.mail_from
        return "250 OK"


@pytest.fixture
def taken() -> Iterator[tuple[str, _Takes]]:
    handler = _Takes()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", handler
    controller.stop()


@pytest.mark.parametrize("address", [None, "bounces@bounces.example.com"])
def test_the_envelopes_sender_is_the_messages_own_or_a_return_path(
    settings: Settings, taken, make_messages: MakeMessages, run_in: RunIn, address: str | None
) -> None:
    url, handler = taken
    own = settings.with_values(smtp_url=url, bounce_address=address)
    messages = make_messages(3)

    async def send() -> list[OutcomeKind]:
        provider = open_provider(own, "email")
        outcomes = await provider.send(messages)
        await provider.close()
        return [outcome.kind for outcome in outcomes]

    assert run_in(send()) == [OutcomeKind.ACCEPTED] * 3
    paths = None if address is None else return_paths_of(own)
    assert handler.senders == {
        message.recipient: message.sender if paths is None else paths.address_of(message.id) for message in messages
    }
    if paths is not None:
        assert paths.messages_in(map(str, handler.senders.values())) == {message.id for message in messages}
