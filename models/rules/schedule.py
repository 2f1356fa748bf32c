"""When a campaign goes out: from what a client wrote to an instant in UTC."""

import functools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from models.errors import InvalidInput


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())  # reads some 600 files: once a process


def time_zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises InvalidInput on `timezone` for any other."""
    # ZoneInfo would also open paths ("../x") and files of the zone folder that are no zones.
    if name not in _zone_names():
        raise InvalidInput({"timezone": ["The timezone field must be a valid timezone."]})
    return ZoneInfo(name)


def resolve_scheduled_at(
    scheduled_at: str,
    *,
    timezone: str | None = None,
    organization_timezone: str | None = None,
    field: str = "scheduled_at",
) -> datetime:
    """The instant, in UTC, that an ISO 8601 text means.

    An explicit offset wins; a naive time is in `timezone`, else in the organization's, else in UTC. A time
    that daylight saving skips moves forward by the gap; one that it repeats is the first of the two (PEP
    495, fold=0). A `timezone` is checked even where an offset makes it idle. Raises InvalidInput.
    """
    zone = time_zone(timezone) if timezone else None
    if zone is None and organization_timezone:
        zone = time_zone(organization_timezone)
    try:
        written = datetime.fromisoformat(scheduled_at.strip())
        if written.tzinfo is None:
            written = written.replace(tzinfo=zone or UTC)
        return written.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):  # OverflowError: an offset that leads past the year 9999
        raise InvalidInput({field: [f"The {field} field must be a valid date."]}) from None


def format_time(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS+00:00`. Raises ValueError for a naive time: it is no instant."""
    if instant.tzinfo is None:
        raise ValueError("A time without a zone is no instant.")
    return instant.astimezone(UTC).isoformat(timespec="seconds")
