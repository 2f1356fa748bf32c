"""Email domains: what mail may come from, and the DNS records that show it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from api.arguments import Arguments
from api.blueprint import Blueprint
from api.schemas.email_domains import EmailDomainSchema, NewEmailDomain
from api.schemas.envelopes import Nothing, answer_of, array_of, done, found
from api.scope import own, resources, scope
from api.starter import start_flow
from models.pipelines import VERIFY_DOMAIN, VerifyDomain, start_key
from models.rules.provider_names import vendor_of
from models.store import email_domains
from models.store.domain_registrations import registrations_of
from models.store.organizations import read_organization
from models.tables import DomainRegistration, EmailDomain, Run
from tasks.domains.keys import with_key
from tasks.domains.verifying import shown_records

blueprint = Blueprint("Email domains", __name__, "Domains that mail comes from, and their DNS records.")


Registrations = Mapping[UUID, Sequence[DomainRegistration]]

_OF_ACCOUNT = "The provider could not be asked, or does not let us in; it is asked again."


def _shown(domain: EmailDomain, known: Registrations | None = None) -> dict[str, Any]:
    """`known`: registrations of this domain and others, where they were read together."""
    settings = resources().settings
    domain = with_key(own().session, domain, settings)
    registrations = (registrations_of(*own(), [domain.id]) if known is None else known).get(domain.id, ())
    columns = {column.key: getattr(domain, column.key) for column in domain.__table__.columns}
    return {
        **columns,
        "from_email_default": domain.default_from_email,
        "from_name_default": domain.default_from_name,
        "dns_records": shown_records(domain, registrations, settings),
        "registrations": [_registration(each) for each in registrations],
    }


def _registration(row: DomainRegistration) -> dict[str, Any]:
    """What is wrong with an account is for operators, who see it in `exosend doctor`."""
    return {
        "provider": vendor_of(row.provider),
        "status": row.state,
        "problem": _OF_ACCOUNT if row.is_of_account else row.problem,
        "last_checked_at": row.asked_at,
    }


@blueprint.route("/email-domains")
@blueprint.response(200, array_of(EmailDomainSchema))
def list_email_domains() -> dict[str, Any]:
    """List email domains

    All of them, newest first, each with the DNS records that it needs.
    """
    domains = email_domains.list_domains(*own())
    known = registrations_of(*own(), [domain.id for domain in domains])
    return found([_shown(domain, known) for domain in domains])


@blueprint.route("/email-domains", methods=["POST"])
@blueprint.arguments(NewEmailDomain)
@blueprint.response(201, answer_of(EmailDomainSchema, mutation=True))
def create_email_domain(arguments: Arguments) -> dict[str, Any]:
    """Add an email domain

    Enter its `dns_records` at the registrar, then have it verified. Within seconds it is added to the providers that
    send for it, and what they want in DNS is among its `dns_records` then.
    """
    values = arguments()
    domain = email_domains.create_domain(
        *own(),
        {
            "domain": values["domain"],
            "default_from_email": values.get("from_email_default"),
            "default_from_name": values.get("from_name_default"),
            "region": values.get("region") or "eu",
        },
    )
    return done(_shown(domain), "Domain added. Please add the DNS records shown below, then verify.")


@blueprint.route("/email-domains/<id:domain_id>")
@blueprint.response(200, answer_of(EmailDomainSchema))
def get_email_domain(domain_id: UUID) -> dict[str, Any]:
    """Read an email domain

    With its DNS records, and what of them was found when they were last looked up.
    """
    return found(_shown(email_domains.read_domain(*own(), domain_id)))


@blueprint.route("/email-domains/<id:domain_id>/verify", methods=["POST"])
@blueprint.response(202, answer_of(EmailDomainSchema, mutation=True))
def verify_email_domain(domain_id: UUID) -> dict[str, Any]:
    """Verify an email domain

    SPF, DKIM and DMARC are looked up in DNS in the background: verified when all three hold, else failed. When DNS
    gives no answer, nothing changes.
    """
    domain, run = email_domains.queue_verification(*own(), domain_id)
    _start_after_commit(domain, run)
    return done(_shown(domain), "DNS verification has been queued.")


@blueprint.route("/email-domains/<id:domain_id>/default", methods=["PATCH"], errors=(409,))
@blueprint.response(200, answer_of(EmailDomainSchema, mutation=True))
def set_default_email_domain(domain_id: UUID) -> dict[str, Any]:
    """Make an email domain the default

    It must be verified. The default before it is none any more.
    """
    return done(_shown(email_domains.make_default(*own(), domain_id)), "Domain set as default.")


@blueprint.route("/email-domains/<id:domain_id>", methods=["DELETE"], errors=(409,))
@blueprint.response(200, Nothing)
def delete_email_domain(domain_id: UUID) -> dict[str, Any]:
    """Remove an email domain

    Mail that was sent from it is not affected. Not while a campaign that is scheduled, sending or paused sends from it.
    """
    email_domains.delete_domain(*own(), domain_id)
    return done(None, "Domain removed.")


def _start_after_commit(domain: EmailDomain, run: Run) -> None:
    organization = read_organization(*own())
    settings = resources().settings
    name = f"{organization.name} · {domain.domain}"[:200]
    tags = [f"organization:{organization.id}", f"domain:{domain.id}"]
    key = start_key(run.id, run.epoch)
    scope().after_commit(
        lambda: start_flow(
            settings, VERIFY_DOMAIN, VerifyDomain(run_id=run.id), idempotency_key=key, tags=tags, run_name=name
        )
    )
