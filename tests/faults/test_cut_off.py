"""Senders with nothing in common but Postgres, one of which cannot reach it any more in the middle of a chunk.

Each is a process with a mail server of its own, whose log says what it sent and when. The courier, which goes on with
what is left, is the test.
"""

import contextlib
from functools import partial

import pytest

from models.session import Role, role_url
from tests.support.cut_off import LEASE_SECONDS, WINDOW, Machine, check_cut_off
from tests.support.namespaces import three_machines
from tests.support.processes import mail_server
from tests.support.proxy import Proxy

_SENDERS = 3


@pytest.fixture
def courier(tmp_path):
    """The mail server of the courier."""
    with mail_server(tmp_path / "courier") as server:
        yield server


@pytest.fixture
def begin(make_engine, courier, trial):
    """A run that is planned, with its engine."""

    def make():
        people = trial.of(short=1500, long=10_000)
        engine = make_engine(contacts=people, chunk_size=100, lease_seconds=LEASE_SECONDS, smtp_url=courier.url)
        return engine, engine.planned(batch_size=WINDOW)

    return make


@pytest.mark.parametrize("how", ["cut", "cut at a commit", "stalled", "stalled in a transaction"])
def test_behind_proxies_who_is_cut_off_stops_in_time_and_its_answers_still_count(
    begin, courier, settings, tmp_path, trial, how
):
    with contextlib.ExitStack() as stack:
        machines = []
        for name in range(_SENDERS):
            proxy = stack.enter_context(Proxy(role_url(settings, Role.ENGINE)))
            server = stack.enter_context(mail_server(tmp_path / str(name), "--delay", "20"))
            in_transaction = partial(proxy.stall_in_transaction, trial.chance.randint(1, 3))
            cut = {"cut": proxy.cut, "cut at a commit": proxy.cut_at_commit, "stalled": proxy.stall}.get(
                how, in_transaction
            )
            machines.append(Machine(proxy.url, server, cut, proxy.heal))
        check_cut_off(*begin(), machines, courier, trial, how)


@pytest.mark.needs("namespaces")
def test_on_machines_of_their_own_the_one_that_is_cut_off_stops_in_time(begin, courier, settings, tmp_path, trial):
    with three_machines(role_url(settings, Role.ENGINE), tmp_path, "--delay", "20") as machines:
        check_cut_off(*begin(), machines, courier, trial, "network namespaces, the cable pulled")
