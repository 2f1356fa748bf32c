"""What is wrong with a domain's records, in words that its owner can act on. Beside models/rules/dns_records.py, which
says whether they hold."""

from collections.abc import Sequence

from models.rules.dns_records import dkim_holds, dmarc_holds, is_spf, spf_holds, tags_of

_SHOWN = 12  # characters of a key that tell it from another


def spf_problem(texts: Sequence[str], spf_include: str) -> str | None:
    """Why the SPF record does not hold; None where it does."""
    if spf_holds(texts, spf_include):
        return None
    records = [text for text in texts if is_spf(text)]
    if not records:
        return "There is no SPF record."
    if len(records) > 1:
        # Two are an error to receivers (RFC 7208, section 4.5).
        return f"There are {len(records)} SPF records, and with more than one none counts: make them one."
    return f"The SPF record does not include our servers. Make it: {_with_include(records[0], spf_include)}"


def _with_include(record: str, spf_include: str) -> str:
    """The owner's record with our servers as the first that it names, so that no `all` stands before them."""
    version, *terms = record.split()
    return " ".join([version, f"include:{spf_include}", *terms])


def dkim_problem(texts: Sequence[str], public_key: str) -> str | None:
    """Why the DKIM record does not hold; None where it does."""
    if dkim_holds(texts, public_key):
        return None
    if not texts:
        return "There is no DKIM record."
    if len(texts) > 1:
        return f"There are {len(texts)} records; there must be one, with our key."
    tags = tags_of(texts[0])
    if tags is None:
        return "The record is no list of tags such as v=DKIM1; k=rsa; p=…"
    return _key_problem("".join(tags.get("p", "").split()), public_key)


def _key_problem(found: str, public_key: str) -> str:
    if not found:
        return "The record has no key (p=): it revokes the one that we sign with."
    if found == public_key:
        return "The key is ours, but the record does not allow it for this: leave v=DKIM1; k=rsa; and p= alone."
    if public_key.startswith(found):
        return f"The key was cut off after {len(found)} of {len(public_key)} characters."
    # Keys of one kind begin alike, and end alike.
    at = next((i for i, (one, other) in enumerate(zip(found, public_key, strict=False)) if one != other), 0)
    ends = slice(at, at + _SHOWN)
    return f"The key is another one: from character {at + 1} on it is {found[ends]}…, ours {public_key[ends]}…"


def dmarc_problem(texts: Sequence[str]) -> str | None:
    """Why the DMARC record does not hold; None where it does."""
    if dmarc_holds(texts):
        return None
    records = [tags for text in texts if (tags := tags_of(text)) and next(iter(tags.items())) == ("v", "DMARC1")]
    if not records:
        return "There is no DMARC record."
    if len(records) > 1:
        return f"There are {len(records)} DMARC records; with more than one there is no policy."
    return "The DMARC record has no policy: p= must be none, quarantine or reject."
