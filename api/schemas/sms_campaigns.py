"""SMS campaigns in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.campaigns import LISTS_MAX, OF_DRY_RUN, PAUSE_REASON, SCHEDULED_AT, STATUSES, DryRunSchema
from api.schemas.fields import Amount, Anything, Choice, Identifier, Identifiers, Input, Text, Texts, Time, Whole
from api.schemas.sms import ForcingCharacterSchema

MESSAGE_MAX = 10_000  # characters; a source with merge tags may be longer than the ten segments of its texts
CONTACTS_MAX = 10_000
PHONES_MAX = 10_000
QUIET_HOURS = {
    "type": "object",
    "properties": {"start": {"type": "string"}, "end": {"type": "string"}},
    "required": ["start", "end"],
    "description": "From when to when nobody gets anything, by the clock where the number is; over midnight where `end`"
    " is the earlier. Messages wait until they end. Left out, the organization's own; null: none.",
    "example": {"start": "21:00", "end": "08:00"},
}


class _SmsCampaignValues(Input):
    sender_id_id = Identifier(
        allow_none=True, metadata={"description": "A verified sender ID; left out, the default one."}
    )
    target_list_ids = Identifiers(LISTS_MAX, allow_none=True)
    contact_ids = Identifiers(CONTACTS_MAX, allow_none=True)
    manual_phones = Texts(
        PHONES_MAX, 40, allow_none=True, metadata={"description": "Numbers in E.164, as `+37120000001`."}
    )
    send_rate_per_minute = Whole(1, 60_000, allow_none=True)
    batch_size = Whole(1, 1000, allow_none=True, metadata={"description": "SMS between two looks at the state."})
    timezone = Text(64, allow_none=True, metadata={"description": "IANA name."})
    quiet_hours = Anything(allow_none=True, metadata=QUIET_HOURS)
    scheduled_at = Text(64, allow_none=True, metadata=SCHEDULED_AT)


class NewSmsCampaign(_SmsCampaignValues):
    """An SMS campaign to create."""

    name = Text(255, required=True)
    message_content = Text(
        MESSAGE_MAX, required=True, metadata={"description": "The text, with merge tags; 10 segments at most."}
    )


class SmsCampaignChange(_SmsCampaignValues):
    """What to change of a draft; what is left out stays."""

    name = Text(255)
    message_content = Text(MESSAGE_MAX)


class SmsCampaignSchema(Schema):
    """An SMS campaign, with what became of it so far."""

    id = Identifier(required=True)
    name = fields.String(required=True)
    status = Choice(STATUSES, required=True)
    message_content = fields.String(required=True, allow_none=True)
    sender_id = fields.String(required=True, allow_none=True, metadata={"description": "Name or number it is from."})
    sender_id_id = Identifier(required=True, allow_none=True)
    target_list_ids = fields.List(Identifier(), required=True)
    contact_ids = fields.List(Identifier(), required=True)
    manual_phones = fields.List(fields.String(), required=True)
    total_recipients = fields.Integer(required=True)
    total_sent = fields.Integer(required=True)
    total_delivered = fields.Integer(required=True)
    total_failed = fields.Integer(
        required=True, metadata={"description": "Refused by the provider, or reported as undelivered or expired."}
    )
    total_segments = fields.Integer(required=True)
    total_cost = Amount(required=True, metadata={"description": "Held or charged, less what was refunded."})
    failure_reason = fields.String(required=True, allow_none=True)
    pause_reason = fields.String(required=True, allow_none=True, metadata=PAUSE_REASON)
    scheduled_at = Time(required=True, allow_none=True)
    timezone = fields.String(required=True, allow_none=True)
    batch_size = fields.Integer(required=True)
    send_rate_per_minute = fields.Integer(required=True, allow_none=True)
    quiet_hours = fields.Raw(required=True, allow_none=True, metadata=QUIET_HOURS)
    created_at = Time(required=True)
    updated_at = Time(required=True)
    sent_at = Time(required=True, allow_none=True, metadata={"description": "When sending started."})
    completed_at = Time(required=True, allow_none=True)


class SmsDryRunSchema(DryRunSchema):
    """What sending would come to now."""

    total_segments = fields.Integer(required=True)
    segments = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Segments → how many messages have so many.", "example": {"1": 240, "2": 10}},
    )
    in_quiet_hours = fields.Integer(
        required=True, metadata={"description": "How many would wait now for their quiet hours to end."}
    )
    forcing_characters = fields.List(
        fields.Nested(ForcingCharacterSchema),
        required=True,
        attribute="advice.forcing",
        metadata={"description": "Characters of `message_content` that force UCS-2, the first 100."},
    )
    forcing_total = fields.Integer(required=True, attribute="advice.forcing_total")
    suggested_message = fields.String(
        required=True,
        allow_none=True,
        attribute="advice.suggested",
        metadata={"description": "`message_content` without them; null where that would not be shorter."},
    )


class SentSmsCampaignSchema(SmsCampaignSchema):
    """An SMS campaign that was sent, or would be."""

    dry_run = fields.Nested(SmsDryRunSchema, metadata=OF_DRY_RUN)
