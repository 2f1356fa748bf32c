"""Quiet hours by the zone of the recipient's number."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import timezone as library
from phonenumbers.tzdata import TIMEZONE_DATA

from models.errors import InvalidInput
from models.rules.quiet_hours import QuietHours, parse_quiet_hours, quiet_until, zones_of

NIGHT = QuietHours(time(21), time(8))
VILNIUS, NEW_YORK, LOS_ANGELES, SYDNEY_MOBILE, TOLL_FREE = (
    "+37061234567", "+12125550123", "+13105550123", "+61412345678", "+18005550123"
)  # fmt: skip
MOMENTS = st.integers(1_704_067_200, 1_924_991_999).map(lambda second: datetime.fromtimestamp(second, UTC))
NUMBERS = st.sampled_from(sorted(TIMEZONE_DATA)).map(lambda prefix: f"+{prefix}5550123"[:16])
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
HOURS = st.builds(QuietHours, TIMES, TIMES).filter(
    lambda hours: (60 * (hours.start.hour - hours.end.hour) + hours.start.minute - hours.end.minute) % 1440 >= 60
)


def _is_in(hours: QuietHours, local: datetime) -> bool:
    at = local.time()
    if hours.start < hours.end:
        return hours.start <= at < hours.end
    return at >= hours.start or at < hours.end


def _at(zone: str, *moment: int, fold: int = 0) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("number", "at", "until"),
    [
        (VILNIUS, _at("Europe/Vilnius", 2026, 1, 15, 22), _at("Europe/Vilnius", 2026, 1, 16, 8)),
        (VILNIUS, _at("Europe/Vilnius", 2026, 1, 15, 3), _at("Europe/Vilnius", 2026, 1, 15, 8)),
        (VILNIUS, _at("Europe/Vilnius", 2026, 1, 15, 7, 59, 59), _at("Europe/Vilnius", 2026, 1, 15, 8)),
        (VILNIUS, _at("Europe/Vilnius", 2026, 1, 15, 8), None),
        (VILNIUS, _at("Europe/Vilnius", 2026, 1, 15, 20, 58, 59), None),
        (VILNIUS, _at("Europe/Vilnius", 2026, 1, 15, 20, 59), _at("Europe/Vilnius", 2026, 1, 16, 8)),  # a minute early
        (NEW_YORK, _at("America/New_York", 2026, 7, 15, 21), _at("America/New_York", 2026, 7, 16, 8)),
        (LOS_ANGELES, _at("America/New_York", 2026, 7, 15, 21), None),  # it is 18:00 there
        # A mobile number may be anywhere in Australia: from Lord Howe Island's night to that of the Cocos Islands.
        (SYDNEY_MOBILE, _at("Australia/Sydney", 2026, 6, 15, 8), _at("Indian/Cocos", 2026, 6, 15, 8)),
        (SYDNEY_MOBILE, _at("Australia/Sydney", 2026, 6, 15, 20, 50), _at("Indian/Cocos", 2026, 6, 16, 8)),
        # The night in which clocks are put forward, and back: 8:00 is 8:00.
        (VILNIUS, _at("Europe/Vilnius", 2026, 3, 28, 22), _at("Europe/Vilnius", 2026, 3, 29, 8)),
        (VILNIUS, _at("Europe/Vilnius", 2026, 10, 24, 22), _at("Europe/Vilnius", 2026, 10, 25, 8)),
    ],
)  # fmt: skip
def test_a_number_waits_until_its_own_morning(number, at, until) -> None:
    assert quiet_until(number, NIGHT, at) == until


def test_an_end_that_is_skipped_moves_forward_and_one_that_is_repeated_comes_twice() -> None:
    hours = QuietHours(time(23), time(3, 30))
    spring = quiet_until(VILNIUS, hours, _at("Europe/Vilnius", 2026, 3, 29, 2))
    assert spring == _at("Europe/Vilnius", 2026, 3, 29, 4, 30)
    autumn = quiet_until(VILNIUS, hours, _at("Europe/Vilnius", 2026, 10, 25, 2))
    assert autumn == _at("Europe/Vilnius", 2026, 10, 25, 3, 30)
    second = _at("Europe/Vilnius", 2026, 10, 25, 3, 10, fold=1)
    assert quiet_until(VILNIUS, hours, second) == _at("Europe/Vilnius", 2026, 10, 25, 3, 30, fold=1)


def test_a_number_that_can_be_anywhere_in_north_america_has_few_hours_and_has_some() -> None:
    at = datetime(2026, 1, 15, 6, tzinfo=UTC)
    until = quiet_until(TOLL_FREE, NIGHT, at)
    assert until is not None
    assert not any(_is_in(NIGHT, until.astimezone(zone)) for zone in zones_of(TOLL_FREE))


def test_where_no_hour_suits_all_zones_it_is_the_one_that_suits_most() -> None:
    long = QuietHours(time(14), time(10))
    at = datetime(2026, 1, 15, 6, tzinfo=UTC)
    until = quiet_until(TOLL_FREE, long, at)
    assert until is not None
    assert quiet_until(TOLL_FREE, long, until) is None
    in_them = [sum(_is_in(long, moment.astimezone(zone)) for zone in zones_of(TOLL_FREE)) for moment in (at, until)]
    assert 0 < in_them[1] < in_them[0]


@given(NUMBERS, MOMENTS)
def test_at_night_nobody_gets_anything_and_nobody_waits_for_more_than_a_day(number, at) -> None:
    zones = zones_of(number)
    until = quiet_until(number, NIGHT, at)
    goes = at if until is None else until
    assert not any(_is_in(NIGHT, goes.astimezone(zone)) for zone in zones)
    assert at <= goes <= at + timedelta(hours=25)
    assert quiet_until(number, NIGHT, goes) is None
    if until is not None:
        soon = (at + timedelta(minutes=1)).replace(second=0)
        assert any(_is_in(NIGHT, soon.astimezone(zone)) for zone in zones) or until <= soon


@given(st.sampled_from([VILNIUS, NEW_YORK, "+919876543210", "+9779812345678"]), MOMENTS, HOURS)
def test_in_one_zone_any_hours_hold(number, at, hours) -> None:
    until = quiet_until(number, hours, at)
    goes = at if until is None else until
    [zone] = {zone.utcoffset(goes.replace(tzinfo=None)) for zone in zones_of(number)}
    assert zone is not None
    assert not _is_in(hours, goes.astimezone(zones_of(number)[0]))
    assert goes <= at + timedelta(hours=25)
    assert quiet_until(number, hours, goes) is None


def test_zones_are_those_of_the_library_where_numbers_are_bound_to_no_place() -> None:
    mobile = phonenumbers.PhoneNumberType.MOBILE
    examples = {
        region: phonenumbers.example_number_for_type(region, mobile) for region in phonenumbers.SUPPORTED_REGIONS
    }
    known = {region: example for region, example in examples.items() if example is not None}
    assert len(known) > 200
    for region, example in known.items():
        number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        names = {zone.key for zone in zones_of(number)}
        if region == "KZ" or number.startswith("+1"):  # there they say more than the library takes from them
            assert names <= set(library.time_zones_for_number(example))
        else:
            assert names >= set(library.time_zones_for_number(example))


def test_every_zone_of_the_map_is_known_here() -> None:
    for prefix, names in TIMEZONE_DATA.items():
        assert zones_of(f"+{prefix}"), prefix
        assert all(ZoneInfo(name) for name in names)


def test_a_number_of_no_country_is_in_utc() -> None:
    assert [zone.key for zone in zones_of("+88213123456")] == ["UTC"]


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ("21:00-08:00", ["quiet_hours"]),
        ([], ["quiet_hours"]),
        ({}, ["quiet_hours.start", "quiet_hours.end"]),
        ({"start": "21:00"}, ["quiet_hours.end"]),
        ({"start": "21:00", "end": "8:00"}, ["quiet_hours.end"]),
        ({"start": "24:00", "end": "08:00"}, ["quiet_hours.start"]),
        ({"start": "21:00:30", "end": 8}, ["quiet_hours.start", "quiet_hours.end"]),
        ({"start": "21:00", "end": "21:00"}, ["quiet_hours"]),
        ({"start": "08:59", "end": "08:00"}, ["quiet_hours"]),
    ],
)
def test_what_are_no_hours_is_named(wrong, fields) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_quiet_hours(wrong)
    assert list(refused.value.errors) == fields


@pytest.mark.parametrize("hours", [{"start": "21:00", "end": "08:00"}, {"start": "09:00", "end": "08:00"}])
def test_hours_are_written_as_they_are_read(hours) -> None:
    assert parse_quiet_hours(hours).to_json() == hours
