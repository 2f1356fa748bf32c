"""What waits for an endpoint is told it, signed, and tried again."""

import logging
import socket
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from models.encryption import encrypt
from models.rules.webhooks import ATTEMPTS_MAX, EventType
from models.store.webhook_endpoints import rotate_secret
from tasks.webhooks.connecting import UNREACHABLE, Connector, NameResolver, public_or_loopback
from tasks.webhooks.delivering import read_retry_after
from tasks.webhooks.posting import Poster
from tasks.webhooks.signing import new_secret
from tests.support.outbox import wait_until
from tests.support.receivers import answer
from tests.support.webhooks import add_endpoint, deliveries, endpoint_of, make_due, put_events, telling

_TYPES = [EventType.EMAIL_SENT]


@pytest.fixture
def endpoint(database, local, organization_id, receiver):
    """The receiver's endpoint: id and secret."""
    return add_endpoint(database, local, organization_id, receiver.url, _TYPES)


@pytest.fixture
def tell(database, local, organization_id, endpoint):
    """Tells one event until it was tried so often; returns the delivery and the endpoint."""

    def run(times: int = 1, *, tried: int = 0, **poster):
        put_events(database, organization_id, endpoint[0])
        with database.transaction(None) as session:
            session.execute(text("UPDATE webhook_deliveries SET tries = :n WHERE status = 'pending'"), {"n": tried})
        made = Poster(Connector(NameResolver("127.0.0.1:9"), public_or_loopback), **poster) if poster else None
        with telling(database, local, made):
            for time in range(1, times + 1):
                wait_until(lambda least=time: len(deliveries(database, endpoint[0])[-1].attempts) >= least)
                if time < times:
                    make_due(database)
        return deliveries(database, endpoint[0])[-1], endpoint_of(database, endpoint[0])

    return run


def test_a_request_is_what_the_library_of_the_standard_verifies(endpoint, receiver, tell):
    delivery, _ = tell()
    (got,) = receiver.got
    body = Webhook(endpoint[1]).verify(got.body, got.headers)
    assert body == {"type": "webhook.test", "timestamp": body["timestamp"], "data": {"no": 0}}
    assert got.headers["webhook-id"] == str(delivery.event_id)
    assert (got.line, got.headers["content-type"]) == ("POST /hook HTTP/1.1", "application/json")
    assert (delivery.status, delivery.attempts[0]["status"], delivery.attempts[0]["body"]) == ("delivered", 200, "ok")
    for other in (new_secret(), endpoint[1][:-4] + "AAA="):
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint[1]).verify(got.body + b" ", got.headers)


def test_while_a_secret_replaces_another_both_sign(database, local, organization_id, endpoint, receiver, tell):
    new = new_secret()
    with database.transaction(None) as session:
        rotate_secret(session, organization_id, endpoint[0], encrypt(local, new.encode()))
    tell()
    for secret in (new, endpoint[1]):
        Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    with database.transaction(None) as session:
        session.execute(text("UPDATE webhook_endpoints SET previous_secret_until = now()"))
    tell()
    Webhook(new).verify(receiver.got[1].body, receiver.got[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint[1]).verify(receiver.got[1].body, receiver.got[1].headers)


@pytest.mark.parametrize(
    ("said", "status", "error"),
    [
        (answer(500, b"oh"), 500, None),
        (answer(404), 404, None),
        (answer(301, Location="http://127.0.0.1:1/"), 301, "Redirects are not followed: change the endpoint's URL."),
        (answer(307, Location="https://example.com/"), 307, "Redirects are not followed: change the endpoint's URL."),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", None, "It is not HTTP."),
        (b"\x16\x03\x01" + b"\x00" * 99_000, None, "It is not HTTP."),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_000, None, "It is not HTTP."),
        (b"", None, "The connection broke before the answer."),
    ],
    ids=["500", "404", "301", "307", "ssh", "garbage", "endless headers", "reset"],
)
def test_whatever_is_no_2xx_is_tried_again_under_the_same_id(receiver, tell, said, status, error):
    receiver.script.append(said)
    delivery, endpoint = tell(2)
    assert delivery.status == "delivered"
    assert receiver.ids == [str(delivery.event_id)] * 2
    assert [(each["status"], each["error"]) for each in delivery.attempts] == [(status, error), (200, None)]
    assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_who_says_nothing_is_not_waited_for(receiver, tell):
    receiver.script.append(None)
    delivery, endpoint = tell(total_seconds=0.2)
    assert (delivery.status, delivery.attempts[0]["error"]) == ("pending", "No answer within 0.2 seconds.")
    assert endpoint.failures == 1


