"""Email addresses: what is valid, and when two are the same.

Valid is what email-validator accepts without asking DNS, with its defaults: the domain has a dot and is
none of the special-use names (`.test`, `.local`, `localhost` …), no quoted local part, no display name, at
most 254 octets. Addresses are compared trimmed and lower-cased; dots and plus tags are part of the address. One that
can be written in several ways (`bücher.de` and `xn--bcher-kva.de`, an é as one character or two) has one form here,
that of email-validator: whoever opted out under one of them has opted out.
"""

from email_validator import EmailNotValidError, validate_email

_ATOM = r"[a-z0-9_+\-]{1,20}"
_LABEL = r"(?:[a-z0-9]{1,41}|[a-z0-9]{1,13}(?:-[a-z0-9]{1,13}){1,2})"
# Rust's regex has no look-around, so `test`, `arpa`, `local`, `onion`, `invalid` and `localhost` are kept out
# by the first letter of words of their length.
_TOP_LEVEL = (
    r"(?:[a-z]{2,3}|[b-su-z][a-z]{3}|[a-km-np-z][a-z]{4}|[a-z]{6}|[a-hj-z][a-z]{6}|[a-z]{8}|[a-km-z][a-z]{8}"
    r"|[a-z]{10,20})"
)

PLAIN_ADDRESS = rf"^{_ATOM}(?:\.{_ATOM}){{0,2}}@(?:{_LABEL}\.){{1,4}}{_TOP_LEVEL}$"
"""Matches normalised addresses that are valid beyond doubt; what it does not match needs `is_valid_address`.

Works in Python and in Rust (Polars). The counts keep the whole below 254 octets, a label below 63 and the
local part below 64 without a second look; no label has two hyphens in a row, so none is Punycode.
"""


def normalise_address(address: str) -> str:
    """The address as it is stored and compared: trimmed, lower-cased, and in one form where there are several.

    What is no address is only trimmed and lower-cased.
    """
    lowered = address.strip().lower()
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return validate_email(lowered, check_deliverability=False).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        return lowered


def is_valid_address(address: str) -> bool:
    """Whether email-validator accepts the address, without deliverability."""
    try:
        validate_email(address, check_deliverability=False)
    except (EmailNotValidError, UnicodeError):  # UnicodeError: lone surrogates reach IDNA's encoder
        return False
    return True
