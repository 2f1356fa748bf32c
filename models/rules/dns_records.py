"""The DNS records that a domain needs before mail may come from it, and whether what DNS holds is as good.

Each judgement takes the TXT records found at one name, the strings of each joined (RFC 7208, section 3.3). What else
an owner put into a record is his business: only what ExoSend's mail needs must be there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

TTL_SECONDS = 3600
"""What is proposed for how long resolvers keep a record."""
_STRING_MAX = 255  # octets of one string of a TXT record (RFC 1035, section 3.3.14)

DMARC_POLICIES = frozenset({"none", "quarantine", "reject"})
_TYPES = {"TXT", "CNAME", "MX"}
_ALL = re.compile(r"[+?~-]?all", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A record as an owner enters it. `value` is one text; a registrar splits it where DNS needs that. `host`: the name
    within the zone of the registered domain, as most registrars' forms want it; `@` is the zone itself. `provider`: the
    vendor that wants it, None for what ExoSend itself needs. `priority`: of an MX record."""

    type: str
    name: str
    value: str
    host: str = ""
    ttl: int = TTL_SECONDS
    provider: str | None = None
    priority: int | None = None

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file (RFC 1035, section 5.1), as BIND reads it: texts quoted, in strings of at
        most 255 octets, names absolute."""
        if self.type != "TXT":
            priority = "" if self.priority is None else f"{self.priority} "
            return f"{self.name}. {self.ttl} IN {self.type} {priority}{self.value.rstrip('.')}."
        parts = [self.value[at : at + _STRING_MAX] for at in range(0, len(self.value), _STRING_MAX)]
        quoted = " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
        return f"{self.name}. {self.ttl} IN {self.type} {quoted}"


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """A record that a vendor wants to find: its whole name, and what it holds, not quoted."""

    type: str
    name: str
    value: str
    priority: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether an owner can enter it: a vendor's answer may leave out what there is not."""
        return self.type in _TYPES and bool(self.name and self.value)


@dataclass(frozen=True, slots=True)
class NeededRecords:
    """What a domain needs."""

    spf: DnsRecord
    dkim: DnsRecord
    dmarc: DnsRecord

    def listed(self) -> tuple[DnsRecord, ...]:
        """All of them, in the order in which they are shown."""
        return (self.spf, self.dkim, self.dmarc)


@dataclass(frozen=True, slots=True)
class Findings:
    """Which of the three hold, and of the others what is wrong, by `spf`, `dkim` and `dmarc`."""

    spf: bool
    dkim: bool
    dmarc: bool
    problems: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def hold(self) -> bool:
        """Whether mail may come from the domain."""
        return self.spf and self.dkim and self.dmarc


def needed_records(
    domain: str, *, spf_include: str, selector: str, public_key: str, zone: str | None = None
) -> NeededRecords:
    """The records for `domain`. `spf_include`: the name whose SPF record lists our servers; `public_key`: Base64;
    `zone`: the domain, or one above it, whose records its owner edits."""

    def record(name: str, value: str) -> DnsRecord:
        return DnsRecord("TXT", name, value, _host(name, zone or domain))

    return NeededRecords(
        spf=record(domain, f"v=spf1 include:{spf_include} ~all"),
        dkim=record(f"{selector}._domainkey.{domain}", f"v=DKIM1; k=rsa; p={public_key}"),
        dmarc=record(f"_dmarc.{domain}", "v=DMARC1; p=none;"),
    )


def with_providers(
    needed: NeededRecords, wanted: Mapping[str, Sequence[ProviderRecord]], zone: str
) -> tuple[DnsRecord, ...]:
    """All that an owner enters: what is needed, and what vendors want beside it, by the vendor's name.

    A domain has one SPF record (RFC 7208, section 4.5), so what a vendor wants in one of the same name is written into
    ours. Of DMARC ours is as good, and what several vendors want is there once.
    """
    spf, more = needed.spf, []
    seen = {(record.type, record.name, record.value) for record in needed.listed()}
    for provider, records in wanted.items():
        for each in records:
            name = each.name.lower().rstrip(".")
            if each.type == "TXT" and name == spf.name and is_spf(each.value):
                spf = replace(spf, value=_joined_spf(spf.value, each.value))
            elif name != needed.dmarc.name and (each.type, name, each.value) not in seen:
                seen.add((each.type, name, each.value))
                host = _host(name, zone)
                more.append(DnsRecord(each.type, name, each.value, host, provider=provider, priority=each.priority))
    return (spf, needed.dkim, needed.dmarc, *more)


def _joined_spf(ours: str, theirs: str) -> str:
    """Our record with the other's mechanisms before its end."""
    *terms, end = ours.split()
    known = {term.lower() for term in terms}
    added = [term for term in theirs.split()[1:] if not _ALL.fullmatch(term) and term.lower() not in known]
    return " ".join([*terms, *added, end])


def _host(name: str, zone: str) -> str:
    return name.removesuffix(zone).rstrip(".") or "@"


def is_spf(text: str) -> bool:
    """Whether a TXT record is one of SPF (RFC 7208, section 4.5)."""
    terms = text.split()
    return bool(terms) and terms[0].lower() == "v=spf1"


def spf_holds(texts: Sequence[str], spf_include: str) -> bool:
    """Whether there is exactly one SPF record (two are an error, RFC 7208, section 4.5) and it includes our servers.

    Only an include that can say yes counts (no qualifier, or `+`), and only before `all`: what stands behind that is
    never looked at (section 5.1).
    """
    records = [text.split() for text in texts if is_spf(text)]
    if len(records) != 1:
        return False
    wanted = f"include:{spf_include.lower().rstrip('.')}"
    for term in records[0][1:]:
        if _ALL.fullmatch(term):
            return False
        if term.lower().removeprefix("+").rstrip(".") == wanted:
            return True
    return False


def dkim_holds(texts: Sequence[str], public_key: str) -> bool:
    """Whether there is one record, and in it our key, usable for signed email (RFC 6376, section 3.6.1)."""
    tags = tags_of(texts[0]) if len(texts) == 1 else None
    if tags is None:
        return False
    usable = (
        tags.get("v", "DKIM1") == "DKIM1"
        and tags.get("k", "rsa").lower() == "rsa"
        and _allows(tags.get("h"), "sha256")
        and _allows(tags.get("s"), "email", "*")
    )
    return usable and "".join(tags.get("p", "").split()) == public_key


def dmarc_holds(texts: Sequence[str]) -> bool:
    """Whether there is exactly one DMARC record, with a policy that is one (RFC 7489, sections 6.3 and 6.6.3)."""
    records = [tags for text in texts if (tags := tags_of(text)) and next(iter(tags.items())) == ("v", "DMARC1")]
    return len(records) == 1 and records[0].get("p", "").lower() in DMARC_POLICIES


def tags_of(text: str) -> dict[str, str] | None:
    """`v=DKIM1; p=…` as a mapping, in its order; None when it is no such list, or names a tag twice."""
    tags: dict[str, str] = {}
    for part in text.strip().removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not name or name in tags:
            return None
        tags[name] = value.strip()
    return tags


def _allows(listed: str | None, *words: str) -> bool:
    """Whether a tag that lists what is allowed names one of the words; left out, it allows everything."""
    return listed is None or any(word.strip().lower() in words for word in listed.split(":"))
