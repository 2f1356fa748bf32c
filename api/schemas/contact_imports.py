"""CSV imports in requests and answers."""

from marshmallow import Schema, fields

from api.schemas.fields import Choice, Identifier, Input, Time
from api.schemas.files import UploadedFile

STATUSES = ("pending", "processing", "completed", "failed")


class NewImport(Input):
    """A CSV file of contacts."""

    file = UploadedFile(required=True, metadata={"description": "CSV, at most 10 MB, with a column `email`."})
    list_id = Identifier(allow_none=True, metadata={"description": "A list that all its contacts are put on."})


class ImportErrorSchema(Schema):
    """A row that was not imported."""

    row = fields.Integer(required=True, metadata={"description": "The record's number; the header is 1."})
    error = fields.String(required=True)


class ImportWarningSchema(Schema):
    """A row that was imported, but not as it stood."""

    row = fields.Integer(required=True)
    warning = fields.String(required=True)


class ImportSchema(Schema):
    """What came of an import. imported + skipped + errors_total = rows, once it is completed."""

    import_id = Identifier(required=True)
    status = Choice(STATUSES, required=True)
    file_name = fields.String(required=True, allow_none=True)
    list_id = Identifier(required=True, allow_none=True)
    rows = fields.Integer(required=True)
    imported = fields.Integer(required=True)
    skipped = fields.Integer(required=True, metadata={"description": "There already, or repeated in the file."})
    errors = fields.List(fields.Nested(ImportErrorSchema), required=True, metadata={"description": "The first 100."})
    errors_total = fields.Integer(required=True)
    warnings = fields.List(
        fields.Nested(ImportWarningSchema), required=True, metadata={"description": "The first 100."}
    )
    warnings_total = fields.Integer(required=True)
    failure_reason = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    finished_at = Time(required=True, allow_none=True)
