"""Which of a plan's messages wait from the start, their recipients being in quiet hours: frame → frame."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from models.rules.quiet_hours import PLACE_LENGTH, QuietHours, quiet_until
from tasks.audience.frames import WAITING, require_columns


@dataclass(frozen=True, slots=True)
class Split:
    """A plan's messages, those that may go out first: so many. `waiting` (WAITING): the others."""

    kept: pl.DataFrame
    going: int
    waiting: pl.DataFrame


def split_quiet(kept: pl.DataFrame, hours: QuietHours, at: datetime) -> Split:
    """Number the messages of a plan (KEPT_SMS) anew: first those that may go out at that moment, in their order, then
    those that wait, the shortest first, so that what is due together is together."""
    until = quiet_ends(kept["recipient"], hours, at)
    kept = kept.with_columns(retry_at=until).sort("retry_at", nulls_last=False, maintain_order=True)
    kept = kept.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int32))
    waiting = kept.filter(pl.col("retry_at").is_not_null()).select("position", "retry_at")
    return Split(kept.drop("retry_at"), kept.height - waiting.height, require_columns(waiting, WAITING))


def quiet_ends(recipients: pl.Series, hours: QuietHours, at: datetime) -> pl.Series:
    """When the quiet hours of each number in E.164 end, as text that sorts and that Postgres reads; null where it is in
    none. Numbers that begin alike are looked up once."""
    places = recipients.str.slice(0, PLACE_LENGTH).alias("place")
    distinct = places.unique()
    ends = [quiet_until(place, hours, at) for place in distinct]
    known = pl.DataFrame(
        {"place": distinct, "until": [None if end is None else end.isoformat() for end in ends]},
        schema={"place": pl.String, "until": pl.String},
    )
    return places.to_frame().join(known, on="place", how="left", maintain_order="left")["until"]
