"""JSON as the contract wants it: times in UTC to the second, money as exact numbers."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from flask.json.provider import JSONProvider

from models.rules.money import json_number
from models.rules.schedule import format_time


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return json_number(value)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


class ExactJson(JSONProvider):
    """Flask's JSON, by orjson. Raises orjson.JSONDecodeError (a ValueError) on what is not JSON."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        indent = orjson.OPT_INDENT_2 if kwargs.get("indent") else 0
        return orjson.dumps(obj, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME | indent).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        return orjson.loads(s)
