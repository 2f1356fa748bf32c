"""Runs of campaigns by HTTP providers."""

from sqlalchemy import text

from models.tables import Run
from tests.support.engine import Engine
from tests.support.http_api import VendorUnderTest
from tests.support.sms import add_sender, sms_campaign


def planned_run(engine: Engine, vendor: VendorUnderTest, window: int) -> Run:
    """A campaign to everybody by that vendor's channel; for SMS they get numbers."""
    if vendor.channel == "email":
        return engine.planned(batch_size=window)
    with engine.database.transaction(None) as session:
        session.execute(
            text(
                "UPDATE contacts SET phone = '+3712' || lpad(substr(first_name, 2), 7, '0') WHERE organization_id = :id"
            ),
            {"id": engine.organization_id},
        )
    add_sender(engine)
    run = engine.accept(sms_campaign(engine, batch_size=window))
    assert engine.plan(run) is not None
    return run
