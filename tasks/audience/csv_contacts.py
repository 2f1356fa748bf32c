"""Contacts from a CSV file: what can be imported, and what is wrong with the rest, row by row."""

from dataclasses import dataclass

import polars as pl

from tasks.audience.addresses import normalised, valid_addresses
from tasks.audience.csv_layout import KNOWN_COLUMNS, CsvLayout, decode_csv
from tasks.audience.csv_records import read_records
from tasks.audience.frames import FINDINGS, IMPORTED, require_columns
from tasks.audience.merge_tags import json_object
from tasks.audience.phones import parse_phones

TOO_MANY_COLUMNS = "Too many columns"
MISSING_EMAIL = "Missing required email field"
INVALID_EMAIL = "Invalid email format"
FIELD_TOO_LONG = "Field too long"
INVALID_PHONE = "Invalid phone number"

FIELD_MAX = 10_000  # characters


@dataclass(frozen=True, slots=True)
class ContactsImport:
    """What a file holds: rows = contacts + repeated + errors.

    `contacts`: columns IMPORTED, one row per address, the first of each; `email` normalised, empty fields
    null. `repeated`: how many rows have an address that an earlier row had. `errors` and `warnings`:
    columns FINDINGS; a warning is about a contact that is imported nonetheless. All are sorted by row.
    """

    rows: int
    contacts: pl.DataFrame
    repeated: int
    errors: pl.DataFrame
    warnings: pl.DataFrame


def read_contacts(data: bytes, *, default_region: str | None = None) -> ContactsImport:
    """The contacts of a CSV file.

    `default_region` (ISO 3166, two letters) is the country of phones without `+`; without it they are not
    valid. Raises InvalidInput on `file` as `inspect_csv` does, and for a quote that is never closed.
    """
    layout, text = decode_csv(data)
    records = read_records(text, layout.delimiter, len(layout.columns))
    fields = _named(records.fields, layout)
    fields = fields.with_columns(error=_error(fields))
    errors = pl.concat(
        [
            fields.filter(pl.col("error").is_not_null()).select("row", "error"),
            pl.DataFrame({"row": records.too_long}).with_columns(error=pl.lit(TOO_MANY_COLUMNS)),
        ]
    ).sort("row")
    fields = fields.filter(pl.col("error").is_null())
    first = fields["email"].is_first_distinct()
    contacts = fields.filter(first).select(
        "row",
        "email",
        *(_or_null(column, fields) for column in ("first_name", "last_name")),
        _or_null("phone", fields).alias("phone_text"),
        custom_fields=json_object({name: pl.col(_custom(name)) for name in layout.custom_columns}),
    )
    contacts, warnings = _with_phones(contacts, default_region)
    rows = records.fields.height + records.too_long.len()
    repeated = fields.height - contacts.height
    assert rows == contacts.height + repeated + errors.height
    return ContactsImport(
        rows,
        require_columns(contacts, IMPORTED),
        repeated,
        require_columns(errors, FINDINGS),
        require_columns(warnings, FINDINGS),
    )


def _custom(name: str) -> str:
    """A frame's column for a custom field: any header is allowed, so it must not meet our own names."""
    return f"custom.{name}"


def _named(records: pl.DataFrame, layout: CsvLayout) -> pl.DataFrame:
    """The records with trimmed values under the header's names; columns without a name are left out."""
    return records.select(
        "row",
        *(
            pl.col(str(index)).str.strip_chars().alias(name if name in KNOWN_COLUMNS else _custom(name))
            for index, name in enumerate(layout.columns)
            if name
        ),
    ).with_columns(normalised("email"))


def _error(fields: pl.DataFrame) -> pl.Expr:
    """The first thing that is wrong with a row, null where nothing is."""
    too_long = pl.any_horizontal(pl.exclude("row").str.len_chars() > FIELD_MAX)
    return (
        pl.when(pl.col("email") == "")
        .then(pl.lit(MISSING_EMAIL))
        .when(~pl.lit(valid_addresses(fields["email"])))
        .then(pl.lit(INVALID_EMAIL))
        .when(too_long)
        .then(pl.lit(FIELD_TOO_LONG))
    )


def _or_null(column: str, fields: pl.DataFrame) -> pl.Expr:
    if column not in fields.columns:
        return pl.lit(None, dtype=pl.String).alias(column)
    return pl.when(pl.col(column) != "").then(pl.col(column)).alias(column)


def _with_phones(contacts: pl.DataFrame, default_region: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Contacts with `phone` in E.164 instead of `phone_text`, and a warning for each text that is no number."""
    phones = parse_phones(contacts["phone_text"], default_region)
    contacts = contacts.join(phones, left_on="phone_text", right_on="text", how="left", maintain_order="left")
    wrong = contacts.filter(pl.col("phone_text").is_not_null() & pl.col("phone").is_null())
    return contacts, wrong.select("row", error=pl.lit(INVALID_PHONE))
