"""Email domains in requests and answers."""

from typing import Any

from marshmallow import Schema, fields

from api.schemas.fields import ONE_LINE, REQUIRED, Address, Choice, Identifier, Input, Text, Time
from models.rules.domain_names import is_public_suffix, normalise_domain
from models.rules.registration import Registration

STATUSES = ("pending", "verified", "failed")
REGIONS = ("eu", "us")
REGISTRATIONS = tuple(state.value for state in Registration if state is not Registration.LEAVING)


class DomainName(fields.String):
    """A domain that mail can come from; comes out as it is stored."""

    default_error_messages = {  # noqa: RUF012
        "required": REQUIRED,
        "null": REQUIRED,
        "invalid": "The :field field must be a valid domain name.",
        "public": "The :field field must not be a public suffix.",
    }

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str:
        domain = normalise_domain(value) if isinstance(value, str) else None
        if domain is None:
            raise self.make_error("invalid")
        if is_public_suffix(domain):
            raise self.make_error("public")
        return domain


class NewEmailDomain(Input):
    """A domain to add."""

    domain = DomainName(
        required=True, metadata={"description": "Stored in lower case and in ASCII (IDNA); no public suffix."}
    )
    from_email_default = Address(allow_none=True)
    from_name_default = Text(255, ONE_LINE, allow_none=True)
    region = Choice(REGIONS, allow_none=True, metadata={"description": "Left out: eu."})


class DnsRecordSchema(Schema):
    """A record to enter at the domain's registrar."""

    type = fields.String(required=True)
    name = fields.String(required=True, metadata={"description": "The whole name."})
    value = fields.String(required=True, metadata={"description": "Plain, as registrars' forms want it."})
    priority = fields.Integer(required=True, allow_none=True, metadata={"description": "Of an MX record."})
    host = fields.String(
        required=True, metadata={"description": "The name within the zone of the registered domain; @ is the zone."}
    )
    ttl = fields.Integer(required=True, metadata={"description": "Seconds."})
    zone_line = fields.String(required=True, metadata={"description": "As a line of a zone file: quoted, for BIND."})
    provider = fields.String(
        required=True, allow_none=True, metadata={"description": "The vendor that wants it; null: ExoSend itself."}
    )


class RegistrationSchema(Schema):
    """How a domain stands with a provider that sends for it."""

    provider = fields.String(required=True, metadata={"description": "The vendor."})
    status = Choice(
        REGISTRATIONS,
        required=True,
        metadata={"description": "registered: it has the domain, and did not find its records in DNS yet."},
    )
    problem = fields.String(
        required=True, allow_none=True, metadata={"description": "What it says is wrong, or what is to be done."}
    )
    last_checked_at = Time(required=True, allow_none=True)


class EmailDomainSchema(Schema):
    """An email domain. The three flags are what DNS said when it last answered."""

    id = Identifier(required=True)
    domain = fields.String(required=True)
    from_email_default = fields.String(required=True, allow_none=True)
    from_name_default = fields.String(required=True, allow_none=True)
    region = Choice(REGIONS, required=True)
    status = Choice(STATUSES, required=True)
    spf_verified = fields.Boolean(required=True)
    dkim_verified = fields.Boolean(required=True)
    dmarc_verified = fields.Boolean(required=True)
    is_default = fields.Boolean(required=True)
    dns_records = fields.List(fields.Nested(DnsRecordSchema), required=True)
    problems = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "What the last check found wrong, by `spf`, `dkim` and `dmarc`."},
    )
    registrations = fields.List(fields.Nested(RegistrationSchema), required=True)
    last_checked_at = Time(required=True, allow_none=True)
    drifting_since = Time(
        required=True,
        allow_none=True,
        metadata={"description": "Of a verified domain: since when records are missing. 72 hours later it is failed."},
    )
    verified_at = Time(required=True, allow_none=True)
    created_at = Time(required=True)
