"""The engine on real Postgres, and the table of what was tried."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.support.callers import Caller, calling
from tests.support.engine import Engine
from tests.support.fixtures import database, make_engine
from tests.support.trials import Trial

__all__ = ["database", "make_engine", "trial"]


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Trial:
    """How much of a fault is tried, and where what was found is written."""
    return Trial.begin(request.node.name, request.node.path.name)


@pytest.fixture
def call_as() -> Iterator[Callable[[Engine], Caller]]:
    """Makes the caller of the API that an engine's organization is."""
    with contextlib.ExitStack() as stack:
        yield lambda engine: stack.enter_context(calling(engine))
