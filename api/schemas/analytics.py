"""Analytics in requests and answers. Rates are per cent with one decimal, rounded half up; 0 where nothing was sent."""

from typing import Any

from marshmallow import Schema, fields

from api.schemas.fields import Identifier, Input, Text, Time


class PeriodQuery(Input):
    """Which days."""

    from_ = Text(
        40,
        data_key="from",
        allow_none=True,
        metadata={"description": "First day, ISO 8601. Left out: 30 days before the last.", "example": "2026-01-01"},
    )
    to = Text(
        40,
        allow_none=True,
        metadata={"description": "Last day, included, ISO 8601. Left out: today.", "example": "2026-01-31"},
    )


def _rate(of: str) -> fields.Float:
    return Rate(required=True, metadata={"description": f"Per cent of {of}."})


class Rate(fields.Float):
    """In answers: a rate, as a number without a decimal where there is none to show."""

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Any:
        return value


class OverviewSchema(Schema):
    """What became of the emails that were sent on these days; each counts once, on the day it was sent."""

    total_sent = fields.Integer(required=True)
    total_delivered = fields.Integer(required=True)
    total_opened = fields.Integer(required=True)
    total_clicked = fields.Integer(required=True)
    total_bounced = fields.Integer(required=True)
    total_complained = fields.Integer(required=True)
    delivery_rate = _rate("those sent")
    open_rate = _rate("those delivered")
    click_rate = _rate("those delivered")
    bounce_rate = _rate("those sent")


class SmsDaySchema(Schema):
    """The SMS that were sent on a day (UTC)."""

    day = fields.Date(required=True)
    sent = fields.Integer(required=True)
    delivered = fields.Integer(required=True)
    undelivered = fields.Integer(required=True)
    delivery_rate = _rate("those sent")


class SmsOverviewSchema(Schema):
    """What became of the SMS that were sent on these days; each counts once, on the day it was sent."""

    total_sent = fields.Integer(required=True, metadata={"description": "Accepted by a provider."})
    total_delivered = fields.Integer(required=True)
    total_undelivered = fields.Integer(
        required=True, metadata={"description": "Reported as not delivered, or as too late."}
    )
    delivery_rate = _rate("those sent")
    days = fields.List(
        fields.Nested(SmsDaySchema), required=True, metadata={"description": "Days on which SMS were sent, in order."}
    )


class CampaignAnalyticsSchema(Schema):
    """What became of an email campaign; each recipient counts once."""

    campaign_id = Identifier(required=True)
    campaign_name = fields.String(required=True)
    total_sent = fields.Integer(required=True)
    total_delivered = fields.Integer(required=True)
    total_opened = fields.Integer(required=True)
    total_clicked = fields.Integer(required=True)
    total_bounced = fields.Integer(required=True)
    total_complained = fields.Integer(required=True)
    open_rate = _rate("those delivered")
    click_rate = _rate("those delivered")
    bounce_rate = _rate("those sent")
    unsubscribe_rate = _rate("those delivered")


class LinkSchema(Schema):
    """How often a link was clicked, and by how many recipients."""

    url = fields.String(required=True)
    total_clicks = fields.Integer(required=True, attribute="clicks")
    unique_clicks = fields.Integer(required=True, attribute="messages")


class DeviceSchema(Schema):
    """How many recipients opened it first on such a device."""

    device = fields.String(required=True, metadata={"description": "Desktop, Mobile, Tablet or Unknown."})
    count = fields.Integer(required=True)
    percentage = _rate("the recipients who opened it")


class ClientSchema(Schema):
    """How many recipients opened it first in this mail client or browser."""

    client = fields.String(required=True)
    count = fields.Integer(required=True)
    percentage = _rate("the recipients who opened it")


class ReadersSchema(Schema):
    """In what a campaign was opened."""

    devices = fields.List(fields.Nested(DeviceSchema), required=True)
    clients = fields.List(fields.Nested(ClientSchema), required=True)


class EmailEventSchema(Schema):
    """Something that was reported of an email. `metadata.proxy` is true of what a machine did: it counts nowhere."""

    id = Identifier(required=True)
    email_id = Identifier(required=True, attribute="message_id")
    event_type = fields.String(required=True, attribute="kind")
    occurred_at = Time(required=True)
    metadata = fields.Dict(required=True, attribute="payload")
