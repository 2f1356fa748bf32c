"""What tests of vendors need."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest


@pytest.fixture
def new_id() -> Callable[[], UUID]:
    return uuid4
