"""`exosend uncertain`."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from sqlalchemy.orm import Session

from deployments.connection import engine_database, typed_id
from models.rules.lifecycle import Channel
from models.rules.uncertainty import Decision
from models.settings import Settings
from models.store.organizations import audit
from models.store.pages import PageRequest
from models.store.runs import find_run
from models.store.uncertain_lists import (
    Doubtful,
    ListedUncertain,
    channel_of_run,
    choose_policy,
    find_uncertain_single,
    list_doubtful,
    list_uncertain,
)
from tasks.runs.uncertain import resolve_run, resolve_single
from tasks.sending.resolving import Resolver

_AT_ONCE = 1000
_ACTOR = "operator"

JsonOutput = Annotated[bool, Parameter(name="--json", negative="")]


class ResolvedAs(StrEnum):
    """What uncertain messages are resolved as."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    RESEND = "resend"


class Policy(StrEnum):
    """What an organization may choose; `default` takes the choice back."""

    HOLD = "hold"
    FAIL = "fail"
    RESEND = "resend"
    DEFAULT = "default"


_DECISIONS = {
    ResolvedAs.ACCEPTED: Decision.ACCEPT,
    ResolvedAs.FAILED: Decision.FAIL,
    ResolvedAs.RESEND: Decision.RESEND,
}


def show(run: str | None = None, /, *, data_dir: Path | None = None, json_output: JsonOutput = False) -> None:
    """List the uncertain messages of a run; without one, the runs and single messages of which nobody knows.

    Parameters
    ----------
    run
        The run's id: `runs.run_id` in the schema `results`.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    json_output
        One JSON object a line.
    """
    with engine_database("uncertain list", data_dir) as (_, database), database.transaction(None) as session:
        entries = list_doubtful(session, most=_AT_ONCE) if run is None else _all_of(session, typed_id(run))
        for entry in entries:
            print(json.dumps(asdict(entry), default=str) if json_output else _line(entry))


def resolve(
    run: str,
    /,
    *,
    as_: Annotated[ResolvedAs, Parameter(name="--as")],
    data_dir: Path | None = None,
    json_output: JsonOutput = False,
) -> None:
    """Decide about all uncertain messages of a run, or about a single one. It goes into the audit log.

    Parameters
    ----------
    run
        The run's id, or the id of a single message, from `exosend uncertain list`.
    as_
        accepted (stays charged), failed (is refunded) or resend (goes out again, flagged).
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    json_output
        One line of JSON: uncertain, done (what became of them by now).
    """
    subject, decision = typed_id(run), _DECISIONS[as_]
    with engine_database("uncertain resolve", data_dir) as (settings, database):
        with database.transaction(None) as session:
            decided = _decide(session, settings, subject, decision)
        done: dict[str, int] = {}
        resolver = Resolver(database, settings)
        while found := resolver.resolve_due(only=subject):
            for verdict, count in found.items():
                done[verdict.value] = done.get(verdict.value, 0) + count
    if json_output:
        print(json.dumps({"uncertain": decided, "done": done}))
    elif not decided:
        print("Nothing of it is uncertain.")
    else:
        told = ", ".join(f"{word} {count}" for word, count in sorted(done.items())) or "the courier does it"
        print(f"{decided} uncertain messages: {told}.")


def policy(organization: str, choice: Policy, /, *, data_dir: Path | None = None) -> None:
    """Choose what an organization's uncertain messages become. It goes into the audit log.

    Parameters
    ----------
    organization
        Its id.
    choice
        hold, fail or resend; or default: runs are held, singles sent again where the provider takes a key.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    id_, chosen = typed_id(organization), None if choice is Policy.DEFAULT else choice.value
    with engine_database("uncertain policy", data_dir) as (_, database), database.transaction(None) as session:
        choose_policy(session, id_, chosen)
        details = {"policy": choice.value}
        audit(session, id_, actor=_ACTOR, action="uncertain.policy", subject=str(id_), details=details)
    print(f"Uncertain messages of {id_}: {choice.value}.")


def _decide(session: Session, settings: Settings, subject: UUID, decision: Decision) -> int:
    single = find_uncertain_single(session, subject)
    if single is not None:
        organization_id, channel = single
        return resolve_single(
            session, organization_id, subject, Channel(channel), decision, settings=settings, actor=_ACTOR
        )
    organization_id = find_run(session, subject).organization_id
    channel_of = channel_of_run(session, subject)
    if channel_of is None:
        return 0
    return resolve_run(
        session, organization_id, subject, Channel(channel_of), decision, settings=settings, actor=_ACTOR
    )


def _all_of(session: Session, run_id: UUID) -> Iterator[ListedUncertain]:
    organization_id = find_run(session, run_id).organization_id
    number = 1
    while True:
        page = list_uncertain(session, organization_id, run_id, PageRequest(number, _AT_ONCE))
        yield from page.items
        if number >= page.last:
            return
        number += 1


def _line(entry: ListedUncertain | Doubtful) -> str:
    since = f"{entry.since:%Y-%m-%d %H:%M:%S}"
    if isinstance(entry, Doubtful):
        what = f"message {entry.message_id}  {entry.recipient}" if entry.message_id else f"run     {entry.run_id}"
        return f"{since}  {entry.messages:>6}  {entry.channel:<5}  {what}"
    held = "held" if entry.is_held else "waits"
    return f"{entry.message_id}  {since}  {held:<5}  {entry.provider or '-'}  {entry.recipient}  {entry.error or ''}"
