"""Which accounts receive over SMPP, and that what they receive is kept as theirs."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from models.rules.reports import ReportKind
from models.store.organizations import create_organization
from models.store.provider_accounts import add_account, set_active
from tasks.providers.callbacks import InboundSms, ProviderEvent
from tasks.reports.smpp_receivers import keep_events, receiving_accounts
from tests.support.fixtures import database

__all__ = ["database"]

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def add(settings, database):
    """`add(name, url, organization, vendor)` adds an account; returns it."""

    def add(name, url, organization_id=None, vendor="smpp"):
        with database.transaction(None) as session:
            return add_account(
                session, settings, organization_id, channel="sms", vendor=vendor, name=name, url=url, actor="test"
            ).id

    return add


def test_accounts_at_an_smsc_receive_while_they_are_active(settings, database, add):
    with database.transaction(None) as session:
        organization_id = create_organization(session, name="Acme").id
    own = add("own", "smpp://me:secret@smsc.example:2775", organization_id)
    off = add("off", "smpps://me:secret@other.example")
    add("vonage", "vonage://key:secret@api.nexmo.com", vendor="vonage")
    add("broken", "smpp://me@smsc.example")
    with database.transaction(None) as session:
        set_active(session, off, is_active=False, actor="test")
    both = settings.with_values(sms_url="smpp://default:secret@smsc.example")
    found = receiving_accounts(database, both)
    assert {(each.provider, each.organization_id, each.address.system_id) for each in found} == {
        ("smpp", None, "default"),
        (f"smpp:{own}", organization_id, "me"),
    }
    assert receiving_accounts(database, both) == found, "What has not changed is the same."
    assert "secret" not in repr(found)


def test_what_is_received_is_kept_under_the_accounts_name(settings, database, add):
    own = add("own", "smpp://me:secret@smsc.example:2775")
    [account] = receiving_accounts(database, settings)
    receipt = ProviderEvent("1F:2", ReportKind.DELIVERED, AT, None, "1F", "+37120000001")
    keep_events(database, account, [receipt, receipt, InboundSms("k", AT, "+37120000009", "1234", "STOP")])
    with database.transaction(None) as session:
        events = session.execute(text("SELECT provider, key, provider_ref, kind FROM incoming_events")).all()
        inbound = session.execute(text("SELECT provider, sender, recipient, text FROM inbound_messages")).all()
    assert events == [(f"smpp:{own}", "1F:2", "1F", "delivered")]
    assert inbound == [(f"smpp:{own}", "+37120000009", "1234", "STOP")]
