"""Counting requests in Valkey or Redis, for installations whose API runs on many machines."""

import logging
import time
from typing import Any, NamedTuple
from uuid import UUID

import valkey
from valkey.exceptions import ValkeyError

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 0.2  # every request waits for it
_REST_SECONDS = 5.0  # after a failure: else every request would wait for the time-out
_CONNECTIONS_MAX = 64

# What admit_requests in the database does (migration 0010): a minute begins with a request; what is refused counts not.
_COUNT = """
local made = tonumber(redis.call('GET', KEYS[1]) or '0')
if made >= tonumber(ARGV[1]) then
    return {0, redis.call('PTTL', KEYS[1])}
end
made = redis.call('INCR', KEYS[1])
if made == 1 then
    redis.call('PEXPIRE', KEYS[1], 60000)
end
return {ARGV[1] - made, -1}
"""


class Counted(NamedTuple):
    """Requests left in the minute; `retry_after`: None if this one may go on, else seconds until there are some."""

    remaining: int
    retry_after: int | None


class ValkeyCounter:
    """Counts the requests of organizations, exactly, over all processes that use the same server. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Connects when it first counts. Raises ValueError for a URL that is none."""
        self._client: Any = valkey.Valkey.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            max_connections=_CONNECTIONS_MAX,
        )
        self._count = self._client.register_script(_COUNT)
        self._rest_until = 0.0

    def count(self, organization_id: UUID, allowed: int) -> Counted | None:
        """Count one request of at most `allowed` a minute; None while the server is away."""
        if time.monotonic() < self._rest_until:
            return None
        try:
            remaining, left = self._count(keys=[f"exosend:requests:{organization_id}"], args=[allowed])
        except ValkeyError as error:
            self._rest_until = time.monotonic() + _REST_SECONDS
            log.warning("The throttle's Valkey is away (%s); Postgres counts meanwhile.", type(error).__name__)
            return None
        return Counted(int(remaining), None if left < 0 else max(1, -(-int(left) // 1000)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
