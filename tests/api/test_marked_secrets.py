"""Secrets with marks, through requests, callbacks, vendors and commands: the marks are in no log, error or repr."""

import logging
from types import SimpleNamespace

import pytest
from pydantic import SecretStr, ValidationError

from api.app import create_app
from models.errors import ExoSendError
from models.link_keys import link_keys
from models.rules.return_paths import ReturnPaths
from models.settings import Settings
from tasks.bounces.imap_mailbox import parse_mailbox_url
from tasks.providers.registry import open_provider, vendor_of_url
from tests.support.callbacks import Acme, know_acme

MARK = "s3cr3t-m4rk"
URLS = {
    "email": ["mailgun://api:{}@api.mailgun.net", "postmark://api:{}@x.example", "smtp://u:{}@127.0.0.1:9", "no://u:{}@x"],
    "sms": ["twilio://AC1:{}@api.twilio.com", "vonage://a:{}@x.example", "smpp://u:{}@127.0.0.1:9", "infobip://app:{}@x"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def _said(caplog: pytest.LogCaptureFixture, *texts: object) -> str:
    """All that was logged, as it would be written, and these."""
    written = [logging.Formatter("%(name)s %(message)s").format(record) for record in caplog.records]
    return "\n".join([*written, *map(str, texts), *map(repr, texts)])


def test_a_token_that_is_refused_is_told_to_nobody(acme, caplog) -> None:
    answers = [
        acme.get("/contacts", headers={"Authorization": f"Bearer {token}"})
        for token in (MARK, acme.token[:-8] + MARK, f"{MARK}|{MARK}")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert MARK not in _said(caplog, *(answer.get_data(as_text=True) + str(answer.headers) for answer in answers))


def test_nor_are_the_keys_and_headers_of_callbacks(settings: Settings, monkeypatch, caplog) -> None:
    know_acme(monkeypatch)
    app = create_app(settings.with_values(email_url=f"acme://api:{MARK}@api.acme.example", email_callback_keys=MARK))
    headers = {"Authorization": f"Basic {MARK}", "X-Token": MARK}
    answers = [Acme(app, key=key).post(b"[", headers=headers) for key in ("another", MARK)]
    assert [answer.status_code for answer in answers] == [403, 400]
    assert MARK not in _said(caplog, *(answer.get_data(as_text=True) for answer in answers))
    metrics = app.test_client().get("/metrics").get_data(as_text=True)
    assert MARK not in metrics
    app.extensions["exosend"].database.close()


@pytest.mark.parametrize(("channel", "url"), [(channel, url) for channel, urls in URLS.items() for url in urls])
def test_nor_is_the_url_of_an_account(settings: Settings, channel: str, url: str, caplog) -> None:
    written = url.format(MARK)
    marked = settings.with_values(**{f"{channel}_url": written})
    said: list[object] = [marked]
    for use in (lambda: vendor_of_url(marked, channel, written), lambda: open_provider(marked, channel)):
        try:
            said.append(use())
        except ExoSendError as error:
            said += [error, error.__cause__, error.__context__ if not error.__suppress_context__ else None]
    assert MARK not in _said(caplog, *said)


def test_nor_are_the_keys_of_what_is_signed_and_read(settings: Settings, caplog) -> None:
    marked = settings.with_values(secret_key=SecretStr(MARK), secret_key_old=SecretStr(MARK))
    mailbox = parse_mailbox_url(f"imaps://user:{MARK}@imap.example.com")
    said = [marked, link_keys(marked), ReturnPaths("b@b.example.com", [MARK]), mailbox]
    assert MARK not in _said(caplog, *said)


def test_nor_is_a_setting_that_cannot_be_used(caplog) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(lease_seconds=MARK)  # type: ignore[arg-type]
    assert MARK not in _said(caplog, caught.value)


def test_a_mark_that_is_written_is_found(caplog) -> None:
    """Or the tests above would find none for another reason."""
    logging.getLogger("api").debug("asked with %s", MARK)
    assert MARK in _said(caplog)
    assert MARK in _said(caplog, SimpleNamespace(password=MARK))
