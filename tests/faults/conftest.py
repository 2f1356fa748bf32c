"""The engine on real Postgres, and the table of what was tried."""

import pytest

from tests.support.fixtures import database, make_engine
from tests.support.trials import Trial

__all__ = ["database", "make_engine", "trial"]


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Trial:
    """How much of a fault is tried, and where what was found is written."""
    return Trial.begin(request.node.name)
