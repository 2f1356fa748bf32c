"""An email to send, as a request has it: checked by a schema, and where nothing is doubtful by a quick look alone.

marshmallow takes 100 µs for an email, a batch has a thousand. The quick look takes 5, and answers only where the
schema would say the same; it leaves all else, and all errors, to the schema.
"""

import re
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from marshmallow import ValidationError, pre_load

from api.schemas.fields import ONE_LINE, Address, Flag, Identifier, Input, Scalars, TagValues, Text
from api.schemas.files import UploadedFiles
from models.rules.address import PLAIN_ADDRESS

SOURCE_MAX = 500_000  # characters
_TEXTS = {
    "to_name": 255,
    "from_name": 255,
    "subject": 998,
    "html_content": SOURCE_MAX,
    "text_content": SOURCE_MAX,
}
_FLAGS = frozenset({"track_opens", "track_clicks"})
_LINES = frozenset({"to_name", "from_name"})
_ALIASES = {"from": "from_email", "to": "to_email"}
_PLAIN = re.compile(PLAIN_ADDRESS).match
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_SCALARS = frozenset({str, int, float, bool, type(None)})


class Metadata(Scalars):
    """The client's own data about an email: 50 keys, 10 KB as JSON."""

    KEYS_MAX = 50
    BYTES_MAX = 10 * 1024

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        metadata = super()._deserialize(value, *args, **kwargs)
        if len(orjson.dumps(metadata)) > self.BYTES_MAX:
            raise ValidationError("The :field field must not be greater than 10 KB.")
        return metadata


class NewEmail(Input):
    """An email to send: with a subject and html or text, or with a template. What is given overrides the template's."""

    to_email = Address(required=True, metadata={"description": "Also `to`."})
    to_name = Text(_TEXTS["to_name"], ONE_LINE, allow_none=True)
    from_email = Address(
        as_written=True,
        allow_none=True,
        metadata={"description": "In a verified domain; left out, the default domain's address. Also `from`."},
    )
    from_name = Text(_TEXTS["from_name"], ONE_LINE, allow_none=True)
    reply_to = Address(as_written=True, allow_none=True)
    subject = Text(_TEXTS["subject"], allow_none=True)
    html_content = Text(_TEXTS["html_content"], allow_none=True)
    text_content = Text(
        _TEXTS["text_content"], allow_none=True, metadata={"description": "Made from the html if left out."}
    )
    template_id = Identifier(allow_none=True)
    variables = TagValues(allow_none=True, metadata={"description": "Values of the merge tags."})
    metadata = Metadata(allow_none=True, metadata={"description": "Flat; at most 50 keys, 10 KB."})
    email_domain_id = Identifier(
        allow_none=True, metadata={"description": "The verified domain whose default address is used."}
    )
    track_opens = Flag(
        allow_none=True, metadata={"description": "Whether opens are counted, by a pixel. Left out: no."}
    )
    track_clicks = Flag(
        allow_none=True,
        metadata={"description": "Whether clicks are counted, by links that lead over us. Left out: no."},
    )
    attachments = UploadedFiles("No programs; 20 MB in one request.")

    @pre_load
    def _without_aliases(self, given: Any, **_kwargs: Any) -> Any:
        return without_aliases(given) if isinstance(given, dict) else given


def without_aliases(given: dict[str, Any]) -> dict[str, Any]:
    """The email with `from_email` and `to_email` in place of `from` and `to`, unless both are there."""
    if "to" not in given and "from" not in given:
        return given
    named = {_ALIASES[key]: value for key, value in given.items() if key in _ALIASES}
    return {**named, **{key: value for key, value in given.items() if value is not None or key not in named}}


def quick_look(email: dict[str, Any]) -> dict[str, Any] | None:
    """What the schema makes of a cleaned email, or None where the schema itself has to look."""
    values: dict[str, Any] = {}
    for name, value in without_aliases(email).items():
        if name == "to_email":
            if type(value) is not str or not _PLAIN(normal := value.lower()):
                return None
            values[name] = normal
        elif name not in NewEmail._declared_fields:
            continue
        elif value is None or (name in _FLAGS and type(value) is bool):
            values[name] = value
        elif (longest := _TEXTS.get(name)) is not None:
            if type(value) is not str or len(value) > longest:
                return None
            if name in _LINES and ("\n" in value or "\r" in value):
                return None
            values[name] = value
        elif name in ("variables", "metadata"):
            if not _are_scalars(value, TagValues if name == "variables" else Metadata):
                return None
            values[name] = value
        elif type(value) is str and _look_at_word(name, value):
            values[name] = _identifier(value) if name.endswith("_id") else value
        else:
            return None
    return values if "to_email" in values else None


def _look_at_word(name: str, value: str) -> bool:
    if name.endswith("_id"):
        return _UUID(value) is not None
    return name in ("from_email", "reply_to") and _PLAIN(value.lower()) is not None


@lru_cache(maxsize=256)
def _identifier(value: str) -> UUID:
    return UUID(value)


def _are_scalars(given: Any, kind: type[Scalars]) -> bool:
    if type(given) is not dict or len(given) > kind.KEYS_MAX:
        return False
    length = 0
    for key, value in given.items():
        if not 0 < len(key) <= kind.KEY_MAX or key[0] == " " or key[-1] == " " or not key.isprintable():
            return False
        if type(value) not in _SCALARS:
            return False
        length += len(key) + (len(value) if type(value) is str else 32)
    # A character is at most six bytes of JSON; so it is far below any limit.
    return length < min(kind.TEXT_MAX, 1500) if kind is Metadata else length <= kind.TEXT_MAX


def check_emails(emails: list[Any], checker: NewEmail) -> tuple[list[dict[str, Any]], dict[int, Any]]:
    """What is right of each email, and marshmallow's messages by the place of those that are not right as a whole."""
    values: list[dict[str, Any]] = []
    errors: dict[int, Any] = {}
    for place, email in enumerate(emails):
        if not isinstance(email, dict):
            errors[place] = ["The :field field must be an object."]
            values.append({})
            continue
        looked = quick_look(email)
        if looked is None:
            try:
                looked = checker.load(email)
            except ValidationError as error:
                errors[place] = error.messages
                right: dict[str, Any] = error.valid_data  # type: ignore[assignment]
                looked = {name: value for name, value in right.items() if name not in error.messages}
        values.append(looked)
    return values, errors
