"""`exosend sender`, `exosend prices` and `exosend org create --sender-id`, as an operator uses them."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from models.errors import ExoSendError
from models.session import Database
from models.store.prices import sms_prices
from models.store.sender_ids import request_sender_id, sender_to_use

Run = Callable[..., str]

_LIST = """# ours
channel,prefix,currency,price,valid_from
sms,370,EUR,0.04,2026-02-01
sms,3706,EUR,0.05,2026-02-01
email,,EUR,0.002,2026-02-01
"""


@pytest.fixture
def acme(exosend: Run) -> UUID:
    made = exosend("org", "create", "--name", "Acme", "--credits", "5", "--sender-id", "EXOSMS", "--json")
    return UUID(json.loads(made)["organization_id"])


def test_an_organization_is_made_with_a_sender_id_that_it_can_use(database: Database, acme: UUID) -> None:
    with database.transaction(acme) as session:
        sender = sender_to_use(session, acme, None)
        assert (sender.sender_id, sender.is_verified, sender.is_default) == ("EXOSMS", True, True)
        assert sender.approved_at == sender.verified_at is not None


def test_a_sender_id_goes_through_both_stages(exosend: Run, database: Database, acme: UUID) -> None:
    with database.transaction(acme) as session:
        id_ = str(request_sender_id(session, acme, "EXOCLASS").id)
    assert exosend("sender", "list", "--status", "pending") == f"{id_}  {acme}  pending   pending   EXOCLASS\n"
    assert exosend("sender", "approve", id_) == "EXOCLASS: administrator approved, provider pending\n"
    rejected = exosend("sender", "reject", id_, "--reason", "Operators refuse it")
    assert rejected == "EXOCLASS: administrator approved, provider rejected\n"
    assert exosend("sender", "verify", id_) == "EXOCLASS: administrator approved, provider verified\n"
    assert len(exosend("sender", "list").splitlines()) == 2
    with pytest.raises(ExoSendError, match="EXOCLASS cannot be approved"):
        exosend("sender", "approve", id_)
    with pytest.raises(ExoSendError, match="x is not the id of a sender ID"):
        exosend("sender", "approve", "x")


def test_a_protected_name_is_given_by_an_operator_alone(exosend: Run, database: Database, acme: UUID) -> None:
    with pytest.raises(ExoSendError, match="reads like, PayPal"), database.transaction(acme) as session:
        request_sender_id(session, acme, "paypa1")
    assert exosend("sender", "add", str(acme), "PayPal") == "PayPal: administrator approved, provider verified\n"


def test_a_price_list_is_loaded_or_refused_as_a_whole(
    exosend: Run, database: Database, acme: UUID, tmp_path: Path
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(_LIST)
    assert exosend("prices", "load", str(file)).splitlines() == [
        "1 prices of email in EUR, in force from 2026-02-01",
        "2 prices of sms in EUR, in force from 2026-02-01",
    ]
    file.write_text(f"{_LIST}sms,371,EUR,free,2026-02-01\n")
    with pytest.raises(ExoSendError, match="Line 6: price must be an amount"):
        exosend("prices", "load", str(file))
    with database.transaction(acme) as session:
        prices = sms_prices(session, acme, ["+37052123456", "+37061234567", "+4915112345678"])
        actors = session.execute(text("SELECT actor FROM audit_log WHERE action = 'prices.loaded'")).scalars().all()
    assert {number: str(price) for number, price in prices.items()} == {
        "+37052123456": "0.0400",
        "+37061234567": "0.0500",
    }
    assert actors == ["operator", "operator"]


def test_a_file_that_cannot_be_read_is_told(exosend: Run, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_bytes("channel,prefix\nsms,é".encode("cp1252"))
    with pytest.raises(ExoSendError, match="is not UTF-8"):
        exosend("prices", "load", str(file))
