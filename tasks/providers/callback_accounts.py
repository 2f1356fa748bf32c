"""Whose callbacks come under an address: an account of the database, or the one that the environment configures."""

from uuid import UUID

from sqlalchemy.orm import Session

from models.rules.provider_names import DEFAULT_ACCOUNT, provider_name
from models.settings import Settings
from models.store.provider_accounts import CallbackAccount, find_callback_account
from tasks.providers.account import scheme_of


def callback_account(session: Session, settings: Settings, vendor: str, account: str) -> CallbackAccount | None:
    """The account of `/webhooks/{vendor}/{account}`: its UUID, or `default`. None where there is no such account, or it
    is another vendor's.

    The account `default` is known by the vendor of EXOSEND_EMAIL_URL or EXOSEND_SMS_URL, and its keys are those of
    EXOSEND_EMAIL_CALLBACK_KEYS or EXOSEND_SMS_CALLBACK_KEYS. For the API (role exosend_api). Raises SetupError without
    the secret key that an account's keys were stored under.
    """
    if account == DEFAULT_ACCOUNT:
        return _default(settings, vendor)
    try:
        account_id = UUID(account)
    except ValueError:
        return None
    if str(account_id) != account:  # UUID takes hyphens anywhere: each spelling would be counted as another caller's
        return None
    found = find_callback_account(session, settings, account_id)
    return found if found is not None and found.vendor == vendor else None


def _default(settings: Settings, vendor: str) -> CallbackAccount | None:
    for channel, url in (("email", settings.email_url), ("sms", settings.sms_url)):
        if url and scheme_of(url) == vendor:
            keys = tuple(settings.callback_keys(channel))
            return CallbackAccount(provider_name(vendor, None), vendor, channel, None, keys)
    return None
