"""How old may be what is known of recipients when a message is handed over, and how it is kept young.

Nobody gets what they opted out of more than two seconds before: 1.5 s may pass from the look-up to the hand-over, the
rest is for the way. While a window is out that takes longer, since the mail server takes seconds for each envelope, it
is looked up again, and as long as nothing has changed its time is moved on.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tasks.providers.until import Until

FRESH_SECONDS = 1.5
LEAST_SECONDS = 0.25  # a look-up that took that long itself must still let something go out
_AHEAD_SECONDS = 0.5  # a look-up takes milliseconds; a checkpoint of Postgres may hold it up


def fresh_until(checked_at: float) -> Until:
    """For a window that is handed over now, of whose recipients is known what was so at `checked_at` (time.monotonic,
    before it was looked up)."""
    return Until(max(checked_at + FRESH_SECONDS, time.monotonic() + LEAST_SECONDS))


@asynccontextmanager
async def kept_fresh(until: Until, is_unchanged: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Ask, from half a second before `until` is past, whether nothing has changed, and move it on as long as that is
    so. After a change nothing more is begun, and what was not comes back from the provider."""
    keeper = asyncio.create_task(_keep(until, is_unchanged))
    try:
        yield
    finally:
        keeper.cancel()


async def _keep(until: Until, is_unchanged: Callable[[], Awaitable[bool]]) -> None:
    while True:
        await asyncio.sleep(until.at - _AHEAD_SECONDS - time.monotonic())
        asked_at = time.monotonic()
        if not await is_unchanged():
            return
        until.at = asked_at + FRESH_SECONDS
