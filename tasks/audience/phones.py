"""Phone numbers of a whole column: libphonenumber's verdict, over distinct values only.

Numbers in international form go by regular expressions made from libphonenumber's own metadata; the rest,
one by one, by the library (27 µs each: 100,000 distinct odd numbers take 3 s, which no process pool was
worth: its processes would each load Prefect's main module anew).
"""

import polars as pl

from models.rules.phone import CALLING_CODES, parse_phone, sure_numbers

_INTERNATIONAL = r"^\+[1-9][0-9 ().\-]{5,30}$"
_PUNCTUATION = r"[ ().\-]"


def parse_phones(texts: pl.Series, default_region: str | None = None) -> pl.DataFrame:
    """For each distinct, non-null text: columns `text`, and `phone` as E.164, null where it is not valid."""
    distinct = pl.DataFrame({"text": texts.drop_nulls().unique()}, schema={"text": pl.String})
    sure = _sure(distinct)
    doubtful = distinct.join(sure, on="text", how="anti")["text"]
    parsed = pl.DataFrame(
        {"text": doubtful, "phone": [parse_phone(text, default_region) for text in doubtful]},
        schema={"text": pl.String, "phone": pl.String},
    )
    return pl.concat([sure, parsed])


def _sure(distinct: pl.DataFrame) -> pl.DataFrame:
    """Those of the texts that are valid beyond doubt, as `text` and `phone`."""
    candidates = distinct.filter(pl.col("text").str.contains(_INTERNATIONAL)).with_columns(
        phone=pl.col("text").str.replace_all(_PUNCTUATION, "")
    )
    prefixes = [pl.col("phone").str.slice(1, length) for length in (1, 2, 3)]
    codes = sorted(CALLING_CODES)
    code = pl.coalesce(pl.when(prefix.is_in(codes)).then(prefix) for prefix in prefixes)
    candidates = candidates.with_columns(code=code).drop_nulls("code")
    found = [candidates.clear()]
    for (name,), numbers in candidates.group_by("code"):
        sure = _sure_expression(str(name))
        if sure is not None:
            found.append(numbers.filter(sure))
    return pl.concat(found).select("text", "phone")


def _sure_expression(calling_code: str) -> pl.Expr | None:
    rule = sure_numbers(calling_code)
    if rule is None or not rule.kinds:
        return None
    number = pl.col("phone").str.slice(1 + len(calling_code))
    length = number.str.len_bytes()

    def matches(pattern: str, lengths: tuple[int, ...]) -> pl.Expr:
        return number.str.contains(pattern) & length.is_in(list(lengths))

    sure = matches(*rule.general) & pl.any_horizontal(matches(*kind) for kind in rule.kinds)
    sure &= ~number.str.contains(rule.trunk)
    return sure if rule.leading is None else sure & number.str.contains(rule.leading)
