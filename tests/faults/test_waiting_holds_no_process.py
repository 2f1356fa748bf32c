"""Paused and slow campaigns on a running stack: no flow process is left, and each slow one moves at its rate.

FAULTS=long: 50 of each at once; else three.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from deployments.demo_stack import DemoStack, running_stack
from deployments.sink_log import read_entries
from tests.support.invariants import Found
from tests.support.stack import Stack, wait_for
from tests.support.trials import Trial

LONG = os.environ.get("FAULTS") == "long"
CAMPAIGNS = 50 if LONG else 3
PEOPLE = 150 if LONG else 15  # of a slow campaign
PER_MINUTE = 60
MANY = 200  # people of a paused one, which has its own flow: 20 seconds of its rate
MANY_PER_MINUTE = 600
SECONDS = 1200.0 if LONG else 240.0
_POSITION = 8  # the last digits of a message's id


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStack]:
    with running_stack(tmp_path_factory.mktemp("waiting")) as stack:
        yield stack


@pytest.fixture
def stack(running: DemoStack) -> Iterator[Stack]:
    joined = Stack.join(running)
    yield joined
    joined.client.close()


def _flow_processes(stack: Stack) -> list[str]:
    return [*(str(p.pid) for p in stack.flow_processes()), *(str(p.pid) for p in stack.processes("prefect.engine"))]


def _until_no_flow_process(stack: Stack) -> None:
    # Prefect first: while its SQLite is busy, a run that it handed to the worker waits without a process for seconds.
    wait_for("the end of the last flow run", lambda: not _open_flow_runs(stack), SECONDS)
    wait_for("the end of the last flow process", lambda: not _flow_processes(stack), SECONDS)


def _open_flow_runs(stack: Stack) -> list[str]:
    """Names of the flow runs that a worker has begun, or is to begin by now."""
    due = {"before_": datetime.now(UTC).isoformat()}  # that of every night is later
    states = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]}}
    body = {"flow_runs": {"state": states, "expected_start_time": due}}
    return [run["name"] for run in stack.prefect("POST", "/flow_runs/filter", json=body)]


def _accepted(stack: Stack) -> dict[str, Counter[str]]:
    """By run (the beginning of its messages' ids), how often each message was accepted, as the mail server saw it."""
    runs: dict[str, Counter[str]] = {}
    for entry in read_entries(stack.demo.accept_log):
        message = UUID(entry["message_id"].partition("@")[0]).hex
        runs.setdefault(message[:-_POSITION], Counter())[message] += 1
    return runs


def _each(stack: Stack, campaigns: list[str], what: str, is_so: Callable[[Mapping[str, object]], bool]) -> None:
    left = list(campaigns)

    def look() -> bool:
        left[:] = [id_ for id_ in left if not is_so(stack.campaign(id_))]
        return not left

    wait_for(what, look, SECONDS)


def _has_begun(campaign: Mapping[str, object]) -> bool:
    return int(str(campaign["total_sent"])) > 0


@pytest.mark.timeout(1500 if LONG else 600)
def test_paused_and_slow_campaigns_hold_no_process_and_the_slow_ones_move(stack: Stack, trial: Trial) -> None:
    slow_list, slow_addresses = stack.audience(PEOPLE)
    paused_list, paused_addresses = stack.audience(MANY)
    before = stack.client.call("GET", "/balance")["balance"]
    slow = [stack.draft(slow_list, name=f"Slow {no}", send_rate_per_minute=PER_MINUTE) for no in range(CAMPAIGNS)]
    paused = [stack.draft(paused_list, send_rate_per_minute=MANY_PER_MINUTE) for _ in range(CAMPAIGNS)]
    for no, campaign in enumerate(paused):
        stack.client.call("POST", f"/campaigns/{campaign}/send")
        if no % 10 == 0:  # the others are paused while they wait for a worker, or are planned
            _each(stack, [campaign], "a first message", _has_begun)
        stack.client.call("POST", f"/campaigns/{campaign}/pause")
    for campaign in slow:
        stack.client.call("POST", f"/campaigns/{campaign}/send")

    _each(stack, slow, "the first message of each slow campaign", _has_begun)
    _until_no_flow_process(stack)
    sent = {campaign: stack.campaign(campaign)["total_sent"] for campaign in slow}
    _each(
        stack,
        slow,
        "a further message of each slow campaign",
        lambda now: now["status"] == "completed" or int(str(now["total_sent"])) > sent[str(now["id"])],
    )
    assert not _flow_processes(stack)
    assert {stack.campaign(campaign)["status"] for campaign in paused} == {"paused"}
    assert any(count < PEOPLE for count in sent.values()), "All had ended before it could be seen that they move."
    pacers = stack.processes("deployments.pacer")
    megabytes = [round(process.memory_info().rss / 2**20) for process in pacers]
    print(f"{CAMPAIGNS} paused and {CAMPAIGNS} slow campaigns: 0 processes of flows; pacers, in MB: {megabytes}")

    _each(stack, slow, "the end of each slow campaign", lambda now: now["status"] == "completed")
    for campaign in paused:
        stack.client.call("POST", f"/campaigns/{campaign}/resume")
    _each(stack, paused, "the end of each paused campaign", lambda now: now["status"] == "completed")
    _until_no_flow_process(stack)

    runs = _accepted(stack)
    assert sorted(map(len, runs.values())) == sorted([PEOPLE, MANY] * CAMPAIGNS), "Somebody is lost."
    assert {count for run in runs.values() for count in run.values()} == {1}, "Somebody got it twice."
    recipients = Counter(entry["recipient"] for entry in read_entries(stack.demo.accept_log))
    assert recipients == Counter(dict.fromkeys(slow_addresses | paused_addresses, CAMPAIGNS))
    spent = Decimal(str(before)) - Decimal(str(stack.client.call("GET", "/balance")["balance"]))
    messages = (PEOPLE + MANY) * CAMPAIGNS
    off = abs(spent - messages * Decimal("0.01")) * 100
    distinct = sum(map(len, runs.values()))
    found = Found(
        messages,
        lost=messages - distinct,
        doubled=recipients.total() - distinct,
        uncertain=0,
        cents_off=off.normalize(),
    )
    trial.write("paused and slow campaigns at once, in as few processes", 2 * CAMPAIGNS, found)
