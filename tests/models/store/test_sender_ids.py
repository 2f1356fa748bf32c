"""Sender IDs: the two stages, who may be used, and what an operator's decisions leave behind."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import text

from models.errors import IllegalState, InvalidInput, NotFound
from models.rules.ids import new_id
from models.rules.sender_id import SenderFilter
from models.session import Database, Role
from models.settings import Settings
from models.store import sender_ids
from models.store.organizations import create_organization
from models.store.sender_ids import add_verified_sender_id, request_sender_id, sender_to_use

_DECISIONS = {
    "approve": partial(sender_ids.approve, actor="operator"),
    "verify": partial(sender_ids.verify, actor="operator"),
    "reject": partial(sender_ids.reject, actor="operator", reason="No"),
}
# What was decided before, and what may be decided then.
_LEGAL = {
    "": {"approve", "reject"},
    "reject": {"approve"},
    "approve": {"verify", "reject"},
    "reject approve": {"verify", "reject"},
    "approve reject": {"verify"},
    "approve verify": set(),
    "approve reject verify": set(),
}


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = Database(settings, Role.ENGINE, pool_size=1)
    yield found
    found.close()


@pytest.fixture
def acme(database: Database) -> UUID:
    with database.transaction(None) as session:
        return create_organization(session, name="Acme").id


@pytest.mark.parametrize("decision", _DECISIONS)
@pytest.mark.parametrize("before", _LEGAL)
def test_a_stage_is_neither_skipped_nor_decided_twice(
    database: Database, acme: UUID, before: str, decision: str
) -> None:
    with database.transaction(None) as session:
        id_ = request_sender_id(session, acme, "EXOCLASS").id
        for each in before.split():
            _DECISIONS[each](session, id_)
        if decision in _LEGAL[before]:
            _DECISIONS[decision](session, id_)
            return
        with pytest.raises(IllegalState, match="The sender ID EXOCLASS cannot be "):
            _DECISIONS[decision](session, id_)


def test_what_is_unknown_or_has_no_reason_is_not_decided(database: Database, acme: UUID) -> None:
    with database.transaction(None) as session:
        for decide in _DECISIONS.values():
            with pytest.raises(NotFound):
                decide(session, new_id())
        with pytest.raises(InvalidInput, match="The reason field is required"):
            sender_ids.reject(session, request_sender_id(session, acme, "EXOCLASS").id, actor="operator", reason=" ")


def test_every_decision_is_in_the_audit_log(database: Database, acme: UUID) -> None:
    with database.transaction(None) as session:
        id_ = request_sender_id(session, acme, "EXOCLASS").id
        for decision in ("approve", "reject", "verify"):
            _DECISIONS[decision](session, id_)
        found = session.execute(
            text("SELECT actor, action, subject, details FROM audit_log WHERE action LIKE 'sender_id.%' ORDER BY id")
        ).all()
    assert [tuple(row) for row in found] == [
        ("operator", "sender_id.approved", "EXOCLASS", {}),
        ("operator", "sender_id.rejected", "EXOCLASS", {"stage": "provider", "reason": "No"}),
        ("operator", "sender_id.verified", "EXOCLASS", {}),
    ]


def test_an_operator_sees_those_of_all_organizations(database: Database, acme: UUID) -> None:
    with database.transaction(None) as session:
        globex = create_organization(session, name="Globex").id
        request_sender_id(session, acme, "Acme")
        request_sender_id(session, globex, "Globex")
        listed = sender_ids.list_sender_ids(session, None, SenderFilter.PENDING)
    assert {each.sender_id for each in listed} == {"Acme", "Globex"}


def test_the_one_to_use_is_verified_and_the_default_when_none_is_named(database: Database, acme: UUID) -> None:
    with database.transaction(None) as session:
        with pytest.raises(InvalidInput, match="no default sender ID"):
            sender_to_use(session, acme, None)
        first = add_verified_sender_id(session, acme, "EXOSMS")
        second = add_verified_sender_id(session, acme, "Shop")
        waiting = request_sender_id(session, acme, "EXOCLASS")
        globex = create_organization(session, name="Globex").id
        assert sender_to_use(session, acme, None).id == first.id
        assert sender_to_use(session, acme, "Shop").id == second.id
        for organization_id, name in ((acme, waiting.sender_id), (acme, "Nobody"), (globex, "Shop")):
            with pytest.raises(InvalidInput, match="not a verified sender ID"):
                sender_to_use(session, organization_id, name)


def test_messages_are_counted_and_not_for_another_organization(database: Database, acme: UUID) -> None:
    with database.transaction(None) as session:
        sender = add_verified_sender_id(session, acme, "EXOSMS")
        for _ in range(2):
            sender_ids.count_messages(session, acme, sender.id, 21)
        with pytest.raises(NotFound):
            sender_ids.count_messages(session, create_organization(session, name="Globex").id, sender.id, 1)
        session.refresh(sender)
        assert sender.message_count == 42


def test_an_organization_has_a_limit_of_them(database: Database, acme: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_ids, "SENDER_IDS_MAX", 1)
    with database.transaction(None) as session:
        request_sender_id(session, acme, "First")
        with pytest.raises(InvalidInput, match="There can be 1 sender IDs at most"):
            request_sender_id(session, acme, "Second")
