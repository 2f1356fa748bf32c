"""SMS in requests and answers."""

from typing import Any

from marshmallow import Schema, ValidationError, fields

from api.schemas.envelopes import PageQuery
from api.schemas.fields import REQUIRED, Amount, Choice, Identifier, Input, Text, Time
from models.rules.lifecycle import SMS_STATUSES
from models.rules.sms import SmsEncoding
from models.rules.sms_keywords import Keyword

RECIPIENTS_MAX = 10_000  # of one bulk
KEYWORDS = tuple(keyword.value for keyword in Keyword)
_MESSAGE_MAX = 10_000  # characters; how many segments it may have is a rule of its own
_SENDER = {"description": "A verified sender ID; left out, the default."}


class Recipients(fields.List[str]):
    """Up to 10,000 texts. An empty one counts as a number that is not valid."""

    default_error_messages = {  # noqa: RUF012
        "required": REQUIRED,
        "null": REQUIRED,
        "invalid": "The :field field must be an array.",
        "text": "The :field field must be a string.",
        "many": f"The :field field must not have more than {RECIPIENTS_MAX:,} items.",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.String(), **options)

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> list[str | None]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if not value:
            raise self.make_error("required")
        if len(value) > RECIPIENTS_MAX:
            raise self.make_error("many")
        wrong = [index for index, item in enumerate(value) if not isinstance(item, str | None)]
        if wrong:
            raise ValidationError({index: [self.error_messages["text"]] for index in wrong})
        return [item or "" for item in value]


class _Message(Input):
    message = Text(
        _MESSAGE_MAX,
        required=True,
        metadata={"description": "At most 10 segments: of 160 characters in one, 153 in several; 70 and 67 in UCS-2."},
    )
    sender_id = Text(50, allow_none=True, metadata=_SENDER)


class NewSms(_Message):
    """One SMS to send."""

    recipient = Text(
        100,
        required=True,
        metadata={"description": "A phone number in international format, such as +37061234567."},
    )


class NewBulkSms(_Message):
    """The same SMS to many."""

    recipients = Recipients(
        required=True,
        metadata={
            "description": "1 to 10,000 phone numbers in international format; each gets one message.",
            "minItems": 1,
            "maxItems": RECIPIENTS_MAX,
        },
    )


class SmsToPreview(_Message):
    """A text to look at."""

    recipient = Text(100, allow_none=True, metadata={"description": "A phone number; without one there is no cost."})


class ForcingCharacterSchema(Schema):
    """A character outside the default alphabet: one is enough for UCS-2."""

    position = fields.Integer(required=True, metadata={"description": "In characters, from 0."})
    character = fields.String(required=True)
    name = fields.String(required=True, metadata={"description": "Its name in Unicode."})
    replacement = fields.String(
        required=True, allow_none=True, metadata={"description": "What says the same; null where nothing does."}
    )


class SmsPreviewSchema(Schema):
    """A text as it would go out, and as it could."""

    encoding = Choice(tuple(encoding.value for encoding in SmsEncoding), required=True, attribute="advice.encoding")
    units = fields.Integer(
        required=True, attribute="advice.units", metadata={"description": "Septets, or UTF-16 units in UCS-2."}
    )
    segments = fields.Integer(
        required=True, attribute="advice.segments", metadata={"description": "More than 10 cannot be sent."}
    )
    cost = Amount(required=True, allow_none=True)
    sender_id = fields.String(required=True, allow_none=True)
    forcing_characters = fields.List(
        fields.Nested(ForcingCharacterSchema),
        required=True,
        attribute="advice.forcing",
        metadata={"description": "Characters that force UCS-2, the first 100."},
    )
    forcing_total = fields.Integer(required=True, attribute="advice.forcing_total")
    suggested_message = fields.String(
        required=True,
        allow_none=True,
        attribute="advice.suggested",
        metadata={"description": "With the replacements; null where that would not be shorter."},
    )
    suggested_segments = fields.Integer(required=True, attribute="advice.suggested_segments")
    suggested_cost = Amount(required=True, allow_none=True)


class QueuedSmsSchema(Schema):
    """An SMS that was accepted."""

    message_id = Identifier(required=True)
    status = Choice(SMS_STATUSES, required=True)
    cost = Amount(required=True)
    segments = fields.Integer(required=True)
    balance_remaining = Amount(required=True)


class QueuedBulkSmsSchema(Schema):
    """SMS that were accepted, and who gets none. `message_ids` are in the order of the recipients that get one."""

    total_messages = fields.Integer(required=True)
    total_cost = Amount(required=True)
    balance_remaining = Amount(required=True)
    message_ids = fields.List(Identifier(), required=True)
    invalid_recipients = fields.List(fields.String(), required=True, metadata={"description": "As they were given."})
    suppressed_recipients = fields.List(
        fields.String(), required=True, metadata={"description": "Phone numbers that have opted out: not charged."}
    )


class SmsStatusSchema(Schema):
    """An SMS and what became of it."""

    id = Identifier(required=True)
    status = Choice(SMS_STATUSES, required=True)
    recipient = fields.String(required=True)
    cost = Amount(required=True)
    segments = fields.Integer(required=True)
    sent_at = Time(required=True, allow_none=True)
    delivered_at = Time(required=True, allow_none=True)
    error_message = fields.String(required=True, allow_none=True)
    error_code = fields.String(required=True, allow_none=True)


class InboundSmsQuery(PageQuery):
    """Which inbound SMS to list."""

    sender = Text(100, allow_none=True, metadata={"description": "The number that wrote, as it is stored: E.164."})
    keyword = Choice(KEYWORDS, allow_none=True, metadata={"description": "Only those that are this keyword."})


class InboundSmsSchema(Schema):
    """An SMS that somebody wrote back."""

    id = Identifier(required=True)
    sender = fields.String(required=True, metadata={"description": "Who wrote."})
    recipient = fields.String(required=True, metadata={"description": "The number they wrote to."})
    message = fields.String(required=True, attribute="text")
    keyword = Choice(
        KEYWORDS,
        required=True,
        allow_none=True,
        metadata={"description": "What the whole message asks for: STOP and its kin in many languages."},
    )
    message_id = Identifier(
        required=True, allow_none=True, metadata={"description": "The last SMS that they had from you."}
    )
    received_at = Time(required=True, attribute="occurred_at")
