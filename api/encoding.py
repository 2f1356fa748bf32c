"""JSON as the contract wants it: times in UTC to the second, money as exact numbers."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from flask.json.provider import JSONProvider

from models.rules.money import json_number
from models.rules.schedule import format_time

_BITS_MAX = 63  # of what orjson surely writes


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return json_number(value)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


def _as_given(value: Any) -> Any:
    """The value with large whole numbers as floats. A client's 1e300 is one when it comes, but Postgres' jsonb gives it
    back as a whole number of 301 digits, which orjson does not write."""
    if isinstance(value, dict):
        return {key: _as_given(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_given(item) for item in value]
    return float(value) if isinstance(value, int) and value.bit_length() > _BITS_MAX else value


class ExactJson(JSONProvider):
    """Flask's JSON, by orjson. Raises orjson.JSONDecodeError (a ValueError) on what is not JSON."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        option = orjson.OPT_PASSTHROUGH_DATETIME | (orjson.OPT_INDENT_2 if kwargs.get("indent") else 0)
        try:
            return orjson.dumps(obj, default=_plain, option=option).decode()
        except orjson.JSONEncodeError:
            return orjson.dumps(_as_given(obj), default=_plain, option=option).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        return orjson.loads(s)
