"""`exosend callbacks`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from deployments.connection import engine_database, typed_id
from models.errors import ExoSendError
from models.store.callbacks import ListedCallback, find_callback, list_callbacks
from tasks.providers.callbacks import UnreadableCallback
from tasks.reports.replaying import read_again, replay, request_of

# What proves who calls: seen on a screen, it could be used again.
_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie"}

JsonOutput = Annotated[bool, Parameter(name="--json", negative="")]


def show_list(
    *,
    provider: str | None = None,
    unreadable: Annotated[bool, Parameter(negative="")] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 50,
    data_dir: Path | None = None,
    json_output: JsonOutput = False,
) -> None:
    """List the callbacks of providers that came last. They are kept for 35 days.

    Parameters
    ----------
    provider
        Of this account only: the vendor's name, or vendor:id.
    unreadable
        Those only that could not be read.
    limit
        How many.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    json_output
        One JSON object a line.
    """
    with engine_database("callbacks list", data_dir) as (_, database), database.transaction(None) as session:
        for entry in list_callbacks(session, limit=limit, provider=provider, unreadable=unreadable):
            print(json.dumps(asdict(entry), default=str) if json_output else _line(entry))


def show(callback: str, /, *, data_dir: Path | None = None) -> None:
    """Show a callback as it came, without passwords, and what it says.

    Parameters
    ----------
    callback
        Its id, from `exosend callbacks list`.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_database("callbacks show", data_dir) as (settings, database), database.transaction(None) as session:
        found = find_callback(session, typed_id(callback))
        request = request_of(settings, found)
        print(f"{found.provider}, {found.received_at:%Y-%m-%d %H:%M:%S %Z}: {shown(found.url)}")
        for name, value in sorted(request.headers.items()):
            print(f"{name}: {'(not shown)' if name in _SECRET_HEADERS else shown(value)}")
        print()
        print(shown(found.body.decode("utf-8", "backslashreplace")))
        print()
        try:
            said = read_again(settings, session, found)
        except (UnreadableCallback, ExoSendError) as error:
            print(f"It cannot be read: {error}")
            return
        for each in said:
            print(json.dumps({type(each).__name__: asdict(each)}, default=str))


def replay_all(
    *callbacks: str, unreadable: Annotated[bool, Parameter(negative="")] = False, data_dir: Path | None = None
) -> None:
    """Read callbacks again and have what they say applied. What was applied before counts once.

    Parameters
    ----------
    callbacks
        Their ids, from `exosend callbacks list`.
    unreadable
        All that could not be read, the last 10,000 of them.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_database("callbacks replay", data_dir) as (settings, database):
        ids = [typed_id(each) for each in callbacks]
        if unreadable:
            with database.transaction(None) as session:
                ids += [each.id for each in list_callbacks(session, limit=10_000, unreadable=True)]
        events = failed = 0
        for id_ in ids:
            with database.transaction(None) as session:
                count, problem = replay(settings, session, id_)
            events += count
            failed += problem is not None
            if problem is not None:
                print(f"{id_}  cannot be read: {problem}")
        print(f"{len(ids) - failed} callbacks read, with {events} events, which the courier applies.")
    if failed:
        raise ExoSendError(f"{failed} callbacks could not be read.")


def shown(text: str) -> str:
    """What others wrote, for a terminal: controls and what turns the direction of writing are escaped, lines stay."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode() for char in text
    )


def _line(entry: ListedCallback) -> str:
    said = f"{entry.events} events" if entry.problem is None else f"unreadable: {entry.problem}"
    return f"{entry.id}  {entry.received_at:%Y-%m-%d %H:%M:%S}  {entry.provider}  {entry.bytes:,} bytes  {said}"
