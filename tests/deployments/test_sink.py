"""The mail sink as a process of its own, seen by the standard library's client."""

import json
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager

import pytest

from deployments.sink_log import read_entries, read_log

MESSAGE = "From: a@example.com\r\nMessage-ID: <one@example.com>\r\n\r\n.dot\r\nend\r\n"


@pytest.fixture
def sink(tmp_path):
    """`with sink("--auth", "a:b") as (process, port)`; its log is accepted.jsonl."""

    @contextmanager
    def run(*options):
        command = [sys.executable, "-m", "deployments.sink", "--port", "0", "--log", str(tmp_path / "accepted.jsonl")]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        try:
            line = process.stdout.readline()
            yield process, int(line.rpartition(":")[2])
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    return run


def send(port, *recipients):
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        return client.sendmail("a@example.com", recipients, MESSAGE)


def test_it_logs_each_accepted_recipient_and_keeps_the_message(sink, tmp_path):
    with sink("--keep", str(tmp_path / "kept")) as (_, port):
        send(port, "b@example.net", "c@example.net")
        send(port, "b@example.net")
    log = tmp_path / "accepted.jsonl"
    assert read_log(log) == {"b@example.net": 2, "c@example.net": 1}
    first = next(read_entries(log))
    assert first["message_id"] == "one@example.com"
    assert first["bytes"] == len(MESSAGE)
    assert {path.read_bytes() for path in (tmp_path / "kept").iterdir()} == {MESSAGE.encode()}


def test_what_was_answered_survives_its_sigkill_and_the_log_goes_on(sink, tmp_path):
    with sink() as (process, port):
        send(port, "b@example.net")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with sink() as (_, port):
        send(port, "c@example.net")
    assert read_log(tmp_path / "accepted.jsonl") == {"b@example.net": 1, "c@example.net": 1}


def test_a_line_cut_short_is_no_entry(tmp_path):
    log = tmp_path / "accepted.jsonl"
    assert read_log(log) == {}
    log.write_text('{"time": 1.0, "recipient": "a@example.net"}\n{"time": 2.0, "reci')
    assert read_log(log) == {"a@example.net": 1}


def test_it_ends_on_sigterm_with_connections_open(sink):
    with sink() as (process, port), socket.create_connection(("127.0.0.1", port)):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_it_fails_as_its_rules_say(sink, tmp_path):
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([{"at": "rcpt", "recipient": "bad@*", "reply": "550 5.1.1 No"}]))
    later = json.dumps({"at": "final", "recipient": "slow@*", "first": 1, "reply": "451 4.3.0 Later"})
    with sink("--script", str(script), "--fail", later) as (_, port):
        assert send(port, "b@example.net", "bad@example.net") == {"bad@example.net": (550, b"5.1.1 No")}
        with pytest.raises(smtplib.SMTPDataError):
            send(port, "slow@example.net")
        send(port, "slow@example.net")
    assert read_log(tmp_path / "accepted.jsonl") == {"b@example.net": 1, "slow@example.net": 1}


def test_a_rule_that_makes_no_sense_ends_it_with_the_reason(tmp_path):
    command = [sys.executable, "-m", "deployments.sink", "--log", str(tmp_path / "log"), "--fail", '{"at": "lunch"}']
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert "at" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_taken_port_is_named(sink, tmp_path):
    with sink() as (_, port):
        command = [sys.executable, "-m", "deployments.sink", "--log", str(tmp_path / "log"), "--port", str(port)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert str(port) in run.stderr


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_it_asks_for_a_login_over_starttls(sink, tmp_path, mechanism):
    with (
        sink("--tls", str(tmp_path), "--auth", "me:secret") as (_, port),
        smtplib.SMTP("127.0.0.1", port, timeout=10) as client,
    ):
        client.starttls(context=ssl.create_default_context(cafile=tmp_path / "sink.crt"))
        client.ehlo()
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a@example.com", ["b@example.net"], MESSAGE)
        client.user, client.password = "me", "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.auth("PLAIN" if mechanism == "auth_plain" else "LOGIN", getattr(client, mechanism))
        client.user, client.password = "me", "secret"
        client.auth("PLAIN" if mechanism == "auth_plain" else "LOGIN", getattr(client, mechanism))
        assert client.sendmail("a@example.com", ["b@example.net"], MESSAGE) == {}
