"""`exosend callbacks`: what was kept is shown, and read again."""

import pytest

from deployments import connection
from deployments.commands import callbacks
from models.errors import ExoSendError
from tasks.reports.apply import apply_due
from tests.support.callbacks import Acme, event, one, state
from tests.support.vendors import acme as vendor


@pytest.fixture(autouse=True)
def _environment(webhook_settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "load_settings", lambda **_: webhook_settings)


def _only(engine) -> str:
    return str(one(engine, "SELECT id FROM callbacks"))


def test_what_was_applied_is_shown_and_counts_once_when_it_is_read_again(acme: Acme, engine, sent, capsys) -> None:
    headers = {"Authorization": "Basic c2VjcmV0"}
    acme.post([event("opened", "1", id=sent[1])], headers=headers)
    apply_due(engine)
    callbacks.show_list()
    assert "acme" in (listed := capsys.readouterr().out)
    assert "1 events" in listed
    callbacks.show(_only(engine))
    shown = capsys.readouterr().out
    assert '"key":"1"' in shown
    assert "ProviderEvent" in shown
    assert "authorization: (not shown)" in shown
    assert "c2VjcmV0" not in shown
    callbacks.replay_all(_only(engine), _only(engine))
    assert "2 callbacks read, with 2 events" in capsys.readouterr().out
    apply_due(engine)
    assert one(engine, "SELECT count(*) FROM events") == 1


def test_what_could_not_be_read_is_read_when_the_code_is_mended(acme: Acme, engine, sent, capsys, monkeypatch) -> None:
    newer = [event("opened", "1", id=sent[1]) | {"kind": "seen"}]
    assert acme.post(newer).status_code == 400
    with pytest.raises(ExoSendError, match="1 callbacks could not be read"):
        callbacks.replay_all(unreadable=True)
    known = vendor.ReportKind

    monkeypatch.setattr(
        "tasks.providers.vendors.acme.ReportKind", lambda kind: known("opened" if kind == "seen" else kind)
    )
    callbacks.replay_all(unreadable=True)
    apply_due(engine)
    assert state(engine, sent[1]) == "opened"
    assert one(engine, "SELECT problem IS NULL FROM callbacks") is True


def test_with_other_keys_nothing_is_believed(acme: Acme, engine, webhook_settings, monkeypatch) -> None:
    acme.post([])
    others = webhook_settings.with_values(email_callback_keys="another")
    monkeypatch.setattr(connection, "load_settings", lambda **_: others)
    with pytest.raises(ExoSendError, match="not signed with a key that acme has now"):
        callbacks.replay_all(_only(engine))
