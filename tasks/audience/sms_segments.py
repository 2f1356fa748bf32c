"""Segments of a whole column of SMS texts: `models.rules.sms.split_sms`, as expressions."""

import re

import polars as pl

from models.rules.sms import GSM7, GSM7_EXTENSION, SmsEncoding


def _listed(characters: frozenset[str]) -> str:
    return "".join(re.escape(character) for character in sorted(characters))


_ONLY_GSM7 = rf"\A[{_listed(GSM7)}]*\z"
_EXTENSION = rf"[{_listed(GSM7_EXTENSION)}]"
_ASTRAL = r"[\x{10000}-\x{10FFFF}]"  # a surrogate pair in UTF-16


def segments_expression(text: pl.Expr) -> pl.Expr:
    """How many segments each text has, as UInt32; null stays null."""
    gsm7 = _segments(text, _EXTENSION, SmsEncoding.GSM7)
    ucs2 = _segments(text, _ASTRAL, SmsEncoding.UCS2)
    return pl.when(text.str.contains(_ONLY_GSM7)).then(gsm7).otherwise(ucs2)


def _segments(text: pl.Expr, wide: str, encoding: SmsEncoding) -> pl.Expr:
    """Of texts in which the characters that `wide` matches take two units, and all others one."""
    whole, part = encoding.limits
    pairs = text.str.count_matches(wide)
    units = text.str.len_chars() + pairs
    fits = units <= whole
    least = (units + (part - 1)) // part
    # A segment that would end within a pair ends before it, so each pair costs one unit at most, and each segment.
    most = pl.min_horizontal((units + pairs + (part - 1)) // part, (units + (part - 2)) // (part - 1))
    # Where the two differ the text itself must say, at 10 µs a text instead of 1: few long texts come to that.
    doubtful = pl.when(~fits & (least < most)).then(text)
    shape = doubtful.str.replace_all(_other_than(wide), "n").str.replace_all("[^n]", "HL")
    greedy = shape.str.count_matches(f"[nHL]{{0,{part - 1}}}[nL]")
    return pl.when(fits).then(pl.lit(1, dtype=pl.UInt32)).otherwise(pl.coalesce(greedy, least))


def _other_than(listed: str) -> str:
    return f"[^{listed[1:]}"
