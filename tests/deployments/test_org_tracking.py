"""`exosend org tracking`: what is stored, and what a campaign then says of its content."""

from uuid import uuid4

import pytest
from sqlalchemy import select, text

from models.errors import InvalidInput, NotFound
from models.store.tracking import set_tracking, set_tracking_host
from models.tables import Content
from tests.support.engine import DOMAIN, Engine
from tests.support.fixtures import database, make_engine

__all__ = ["database", "make_engine"]


def _tracking(engine: Engine, **values: object) -> dict[str, object] | None:
    engine.accept(engine.campaign(**values))
    with engine.database.transaction(None) as session:
        newest = select(Content).order_by(Content.created_at.desc(), Content.id.desc()).limit(1)
        return session.execute(newest).scalar_one().tracking


def test_a_campaign_tracks_what_it_says_else_what_its_organization_says(make_engine) -> None:
    engine = make_engine(people=["anna"])
    everything = {"opens": True, "clicks": True, "unsubscribe": True, "host": None}
    assert _tracking(engine) == everything
    assert _tracking(engine, track_clicks=False) == {**everything, "clicks": False}
    with engine.database.transaction(None) as session:
        set_tracking(session, engine.organization_id, opens=False, clicks=None, actor="operator")
        set_tracking_host(session, engine.organization_id, DOMAIN, "links.acme.example.com", actor="operator")
    off = {**everything, "opens": False, "host": "links.acme.example.com"}
    assert _tracking(engine) == off
    assert _tracking(engine, track_opens=True) == {**off, "opens": True}
    with engine.database.transaction(None) as session:
        actions = session.execute(text("SELECT action FROM audit_log WHERE action LIKE '%tracking%' ORDER BY id"))
        assert actions.scalars().all() == ["organization.tracking_changed", "email_domain.tracking_host_changed"]


def test_nobody_there_and_no_such_domain(make_engine) -> None:
    engine = make_engine(people=["anna"])
    with pytest.raises(NotFound), engine.database.transaction(None) as session:
        set_tracking(session, uuid4(), opens=True, clicks=True, actor="operator")
    with pytest.raises(InvalidInput), engine.database.transaction(None) as session:
        set_tracking_host(session, engine.organization_id, "other.example", "l.example", actor="operator")


def test_the_command_sets_both_and_refuses_half_a_host(exosend, make_engine) -> None:
    engine = make_engine(people=["anna"])
    command = ("org", "tracking", str(engine.organization_id))
    said = exosend(*command, "--clicks", "off", "--domain", DOMAIN, "--host", "Links.acme.example.com")
    assert said.strip() == "opens: on, clicks: off"
    tracking = {"opens": True, "clicks": False, "unsubscribe": True}
    assert _tracking(engine) == {**tracking, "host": "links.acme.example.com"}
    exosend(*command, "--domain", DOMAIN, "--host", "none")
    assert _tracking(engine) == {**tracking, "host": None}
    for wrong in (("--domain", DOMAIN), ("--domain", DOMAIN, "--host", "no host")):
        with pytest.raises(InvalidInput, match="--host"):
            exosend(*command, *wrong)
