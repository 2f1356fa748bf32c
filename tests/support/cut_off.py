"""A sender that is cut off from Postgres in the middle of a chunk, whatever cuts it off, and what must follow."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from deployments.sink_log import read_entries
from models.store import loose_ends
from models.tables import Run
from tests.support.engine import Engine, MailServer
from tests.support.invariants import examine
from tests.support.processes import LogTail, sender_environment
from tests.support.trials import Trial

WINDOW = 20
LEASE_SECONDS = 3.0
_PATIENCE_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a sender runs: how it reaches Postgres, a mail server of its own, and the command that runs others there.

    `cut` returns when nothing passes between it and Postgres any more.
    """

    database_url: str
    server: MailServer
    cut: Callable[[], None]
    heal: Callable[[], None]
    within: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """A chunk as it is leased: which one, as the how many-th time, until when (seconds since 1970)."""

    no: int
    fence: int
    until: float


def check_cut_off(
    engine: Engine, run: Run, machines: Sequence[Machine], courier: MailServer, trial: Trial, how: str
) -> None:
    """Cut the first machine off while it sends; the others and the courier, whose mail server this is, end the run.

    It stops before anybody may take its chunk over, what it had claimed is another's by then, it does not take it
    again, and its answers still count.
    """

    def start(machine: Machine):
        values = {"engine_database_url": machine.database_url, "smtp_url": machine.server.url}
        return engine.drainer_process(run, sender_environment(engine, **values), within=machine.within)

    lonely = machines[0]
    processes = [start(lonely)]
    LogTail(lonely.server.log).wait(1)
    processes += [start(machine) for machine in machines[1:]]
    LogTail(lonely.server.log).wait(trial.chance.randint(20, 150))
    lonely.cut()
    cut_at = time.time()
    held = _held_by(engine, run, processes[0].pid)
    assert [process.wait(timeout=_PATIENCE_SECONDS) for process in processes[1:]] == [0] * (len(machines) - 1)
    finish(engine, run)
    uncertain = engine.totals(run).uncertain
    lonely.heal()
    assert processes[0].wait(timeout=_PATIENCE_SECONDS) == 0
    servers = [courier, *[machine.server for machine in machines]]
    accepted = sum((server.accepted() for server in servers), Counter())
    found = examine(engine, run, accepted)
    trial.write(f"one of {len(machines)} senders cut off from Postgres: {how}", 1, found)
    last = max(entry["time"] for entry in read_entries(lonely.server.log))
    free_at = min((chunk.until for chunk in held), default=cut_at + LEASE_SECONDS)  # none: it was between two chunks
    assert last < free_at, "It sent when another one was free to take its chunk."
    for chunk in held:
        assert _fence(engine, run, chunk.no) <= chunk.fence + 1, "It came back and took the chunk again."
    assert uncertain <= 2 * WINDOW
    # In doubt stays only what it never handed over, under a commit whose answer did not reach it any more.
    assert found.uncertain <= WINDOW
    assert not _uncertain(engine, run) & accepted.keys(), "It knew the answers, and they did not count."
    assert all(machine.server.accepted() for machine in machines), "Somebody had nothing to do."


def _held_by(engine: Engine, run: Run, pid: int) -> list[_Held]:
    """Two while the last window of one is out."""
    with engine.database.transaction(None) as session:
        rows = session.execute(
            text(
                "SELECT no, fence, extract(epoch FROM lease_until)::float8 FROM chunks"
                " WHERE run_id = :run AND state = 'leased' AND split_part(leased_by, ':', -1) = :pid"
            ),
            {"run": run.id, "pid": str(pid)},
        ).all()
    return [_Held(*row) for row in rows]


def _fence(engine: Engine, run: Run, no: int) -> int:
    with engine.database.transaction(None) as session:
        found = text("SELECT fence FROM chunks WHERE run_id = :run AND no = :no")
        return int(session.execute(found, {"run": run.id, "no": no}).scalar_one())


def _uncertain(engine: Engine, run: Run) -> set[str]:
    with engine.database.transaction(None) as session:
        found = text("SELECT recipient FROM messages WHERE run_id = :run AND state = 'uncertain'")
        return set(session.execute(found, {"run": run.id}).scalars())


def finish(engine: Engine, run: Run) -> None:
    """What the courier does until the run has ended."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while engine.close(run) is None:
        with engine.database.transaction(None) as session:
            orphaned = loose_ends.orphaned_runs(session, idle_seconds=30)
        if orphaned:
            engine.send(run)
        assert time.monotonic() < deadline, "The run does not end."
        time.sleep(0.02)
