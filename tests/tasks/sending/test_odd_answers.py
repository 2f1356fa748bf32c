"""A provider's answer that no database takes as it is costs nobody the record of what was sent."""

import pytest
from sqlalchemy import text

from tasks.providers.base import Capabilities, Outcome, OutcomeKind

PEOPLE = 60
ODD = {
    "NUL in it": ("a\0b", "ab"),
    "half a character": ("a\ud800b", "a?b"),
    "longer than an index takes": ("é" * 3000, "é" * 320),
}


class Provider:
    """Says the same odd thing of each message, in every field that it may say something in."""

    name = "fake"
    capabilities = Capabilities(20, idempotent=False, answer_timeout_seconds=1.0, known_by_ref=True)

    def __init__(self, kind: OutcomeKind, said: str) -> None:
        self.outcome = Outcome(kind, provider_ref=said, code=said, detail=said, known_by_ref=True)

    async def send(self, messages, until=None):
        return [self.outcome] * len(messages)

    def abort(self):
        pass

    async def close(self):
        pass


@pytest.mark.parametrize(("said", "kept"), ODD.values(), ids=ODD)
@pytest.mark.parametrize(
    ("kind", "state"), [(OutcomeKind.ACCEPTED, "accepted"), (OutcomeKind.REJECTED, "failed")], ids=str
)
def test_each_window_is_recorded_whatever_was_said_of_it(make_engine, monkeypatch, kind, state, said, kept):
    engine = make_engine(contacts=PEOPLE)
    monkeypatch.setattr("tasks.sending.open_routes.open_provider", lambda *_: Provider(kind, said))
    run = engine.planned()
    engine.send(run)
    assert engine.states(run) == {state: PEOPLE}
    with engine.database.transaction(None) as session:
        found = session.execute(text("SELECT DISTINCT provider_ref, error_code, error_message FROM messages")).one()
    assert found.provider_ref == kept
    if state == "failed":
        assert found.error_code == kept[:100]
        assert found.error_message.startswith(kept)
        assert len(found.error_message) <= 500
