"""A campaign's content and audience, whatever its channel: frozen and read here, quoted and planned from it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import polars as pl
from psycopg import errors
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models.rules.lifecycle import Channel
from models.rules.segment import Segment, parse_segment
from models.session import driver
from models.store.audience import read_chosen, read_members, read_suppressed
from models.store.contents import read_content
from models.store.ledger import email_price
from models.store.prices import sms_price_list
from models.tables import Campaign
from tasks.audience.plan import contact_columns, plan_email, quote_email
from tasks.audience.recipients import Plan, Quote
from tasks.audience.sms_plan import plan_sms, quote_of, sms_columns
from tasks.content.freeze import FrozenEmail
from tasks.content.sms import FrozenSms
from tasks.content.tracking_tags import UNREPEATED
from tasks.runs.email_content import freeze_campaign, frozen_email
from tasks.runs.sms_content import SmsTexts, freeze_sms_campaign, frozen_sms

Frozen = FrozenEmail | FrozenSms


def freeze(session: Session, campaign: Campaign) -> tuple[UUID, Frozen]:
    """The campaign's content as it will go out, and the id it is stored under. Raises InvalidInput."""
    return (freeze_sms_campaign if campaign.channel == Channel.SMS else freeze_campaign)(session, campaign)


def read_frozen(session: Session, organization_id: UUID, content_id: UUID) -> Frozen:
    """The frozen content of that id. Raises NotFound."""
    content = read_content(session, organization_id, content_id)
    return frozen_sms(content) if content.channel == Channel.SMS else frozen_email(content)


class Audience(Protocol):
    """What was read of an audience; no database is needed to go on."""

    @property
    def rows(self) -> int:
        """How many rows came in."""
        ...

    def quote(self, seconds: float) -> Quote | None:
        """How many messages it would be, and their cost; None when their texts could not be made in that time."""
        ...

    def plan(self, seconds: float | None = None) -> Plan:
        """Who gets what. Not for one that was read to be quoted only. Raises TimeoutError when their texts could not be
        made in that time."""
        ...


def read_audience(session: Session, campaign: Campaign, frozen: Frozen, *, to_quote: bool) -> Audience:
    """The campaign's audience as it is now. `to_quote`: only what a quote looks at."""
    if isinstance(frozen, FrozenSms):
        return _read_sms_audience(session, campaign, frozen)
    return _read_email_audience(session, campaign, frozen, to_quote=to_quote)


def read_in_time(
    session: Session, campaign: Campaign, frozen: Frozen, seconds: float, *, to_quote: bool
) -> Audience | None:
    """The same, or None when it took longer than that."""
    connection = driver(session)
    try:
        with connection.transaction():  # a savepoint: a cancelled statement must not end the whole
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
            audience = read_audience(session, campaign, frozen, to_quote=to_quote)
            connection.execute("RESET statement_timeout")
    except (errors.QueryCanceled, OperationalError) as error:
        if isinstance(error, OperationalError) and not isinstance(error.orig, errors.QueryCanceled):
            raise
        return None
    return audience


@dataclass(frozen=True, slots=True)
class _EmailAudience:
    members: pl.DataFrame
    suppressed: pl.DataFrame
    segment: Segment
    price: Decimal
    tags: frozenset[str]

    @property
    def rows(self) -> int:
        return self.members.height

    def quote(self, seconds: float) -> Quote | None:
        del seconds  # a million addresses take half of one
        return quote_email(self.members, self.suppressed, segment=self.segment, price=self.price)

    def plan(self, seconds: float | None = None) -> Plan:
        del seconds
        return plan_email(self.members, self.suppressed, segment=self.segment, price=self.price, tags=self.tags)


def _read_email_audience(
    session: Session, campaign: Campaign, frozen: FrozenEmail, *, to_quote: bool
) -> _EmailAudience:
    organization_id = campaign.organization_id
    segment = parse_segment(campaign.segment_filters)
    tags = frozenset() if to_quote else frozen.keys - UNREPEATED
    columns = [name for name in contact_columns(segment, tags) if not (to_quote and name == "contact_id")]
    return _EmailAudience(
        members=read_members(session, organization_id, campaign.target_list_ids, columns),
        suppressed=read_suppressed(session, organization_id, "email"),
        segment=segment,
        price=email_price(session, organization_id),
        tags=tags,
    )


@dataclass(frozen=True, slots=True)
class _SmsAudience:
    members: pl.DataFrame
    manual_phones: Sequence[str]
    suppressed: pl.DataFrame
    prices: Mapping[str, Decimal]
    frozen: FrozenSms

    @property
    def rows(self) -> int:
        return self.members.height + len(self.manual_phones)

    def quote(self, seconds: float) -> Quote | None:
        try:
            return quote_of(self.plan(seconds))
        except TimeoutError:
            return None

    def plan(self, seconds: float | None = None) -> Plan:
        texts = SmsTexts(self.frozen)
        return plan_sms(
            self.members,
            self.suppressed,
            manual_phones=self.manual_phones,
            prices=self.prices,
            tags=self.frozen.keys,
            text_of=texts if seconds is None else _until(time.monotonic() + seconds, texts),
        )


def _until(deadline: float, text_of: Callable[[str], str]) -> Callable[[str], str]:
    """The same until then, and TimeoutError afterwards: a request waits, and a million different texts take 5 s."""

    def in_time(variables: str) -> str:
        if time.monotonic() > deadline:
            raise TimeoutError
        return text_of(variables)

    return in_time


def _read_sms_audience(session: Session, campaign: Campaign, frozen: FrozenSms) -> _SmsAudience:
    organization_id = campaign.organization_id
    columns = sms_columns(frozen.keys)
    return _SmsAudience(
        members=read_chosen(session, organization_id, campaign.target_list_ids, campaign.contact_ids, columns),
        manual_phones=list(campaign.manual_phones),
        suppressed=read_suppressed(session, organization_id, "sms"),
        prices=sms_price_list(session, organization_id),
        frozen=frozen,
    )
