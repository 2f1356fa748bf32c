"""Hours in which a number gets no SMS, by the clock where its owner is: pure.

In the US nobody may be solicited before 8 a.m. or after 9 p.m., local time at the called party's location (47 CFR
64.1200(c)(1)); text messages count as calls there. Where a number's owner is its digits say at best, by the map of
prefixes to time zones that comes with libphonenumber. Mobile numbers of most countries are bound to no place, so that
all zones of the country count, as in libphonenumber's PhoneNumberToTimeZonesMapper. A number with several zones is in
quiet hours while it is in any of them.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from models.errors import InvalidInput

CODE = "quiet_hours"
"""The error code of a message that waits for their end."""

PLACE_LENGTH = 1 + TIMEZONE_LONGEST_PREFIX
"""By the first so many characters of a number in E.164 its zones are known."""

# Numbers that begin so tell a place by their further digits, mobile ones too: North America, Mexico, Argentina, Brazil,
# Indonesia, China; and 77 is Kazakhstan's share of +7.
_BOUND = ("1", "52", "54", "55", "62", "77", "86")
_COUNTRY_DIGITS = 3
_LEAST_OPEN = timedelta(hours=1)
_LEAD = 1  # minutes; a call to a provider takes up to that long
_DAY = 24 * 60
_HORIZON = timedelta(hours=25)  # the night in which clocks are put back
_FIELD = "quiet_hours"
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_UTC = (ZoneInfo("UTC"),)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end`, local time, over midnight where `end` is the earlier; whole minutes."""

    start: time
    end: time

    def to_json(self) -> dict[str, str]:
        """As it is stored, and as requests and answers have it."""
        return {"start": f"{self.start:%H:%M}", "end": f"{self.end:%H:%M}"}


@dataclass(frozen=True, slots=True)
class QuietNow:
    """The quiet hours of a campaign at one moment."""

    hours: QuietHours
    at: datetime

    def seconds_left(self, number: str) -> float | None:
        """For how many seconds the number is in quiet hours yet; None when it is not."""
        until = quiet_until(number, self.hours, self.at)
        return None if until is None else (until - self.at).total_seconds()


def parse_quiet_hours(given: object) -> QuietHours:
    """`{"start": "21:00", "end": "08:00"}`. Raises InvalidInput on `quiet_hours`, or on its start or end, for
    anything else, and for hours that leave less than one hour of the day."""
    if not isinstance(given, Mapping):
        raise InvalidInput({_FIELD: [f"The {_FIELD} field must be an object with start and end."]})
    times = {name: _parse_time(given.get(name)) for name in ("start", "end")}
    wrong = {
        f"{_FIELD}.{name}": [f"The {_FIELD}.{name} field must be a time of day, as 21:00."]
        for name, parsed in times.items()
        if parsed is None
    }
    if wrong:
        raise InvalidInput(wrong)
    start, end = times["start"], times["end"]
    assert start is not None
    assert end is not None
    if (_minutes(start) - _minutes(end)) % _DAY < _LEAST_OPEN.total_seconds() / 60:
        raise InvalidInput({_FIELD: [f"The {_FIELD} field must leave at least one hour of the day."]})
    return QuietHours(start, end)


def read_quiet_hours(stored: Mapping[str, str] | None) -> QuietHours | None:
    """What `QuietHours.to_json` made; None for none."""
    return None if stored is None else parse_quiet_hours(stored)


def zones_of(number: str) -> tuple[ZoneInfo, ...]:
    """The time zones in which the owner of a number in E.164 may be, at least one; UTC where nobody knows."""
    return _zones(number[:PLACE_LENGTH])


def quiet_until(number: str, hours: QuietHours, at: datetime) -> datetime | None:
    """When the number's quiet hours end, in UTC, if it is in them at that moment; None when it is not.

    They begin a minute early, since what is handed over takes a while to arrive, and end at most 25 hours later. Where
    the zones of a number are so far apart that at no hour of the day all are out of them, those moments count as out
    in which the fewest are in.
    """
    return _until(zones_of(number), hours, at.astimezone(UTC).replace(second=0, microsecond=0))


@functools.lru_cache(maxsize=65_536)
def _zones(place: str) -> tuple[ZoneInfo, ...]:
    digits = place.removeprefix("+")
    if not digits.startswith(_BOUND):
        digits = _country_of(digits)
    for length in range(len(digits), 0, -1):
        if (names := TIMEZONE_DATA.get(digits[:length])) is not None:
            return _known(names)
    return _UTC


def _country_of(digits: str) -> str:
    """The calling code that a number begins with: of the prefixes of the map the shortest."""
    for length in range(1, _COUNTRY_DIGITS + 1):
        if digits[:length] in TIMEZONE_DATA:
            return digits[:length]
    return ""


@functools.cache
def _known(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    """The zones of these names. One that this machine's zone files have no more is left out."""
    found = []
    for name in names:
        try:
            found.append(ZoneInfo(name))
        except ZoneInfoNotFoundError:
            continue
    return tuple(found) or _UTC


@functools.lru_cache(maxsize=8192)
def _until(zones: tuple[ZoneInfo, ...], hours: QuietHours, at: datetime) -> datetime | None:
    quiet = _count(zones, hours, at)
    if quiet == 0:
        return None
    ends = {end for zone in zones for end in _ends(zone, hours, at)}
    fewest, first = min((_count(zones, hours, end), end) for end in ends)
    return first if fewest < quiet else None


def _count(zones: tuple[ZoneInfo, ...], hours: QuietHours, at: datetime) -> int:
    """In how many of the zones it is quiet."""
    begin, end = (_minutes(hours.start) - _LEAD) % _DAY, _minutes(hours.end)
    length = (end - begin) % _DAY
    return sum((_minutes(at.astimezone(zone)) - begin) % _DAY < length for zone in zones)


def _ends(zone: ZoneInfo, hours: QuietHours, at: datetime) -> list[datetime]:
    """The next moments at which the hours end in the zone. An end that daylight saving skips moves forward by the gap;
    of one that it repeats both count."""
    today = at.astimezone(zone).date()
    moments = [
        datetime.combine(today + timedelta(days=days), hours.end.replace(fold=fold), zone).astimezone(UTC)
        for days in (0, 1)
        for fold in (0, 1)
    ]
    return [moment for moment in moments if at < moment <= at + _HORIZON]


def _minutes(at: time | datetime) -> int:
    return at.hour * 60 + at.minute


def _parse_time(given: object) -> time | None:
    return time.fromisoformat(given) if isinstance(given, str) and _TIME.fullmatch(given) else None
