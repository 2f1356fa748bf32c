"""Files in requests: a part of a form, or in JSON an object with Base64."""

import base64
import binascii
from functools import cache
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import Schema, ValidationError, fields
from werkzeug.datastructures import FileStorage

from api.schemas.fields import REQUIRED
from tasks.content.attachment_rules import FILES_MAX
from tasks.content.attachments import AttachedFile

_NAMELESS = "file"
_ANY_TYPE = "application/octet-stream"


class EncodedFile(Schema):
    """A file in JSON."""

    file_name = fields.String()
    media_type = fields.String(metadata={"example": "application/pdf"})
    content = fields.String(required=True, metadata={"format": "byte", "description": "Base64."})


class UploadedFile(Upload):  # type: ignore[misc]
    """A file; in JSON `{"file_name", "content", "media_type"}`, its content in Base64. Comes out as AttachedFile.

    Name and media type are as the client wrote them.
    """

    default_error_messages = {"required": REQUIRED, "null": REQUIRED, "invalid": "The :field field must be a file."}  # noqa: RUF012

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> AttachedFile:
        if isinstance(value, FileStorage):
            with value.stream as stream:
                return AttachedFile(value.filename or _NAMELESS, value.mimetype or _ANY_TYPE, stream.read())
        if not isinstance(value, dict) or not isinstance(value.get("content") or "", str):
            raise ValidationError(self.error_messages["invalid"])
        name, media_type = value.get("file_name") or _NAMELESS, value.get("media_type") or _ANY_TYPE
        if not isinstance(name, str) or not isinstance(media_type, str):
            raise ValidationError(self.error_messages["invalid"])
        try:
            content = base64.b64decode(value.get("content") or "", validate=True)
        except (binascii.Error, ValueError):
            raise ValidationError({"content": ["The :field field must be valid Base64."]}) from None
        return AttachedFile(name, media_type, content)


class UploadedFiles(fields.List[AttachedFile]):
    """Files of one email, or of all emails of a batch."""

    default_error_messages = {"invalid": "The :field field must be an array."}  # noqa: RUF012

    def __init__(self, description: str, **options: Any) -> None:
        super().__init__(
            UploadedFile(), metadata={"maxItems": FILES_MAX, "description": description}, allow_none=True, **options
        )


@cache
def json_form(schema: type[Schema]) -> type[Schema]:
    """The schema for the documentation of JSON bodies, where files are objects; the same if it has none."""
    changed: dict[str, Any] = {}
    for name, field in schema._declared_fields.items():
        options: dict[str, Any] = {"required": field.required, "metadata": field.metadata}
        if isinstance(field, UploadedFile):
            changed[name] = fields.Nested(EncodedFile, **options)
        elif isinstance(field, UploadedFiles):
            changed[name] = fields.List(fields.Nested(EncodedFile), allow_none=True, **options)
        elif isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
            changed[name] = fields.List(fields.Nested(json_form(type(field.inner.schema))), **options)
    return type(f"{schema.__name__}AsJson", (schema,), changed) if changed else schema
