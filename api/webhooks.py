"""`/webhooks/{vendor}/{account}`: where providers say what became of messages.

Nobody has a token here: a request is believed for its signature, which the vendor's module checks. What it says is kept
in one statement and applied by the courier, so that a vendor's flood waits in a table and not at messages' locks. What
each answer means to a vendor that tries again is in docs/operations.md, What providers report.
"""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
from flask import Blueprint, Response, current_app, request
from prometheus_client import Counter
from werkzeug.exceptions import MethodNotAllowed, RequestEntityTooLarge

from api.flood_guard import FloodGuard
from api.scope import Resources, resources
from api.throttle import TooManyRequests
from models.encryption import encrypt
from models.errors import ExoSendError, Forbidden, NotFound, Unavailable
from models.rules.callbacks import CALLBACK_BYTES_MAX
from models.store.callbacks import ReceivedCallback, receive_callback
from models.store.provider_accounts import CallbackAccount
from tasks.providers.callback_accounts import callback_account
from tasks.providers.callback_reader import CallbackReader, NotFetched
from tasks.providers.callback_vendors import calls_by_get, reader_of
from tasks.providers.callbacks import (
    Callback,
    ForgedCallback,
    NamesCertificates,
    ReadsCallbacks,
    UnreadableCallback,
)
from tasks.reports.receiving import Received, rows_of

log = logging.getLogger(__name__)
blueprint = Blueprint("webhooks", __name__)

CALLBACKS = Counter("exosend_callbacks", "Callbacks of providers, by what they were answered.", ["vendor", "answer"])

_ACCOUNT_SECONDS = 5.0  # a replaced key holds after that; the other one is still there until then
_PER_SECOND, _BURST = 1000.0, 3000.0  # of one account and process: more than a granian worker answers
_FORGED_PER_SECOND, _FORGED_BURST = 1.0, 30.0  # of one account and address
_STRANGERS_PER_SECOND, _STRANGERS_BURST = 5.0, 50.0  # of one address: not of all, who would shut out vendors
_HEADERS_MAX = 16 * 1024
_PROBLEM_MAX = 500


@dataclass
class Door:
    """What one process knows of the accounts whose callbacks come to it."""

    accounts: dict[tuple[str, str], tuple[float, CallbackAccount]] = field(default_factory=dict)
    knocks: FloodGuard = field(default_factory=lambda: FloodGuard(_PER_SECOND, _BURST))
    forged: FloodGuard = field(default_factory=lambda: FloodGuard(_FORGED_PER_SECOND, _FORGED_BURST))
    reader: CallbackReader = field(default_factory=CallbackReader)
    strangers: FloodGuard = field(default_factory=lambda: FloodGuard(_STRANGERS_PER_SECOND, _STRANGERS_BURST))

    def account(self, found: Resources, vendor: str, name: str) -> CallbackAccount | None:
        """The account of that address; None: there is none. Asked of the database every few seconds.

        Raises TooManyRequests for who tries so many addresses of nobody that asking would be a burden.
        """
        at, account = self.accounts.get((vendor, name), (0.0, None))
        if account is not None and time.monotonic() - at < _ACCOUNT_SECONDS:
            return account
        if account is None and not self.strangers.is_open(request.remote_addr):
            raise TooManyRequests
        with found.database.transaction(None) as session:
            account = callback_account(session, found.settings, vendor, name)
        if account is None:
            self.strangers.take(request.remote_addr)
            self.accounts.pop((vendor, name), None)
        else:
            self.accounts[vendor, name] = time.monotonic(), account
        return account


class Unreadable(ExoSendError):
    """It is signed, and says nothing that the vendor documents. It is kept for the operator."""

    status = 400

    def __init__(self) -> None:
        super().__init__("Bad Request")


