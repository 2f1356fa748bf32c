"""A sender of an HTTP provider that is killed, with calls on their way."""

import signal
from itertools import pairwise

import pytest

from tests.support.http_api import MAILGUN, TWILIO
from tests.support.http_runs import planned_run
from tests.support.invariants import examine
from tests.support.processes import LogTail, provider_api, sender_environment

WINDOW = 50


@pytest.mark.parametrize("vendor", [TWILIO, MAILGUN], ids=lambda vendor: vendor.name)
def test_what_was_on_its_way_is_in_doubt_and_no_more(make_engine, tmp_path, trial, vendor):
    people, kills = trial.of(short=(600, 2), long=(20_000, 10))
    points = [0, *sorted(trial.chance.sample(range(1, people * 3 // 4), kills))]
    with provider_api(vendor.name, tmp_path, "--delay", "10") as server:
        url = {f"{vendor.channel}_url": server.url}
        engine = make_engine(contacts=people, credits_="5000", **url)
        run = planned_run(engine, vendor, WINDOW)
        tail = LogTail(server.log)
        for before, after in pairwise(points):
            process = engine.drainer_process(run, sender_environment(engine, smtp_url="", **url))
            tail.wait(tail.lines() + after - before, alive=lambda: process.poll() is None)  # noqa: B023
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, "The sender had ended before it could be killed."
            engine.expire_leases(run)
        engine.send(run)
        assert engine.close(run) is not None
        found = examine(engine, run, server.accepted())
    trial.write(f"kill -9 of the sender, {vendor.channel} provider", kills, found)
    assert found.uncertain <= 2 * WINDOW * kills
    assert engine.totals(run).sent + found.uncertain == people
