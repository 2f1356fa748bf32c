"""Sender IDs: the name or number that an SMS comes from, and the two stages of its approval.

An alphanumeric sender has at most 11 characters of the default alphabet (3GPP TS 23.040, 9.1.2.5: an address field has
room for 11 septets); which of them, and at least how many, is the API's contract (docs/api/rules.md, Sender IDs).
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from models.rules.phone import parse_phone

_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._-]{3,11}")
_DIGITS = re.compile(r"[0-9]{3,15}")  # a short code, or a number as its country writes it; E.164 has at most 15


class AdminStatus(StrEnum):
    """Stage 1: what an administrator said."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class ProviderStatus(StrEnum):
    """Stage 2: what the provider said."""

    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"


# A refusal can be taken back; a yes cannot, since messages may be on their way under it.
ADMIN_MOVES: Mapping[AdminStatus, frozenset[AdminStatus]] = {
    AdminStatus.PENDING: frozenset({AdminStatus.APPROVED, AdminStatus.REJECTED}),
    AdminStatus.REJECTED: frozenset({AdminStatus.APPROVED}),
    AdminStatus.APPROVED: frozenset(),
}
PROVIDER_MOVES: Mapping[ProviderStatus, frozenset[ProviderStatus]] = {
    ProviderStatus.PENDING: frozenset({ProviderStatus.VERIFIED, ProviderStatus.REJECTED}),
    ProviderStatus.REJECTED: frozenset({ProviderStatus.VERIFIED}),
    ProviderStatus.VERIFIED: frozenset(),
}


class SenderFilter(StrEnum):
    """Which sender IDs a list shows."""

    VERIFIED = "verified"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    ALL = "all"


def parse_sender_id(text: str) -> str | None:
    """The sender ID as it is stored, or None where it is none.

    A name: 3 to 11 of `A–Z a–z 0–9 space . _ -` with at least one letter. A number: with `+`, valid by libphonenumber
    and stored as E.164; without, 3 to 15 digits.
    """
    trimmed = text.strip()
    if trimmed.startswith("+"):
        return parse_phone(trimmed)
    return trimmed if _NAME.fullmatch(trimmed) or _DIGITS.fullmatch(trimmed) else None
