"""What is handed over stands in the journal first: of a killed sender the next one repeats nothing."""

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import text

from models.session import driver
from tasks.providers.base import Outcome, OutgoingMessage, Provider
from tasks.providers.until import Until
from tasks.sending import drain
from tasks.sending.handing_over import hand_over
from tests.support.engine import Engine, MailServer
from tests.support.message_ids import message_position
from tests.support.processes import mail_server

_JOURNAL = """
SELECT first_position, cursor, (SELECT sum(cursor - recorded) FROM chunks) FROM chunks
WHERE first_position <= %s AND %s < first_position + size
"""


@pytest.fixture
def server(tmp_path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as running:
        yield running


class Watched:
    """Hands over as ever, and looks at the journal before."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.largest = 0
        self.unknown: list[int] = []  # positions that the journal did not know of
        self.most_open = 0  # of all chunks: handed over or about to be, and not recorded

    async def __call__(
        self, provider: Provider, messages: Sequence[OutgoingMessage], until: Until
    ) -> Sequence[Outcome]:
        self.largest = max(self.largest, len(messages))
        positions = [message_position(message.id) for message in messages]
        with self._engine.database.transaction(None) as session:
            found = driver(session).execute(_JOURNAL, [positions[0], positions[0]]).fetchone()
        assert found is not None
        first, cursor, is_open = found
        self.unknown += [position for position in positions if position >= first + cursor]
        self.most_open = max(self.most_open, is_open)
        return await hand_over(provider, messages, until)


@pytest.mark.parametrize("chunk_size", [60, 230, 1000])
def test_what_goes_out_is_in_the_journal_and_no_more_than_two_windows_are_open(
    make_engine, server, monkeypatch, chunk_size
) -> None:
    engine = make_engine(contacts=1000, smtp_url=server.url, chunk_size=chunk_size)
    run = engine.planned()
    watched = Watched(engine)
    monkeypatch.setattr(drain, "hand_over", watched)
    assert engine.send(run).accepted == 1000
    assert watched.unknown == []
    assert watched.largest <= watched.most_open <= 2 * watched.largest
    with engine.database.transaction(None) as session:
        assert session.execute(text("SELECT count(*) FROM chunks WHERE recorded <> size")).scalar_one() == 0
    engine.check_invariants(run, server.accepted())
