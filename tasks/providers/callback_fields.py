"""Fields of what providers send back: read with care, since only its signature is known to be the provider's."""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson

from tasks.providers.callbacks import TOLERANCE_SECONDS, Callback, ForgedCallback, StaleCallback, UnreadableCallback

_MOST_CHARACTERS = 500
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_SHORTEST_NUMBER = 7  # digits of a number in E.164 with its country code; a short code has three to six


def json_object(body: bytes | str) -> Mapping[str, object]:
    """A JSON object. Raises UnreadableCallback."""
    document = json_value(body)
    if not isinstance(document, dict):
        raise UnreadableCallback("The callback is no JSON object.")
    return document


def signed_object(body: bytes) -> Mapping[str, object]:
    """A JSON object that its own signature is in: what is none is not signed. Raises ForgedCallback."""
    try:
        return json_object(body)
    except UnreadableCallback as error:
        raise ForgedCallback(str(error)) from None


def json_value(body: bytes | str) -> object:
    """Any JSON. Raises UnreadableCallback."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableCallback("The callback is no JSON.") from None


def object_at(document: Mapping[str, object], *path: str) -> Mapping[str, object]:
    """The object at a path; an empty one where there is none."""
    for name in path:
        value = document.get(name)
        document = value if isinstance(value, dict) else {}
    return document


def objects_at(document: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    """The objects of an array; none where there is no array."""
    value = document.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text_of(value: object) -> str:
    """A text, or a number as one; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def first_text(value: object) -> str:
    """A text, or the first of an array of them."""
    return text_of(value[0] if isinstance(value, list) and value else value)


def needed(document: Mapping[str, object], name: str) -> str:
    """A text that has to be there. Raises UnreadableCallback, which names it."""
    if text := text_of(document.get(name)):
        return text
    raise UnreadableCallback(f"The callback has no {name}.")


def our_id(value: object) -> UUID | None:
    """The message id that the provider was given with the message; None where it gives back something else."""
    try:
        return UUID(text_of(value))
    except ValueError:
        return None


def moment(value: object) -> datetime:
    """A time in ISO 8601, or in seconds since 1970. Raises UnreadableCallback."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(text_of(value))
    except (ValueError, OverflowError, OSError):
        raise UnreadableCallback("The callback does not say when it happened.") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def payload(**values: object) -> dict[str, object]:
    """What there is to say: without what is empty, texts cut at 500 characters (addresses of links are not)."""
    return {
        name: value[:_MOST_CHARACTERS] if isinstance(value, str) and name != "url" else value
        for name, value in values.items()
        if value not in ("", None, False)
    }


def check_age(signed_at: str, received_at: datetime, oldest: float = TOLERANCE_SECONDS) -> None:
    """Raises StaleCallback where the time that is signed, in seconds since 1970, is further away than `oldest` seconds,
    or in the future by more than TOLERANCE_SECONDS.

    Vendors that sign a request once and repeat it for hours need an `oldest` that is longer: a shorter one would lose
    what they say while we are away. What is repeated counts once all the same, by the key of its event.
    """
    try:
        age = received_at - datetime.fromtimestamp(float(signed_at), UTC)
    except (ValueError, OverflowError, OSError):
        raise StaleCallback("The callback is signed for no time there is.") from None
    if not timedelta(seconds=-TOLERANCE_SECONDS) <= age <= timedelta(seconds=oldest):
        raise StaleCallback("The callback was signed too long ago, or in the future.")


def is_any(given: str, allowed: Iterable[str]) -> bool:
    """Whether it is one of them, in a time that tells nothing of how much of it is right."""
    return sum(hmac.compare_digest(given.encode(), each.encode()) for each in allowed) > 0


def phone_number(text: str) -> str:
    """E.164 for a number that comes without its +; short codes and names stay as they are."""
    text = text.strip()
    return f"+{text}" if _DIGITS.fullmatch(text) and len(text) >= _SHORTEST_NUMBER else text


def check_basic(callback: Callback, keys: Sequence[str]) -> None:
    """HTTP Basic (RFC 7617) with one of `keys`, each user:password. Raises ForgedCallback."""
    scheme, _, encoded = callback.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        given = ""
    if not is_any(given, keys) or scheme.lower() != "basic" or not given:
        raise ForgedCallback("User and password are missing or wrong.")
