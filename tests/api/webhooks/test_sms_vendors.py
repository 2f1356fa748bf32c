"""What Twilio, Vonage and Infobip send, through the door: a report is applied, a text is kept, a forgery is not."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from api.app import create_app
from deployments.http_sink import ACCOUNTS, CALLBACK_KEYS, CALLBACKS
from models.rules.reports import ReportKind
from tasks.providers.callbacks import InboundSms, ProviderEvent
from tasks.reports.apply import apply_due
from tests.support.engine import Engine
from tests.support.outbox import singles

PHONE = "+37120000001"


@pytest.mark.parametrize("vendor", ["infobip", "twilio", "vonage"])
def test_a_report_is_applied_and_a_text_is_kept(settings, engine, vendor):
    own = Engine.create(settings, engine, contacts=1)
    [message] = singles(own, "sms", [PHONE])
    with engine.transaction(None) as session:
        session.execute(text("UPDATE messages SET state = 'accepted', sent_at = now() WHERE id = :id"), {"id": message})
        session.execute(text("DELETE FROM outbox"))
    chosen = settings.with_values(
        sms_url=f"{vendor}://{ACCOUNTS[vendor]}@api.example",
        sms_callback_keys=CALLBACK_KEYS[vendor],
        public_url="https://exosend.example",
    )
    at = datetime.now(UTC)
    said = [
        ProviderEvent("", ReportKind.DELIVERED, at, message, "SM1", PHONE),
        InboundSms("SM2", at, "+37120000009", "+37120000000", "Paldies 👋"),
    ]
    url = f"https://exosend.example/webhooks/{vendor}/default"
    requests = CALLBACKS[vendor](said, url=url, key=CALLBACK_KEYS[vendor], at=at)
    app = create_app(chosen)
    try:
        client = app.test_client()
        for each in [*requests, *requests]:  # each of them twice
            path = each.url.removeprefix("https://exosend.example")
            answer = client.post(path, data=each.body, headers=dict(each.headers))
            assert answer.status_code == 204
            forged = client.post(path, data=each.body + b" ", headers={**each.headers, "authorization": "Basic eDp5"})
            assert forged.status_code == 403
    finally:
        app.extensions["exosend"].database.close()
    while apply_due(engine):
        pass
    with engine.transaction(None) as session:
        assert session.execute(text("SELECT state FROM messages")).scalars().all() == ["delivered"]
        inbound = session.execute(text("SELECT provider, sender, recipient, text FROM inbound_messages")).all()
    assert inbound == [(vendor, "+37120000009", "+37120000000", "Paldies 👋")]
