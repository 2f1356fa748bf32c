"""Email addresses of a whole column: a regular expression for nearly all, the library for what is doubtful."""

import polars as pl

from models.rules.address import PLAIN_ADDRESS, is_valid_address, normalise_address

_SEVERAL_FORMS = r"[^\x00-\x7f]|xn--"


def normalised(column: str) -> pl.Expr:
    """`models.rules.address.normalise_address` for a column; null stays null."""
    lowered = pl.col(column).str.strip_chars().str.to_lowercase()
    return lowered.map_batches(_in_one_form, return_dtype=pl.String, is_elementwise=True)


def _in_one_form(lowered: pl.Series) -> pl.Series:
    """Addresses in the form of `normalise_address`, which looks at those only that can be written in several ways."""
    several = lowered.filter(lowered.str.contains(_SEVERAL_FORMS)).unique()
    if several.is_empty():
        return lowered
    return lowered.replace(several, pl.Series([normalise_address(text) for text in several], dtype=pl.String))


def valid_addresses(addresses: pl.Series) -> pl.Series:
    """Which of the normalised addresses are valid: a Boolean, never null, for each.

    email-validator takes about 30 µs an address, so it sees only distinct values that PLAIN_ADDRESS does
    not vouch for.
    """
    plain = addresses.str.contains(PLAIN_ADDRESS).fill_null(value=False)
    if plain.all():
        return plain
    doubtful = addresses.filter(~plain).drop_nulls().unique()
    accepted = pl.Series(doubtful.name, [text for text in doubtful if is_valid_address(text)], dtype=pl.String)
    return plain | addresses.is_in(accepted.implode(), nulls_equal=False).fill_null(value=False)
