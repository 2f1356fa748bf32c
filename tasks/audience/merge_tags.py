"""The merge tags' values of each recipient, as JSON text, made for a whole column at once."""

from collections.abc import Collection

import polars as pl

from models.rules.segment import CUSTOM_FIELD_PREFIX
from tasks.audience.segmenting import custom_field

CONTACT_TAGS = ("email", "first_name", "last_name", "phone")


def json_object(values: dict[str, pl.Expr]) -> pl.Expr:
    """The text of a JSON object of the values (String) that are neither null nor empty; `{}` where none is left."""
    members = [_json_member(key, value) for key, value in values.items()]
    return _braced(members)


def variables_expression(tags: Collection[str]) -> pl.Expr:
    """The JSON text with the values of the tags; all values are text, tags without a value are left out.

    A tag is one of CONTACT_TAGS, or the key of a custom field, bare or as `custom_fields.<key>`; the
    latter are found in an object `custom_fields` that is there whenever such a tag is asked for.
    """
    top = {tag: pl.col(tag) for tag in CONTACT_TAGS if tag in tags}
    nested: dict[str, pl.Expr] = {}
    for tag in sorted(set(tags) - top.keys()):
        key = tag.removeprefix(CUSTOM_FIELD_PREFIX)
        (top if key == tag else nested)[key] = custom_field(key)
    members = [_json_member(key, value) for key, value in top.items()]
    if nested:
        members.append(pl.concat_str(pl.lit('"custom_fields":'), json_object(nested)))
    return _braced(members)


def _json_member(key: str, value: pl.Expr) -> pl.Expr:
    """`"key":"value"`, null where there is no value. Polars escapes both."""
    encoded = pl.struct(value.alias(key)).struct.json_encode()
    return pl.when(value != "").then(encoded.str.slice(1).str.head(-1))


def _braced(members: list[pl.Expr]) -> pl.Expr:
    if not members:
        return pl.lit("{}")
    inside = pl.concat_str(members, separator=",", ignore_nulls=True)
    return pl.concat_str(pl.lit("{"), inside, pl.lit("}"))
