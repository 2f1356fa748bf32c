"""Twilio's Messages resource as it is documented (the pages are named in tasks/providers/vendors/twilio.py)."""

import base64
import re
from collections.abc import Mapping
from itertools import count
from urllib.parse import parse_qs

import orjson

from deployments.http_sink_protocol import Refused, Taken

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_MOST_CHARACTERS = 1600


class TwilioApi:
    """One account, (sid, auth token)."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._target = f"/2010-04-01/Accounts/{account[0]}/Messages.json"
        self._authorization = "Basic " + base64.b64encode(":".join(account).encode()).decode()
        self._numbers = count(1)

    def handle(self, target: str, headers: Mapping[str, str], body: bytes) -> Taken | Refused:
        """See Api."""
        if headers.get("authorization") != self._authorization:
            return self._refused(401, 20003, "Authenticate")
        if target != self._target:
            return self._refused(404, 20404, f"The requested resource {target} was not found")
        fields = {name: values[0] for name, values in parse_qs(body.decode("ascii"), keep_blank_values=True).items()}
        to, sender, text = (fields.get(name, "") for name in ("To", "From", "Body"))
        is_form = headers.get("content-type") == "application/x-www-form-urlencoded"
        if wrong := _mistake(to if is_form else "", sender, text):
            return self._refused(400, *wrong)
        answer = {
            "sid": f"SM{next(self._numbers):032x}",
            "status": "queued",
            "to": to,
            "from": sender,
            "body": text,
            "num_segments": "1",
            "error_code": None,
            "error_message": None,
            "price": None,
            "direction": "outbound-api",
        }
        return Taken([to], orjson.dumps(answer), 201)

    def error(self, status: int, text: str) -> bytes:
        """See Api."""
        return self._refused(status, 20000 + status, text).answer

    def _refused(self, status: int, code: int, text: str) -> Refused:
        more = f"https://www.twilio.com/docs/errors/{code}"
        return Refused(status, orjson.dumps({"code": code, "message": text, "more_info": more, "status": status}))


def _mistake(to: str, sender: str, text: str) -> tuple[int, str] | None:
    """Code and text of what is wrong with the fields."""
    if not to:
        return 21604, "A 'To' phone number is required."
    if not _NUMBER.fullmatch(to):
        return 21211, f"The 'To' number {to} is not a valid phone number."
    if not sender:
        return 21603, "A 'From' phone number is required to send a Message."
    if not text:
        return 21602, "Message body is required."
    return (21617, "The message body exceeds the 1600 character limit.") if len(text) > _MOST_CHARACTERS else None
