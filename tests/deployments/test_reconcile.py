"""`exosend reconcile`, as an operator and a script use it, and what the doctor says of it."""

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from deployments.checks import examine
from deployments.findings import Grade
from models.errors import ExoSendError
from models.session import Database
from models.settings import Settings

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def exosend(exosend: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; returns its exit code and what it prints."""
    monkeypatch.setenv("COLUMNS", "250")

    def run(*arguments: str) -> tuple[int, str]:
        try:
            return 0, exosend(*arguments)
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out

    return run


@pytest.fixture
def acme(exosend: Run) -> UUID:
    _, made = exosend("org", "create", "--name", "Acme", "--credits", "5", "--json")
    return UUID(json.loads(made)["organization_id"])


def _take_a_credit(database: Database) -> None:
    with database.transaction(None) as session:
        session.execute(text("UPDATE organizations SET balance = balance - 1"))


def test_it_ends_with_0_where_every_law_holds(exosend: Run, acme: UUID) -> None:
    code, said = exosend("reconcile")
    assert code == 0
    assert "The entries of the ledger add up to the balance." in said
    assert said.splitlines()[-1].startswith("0 differences in ")


def test_it_ends_with_1_and_shows_what_differs(exosend: Run, acme: UUID, database: Database) -> None:
    _take_a_credit(database)
    code, said = exosend("reconcile", "--organization", str(acme))
    assert code == 1
    assert [line.split() for line in said.splitlines() if str(acme) in line] == [
        ["ledger_sum", str(acme), "balance", "5.0000", "4.0000"],
        ["ledger_last", str(acme), "balance", "4.0000", "5.0000"],
    ]


def test_a_script_reads_it_as_json(exosend: Run, acme: UUID, database: Database) -> None:
    _take_a_credit(database)
    code, said = exosend("reconcile", "--json")
    told = json.loads(said)
    assert (code, told["organizations"], told["differences"], told["unfinished"]) == (1, 1, 2, 0)
    [of_sum] = [law for law in told["laws"] if law["law"] == "ledger_sum"]
    assert of_sum["shown"][0]["expected"] == "5.0000"


def test_it_says_what_it_cannot_do(exosend: Run, acme: UUID) -> None:
    with pytest.raises(ExoSendError, match="There is no organization"):
        exosend("reconcile", "--organization", str(uuid4()))
    with pytest.raises(ExoSendError, match="--days must be at least 1"):
        exosend("reconcile", "--days", "0")


def test_the_doctor_says_what_came_of_the_last(
    exosend: Run, acme: UUID, database: Database, settings: Settings
) -> None:
    def finding() -> tuple[Grade, str]:
        # Nothing listens on the port: there is no Prefect and no API here.
        [found] = [each for each in examine(settings.with_values(port=9, prefect_port=9)) if each.check == "reconcile"]
        return found.grade, found.text

    assert finding()[0] is Grade.NOTE
    exosend("reconcile")
    assert finding()[0] is Grade.OK
    _take_a_credit(database)
    exosend("reconcile")
    grade, said = finding()
    assert grade is Grade.WRONG
    assert "2 differences, 0 laws not finished" in said
