"""What is shown in Prefect, and may fail to be. Without Polars, so that what needs none is preloaded."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def best_effort() -> Iterator[None]:
    """What is only shown must not stop what is sent: Prefect's server may be away, or restart."""
    try:
        yield
    except Exception as error:
        log.warning("Prefect's UI lacks something: %s: %s", type(error).__name__, str(error)[:300])
