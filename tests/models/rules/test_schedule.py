"""What a written time means, across zones and changes of the clock."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.rules.schedule import format_time, resolve_scheduled_at, time_zone


@pytest.mark.parametrize(
    ("written", "timezone", "organization_timezone", "instant"),
    [
        ("2026-03-04T23:25:31", "Asia/Yekaterinburg", None, "2026-03-04T18:25:31+00:00"),
        ("2026-03-04T23:25:31", None, "Europe/Vilnius", "2026-03-04T21:25:31+00:00"),
        ("2026-03-04T23:25:31", None, None, "2026-03-04T23:25:31+00:00"),
        ("2026-03-04T23:25:31", "Asia/Tokyo", "Europe/Vilnius", "2026-03-04T14:25:31+00:00"),
        ("2026-03-04T23:25:31+02:00", "Asia/Tokyo", None, "2026-03-04T21:25:31+00:00"),
        ("2026-03-04T23:25:31Z", "Asia/Tokyo", None, "2026-03-04T23:25:31+00:00"),
        (" 2026-03-04 23:25 ", None, None, "2026-03-04T23:25:00+00:00"),
        ("2026-03-04", "Europe/Vilnius", None, "2026-03-03T22:00:00+00:00"),
        ("2026-03-04T23:25:31.999", None, None, "2026-03-04T23:25:31+00:00"),
    ],
)
def test_offset_then_timezone_then_organization_then_utc(
    written: str, timezone: str | None, organization_timezone: str | None, instant: str
) -> None:
    resolved = resolve_scheduled_at(written, timezone=timezone, organization_timezone=organization_timezone)
    assert format_time(resolved) == instant


def test_a_time_that_the_clock_skips_moves_forward() -> None:
    # Vilnius: 03:00 becomes 04:00 on 29 March 2026, so 03:30 is 04:30 summer time.
    assert format_time(resolve_scheduled_at("2026-03-29T03:30:00", timezone="Europe/Vilnius")) == (
        "2026-03-29T01:30:00+00:00"
    )


def test_a_time_that_comes_twice_is_the_first() -> None:
    # Vilnius: 04:00 becomes 03:00 on 25 October 2026; the first 03:30 is summer time.
    assert format_time(resolve_scheduled_at("2026-10-25T03:30:00", timezone="Europe/Vilnius")) == (
        "2026-10-25T00:30:00+00:00"
    )


@pytest.mark.parametrize(
    "written", ["", "tomorrow", "2026-13-01T00:00:00", "2026-02-30", "1772666731", "9999-12-31T23:59-23:00"]
)
def test_what_is_no_date_is_refused_by_field(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        resolve_scheduled_at(written)
    assert refused.value.errors == {"scheduled_at": ["The scheduled_at field must be a valid date."]}


@pytest.mark.parametrize("name", ["Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe", "europe/vilnius", ""])
def test_an_unknown_zone_is_refused_by_field(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        time_zone(name)
    assert list(refused.value.errors) == ["timezone"]


def test_a_wrong_zone_is_refused_beside_an_offset_too() -> None:
    with pytest.raises(InvalidInput):
        resolve_scheduled_at("2026-03-04T23:25:31Z", timezone="Mars/Base")


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_a_written_instant_keeps_its_second(instant: datetime) -> None:
    assert resolve_scheduled_at(instant.isoformat()) == instant.astimezone(UTC).replace(microsecond=0)


def test_a_naive_time_has_no_format() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 1, 1))  # noqa: DTZ001
