"""Emails in requests and answers: singles, and batches of them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields

from api.schemas.envelopes import PageQuery, Pagination
from api.schemas.fields import REQUIRED, Amount, Choice, Identifier, Input, Time
from api.schemas.files import UploadedFiles
from api.schemas.new_email import NewEmail, check_emails
from models.rules.email_status import EMAIL_STATUSES, BatchStatus

BATCH_MAX = 1000


class EmailQuery(PageQuery):
    """Which emails to list."""

    status = Choice(EMAIL_STATUSES, allow_none=True)


class _Emails(fields.List[Any]):
    """1 to 1,000 emails."""

    default_error_messages = {  # noqa: RUF012
        "required": REQUIRED,
        "null": REQUIRED,
        "invalid": "The :field field must be an array.",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.Nested(NewEmail), **options)
        self._checker = NewEmail()

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if not value:
            raise ValidationError(REQUIRED)
        if len(value) > BATCH_MAX:
            raise ValidationError(f"The :field field must not have more than {BATCH_MAX:,} items.")
        values, errors = check_emails(value, self._checker)
        if errors:
            raise ValidationError(errors, valid_data=values)
        return values


class NewBatch(Input):
    """Emails to send together, all or none."""

    emails = _Emails(required=True, metadata={"minItems": 1, "maxItems": BATCH_MAX})
    attachments = UploadedFiles("Files for all of the emails.")


class EmailSchema(Schema):
    """An email to one recipient, with what became of it so far."""

    id = Identifier(required=True)
    batch_id = Identifier(required=True, allow_none=True)
    status = Choice(EMAIL_STATUSES, required=True)
    from_email = fields.String(required=True)
    from_name = fields.String(required=True, allow_none=True)
    to_email = fields.String(required=True)
    to_name = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, metadata={"description": "As the recipient reads it."})
    cost = Amount(required=True)
    metadata = fields.Dict(required=True, allow_none=True)
    created_at = Time(required=True)
    sent_at = Time(required=True, allow_none=True)
    delivered_at = Time(required=True, allow_none=True)
    opened_at = Time(required=True, allow_none=True)
    clicked_at = Time(required=True, allow_none=True)
    bounced_at = Time(required=True, allow_none=True)
    error_message = fields.String(required=True, allow_none=True)
    error_code = fields.String(required=True, allow_none=True)


class EmailPageSchema(Schema):
    """One page of emails."""

    emails = fields.List(fields.Nested(EmailSchema), required=True)
    pagination = fields.Nested(Pagination, required=True)


class AcceptedBatchSchema(Schema):
    """A batch that was accepted and charged; `email_ids` are in the order of its emails."""

    batch_id = Identifier(required=True)
    total_emails = fields.Integer(required=True)
    total_cost = Amount(required=True)
    balance_remaining = Amount(required=True)
    email_ids = fields.List(Identifier(), required=True)


class BatchSchema(Schema):
    """A batch. Subject and sender are those of its first email."""

    id = Identifier(required=True)
    subject = fields.String(required=True)
    from_email = fields.String(required=True)
    from_name = fields.String(required=True, allow_none=True)
    source = fields.String(required=True)
    status = Choice(tuple(BatchStatus), required=True)
    total_recipients = fields.Integer(required=True)
    total_cost = Amount(required=True, metadata={"description": "What was charged, less what was refunded."})
    total_sent = fields.Integer(required=True)
    total_delivered = fields.Integer(required=True)
    total_opened = fields.Integer(required=True)
    total_bounced = fields.Integer(required=True)
    total_failed = fields.Integer(required=True)
    delivery_rate = fields.Float(required=True, metadata={"description": "Delivered ÷ sent, in per cent."})
    open_rate = fields.Float(required=True, metadata={"description": "Opened ÷ delivered, in per cent."})
    scheduled_at = Time(required=True, allow_none=True)
    created_at = Time(required=True)


class BatchEmailsSchema(Schema):
    """One page of a batch's emails, in the order in which they were given."""

    data = fields.List(fields.Nested(EmailSchema), required=True)
    pagination = fields.Nested(Pagination, required=True)


class BatchPageSchema(Schema):
    """A batch, and one page of its emails."""

    batch = fields.Nested(BatchSchema, required=True)
    emails = fields.Nested(BatchEmailsSchema, required=True)
