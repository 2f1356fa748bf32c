"""`Idempotency-Key`: a POST that comes twice does its work once, and is answered the same both times.

The answer is kept for 24 hours, in the transaction of the work, so that there is never one without the other: after
a crash between commit and reply the client's second try gets it. Errors are not kept.

The same request: method, path, the fields of the body, and the SHA-256 of each file. How they were written (order,
spaces, boundaries of multipart) does not matter.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import orjson
from flask import Response, g, request

from api.forms import MULTIPART
from api.scope import own, scope
from models.errors import InvalidInput
from models.store import idempotency_keys
from models.store.idempotency_keys import KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY_PATTERN = "^[ -~]{1,255}$"

_KEY = re.compile(KEY_PATTERN)
_PART = 1 << 20  # bytes of a file at once


@dataclass(frozen=True, slots=True)
class _Keyed:
    """A request with a key."""

    key: str
    request_hash: bytes


def answer_once(work: Callable[[], Response]) -> Response:
    """The answer of `work`, or the one that the same request got before under its key.

    Runs in the scope of a request. Raises InvalidInput for a key that cannot be one or was another request's, and
    IllegalState while the first request under it is being worked on.
    """
    if not keeps_answer():
        return work()
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise InvalidInput({HEADER: [f"The {HEADER} header must have 1 to 255 printable ASCII characters."]})
    keyed = _Keyed(key, _request_hash())
    kept = idempotency_keys.claim_key(*own(), key)
    if kept is not None:
        return _replay(kept, keyed)
    g.keyed = keyed
    answer = work()
    keep_answer(lambda: answer)
    return answer


def keeps_answer() -> bool:
    """Whether the request has a key, so that its answer is written when the view has ended."""
    return request.method == "POST" and HEADER in request.headers


def keep_answer(make: Callable[[], Response]) -> None:
    """Keep the answer that `make` gives, if it is a success and the request has a key.

    By itself this happens at the end of the view. A view that commits before it has ended keeps, before it does so,
    what a second try is to get if the first one's answer never arrives.
    """
    keyed: _Keyed | None = g.get("keyed")
    if keyed is None:
        return
    answer = make()
    if not 200 <= answer.status_code < 300:
        return
    kept = KeptAnswer(keyed.request_hash, answer.status_code, _text_to_keep(answer))
    with scope().work() as session:
        idempotency_keys.keep_answer(session, scope().caller.organization_id, keyed.key, kept)


def keep_without(field: str) -> None:
    """Keep the answer of this request without this field of its data: a secret is shown once, and not kept in plain."""
    g.keep_without = field


def _text_to_keep(answer: Response) -> str:
    hidden = g.get("keep_without")
    if hidden is None:
        return answer.get_data(as_text=True)
    body = orjson.loads(answer.get_data())
    body["data"][hidden] = None
    return orjson.dumps(body).decode()


def forget_answer() -> None:
    """Forget what was kept, since the work failed after its commit: the same request may try again."""
    keyed: _Keyed | None = g.get("keyed")
    if keyed is not None:
        with scope().work() as session:
            idempotency_keys.forget_answer(session, scope().caller.organization_id, keyed.key)


def _replay(kept: KeptAnswer, keyed: _Keyed) -> Response:
    if kept.request_hash != keyed.request_hash:
        raise InvalidInput({HEADER: [f"The {HEADER} header was used for another request."]})
    return Response(kept.answer, kept.status, {REPLAYED: "true"}, mimetype="application/json")


def _request_hash() -> bytes:
    body = _multipart_fields() if request.mimetype == MULTIPART else _json_fields()
    return hashlib.sha256(f"{request.method} {request.path}\n".encode() + body).digest()


def _multipart_fields() -> bytes:
    files = {name: [_file_hash(file.stream) for file in found] for name, found in request.files.lists()}
    return orjson.dumps([request.form.to_dict(flat=False), files], option=orjson.OPT_SORT_KEYS)


def _file_hash(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while part := stream.read(_PART):
        digest.update(part)
    stream.seek(0)
    return digest.hexdigest()


def _json_fields() -> bytes:
    data = request.get_data().strip()
    try:
        return orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS) if data else b"{}"
    except (ValueError, TypeError):  # not JSON, or nested deeper than orjson writes: the view will refuse it
        return data
