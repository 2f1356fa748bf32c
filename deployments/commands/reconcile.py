"""`exosend reconcile`."""

import json as json_module
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from deployments.connection import connected_settings, typed_id
from models.errors import InvalidInput, NotFound
from models.session import Database, Role
from models.settings import load_settings
from tasks.runs.reconcile import DAYS, Reconciled
from tasks.runs.reconcile import reconcile as compare_all

_SHOWN = 20  # differences of a law


def reconcile(
    *,
    organization: str | None = None,
    days: int = DAYS,
    json: Annotated[bool, Parameter(negative="")] = False,
    data_dir: Path | None = None,
) -> None:
    """Compare what must be the same: ledger and balance, money and messages, counters and what they count.

    It changes nothing and may be run while messages are sent. Exit code 1 if anything differs.

    Parameters
    ----------
    organization
        Id of an organization; without it, all are looked at.
    days
        How many days back messages are counted anew. Credits are compared over all time.
    json
        Print one line of JSON.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    if days < 1:
        raise InvalidInput({"days": ["--days must be at least 1."]})
    organization_id = None if organization is None else typed_id(organization, "the id of an organization")
    settings = connected_settings(load_settings(data_dir=data_dir))
    database = Database(settings, Role.ENGINE, pool_size=1, application_name="exosend reconcile")
    try:
        reconciled = compare_all(database, organization_id, days=days)
    except NotFound:
        raise NotFound(f"There is no organization {organization}.") from None
    finally:
        database.close()
    (_print_json if json else _print_tables)(reconciled)
    if not reconciled.is_clean:
        sys.exit(1)


def _print_json(reconciled: Reconciled) -> None:
    laws = [
        {
            "law": result.law.name,
            "comparisons": result.comparisons,
            "differences": result.differing,
            "unfinished": result.unfinished,
            "shown": [asdict(each) for each in result.differences],
        }
        for result in reconciled.results
    ]
    whole = {
        "organizations": reconciled.organizations,
        "comparisons": reconciled.comparisons,
        "differences": reconciled.differing,
        "unfinished": reconciled.unfinished,
        "laws": laws,
    }
    print(json_module.dumps(whole, default=str))


def _print_tables(reconciled: Reconciled) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(_laws(reconciled))
    if any(result.differing for result in reconciled.results):
        console.print(_differences(reconciled))
    console.print(reconciled.summary, markup=False)


def _laws(reconciled: Reconciled) -> Table:
    table = _table("law", "promise", "comparisons", "differences")
    for result in reconciled.results:
        differing = "not finished" if result.unfinished else f"{result.differing:,}"
        colour = "red" if result.unfinished or result.differing else "green"
        table.add_row(
            result.law.name, result.law.promise, f"{result.comparisons:,}", f"[{colour}]{differing}[/{colour}]"
        )
    return table


def _differences(reconciled: Reconciled) -> Table:
    table = _table("law", "organization", "what", "expected", "found")
    for result in reconciled.results:
        for each in result.differences[:_SHOWN]:
            table.add_row(each.law, str(each.organization_id), each.subject, str(each.expected), str(each.found))
        if result.differing > _SHOWN:
            table.add_row(result.law.name, "", f"… and {result.differing - _SHOWN:,} more", "", "")
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
