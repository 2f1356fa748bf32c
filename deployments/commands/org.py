"""`exosend org`."""

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from cyclopts import Parameter

from deployments.connection import engine_session, typed_id
from models.errors import InvalidInput
from models.rules.domain_names import is_public_suffix, normalise_domain
from models.rules.guards import (
    BOUNCED_PERCENT,
    COMPLAINED_PERCENT,
    FAILED_PERCENT,
    LEAST_MESSAGES,
    GuardLimits,
)
from models.rules.quiet_hours import QuietHours, parse_quiet_hours
from models.rules.sender_id import parse_sender_id
from models.store.guards import set_limits
from models.store.organizations import (
    add_verified_domain,
    create_organization,
    create_owner,
    create_token,
    set_quiet_hours,
    top_up,
)
from models.store.sender_ids import add_verified_sender_id

_LONGEST_NAME = 255


def create(
    *,
    name: str,
    credits: str,
    currency: str = "EUR",
    rate_limit: int = 60,
    domain: str | None = None,
    sender_id: str | None = None,
    data_dir: Path | None = None,
    json_output: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Create an organization with credits, its owner and an API token. The token is shown once.

    Parameters
    ----------
    name
        The organization's name.
    credits
        What it may spend, in its currency.
    currency
        Three letters; there must be prices in it.
    rate_limit
        API requests a minute.
    domain
        Email domain to add and mark verified, without a look at DNS: your word, and audited as such.
    sender_id
        SMS sender name to add and mark verified in the same way.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    json_output
        One line of JSON: organization_id, token, balance.
    """
    amount = _amount(credits)
    name = _name(name)
    if rate_limit < 1:
        raise InvalidInput({"rate_limit": ["--rate-limit must be at least 1."]})
    if sender_id is not None and parse_sender_id(sender_id) is None:
        allowed = "3 to 11 of A–Z a–z 0–9 space . _ -, at least one a letter, or a number"
        raise InvalidInput({"sender_id": [f'--sender-id: "{sender_id}" is not {allowed}.']})
    if domain is not None:
        domain = _domain(domain)
    with engine_session("org create", data_dir) as session:
        organization = create_organization(session, name=name, currency=currency, rate_limit=rate_limit)
        owner = create_owner(session, organization.id, name=f"{name} (owner)")
        token = create_token(session, organization.id, user_id=owner.id, name="created with the organization")
        if amount:
            top_up(session, organization.id, amount, reference=f"org-create-{uuid4()}")
        if domain is not None:
            add_verified_domain(session, organization.id, domain)
        if sender_id is not None:
            add_verified_sender_id(session, organization.id, sender_id)
        organization_id = organization.id
    if json_output:
        print(json.dumps({"organization_id": str(organization_id), "token": token.text, "balance": float(amount)}))
        return
    print(f"organization_id: {organization_id}")
    print(f"token:           {token.text}")
    print("Keep the token: only its hash is stored.")


def guards(
    organization: str,
    /,
    *,
    least: int = LEAST_MESSAGES,
    failed: str = str(FAILED_PERCENT),
    bounced: str = str(BOUNCED_PERCENT),
    complained: str = str(COMPLAINED_PERCENT),
    data_dir: Path | None = None,
) -> None:
    """Set when an organization's campaigns pause themselves; what is left out is set to its default.

    Parameters
    ----------
    organization
        Its id.
    least
        Messages that must be handed over, or reported, before their shares say anything.
    failed
        Percent of the messages handed over that may be refused for good, or "off".
    bounced
        Percent of the messages reported that may bounce for good, or "off".
    complained
        Percent of the messages reported that may bring a complaint, or "off".
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    if least < 1:
        raise InvalidInput({"least": ["--least must be at least 1."]})
    texts = {"failed": failed, "bounced": bounced, "complained": complained}
    organization_id = typed_id(organization, "the id of an organization")
    shares = [_percent(name, text) for name, text in texts.items()]
    with engine_session("org guards", data_dir) as session:
        set_limits(session, organization_id, GuardLimits(least, *shares), actor="operator")
    for what, share in zip(("refused for good", "bounced for good", "complained of"), shares, strict=True):
        print(f"{what}: " + ("no limit" if share is None else f"at most {share} % of {least} messages or more"))


def quiet_hours(organization: str, hours: str, /, *, data_dir: Path | None = None) -> None:
    """Set the quiet hours of SMS campaigns that say nothing of them when they are created. Others stay as they are.

    Parameters
    ----------
    organization
        Its id.
    hours
        From when to when nobody gets an SMS, by the clock where the number is, as 21:00-08:00; or "off".
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    organization_id, chosen = typed_id(organization, "the id of an organization"), _hours(hours)
    with engine_session("org quiet-hours", data_dir) as session:
        set_quiet_hours(session, organization_id, chosen, actor="operator")
    print("quiet hours of new SMS campaigns: " + ("none" if chosen is None else hours))


def _hours(text: str) -> QuietHours | None:
    if text == "off":
        return None
    start, _, end = text.partition("-")
    try:
        return parse_quiet_hours({"start": start, "end": end})
    except InvalidInput:
        allowed = 'two times of day at least an hour short of all of it, as 21:00-08:00, or "off"'
        raise InvalidInput({"hours": [f'"{text}" is not {allowed}.']}) from None


def _percent(name: str, text: str) -> Decimal | None:
    if text == "off":
        return None
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal(-1)
    if not share.is_finite() or not 0 <= share <= 100 or share != round(share, 2):
        allowed = 'a percentage from 0 to 100 with at most two decimals, or "off"'
        raise InvalidInput({name: [f"--{name} must be {allowed}."]})
    return share


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InvalidInput({"name": [f"--name must have 1 to {_LONGEST_NAME} characters."]})
    return name


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0 or amount >= Decimal(10) ** 10 or amount != round(amount, 4):
        raise InvalidInput({"credits": ["--credits must be an amount from 0 with at most four decimals."]})
    return amount


def _domain(domain: str) -> str:
    """As it is stored: lower-case and in ASCII (IDNA)."""
    name = normalise_domain(domain)
    if name is None or is_public_suffix(name):
        raise InvalidInput({"domain": [f'--domain: "{domain}" is not an email domain.']})
    return name
