"""Columns of the frames that cross a boundary, and the assertion that both sides make."""

from collections.abc import Mapping
from typing import TypeAlias

import polars as pl

Schema: TypeAlias = Mapping[str, pl.DataType | type[pl.DataType]]

MONEY = pl.Decimal(14, 4)

CONTACTS: Schema = {
    "contact_id": pl.String,
    "email": pl.String,
    "status": pl.String,
    "first_name": pl.String,
    "last_name": pl.String,
    "phone": pl.String,
    "custom_fields": pl.String,  # the text of a JSON object
}
"""One row per contact, or per membership where lists are read; a contact may then come several times."""

SUPPRESSED: Schema = {"recipient": pl.String}
"""Normalised addresses (or E.164 numbers) that must not be written to."""

KEPT: Schema = {
    "contact_id": pl.String,
    "recipient": pl.String,
    "variables": pl.String,  # the text of a JSON object: the merge tags' values
    "position": pl.Int32,  # 0 to n-1, without gaps, in this order
    "cost": MONEY,
}
"""A plan's messages to be."""

KEPT_SMS: Schema = {**KEPT, "segments": pl.Int16}
"""The same of a plan of SMS."""

DROPPED: Schema = {"contact_id": pl.String, "recipient": pl.String, "reason": pl.String}
"""Rows that get no message, each with the first reason."""

MESSAGES: Schema = {
    "id": pl.String,
    "contact_id": pl.String,
    "recipient": pl.String,
    "variables": pl.String,
    "position": pl.Int32,
    "cost": MONEY,
}
"""Messages ready for COPY, of SMS with `segments`; what the whole run has in common (organization, content …) the
store adds."""

CHUNKS: Schema = {"no": pl.Int32, "first_position": pl.Int32, "size": pl.Int32}
"""The chunks of a run, numbered from 0."""

WAITING: Schema = {"position": pl.Int32, "retry_at": pl.String}
"""Messages of a run that go out later; `retry_at` in ISO 8601."""

IMPORTED: Schema = {
    "row": pl.Int32,
    "email": pl.String,
    "first_name": pl.String,
    "last_name": pl.String,
    "phone": pl.String,
    "custom_fields": pl.String,
}
"""Contacts read from a file, one per address; `row` is the record's number there, the header being 1."""

FINDINGS: Schema = {"row": pl.Int32, "error": pl.String}
"""Errors or warnings of an import, by row."""


def require_columns(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The frame with just the schema's columns, in its order. AssertionError where one is missing or of
    another type.

    Called where a frame leaves SQL and again before it goes back: a changed query fails here, with its
    name, and not as wrong data further on.
    """
    wrong = [
        f"{name}: {frame.schema.get(name, 'missing')} instead of {kind}"
        for name, kind in schema.items()
        if frame.schema.get(name) != kind
    ]
    assert not wrong, "Frame of another shape than agreed: " + "; ".join(wrong)
    return frame.select(schema.keys())
