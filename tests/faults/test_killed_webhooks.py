"""A courier that is killed after an endpoint took an event, and before that was written down."""

import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import text

from models.rules.webhooks import EventType
from models.session import Database, Role, role_url
from models.store.organizations import create_organization
from tests.support.outbox import wait_until
from tests.support.receivers import Receiver
from tests.support.webhooks import add_endpoint, deliveries, put_events, telling

# Of the courier the thread that tells: the whole of it takes seconds to import.
_COURIER = """
import threading
from deployments.courier_webhooks import WebhooksThread
from models.session import Database, Role
from models.settings import load_settings

settings = load_settings()
WebhooksThread(Database(settings, Role.ENGINE), settings).start()
threading.Event().wait()
"""


@pytest.fixture
def database(settings):
    found = Database(settings, Role.ENGINE, pool_size=4)
    yield found
    found.close()


def _waits_for_a_lock(database: Database) -> bool:
    with database.transaction(None) as session:
        return session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one() > 0


def test_what_it_told_is_told_again_under_the_same_id_and_nothing_is_lost(settings, database, tmp_path):
    local = settings.with_values(webhooks_to_loopback=True)
    with database.transaction(None) as session:
        organization_id = create_organization(session, name="Acme").id
    with Receiver().running() as receiver:
        endpoint_id, _ = add_endpoint(database, local, organization_id, receiver.url, [EventType.EMAIL_SENT])
        ids = put_events(database, organization_id, endpoint_id, 3)
        environment = {
            **os.environ,
            "EXOSEND_DATA_DIR": str(tmp_path),
            "EXOSEND_SECRET_KEY": settings.secret_key.get_secret_value(),
            "EXOSEND_ENGINE_DATABASE_URL": role_url(settings, Role.ENGINE).render_as_string(hide_password=False),
            "EXOSEND_WEBHOOKS_TO_LOOPBACK": "true",
        }
        with database.transaction(None) as session:
            session.execute(text("SELECT 1 FROM webhook_endpoints FOR UPDATE"))  # recording takes this row first
            courier = subprocess.Popen([sys.executable, "-c", _COURIER], env=environment, stderr=subprocess.DEVNULL)
            try:
                receiver.wait_for(3)
                wait_until(lambda: _waits_for_a_lock(database))
            finally:
                courier.send_signal(signal.SIGKILL)
                courier.wait()
        assert [(each.status, each.attempts) for each in deliveries(database, endpoint_id)] == [("pending", [])] * 3
        with database.transaction(None) as session:
            session.execute(text("UPDATE webhook_deliveries SET claimed_until = now() - interval '1 second'"))
        with telling(database, local):
            wait_until(lambda: all(each.status == "delivered" for each in deliveries(database, endpoint_id)))
    assert sorted(receiver.ids) == sorted(ids * 2)
