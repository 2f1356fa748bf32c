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
def campaign(acme: Caller) -> dict[str, Any]:
    """A draft with all that sending needs, to two contacts."""
    list_id = acme.contact_list(acme.contact(), acme.contact())
    content = {"subject": "Hello", "html_content": '<p>Hi <a href="https://example.com/pricing">there</a></p>'}
    return acme.made("/campaigns", {"name": "January", "target_list_ids": [list_id], **content})


@pytest.fixture
def sms_campaign(acme: Caller) -> dict[str, Any]:
    """A draft to two numbers."""
    numbers = ["+37061234567", "+37061234568"]
    return acme.made("/sms/campaigns", {"name": "January", "message_content": "Hello", "manual_phones": numbers})
