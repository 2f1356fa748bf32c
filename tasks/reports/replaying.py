"""A kept callback, read again: after its vendor's module was mended, or to see what it says. What it reported before
counts once, by the keys of its events."""

from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from models.encryption import decrypt
from models.errors import ExoSendError, NotFound
from models.rules.provider_names import DEFAULT_ACCOUNT, account_of, vendor_of
from models.settings import Settings
from models.store.callbacks import ReceivedCallback, find_callback, note_reading, receive_events
from tasks.providers.callback_accounts import callback_account
from tasks.providers.callback_reader import CallbackReader
from tasks.providers.callback_vendors import reader_of
from tasks.providers.callbacks import Callback, ForgedCallback, Told, UnreadableCallback
from tasks.reports.receiving import rows_of


def read_again(settings: Settings, session: Session, callback: ReceivedCallback) -> list[Told]:
    """What a kept request says, by the code and the keys of today. Nothing is changed.

    Raises ExoSendError where the account is gone, or its keys are others by now; UnreadableCallback.
    """
    vendor, account_id = vendor_of(callback.provider), account_of(callback.provider)
    module = reader_of(vendor)
    name = DEFAULT_ACCOUNT if account_id is None else str(account_id)
    account = callback_account(session, settings, vendor, name)
    if module is None or account is None:
        raise NotFound(f"There is no account {callback.provider} any more that could say whether this is signed.")
    try:
        found = CallbackReader().read(module, request_of(settings, callback), account.keys)
    except ForgedCallback:
        raise ExoSendError(
            f"The callback is not signed with a key that {callback.provider} has now. Give the account the key that it "
            "had then beside the new one, and try again."
        ) from None
    return list(found)


def request_of(settings: Settings, callback: ReceivedCallback) -> Callback:
    """The request as it came, headers and all."""
    headers = orjson.loads(decrypt(settings, callback.headers_encrypted))
    return Callback(callback.url, headers, callback.body, callback.received_at)


def replay(settings: Settings, session: Session, callback_id: UUID) -> tuple[int, str | None]:
    """Have what a kept request says applied; returns how many events and inbound SMS it has, or why it cannot be read.

    Raises NotFound, ExoSendError as `read_again`.
    """
    callback = find_callback(session, callback_id)
    try:
        rows = rows_of(read_again(settings, session, callback), callback.received_at)
    except UnreadableCallback as error:
        note_reading(session, callback_id, events=0, problem=str(error)[:500].replace("\0", ""))
        return 0, str(error)
    receive_events(
        session, callback.provider, callback.organization_id, callback.received_at, rows.events, rows.inbound
    )
    count = len(rows.events) + len(rows.inbound)
    note_reading(session, callback_id, events=count, problem=None)
    return count, None
