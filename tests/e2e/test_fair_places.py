"""One organization's long campaigns have all places of the worker; another one sends a small one."""

from collections.abc import Iterator

import pytest

from deployments.demo_stack import DemoStack, running_stack
from tests.support.stack import Stack

LONG = {"send_rate_per_minute": 600, "batch_size": 10}  # five minutes of 3,000 people, in a flow of its own
PEOPLE = 3_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStack]:
    with running_stack(tmp_path_factory.mktemp("places"), worker_limit="2") as stack:
        yield stack


@pytest.mark.timeout(600)
def test_a_small_campaign_is_sent_while_long_ones_of_another_go_on(running: DemoStack) -> None:
    acme, globex = Stack.join(running), Stack.join(running, "Globex")
    many, _ = acme.audience(PEOPLE)
    few, _ = globex.audience(20)
    long = [acme.draft(many, **LONG) for _ in range(2)]
    for campaign in long:
        acme.client.call("POST", f"/campaigns/{campaign}/send")
    for campaign in long:
        acme.wait_sent(campaign)
    small = globex.draft(few)
    globex.client.call("POST", f"/campaigns/{small}/send")
    assert globex.wait_status(small, "completed", 240)["total_sent"] == 20
    now = [acme.campaign(campaign) for campaign in long]
    assert [one["status"] for one in now] == ["sending", "sending"]
    assert all(one["total_sent"] < PEOPLE for one in now)
    for one in now:  # who gave way goes on
        acme.wait_sent(one["id"], more_than=one["total_sent"])
        acme.client.call("POST", f"/campaigns/{one['id']}/cancel")
    acme.client.close()
    globex.client.close()
