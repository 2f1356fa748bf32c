"""What makes an SMS longer than it needs to be: the characters that force UCS-2, and plain ones in their place. Pure.

One character outside the default alphabet (models/rules/sms.py) leaves 70 characters of a segment's 160. Most often it
is one that a word processor put there. A replacement reads the same to a person; letters with marks are left as they
are: "Ž" is no "Z" to whoever bears the name.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from models.rules.sms import GSM7, SmsEncoding, split_sms, units

SHOWN_MAX = 100
"""How many of the characters are listed: of a text in another script all are."""

REPLACEMENTS: Mapping[str, str] = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u0060\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2039", "<"),
    **dict.fromkeys("\u203a", ">"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d", "-"),
    **dict.fromkeys(
        "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t", " "
    ),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f\u200e\u200f", ""),
    "\u00ad": "",  # the hyphen that shows only where a line ends
    "\u2026": "...",
    "\u2022": "-",
    "\u00b7": "-",
    "\u2044": "/",
    "\u00d7": "x",
    "\u2122": "(TM)",
    "\u00ae": "(R)",
    "\u00a9": "(C)",
    "\u2028": "\n",
    "\u2029": "\n",
    "\u0085": "\n",
}
"""A character outside the default alphabet, and what of it says the same."""


@dataclass(frozen=True, slots=True)
class Forcing:
    """A character that forces UCS-2. `position`: in the text, from 0, in characters; `replacement` None: there is no
    plain one that says the same."""

    position: int
    character: str
    name: str
    replacement: str | None


@dataclass(frozen=True, slots=True)
class Advice:
    """A text as it would go out, and as it could. `forcing`: the first SHOWN_MAX of `forcing_total`; `suggested` None:
    it would not be shorter."""

    encoding: SmsEncoding
    segments: int
    units: int
    forcing: tuple[Forcing, ...]
    forcing_total: int
    suggested: str | None
    suggested_segments: int


def advise(text: str) -> Advice:
    """What there is to say about a text. What is suggested has fewer segments, and differs by REPLACEMENTS alone."""
    split = split_sms(text)
    odd = [(position, character) for position, character in enumerate(text) if character not in GSM7]
    plain = "".join(character if character in GSM7 else REPLACEMENTS.get(character, character) for character in text)
    shorter = len(split_sms(plain).segments)
    is_better = plain != text and shorter < len(split.segments)
    return Advice(
        encoding=split.encoding,
        segments=len(split.segments),
        units=units(text, split.encoding),
        forcing=tuple(_forcing(position, character) for position, character in odd[:SHOWN_MAX]),
        forcing_total=len(odd),
        suggested=plain if is_better else None,
        suggested_segments=shorter if is_better else len(split.segments),
    )


def _forcing(position: int, character: str) -> Forcing:
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    return Forcing(position, character, name, REPLACEMENTS.get(character))
