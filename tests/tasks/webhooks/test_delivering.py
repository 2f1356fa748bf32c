"""What waits for an endpoint is told it, signed, and tried again."""

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tasks.webhooks.signing import new_secret
from tests.support.outbox import wait_until
from tests.support.webhooks import add_endpoint, deliveries, endpoint_of, make_due, put_events, telling


@pytest.fixture
def tell(database, local, organization_id, receiver):
    """Tells one event to the receiver until it was tried `times`; returns what is known of it."""

    def run(times: int = 1, *, endpoint=None):
        endpoint_id = endpoint or add_endpoint(database, local, organization_id, receiver.url, _TYPES)[0]
        put_events(database, organization_id, endpoint_id)
        with telling(database, local):
            for time in range(1, times + 1):
                wait_until(lambda least=time: len(deliveries(database, endpoint_id)[-1].attempts) >= least)
                make_due(database)
        return deliveries(database, endpoint_id)[-1], endpoint_of(database, endpoint_id)

    return run


from models.rules.webhooks import EventType  # noqa: E402

_TYPES = [EventType.EMAIL_SENT]


def test_a_request_is_what_the_library_of_the_standard_verifies(database, local, organization_id, receiver, tell):
    endpoint_id, secret = add_endpoint(database, local, organization_id, receiver.url, _TYPES)
    delivery, _ = tell(endpoint=endpoint_id)
    (got,) = receiver.got
    body = Webhook(secret).verify(got.body, got.headers)
    assert body["type"] == "webhook.test"
    assert got.headers["webhook-id"] == str(delivery.event_id)
    assert (got.line, got.headers["content-type"]) == ("POST /hook HTTP/1.1", "application/json")
    assert (delivery.status, delivery.attempts[0]["status"], delivery.attempts[0]["body"]) == ("delivered", 200, "ok")
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(got.body, got.headers)
