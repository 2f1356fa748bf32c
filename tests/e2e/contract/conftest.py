"""Two organizations of one stack, and one of each thing that a path may name."""

from collections.abc import Iterator
from typing import Any

import pytest

from deployments.demo_stack import DemoStack
from tests.support.contract import Caller


@pytest.fixture(scope="session")
def acme(running: DemoStack) -> Iterator[Caller]:
    """The organization whose things they are."""
    caller = Caller.create(running, "Acme", "1000")
    yield caller
    caller.http.close()


@pytest.fixture(scope="session")
def globex(running: DemoStack) -> Iterator[Caller]:
    """Its rival."""
    caller = Caller.create(running, "Globex", "1000")
    yield caller
    caller.http.close()


@pytest.fixture
def poor(running: DemoStack) -> Iterator[Caller]:
    """An organization with two cents."""
    caller = Caller.create(running, "Poor", "0.02")
    yield caller
    caller.http.close()


@pytest.fixture
def alone(running: DemoStack) -> Iterator[Caller]:
    """An organization of the test's own: refunds of what others sent do not change its balance."""
    caller = Caller.create(running, "Alone", "100")
    yield caller
    caller.http.close()


@pytest.fixture
def campaign(acme: Caller) -> dict[str, Any]:
    """A draft with all that sending needs, to two contacts."""
    return acme.draft()


@pytest.fixture
def sms_campaign(acme: Caller) -> dict[str, Any]:
    """A draft to two numbers."""
    numbers = ["+37061234567", "+37061234568"]
    return acme.made("/sms/campaigns", {"name": "January", "message_content": "Hello", "manual_phones": numbers})
