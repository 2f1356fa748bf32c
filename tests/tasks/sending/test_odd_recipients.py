"""One recipient's odd data costs nobody else their message."""

from decimal import Decimal

from sqlalchemy import text

from tasks.runs.email_content import EmailComposer


def test_a_message_that_cannot_be_made_fails_alone_and_is_refunded(make_engine, monkeypatch):
    engine = make_engine(contacts=60)
    run = engine.planned()
    compose = EmailComposer.__call__

    def compose_or_break(composer, message):
        if message.position in (7, 59):
            raise ZeroDivisionError("a filter that nobody thought of")
        return compose(composer, message)

    monkeypatch.setattr(EmailComposer, "__call__", compose_or_break)
    engine.send(run)
    closed = engine.close(run)
    assert closed is not None
    assert closed.refunded == Decimal("0.02")
    assert engine.states(run) == {"accepted": 58, "failed": 2}
    with engine.database.transaction(None) as session:
        codes = session.execute(text("SELECT DISTINCT error_code FROM messages WHERE state = 'failed'")).scalars()
        assert list(codes) == ["poison"]
