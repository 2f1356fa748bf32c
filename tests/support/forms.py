"""Multipart forms, as clients write them."""

import io
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart


def form_of(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """The parts (name, value) of nested objects and lists, with bracketed names; a file is (file name, content)."""
    if isinstance(value, Mapping):
        members = [form_of(item, f"{name}[{key}]" if name else key) for key, item in value.items()]
        return [part for member in members for part in member]
    if isinstance(value, list):
        return [part for no, item in enumerate(value) for part in form_of(item, f"{name}[{no}]")]
    if isinstance(value, tuple):
        return [(name, FileStorage(io.BytesIO(value[1]), value[0]))]
    return [(name, str(value))]


def encoded(parts: list[tuple[str, Any]]) -> dict[str, Any]:
    """Options of a test client's call with this form."""
    boundary, data = encode_multipart(MultiDict(parts))
    return {"data": data, "content_type": f"multipart/form-data; boundary={boundary}"}


EMAIL = {"to_email": "john@example.org", "subject": "S", "text_content": "T"}
# What `emails[]=…` of the documentation stands for.
_BATCH = [(f"emails[0][{name}]", value) for name, value in EMAIL.items()]


def email_form(example: Mapping[str, Any], world: Mapping[str, str]) -> list[tuple[str, Any]]:
    """The form of a documented example that sends emails, with ids that are there."""
    real = {"template_id": world["template"], "email_domain_id": world["domain"]}
    parts: list[tuple[str, Any]] = [("attachments[]", FileStorage(io.BytesIO(b"x"), "a.txt"))]
    if example["path"].endswith("/send-batch"):
        return [*parts, *_BATCH]
    given = [part.split("=", 1) for part in example["request_multipart"] if "=@" not in part]
    return [*parts, *((name, real.get(name, value)) for name, value in given)]