@blueprint.route("/webhooks/<vendor>/<account>", methods=["GET", "POST"])
def receive(vendor: str, account: str) -> Response:
    """Believe a callback or not, keep it once, and say so.

    Raises NotFound for an address that is nobody's, TooManyRequests, Forbidden for what is not signed, Unreadable,
    Unavailable where the certificate it is signed with cannot be had.
    """
    reader = reader_of(vendor)
    if reader is None:
        raise NotFound
    answer = "failed"
    try:
        answer = _receive(reader, vendor, account)
    except NotFetched as error:
        log.warning("A callback to %s/%s has to come again: %s", vendor, account, error)
        raise Unavailable(str(error)) from None
    except ExoSendError as error:
        answer = {403: "forged", 429: "refused", 400: "unreadable", 404: "unknown"}.get(error.status, answer)
        raise
    except RequestEntityTooLarge:
        answer = "too_large"
        raise
    finally:
        CALLBACKS.labels(vendor, answer).inc()
    return Response(status=204)


def _receive(reader: ReadsCallbacks, vendor: str, name: str) -> str:
    """What was done with it: received, or duplicate."""
    if request.method != "POST" and not calls_by_get(reader):
        raise MethodNotAllowed(valid_methods=["POST"])
    found, door = resources(), _door()
    caller = (vendor, name, request.remote_addr)
    if not door.forged.is_open(caller) or not door.knocks.take((vendor, name)):
        raise TooManyRequests
    account = door.account(found, vendor, name)
    if account is None:
        raise NotFound
    callback = _callback(found)
    try:
        received, problem = _read(door.reader, reader, callback, account)
    except ForgedCallback as error:
        door.forged.take(caller)
        log.warning("A callback to %s is not believed: %s", account.provider, type(error).__name__)
        raise Forbidden from None
    with found.database.autocommit() as connection:
        is_new = receive_callback(
            connection, _kept(found, callback, account, problem), received.events, received.inbound
        )
    for confirmation in received.confirmations:
        door.reader.confirm(confirmation)
    if problem is not None:
        log.error("A signed callback to %s cannot be read: %s", account.provider, problem)
        raise Unreadable
    return "received" if is_new else "duplicate"


def _door() -> Door:
    door: Door = current_app.extensions.setdefault("exosend.webhooks", Door())
    return door


def _callback(found: Resources) -> Callback:
    request.max_content_length = CALLBACK_BYTES_MAX
    body = request.get_data(cache=False)
    if len(body) >= CALLBACK_BYTES_MAX:  # in chunks: Werkzeug stops reading at the limit, and says nothing
        raise RequestEntityTooLarge
    headers = {name.lower(): value for name, value in request.headers.items()}
    if sum(len(name) + len(value) for name, value in headers.items()) > _HEADERS_MAX:
        raise RequestEntityTooLarge
    query = request.query_string.decode("latin-1")
    url = found.settings.api_url + request.path + (f"?{query}" if query else "")
    return Callback(url, headers, body, datetime.now(UTC))


def _read(
    reader: CallbackReader, vendor: ReadsCallbacks, callback: Callback, account: CallbackAccount
) -> tuple[Received, str | None]:
    """What it says; or why that cannot be read. Raises ForgedCallback, NotFetched."""
    if not account.keys:
        raise ForgedCallback("The account has no key for signatures.")
    if isinstance(vendor, NamesCertificates):
        try:
            vendor.certificate_url(callback, account.keys)
        except UnreadableCallback as error:  # before there is a signature: not to be kept
            raise ForgedCallback(str(error)) from None
    try:
        return rows_of(reader.read(vendor, callback, account.keys), callback.received_at), None
    except UnreadableCallback as error:
        return Received(), str(error)[:_PROBLEM_MAX].replace("\0", "")


def _kept(found: Resources, callback: Callback, account: CallbackAccount, problem: str | None) -> ReceivedCallback:
    return ReceivedCallback(
        provider=account.provider,
        organization_id=account.organization_id,
        hash=hash_of(callback),
        url=callback.url,
        headers_encrypted=encrypt(found.settings, orjson.dumps(_text_of(callback.headers))),
        body=callback.body,
        received_at=callback.received_at,
        problem=problem,
    )


def _text_of(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value.encode("utf-8", "replace").decode() for name, value in headers.items()}


def hash_of(callback: Callback) -> bytes:
    """What tells a request from all others of its account: address and body. A vendor that tries again signs anew."""
    return hashlib.sha256(callback.url.encode("utf-8", "replace") + b"\n" + callback.body).digest()
