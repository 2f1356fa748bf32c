"""A campaign that two workers send on a running stack, one of which dies; and one whose senders have all died."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from deployments.demo_stack import DemoStack, running_stack
from deployments.sink_log import read_entries
from tests.support.second_worker import SecondWorker, second_worker
from tests.support.stack import Stack, ask_prefect, wait_for
from tests.support.stack_runs import examine_campaigns, inside
from tests.support.trials import Trial

LONG = os.environ.get("FAULTS") == "long"
PEOPLE = 30_000 if LONG else 1000
CHUNK = 100
PER_MINUTE = 12_000 if LONG else 1500
WINDOW = 20
LEASE_SECONDS = 15.0  # the default
END_SECONDS = 600.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStack]:
    """A worker that takes one flow run, in a pool that lets two go on."""
    settings = {"worker_limit": "1", "chunk_size": str(CHUNK), "drainers": "2"}
    with running_stack(tmp_path_factory.mktemp("workers"), **settings) as stack:
        ask_prefect(stack, "PATCH", "/work_pools/exosend", json={"concurrency_limit": 4})
        yield stack


@pytest.fixture
def stack(running: DemoStack) -> Iterator[Stack]:
    joined = Stack.join(running)
    yield joined
    joined.client.close()


def _begin(stack: Stack, people: int, per_minute: int) -> str:
    list_id, _ = stack.audience(people)
    campaign_id = stack.draft(list_id, batch_size=WINDOW, send_rate_per_minute=per_minute)
    stack.client.call("POST", f"/campaigns/{campaign_id}/send")
    return campaign_id


def _sent_by(stack: Stack, campaign_id: str) -> dict[int, int]:
    """Process id → how many messages of the chunks that it was the last to have were accepted."""
    asked = text(
        "SELECT leased_by, sum(k.accepted) FROM chunks k JOIN runs r ON r.id = k.run_id"
        " WHERE r.campaign_id = :id AND k.accepted > 0 GROUP BY leased_by"
    )
    with inside(stack) as engine, engine.database.transaction(None) as session:
        rows = session.execute(asked, {"id": campaign_id}).all()
    return {int(who.rpartition(":")[2]): int(accepted) for who, accepted in rows}


def _of_both(stack: Stack, second: SecondWorker, campaign_id: str) -> tuple[int, int] | None:
    """What the first and the second worker's flow runs have sent, when each has sent something."""
    here = {process.pid for process in stack.flow_processes()}
    there = {process.pid for process in second.flow_processes()}
    sent = _sent_by(stack, campaign_id)
    first, others = (sum(count for pid, count in sent.items() if pid in pids) for pids in (here, there))
    return (first, others) if first and others else None


@pytest.mark.timeout(1500)
def test_two_workers_send_one_campaign_and_when_one_dies_the_other_sends_the_rest(
    stack: Stack, tmp_path: Path, trial: Trial
) -> None:
    with second_worker(stack, tmp_path) as second:
        campaign_id = _begin(stack, PEOPLE, PER_MINUTE)
        shares = wait_for("something from both", lambda: _of_both(stack, second, campaign_id))
        second.kill()
        assert stack.campaign(campaign_id)["status"] == "sending", "It had ended before a worker could be killed."
        done = stack.wait_status(campaign_id, "completed", END_SECONDS)
    print(f"Sent when one was killed: {shares[0]} by the one, {shares[1]} by the other.")
    found = examine_campaigns(stack, [campaign_id])
    trial.write("one of two workers killed in the middle of a campaign", 1, found)
    assert found[0].uncertain <= 2 * WINDOW
    assert done["total_sent"] + found[0].uncertain == PEOPLE


def _kill_senders(stack: Stack) -> float:
    processes = stack.flow_processes()
    assert processes
    for process in processes:
        process.send_signal(signal.SIGKILL)
    return time.time()


def _lease(stack: Stack, campaign_id: str) -> tuple[int, float, str]:
    """Of the campaign's only chunk: how often it was leased, for how many seconds from now, and its state."""
    asked = text(
        "SELECT k.fence, extract(epoch FROM k.lease_until - now())::float, k.state"
        " FROM chunks k JOIN runs r ON r.id = k.run_id WHERE r.campaign_id = :id"
    )
    with inside(stack) as engine, engine.database.transaction(None) as session:
        fence, seconds, state = session.execute(asked, {"id": campaign_id}).one()
    return int(fence), float(seconds or 0), str(state)


@pytest.mark.timeout(1500)
def test_a_campaign_whose_senders_were_killed_is_sent_again_when_their_lease_has_run_out(
    stack: Stack, trial: Trial
) -> None:
    """The worst case: all that is left is in the chunk that the dead sender had."""
    campaigns, gaps = [], []
    times = trial.of(short=1, long=5)
    for _ in range(times):
        campaigns.append(campaign_id := _begin(stack, CHUNK, 600))
        wait_for("the first window", lambda: stack.campaign(campaign_id)["total_sent"] >= WINDOW)
        killed = _kill_senders(stack)
        fence, left, state = _lease(stack, campaign_id)
        assert (fence, state) == (1, "leased"), "It had ended before its sender could be killed."
        assert 0 < left <= LEASE_SECONDS
        wait_for("another lease", lambda: _lease(stack, campaign_id)[0] > 1)
        stack.wait_status(campaign_id, "completed", END_SECONDS)
        again = min(entry["time"] for entry in read_entries(stack.demo.accept_log) if entry["time"] > killed + 1)
        gaps.append(again - killed)
        print(f"Killed with {left:.1f} s of the lease left; sent again {gaps[-1]:.1f} s after the kill.")
        # Not before another may take it; and how long a process takes to start is this machine's business.
        assert left <= gaps[-1] <= 2 * LEASE_SECONDS
    found = examine_campaigns(stack, campaigns)
    assert all(one.uncertain <= 2 * WINDOW for one in found)
    trial.write(f"all senders of a campaign killed, sent again {max(gaps):.1f} s later (lease 15 s)", times, found)
