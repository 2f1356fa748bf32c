"""Email campaigns in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.envelopes import PageQuery
from api.schemas.fields import (
    ONE_LINE,
    Address,
    Amount,
    Anything,
    Choice,
    Flag,
    Identifier,
    Identifiers,
    Input,
    TagValues,
    Text,
    Time,
    Whole,
)
from models.rules.lifecycle import CampaignStatus

STATUSES = tuple(status.value for status in CampaignStatus)
SOURCE_MAX = 500_000  # characters
LISTS_MAX = 100
SCHEDULED_AT = {
    "format": "date-time",
    "description": "ISO 8601. Without an offset it is in `timezone`, else in the organization's, else UTC.",
}

SWITCH = {"description": "null: as the organization has it, which is on, unless it was switched off."}

OF_DRY_RUN = {"description": "Of a dry run only."}

PAUSE_REASON = {
    "description": "Why it paused itself, as `too_many_failures: …`; null where a person paused it.",
    "example": None,
}


class CampaignSend(Input):
    """How to send a campaign."""

    dry_run = Flag(
        load_default=False,
        allow_none=True,
        metadata={"description": "Say what it would come to, and change nothing.", "example": False},
    )


class DryRunSchema(Schema):
    """What sending would come to now."""

    recipients = fields.Integer(required=True)
    cost = Amount(required=True)
    balance = Amount(required=True)
    is_affordable = fields.Boolean(required=True)
    dropped = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Who would not be written to: reason → how many.", "example": {"duplicate": 2}},
    )


class CampaignQuery(PageQuery):
    """Which campaigns to list."""

    status = Choice(STATUSES, allow_none=True)


class _CampaignValues(Input):
    description = Text(1000, allow_none=True)
    email_template_id = Identifier(allow_none=True)
    subject = Text(998, allow_none=True)
    html_content = Text(SOURCE_MAX, allow_none=True)
    text_content = Text(SOURCE_MAX, allow_none=True)
    template_variables = TagValues(allow_none=True, metadata={"description": "Values for all recipients."})
    email_domain_id = Identifier(allow_none=True)
    from_email = Address(as_written=True, allow_none=True)
    from_name = Text(255, ONE_LINE, allow_none=True)
    reply_to = Address(as_written=True, allow_none=True)
    target_list_ids = Identifiers(LISTS_MAX, allow_none=True)
    segment_filters = Anything(
        allow_none=True,
        metadata={"type": "object", "description": "{field: value or [values]}, or a tree of all, any, not."},
    )
    track_opens = Flag(allow_none=True, metadata=SWITCH)
    track_clicks = Flag(allow_none=True, metadata=SWITCH)
    send_rate_per_minute = Whole(1, 60_000, allow_none=True)
    batch_size = Whole(1, 1000, allow_none=True, metadata={"description": "Emails between two looks at the state."})
    timezone = Text(64, allow_none=True, metadata={"description": "IANA name."})
    scheduled_at = Text(64, allow_none=True, metadata=SCHEDULED_AT)


class NewCampaign(_CampaignValues):
    """A campaign to create."""

    name = Text(255, required=True)


class CampaignChange(_CampaignValues):
    """What to change of a draft; what is left out stays."""

    name = Text(255)


class CampaignSchedule(Input):
    """When a campaign is to go out."""

    scheduled_at = Text(64, required=True, metadata=SCHEDULED_AT)
    timezone = Text(64, allow_none=True, metadata={"description": "IANA name."})


class CampaignSchema(Schema):
    """An email campaign, with what became of it so far."""

    id = Identifier(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    status = Choice(STATUSES, required=True)
    email_template_id = Identifier(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    html_content = fields.String(required=True, allow_none=True)
    text_content = fields.String(required=True, allow_none=True)
    template_variables = fields.Dict(required=True)
    email_domain_id = Identifier(required=True, allow_none=True)
    from_email = fields.String(required=True, allow_none=True)
    from_name = fields.String(required=True, allow_none=True)
    reply_to = fields.String(required=True, allow_none=True)
    target_list_ids = fields.List(Identifier(), required=True)
    segment_filters = fields.Raw(required=True, allow_none=True, metadata={"type": "object"})
    track_opens = fields.Boolean(required=True, allow_none=True, metadata=SWITCH)
    track_clicks = fields.Boolean(required=True, allow_none=True, metadata=SWITCH)
    send_rate_per_minute = fields.Integer(required=True, allow_none=True)
    batch_size = fields.Integer(required=True)
    timezone = fields.String(required=True, allow_none=True)
    scheduled_at = Time(required=True, allow_none=True)
    total_recipients = fields.Integer(required=True)
    total_sent = fields.Integer(required=True)
    total_delivered = fields.Integer(required=True)
    total_opened = fields.Integer(required=True)
    total_clicked = fields.Integer(required=True)
    total_bounced = fields.Integer(required=True)
    total_unsubscribed = fields.Integer(required=True)
    total_failed = fields.Integer(required=True)
    total_uncertain = fields.Integer(
        required=True, metadata={"description": "Handed over, with no answer from the provider yet."}
    )
    dropped = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={
            "description": "Who of the audience is not written to: reason → how many.",
            "example": {"suppressed": 12},
        },
    )
    open_rate = fields.String(required=True, metadata={"description": "Opened ÷ sent, as `42.2%`."})
    click_rate = fields.String(required=True, metadata={"description": "Clicked ÷ sent."})
    bounce_rate = fields.String(required=True, metadata={"description": "Bounced ÷ sent."})
    failure_reason = fields.String(required=True, allow_none=True)
    pause_reason = fields.String(required=True, allow_none=True, metadata=PAUSE_REASON)
    created_at = Time(required=True)
    updated_at = Time(required=True)
    sent_at = Time(required=True, allow_none=True, metadata={"description": "When sending started."})
    completed_at = Time(required=True, allow_none=True)


class SentCampaignSchema(CampaignSchema):
    """An email campaign that was sent, or would be."""

    dry_run = fields.Nested(DryRunSchema, metadata=OF_DRY_RUN)
