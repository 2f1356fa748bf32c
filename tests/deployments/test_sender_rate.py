"""`exosend sender rate`, as an operator uses it."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import text

from models.errors import InvalidInput, NotFound
from models.session import Database
from models.store.sender_rates import limited_senders

Run = Callable[..., str]


@pytest.fixture
def organization(exosend: Run) -> str:
    made = exosend(
        *("org", "create", "--name", "Acme", "--credits", "5", "--sender-id", "EXOSMS", "--domain", "acme.com"),
        "--json",
    )
    return str(json.loads(made)["organization_id"])


def _limited(database: Database, channel: str) -> dict[str, int]:
    with database.transaction(None) as session:
        return {name: limit.per_minute for (_, name), limit in limited_senders(session, channel).items()}


def test_a_sender_id_gets_a_rate_and_loses_it(exosend: Run, database: Database, organization: str) -> None:
    id_ = exosend("sender", "list").split()[0]
    assert exosend("sender", "rate", id_, "1200") == "EXOSMS: at most 1,200 messages a minute\n"
    assert exosend("sender", "list").endswith("EXOSMS  1200/min\n")
    assert (_limited(database, "sms"), _limited(database, "email")) == ({"EXOSMS": 1200}, {})
    assert exosend("sender", "rate", id_, "off") == "EXOSMS: no limit\n"
    assert _limited(database, "sms") == {}
    with database.transaction(None) as session:
        audited = session.execute(
            text(
                "SELECT organization_id::text, actor, subject, details FROM audit_log"
                " WHERE action LIKE '%.rate_changed' ORDER BY id"
            )
        ).all()
    assert [tuple(row) for row in audited] == [
        (organization, "operator", "EXOSMS", {"from": None, "to": 1200}),
        (organization, "operator", "EXOSMS", {"from": 1200, "to": None}),
    ]


def test_a_domain_gets_one_by_its_name(exosend: Run, database: Database, organization: str) -> None:
    assert exosend("sender", "rate", "Acme.com", "60") == "acme.com: at most 60 messages a minute\n"
    assert (_limited(database, "sms"), _limited(database, "email")) == ({}, {"acme.com": 60})


@pytest.mark.parametrize("rate", ["0", "x", "6000001", "1.5"])
def test_a_rate_is_a_whole_number_of_messages(exosend: Run, organization: str, rate: str) -> None:
    with pytest.raises(InvalidInput):
        exosend("sender", "rate", "acme.com", rate)


def test_what_is_no_sender_is_named(exosend: Run, organization: str) -> None:
    with pytest.raises(NotFound, match=r"globex\.com is neither"):
        exosend("sender", "rate", "globex.com", "60")
