"""Import: from the flow's first line to its commit, beside raw COPY in of the contacts that came of it."""

import subprocess
import sys
import time
from uuid import UUID

import psycopg
from psycopg import sql

from benchmarks.measure import Aim, Bench, Figure, in_turns
from benchmarks.people import csv_of, new_organization
from benchmarks.tables import copy_in_seconds, owner_connection, rows_of
from models.session import Database, Role
from tasks.runs.importing import accept_import, run_import

_BYTES = 10_000_000
_AIM = Aim("at most", now=4.0, goal=2.0)
_CONTACTS = ["organization_id", "id", "email", "first_name", "last_name", "phone", "custom_fields"]
_MEMBERS = ["organization_id", "list_id", "contact_id"]
_FLOW = "import flows.import_contacts"


def measure_import(bench: Bench, *, phones: bool, onto_list: bool) -> Figure:
    """10 MB of CSV. With `onto_list` the limit copies the members in as well, into a table without foreign keys."""
    data = csv_of(bench.amount(_BYTES), phones=phones)
    database = Database(bench.settings, Role.ENGINE)
    last: list[UUID] = []
    imported = 0

    def product() -> float:
        nonlocal imported
        organization_id, list_id = new_organization(database)
        with database.transaction(organization_id) as session:
            run = accept_import(
                session, organization_id, data, file_name="contacts.csv", list_id=list_id if onto_list else None
            )
        bench.settle()
        began = time.perf_counter()
        counts = run_import(database, run.id, bench.settings)
        seconds = time.perf_counter() - began
        assert counts is not None
        imported = counts.imported
        last[:] = [organization_id]
        return seconds

    try:
        with owner_connection(bench.settings) as owner:

            def limit() -> float:
                return _copies(bench, owner, last[0], onto_list=onto_list)

            seconds, limits = in_turns(bench.rounds, product, limit)
    finally:
        database.close()
    columns = ("with" if phones else "without") + " phones"
    return Figure(
        name=f"import {columns}" + (", onto a list" if onto_list else ""),
        limit_name="raw COPY in",
        amount=imported,
        unit="contacts",
        product_seconds=seconds,
        limit_seconds=limits,
        aim=None if phones or onto_list else _AIM,
        notes={"csv_bytes": len(data)},
    )


def flow_start_seconds() -> float:
    """Seconds of a new process until the flow's code is there.

    It is what a start without a preloader costs, besides Prefect's own part.
    """
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", _FLOW], check=True, timeout=120)
    return time.perf_counter() - began


def _copies(bench: Bench, owner: psycopg.Connection, organization_id: UUID, *, onto_list: bool) -> float:
    tables = [("contacts", _CONTACTS), *([("contact_list_members", _MEMBERS)] if onto_list else [])]
    contents = [(table, columns, _rows(owner, table, columns, organization_id)) for table, columns in tables]
    bench.settle()
    return sum(copy_in_seconds(owner, table, columns, rows) for table, columns, rows in contents)


def _rows(owner: psycopg.Connection, table: str, columns: list[str], organization_id: UUID) -> list[bytes]:
    query = sql.SQL("SELECT {} FROM {} WHERE organization_id = {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table), sql.Literal(organization_id)
    )
    return rows_of(owner, query)
