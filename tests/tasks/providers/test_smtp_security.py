"""STARTTLS, TLS and AUTH, and the secrecy of the password."""

import logging
import ssl

import pytest

from deployments.sink import serving
from deployments.sink_tls import server_context
from tasks.providers.base import OutcomeKind
from tasks.providers.smtp import SmtpProvider
from tasks.providers.smtp_url import parse_smtp_url

PASSWORD = "s3cret/pass word"
LOGIN = "me:s3cret%2Fpass%20word@"


@pytest.fixture
def exchange(make_state, make_messages, run_in, tmp_path, loop_name):
    """`exchange(url with {port}, implicit_tls=False, trusting=False, **sink options)` gives the outcomes of 20 messages
    and whether each connection was encrypted."""
    context = server_context(tmp_path)

    def exchange(url, *, implicit_tls=False, trusting=False, offer_tls=True, **options):
        async def main():
            state = make_state(tls_context=context if offer_tls and not implicit_tls else None, **options)
            async with serving(state, tls=context if implicit_tls else None) as port:
                trust = ssl.create_default_context(cafile=tmp_path / "sink.crt") if trusting else None
                provider = SmtpProvider(parse_smtp_url(url.format(port=port)), tls_context=trust)
                outcomes = await provider.send(make_messages(20))
                encrypted = {connection.encrypted for connection in state.connections}
                await provider.close()
                return outcomes, encrypted

        return run_in(main(), loop_name)

    return exchange


def kinds(outcomes):
    return {outcome.kind for outcome in outcomes}


@pytest.mark.parametrize("pipelining", [True, False])
def test_starttls_is_taken_where_it_is_offered(exchange, pipelining):
    outcomes, encrypted = exchange("smtp://127.0.0.1:{port}?connections=1&timeout=5", pipelining=pipelining)
    assert kinds(outcomes) == {OutcomeKind.ACCEPTED}
    assert encrypted == {True}


def test_starttls_off_stays_in_the_clear(exchange):
    outcomes, encrypted = exchange("smtp://127.0.0.1:{port}?starttls=off&connections=1&timeout=5")
    assert kinds(outcomes) == {OutcomeKind.ACCEPTED}
    assert encrypted == {False}


def test_starttls_require_takes_a_certificate_it_trusts(exchange):
    outcomes, encrypted = exchange("smtp://127.0.0.1:{port}?starttls=require&connections=1&timeout=5", trusting=True)
    assert kinds(outcomes) == {OutcomeKind.ACCEPTED}
    assert encrypted == {True}


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("smtp://127.0.0.1:{port}?starttls=require&connections=1&timeout=5", {}),
        ("smtp://127.0.0.1:{port}?starttls=require&connections=1&timeout=5", {"offer_tls": False}),
        ("smtp://" + LOGIN + "127.0.0.1:{port}?connections=1&timeout=5", {"account": ("me", PASSWORD)}),
        ("smtps://127.0.0.1:{port}?connections=1&timeout=5", {"implicit_tls": True}),
    ],
    ids=["unknown certificate", "not offered", "a password and an unknown certificate", "smtps"],
)
def test_what_is_not_proven_is_not_used(exchange, url, options):
    outcomes, _ = exchange(url, **options)
    assert kinds(outcomes) == {OutcomeKind.UNSENT}


def test_smtps_is_encrypted_from_the_first_byte(exchange):
    outcomes, encrypted = exchange("smtps://127.0.0.1:{port}?connections=1&timeout=5", implicit_tls=True, trusting=True)
    assert kinds(outcomes) == {OutcomeKind.ACCEPTED}
    assert encrypted == {True}


def test_a_login_over_starttls_is_accepted(exchange):
    url = "smtp://" + LOGIN + "127.0.0.1:{port}?connections=1&timeout=5"
    outcomes, encrypted = exchange(url, trusting=True, account=("me", PASSWORD))
    assert kinds(outcomes) == {OutcomeKind.ACCEPTED}
    assert encrypted == {True}


def test_a_password_goes_in_the_clear_on_loopback_only(exchange):
    url = "smtp://" + LOGIN + "127.0.0.1:{port}?connections=1&timeout=5"
    outcomes, _ = exchange(url, offer_tls=False, account=("me", PASSWORD))
    assert kinds(outcomes) == {OutcomeKind.ACCEPTED}


def test_a_password_is_not_sent_in_the_clear_over_a_network(exchange, monkeypatch):
    monkeypatch.setattr("tasks.providers.smtp_connection._is_loopback", lambda _: False)
    url = "smtp://" + LOGIN + "127.0.0.1:{port}?connections=1&timeout=5"
    outcomes, _ = exchange(url, offer_tls=False, account=("me", PASSWORD))
    assert kinds(outcomes) == {OutcomeKind.UNSENT}
    assert "starttls=off" in outcomes[0].detail


def test_a_wrong_password_rejects_no_recipient_and_appears_nowhere(exchange, caplog):
    caplog.set_level(logging.DEBUG)
    url = "smtp://" + LOGIN + "127.0.0.1:{port}?connections=1&timeout=5"
    outcomes, _ = exchange(url, trusting=True, account=("me", "another"))
    assert kinds(outcomes) == {OutcomeKind.UNSENT}
    assert {outcome.code for outcome in outcomes} == {"5.7.8"}
    assert "AUTH" in outcomes[0].detail
    assert PASSWORD not in f"{outcomes}{caplog.text}"


def test_a_provider_shows_no_password():
    provider = SmtpProvider.from_url(f"smtp://{LOGIN}mail.example.com")
    assert PASSWORD not in f"{provider!r}{provider._address!r}"