def test_a_body_is_kept_in_short_and_what_is_wrong_with_it_is_no_matter(receiver, tell):
    receiver.script.append(b"HTTP/1.1 202 OK\r\nContent-Length: 50000000\r\n\r\n" + b"\x00\xff" + b"x" * 60_000)
    delivery, _ = tell()
    assert (delivery.status, len(delivery.attempts[0]["body"])) == ("delivered", 1024)
    receiver.script.append(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert tell()[0].status == "delivered"


def test_a_kept_open_connection_that_breaks_is_no_failure(database, local, organization_id, endpoint, receiver):
    receiver.script.extend([answer(200), answer(200), b""])
    with telling(database, local):
        for count in (1, 2, 3):
            put_events(database, organization_id, endpoint[0])
            wait_until(lambda least=count: len(deliveries(database, endpoint[0])[least - 1].attempts) == 1)
    assert [each.status for each in deliveries(database, endpoint[0])] == ["delivered"] * 3
    assert (receiver.connections, len(receiver.got), receiver.ids[2]) == (2, 4, receiver.ids[3])


def test_it_waits_as_long_as_it_is_asked_to(receiver, tell):
    receiver.script.append(answer(429, Retry_After="900"))
    delivery, _ = tell()
    assert timedelta(seconds=890) < delivery.due_at - datetime.now(UTC) <= timedelta(seconds=900)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), ("0", 0.0), ("Thu, 15 Jan 2026 10:01:00 GMT", 60.0), ("Thu, 15 Jan 2026 09:00:00 GMT", 0.0),
     ("soon", None), ("-5", None), ("٣", None), ("1e9", None), (None, None)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert read_retry_after(header, datetime(2026, 1, 15, 10, tzinfo=UTC)) == seconds


def test_after_the_last_try_it_has_failed(receiver, tell):
    receiver.script.extend([answer(500)] * 2)
    delivery, _ = tell(2, tried=ATTEMPTS_MAX - 2)
    assert (delivery.status, delivery.tries) == ("failed", ATTEMPTS_MAX)
    assert delivery.finished_at is not None


def test_one_that_is_gone_is_switched_off_at_once(database, organization_id, endpoint, receiver, tell, caplog):
    receiver.script.append(answer(410))
    with caplog.at_level(logging.WARNING):
        delivery, found = tell()
    assert (found.is_active, found.disabled_reason) == (False, "It answered 410 Gone.")
    assert f"Webhook endpoint {endpoint[0]} was switched off" in caplog.text
    assert delivery.status == "pending"  # and goes out if it is switched on again
    with database.transaction(None) as session:
        audited = session.execute(text("SELECT organization_id, subject FROM audit_log WHERE action LIKE 'webhook%'"))
        assert audited.all() == [(organization_id, str(endpoint[0]))]


def test_one_that_fails_for_five_days_is_switched_off(database, receiver, tell):
    receiver.script.append(answer(500))
    assert tell()[1].is_active
    with database.transaction(None) as session:
        session.execute(text("UPDATE webhook_endpoints SET failing_since = failing_since - interval '121 hours'"))
        session.execute(text("DELETE FROM webhook_deliveries"))
    receiver.script.append(answer(500))
    found = tell()[1]
    assert (found.is_active, found.disabled_reason) == (False, "Nothing got through for 5 days.")


def test_a_closed_port_looks_like_a_name_that_is_none(database, local, organization_id, dns_server):
    """Nobody learns from the log which port of which machine is open."""
    closed = f"http://127.0.0.1:{_closed_port()}/"
    urls = [closed, "http://[::1]:9/", "https://10.0.0.1/", "https://169.254.169.254/", "https://nowhere.invalid/"]
    endpoints = [add_endpoint(database, local, organization_id, url, _TYPES)[0] for url in urls]
    for endpoint_id in endpoints:
        put_events(database, organization_id, endpoint_id)
    with telling(database, local.with_values(dns_resolver=dns_server.address)):
        wait_until(lambda: all(deliveries(database, each)[0].attempts for each in endpoints))
    said = [deliveries(database, each)[0].attempts[0] for each in endpoints]
    assert {(each["status"], each["error"], each["body"]) for each in said} == {(None, UNREACHABLE, None)}


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
