"""Plan: from plan_campaign's start to its commit, beside raw COPY out and in of the same rows."""

import time
from uuid import UUID

import psycopg
from psycopg import sql

from benchmarks.campaigns import TAGS, start_campaign
from benchmarks.children import in_children, peak_memory
from benchmarks.measure import Aim, Bench, Figure
from benchmarks.people import SEGMENT, organization_with
from benchmarks.tables import copy_in_seconds, copy_out_seconds, owner_connection, rows_of
from models.rules.segment import parse_segment
from models.session import Database, Role
from models.settings import Settings
from tasks.audience.plan import contact_columns
from tasks.runs.plan import plan_campaign

_AIM = Aim("at most", now=2.5, goal=1.3)
# What a plan writes of a message; the rest are defaults.
_WRITTEN = ["id", "made_on", "organization_id", "run_id", "content_id", "contact_id", "channel", "recipient"]
_WRITTEN += ["dedupe_key", "position", "variables", "cost"]


def measure_plan(bench: Bench, contacts: int) -> Figure:
    """A tenth of the contacts is suppressed, nine tenths of the rest are in the segment, two merge tags.

    The aim is for a million.
    """
    count = bench.amount(contacts)
    database = Database(bench.settings, Role.ENGINE)
    product, limit, peaks, recipients = [], [], [], 0
    try:
        organization_id, list_id = organization_with(database, count, suppressed=True)
        with owner_connection(bench.settings) as owner:
            for _ in range(bench.rounds):
                owner.execute("TRUNCATE messages, chunks, dropped_recipients")
                run = start_campaign(database, bench.settings, organization_id, list_id, SEGMENT)
                bench.settle()
                [(seconds, peak, recipients)] = in_children(1, _plan, bench.settings, run.id)
                product.append(seconds)
                peaks.append(peak)
                limit.append(_copies(bench, owner, organization_id, run.id))
    finally:
        database.close()
    return Figure(
        name=f"plan {contacts:,} contacts",
        limit_name="raw COPY out + in",
        amount=count,
        unit="contacts",
        product_seconds=tuple(product),
        limit_seconds=tuple(limit),
        aim=_AIM if contacts >= 1_000_000 else None,
        notes={"recipients": recipients, "peak_memory_mib": round(max(peaks) / 2**20)},
    )


def _plan(settings: Settings, run_id: UUID) -> tuple[float, int, int]:
    """Seconds, peak memory in bytes, recipients."""
    database = Database(settings, Role.ENGINE)
    try:
        began = time.perf_counter()
        planned = plan_campaign(database, run_id, settings)
        seconds = time.perf_counter() - began
    finally:
        database.close()
    assert planned is not None
    return seconds, peak_memory(), planned.recipients


def _copies(bench: Bench, owner: psycopg.Connection, organization_id: UUID, run_id: UUID) -> float:
    columns = contact_columns(parse_segment(SEGMENT), TAGS)
    names = sql.SQL(", ").join(
        sql.SQL("c.{}").format(sql.Identifier("id" if name == "contact_id" else name)) for name in columns
    )
    contacts = sql.SQL(
        "SELECT {} FROM contact_list_members m JOIN contacts c ON c.organization_id = m.organization_id"
        " AND c.id = m.contact_id WHERE m.organization_id = {}"
    ).format(names, sql.Literal(organization_id))
    suppressed = sql.SQL("SELECT recipient FROM suppressions WHERE organization_id = {}").format(
        sql.Literal(organization_id)
    )
    written = sql.SQL(", ").join(map(sql.Identifier, _WRITTEN))
    rows = rows_of(
        owner, sql.SQL("SELECT {} FROM messages WHERE run_id = {} ORDER BY id").format(written, sql.Literal(run_id))
    )
    bench.settle()
    owner.execute("SET enable_nestloop = off")  # as the plan does: without statistics it takes minutes
    out = copy_out_seconds(owner, contacts) + copy_out_seconds(owner, suppressed)
    # Half-empty pages as in the product's partitions, so that outcomes fit in beside the planned rows.
    return out + copy_in_seconds(owner, "messages", _WRITTEN, rows, "WITH (fillfactor = 50)")
