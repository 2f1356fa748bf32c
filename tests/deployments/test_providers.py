"""`exosend providers`, as an operator uses it: no secret is an argument, or is ever shown."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from deployments.account_checks import look_at_accounts
from models.errors import InvalidInput, NotFound, SetupError
from models.session import Database
from models.settings import Settings
from models.store.organizations import create_organization
from models.store.provider_accounts import accounts_of, open_url
from tests.support.sinks import SMTP, Wanted, servers

Run = Callable[..., str]
SECRET = "k3y-of-the-account"
URL = f"mailgun://api:{SECRET}@api.mailgun.net"


@pytest.fixture(autouse=True)
def _no_server_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EXOSEND_SMTP_URL", "EXOSEND_EMAIL_URL", "EXOSEND_SMS_URL"):
        monkeypatch.delenv(name, raising=False)


def _add(exosend: Run, monkeypatch: pytest.MonkeyPatch, url: str = URL, *options: str, channel: str = "email") -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(url + "\n"))
    return exosend("providers", "add", "--channel", channel, "--name", "main", *options)


def test_an_account_is_added_from_stdin_and_shown_without_its_secret(
    exosend: Run, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYS_OF_CALLBACKS", "first-key, second-key")
    options = ("--priority", "5", "--rate", "600", "--callback-keys-from", "KEYS_OF_CALLBACKS")
    line = _add(exosend, monkeypatch, URL, *options)
    assert "platform  email  mailgun   main  priority 5, weight 1  600/min  callbacks" in line
    assert exosend("providers", "list") == line
    with database.transaction(None) as session:
        [account] = accounts_of(session, "email")
        log = session.execute(text("SELECT details::text FROM audit_log")).scalars().all()
    assert open_url(settings, account) == URL
    assert SECRET not in line + "".join(log)
    assert "first-key" not in line + "".join(log)


def test_it_is_switched_off_and_on_changed_and_removed(
    exosend: Run, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = _add(exosend, monkeypatch).split()[0]
    assert exosend("providers", "disable", id_).endswith("DISABLED\n")
    assert not exosend("providers", "enable", id_).endswith("DISABLED\n")
    monkeypatch.setenv("NEW_URL", URL.replace(SECRET, "another"))
    exosend("providers", "change", id_, "--url-from", "NEW_URL")
    with database.transaction(None) as session:
        [account] = accounts_of(session, "email")
        assert "another" in open_url(settings, account)
    monkeypatch.setenv("NEW_URL", "smtp://mail.example.com")
    with pytest.raises(InvalidInput, match="The account is one with mailgun, and the URL is one of smtp"):
        exosend("providers", "change", id_, "--url-from", "NEW_URL")
    assert exosend("providers", "remove", id_) == "removed mailgun main\n"
    assert exosend("providers", "list") == ""
    with pytest.raises(NotFound):
        exosend("providers", "enable", id_)
    with database.transaction(None) as session:
        done = session.execute(text("SELECT action FROM audit_log ORDER BY id")).scalars().all()
    assert [action.removeprefix("provider_account.") for action in done] == [
        *("added", "disabled", "enabled", "secrets_changed", "removed")
    ]


@pytest.mark.parametrize(
    ("url", "channel", "options", "wrong"),
    [
        ("acme://a:b@c", "email", (), "must begin with the name of a provider"),
        ("mailgun://api.mailgun.net", "email", (), "needs a user and a secret"),
        ("", "email", (), "Nothing came on stdin"),
        (URL, "email", ("--countries", "LT"), "Only an account for SMS"),
        (URL, "sms", (), "must begin with the name of a provider"),
        ("twilio://AC0:b@c", "sms", ("--countries", "LT,XX"), "XX is no country"),
        (URL, "email", ("--weight", "0"), "weight must be 1 to 1000"),
        (URL, "email", ("--url-from", "NOT_SET"), "NOT_SET is empty or not set"),
    ],
)
def test_what_could_not_send_is_not_added(
    exosend: Run,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    channel: str,
    options: tuple[str, ...],
    wrong: str,
) -> None:
    with pytest.raises((SetupError, InvalidInput), match=wrong) as caught:
        _add(exosend, monkeypatch, url, *options, channel=channel)
    assert SECRET not in str(caught.value)
    assert exosend("providers", "list") == ""


def test_an_account_is_tried_without_and_with_a_message(
    exosend: Run, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with servers(tmp_path, Wanted(SMTP)) as (server,):
        id_ = _add(exosend, monkeypatch, server.url).split()[0]
        assert "lets us in" in exosend("providers", "test", id_)
        assert not server.accepted()
        said = exosend("providers", "test", id_, "--to", "ann@example.com", "--from", "ops@example.com")
        assert "accepted" in said
        assert server.accepted() == {"ann@example.com": 1}
    with pytest.raises(SetupError, match="connect"):
        exosend("providers", "test", id_)
    with database.transaction(None) as session:
        details = session.execute(text("SELECT details FROM audit_log WHERE action LIKE '%.tested'")).scalar_one()
    assert details == {"to": "ann@example.com", "outcome": "accepted", "code": "2.0.0"}


def test_the_doctor_knows_each_account(
    exosend: Run, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(exosend, monkeypatch)
    found = look_at_accounts(settings)
    assert [(each.grade.value, each.text) for each in found.findings] == [
        ("ok", "mailgun main sends email for the platform")
    ]
    assert found.channels == {"email"}
    with database.transaction(None) as session:
        organization = create_organization(session, name="Acme").id
        session.execute(
            text(
                "INSERT INTO domain_registrations (email_domain_id, provider, organization_id, domain, state, problem)"
                " SELECT gen_random_uuid(), 'mailgun:' || id, :org, 'acme.com', 'failed', 'taken'"
                " FROM provider_accounts, generate_series(1, 2)"
            ),
            {"org": organization},
        )
    *_, last = look_at_accounts(settings).findings
    assert (last.grade.value, last.text) == ("note", "2 domains are not registered with mailgun main: taken")
    with database.transaction(None) as session:
        session.execute(text("UPDATE provider_accounts SET url_encrypted = 'x'"))
    assert [each.grade.value for each in look_at_accounts(settings).findings] == ["wrong", "note"]
