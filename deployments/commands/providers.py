"""`exosend providers`: the accounts that messages are sent by."""

import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from deployments.connection import connected_settings, engine_session, typed_id
from models.errors import InvalidInput, SetupError
from models.rules.lifecycle import Channel
from models.rules.phone import COUNTRIES
from models.settings import load_settings
from models.store import provider_accounts as store
from models.tables import ProviderAccount
from tasks.providers.registry import vendor_of_url

_ACTOR = "operator"
_MOST_PER_MINUTE = 6_000_000


def show(*, data_dir: Path | None = None) -> None:
    """List all accounts of the platform and of organizations, in the order in which they are used. No secret is shown.

    Parameters
    ----------
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("providers list", data_dir) as session:
        for row in store.list_accounts(session):
            print(_line(row))


def add(
    *,
    channel: Channel,
    name: str,
    organization: str | None = None,
    priority: int = 100,
    weight: int = 1,
    countries: Annotated[str | None, Parameter(name="--countries")] = None,
    rate: Annotated[int | None, Parameter(name="--rate")] = None,
    url_from: Annotated[str | None, Parameter(name="--url-from")] = None,
    callback_keys_from: Annotated[str | None, Parameter(name="--callback-keys-from")] = None,
    data_dir: Path | None = None,
) -> None:
    """Add an account. Its URL is read from stdin, or from an environment variable: arguments are seen by everybody.

    Parameters
    ----------
    channel
        email or sms.
    name
        What you call it; each owner has a name once for each channel.
    organization
        Whose account it is; left out, the platform's, for everybody who has none.
    priority
        0 to 1000, lower ones first; the account of the environment is the platform's last one.
    weight
        1 to 1000: its part of what accounts of equal priority send.
    countries
        For SMS: the countries that it sends to, such as LT,LV; left out, all.
    rate
        Most messages a minute that it takes, from everything on all machines.
    url_from
        Environment variable that holds the URL, such as mailgun://api:key@api.mailgun.net; left out, stdin.
    callback_keys_from
        Environment variable that holds the secrets its callbacks are signed with, with commas between them.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    owner = None if organization is None else typed_id(organization, "the id of an organization")
    settings = connected_settings(load_settings(data_dir=data_dir))
    wanted = _countries(channel, countries)
    _check(name, priority, weight, rate)
    url = _secret(url_from, "URL of the account: ")
    vendor = vendor_of_url(settings, channel.value, url)
    keys = [] if callback_keys_from is None else _listed(_secret(callback_keys_from, ""))
    with engine_session("providers add", data_dir) as session:
        row = store.add_account(
            session,
            settings,
            owner,
            channel=channel.value,
            vendor=vendor,
            name=name,
            url=url,
            callback_keys=keys,
            priority=priority,
            weight=weight,
            countries=wanted,
            rate_per_minute=rate,
            actor=_ACTOR,
        )
        print(_line(row))


def change(
    account: str,
    /,
    *,
    url_from: Annotated[str | None, Parameter(name="--url-from")] = None,
    callback_keys_from: Annotated[str | None, Parameter(name="--callback-keys-from")] = None,
    data_dir: Path | None = None,
) -> None:
    """Give an account another URL of the same vendor, or other keys of its callbacks. It goes into the audit log.

    Parameters
    ----------
    account
        Its id, from `exosend providers list`.
    url_from
        Environment variable that holds the URL, or "-" for stdin.
    callback_keys_from
        Environment variable that holds the secrets its callbacks are signed with, or "-" for stdin.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    settings = connected_settings(load_settings(data_dir=data_dir))
    url = None if url_from is None else _secret(_named(url_from), "URL of the account: ")
    keys = None if callback_keys_from is None else _listed(_secret(_named(callback_keys_from), "Keys: "))
    if url is None and keys is None:
        raise SetupError("Say what changes: --url-from, --callback-keys-from, or both.")
    with engine_session("providers change", data_dir) as session:
        row = store.read_account(session, account_id(account))
        if url is not None and (vendor := vendor_of_url(settings, row.channel, url)) != row.vendor:
            raise InvalidInput({"url": [f"The account is one with {row.vendor}, and the URL is one of {vendor}."]})
        print(_line(store.replace_secrets(session, settings, row.id, url=url, callback_keys=keys, actor=_ACTOR)))


def disable(account: str, /, *, data_dir: Path | None = None) -> None:
    """Send nothing more by an account, within seconds; reports of what it sent are still taken. Audited.

    Parameters
    ----------
    account
        Its id, from `exosend providers list`.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("providers disable", data_dir) as session:
        print(_line(store.set_active(session, account_id(account), is_active=False, actor=_ACTOR)))


def enable(account: str, /, *, data_dir: Path | None = None) -> None:
    """Send by an account again. Audited.

    Parameters
    ----------
    account
        Its id, from `exosend providers list`.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("providers enable", data_dir) as session:
        print(_line(store.set_active(session, account_id(account), is_active=True, actor=_ACTOR)))


def remove(account: str, /, *, data_dir: Path | None = None) -> None:
    """Delete an account and its secrets: no report of what it sent is taken any more. Audited.

    Parameters
    ----------
    account
        Its id, from `exosend providers list`.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("providers remove", data_dir) as session:
        row = store.remove_account(session, account_id(account), actor=_ACTOR)
        print(f"removed {row.vendor} {row.name}")


def account_id(text: str) -> UUID:
    """The id that somebody typed. Raises NotFound."""
    return typed_id(text, "the id of an account; `exosend providers list` shows them")


def _line(row: ProviderAccount) -> str:
    whose = "platform" if row.organization_id is None else str(row.organization_id)
    order = f"priority {row.priority}, weight {row.weight}"
    extras = [", ".join(row.countries)] if row.countries else []
    extras += [f"{row.rate_per_minute}/min"] if row.rate_per_minute else []
    extras += ["callbacks"] if row.callback_keys_encrypted else []
    extras += [] if row.is_active else ["DISABLED"]
    return "  ".join([str(row.id), whose, f"{row.channel:<5}", f"{row.vendor:<8}", row.name, order, *extras])


def _named(variable: str) -> str | None:
    return None if variable == "-" else variable


def _secret(variable: str | None, prompt: str) -> str:
    """What an environment variable holds; without one, a line of stdin, which is not shown where it is typed."""
    if variable is not None:
        if not (found := os.environ.get(variable, "").strip()):
            raise SetupError(f"The environment variable {variable} is empty or not set.")
        return found
    found = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    if not found.strip():
        raise SetupError("Nothing came on stdin.")
    return found.strip()


def _listed(text: str) -> Sequence[str]:
    return [key.strip() for key in text.split(",") if key.strip()]


def _countries(channel: Channel, text: str | None) -> list[str] | None:
    if text is None:
        return None
    if channel is not Channel.SMS:
        raise InvalidInput({"countries": ["Only an account for SMS is one for some countries."]})
    wanted = [country.strip().upper() for country in text.split(",") if country.strip()]
    if unknown := [country for country in wanted if country not in COUNTRIES]:
        raise InvalidInput({"countries": [f"{unknown[0]} is no country: they have two letters, as LT (ISO 3166)."]})
    if not wanted:
        raise InvalidInput({"countries": ["Name at least one country, or leave it out for all."]})
    return wanted


def _check(name: str, priority: int, weight: int, rate: int | None) -> None:
    errors: dict[str, list[str]] = {}
    if not 1 <= len(name) <= 100:
        errors["name"] = ["The name must have 1 to 100 characters."]
    if not 0 <= priority <= 1000:
        errors["priority"] = ["The priority must be 0 to 1000."]
    if not 1 <= weight <= 1000:
        errors["weight"] = ["The weight must be 1 to 1000."]
    if rate is not None and not 1 <= rate <= _MOST_PER_MINUTE:
        errors["rate"] = [f"The rate must be 1 to {_MOST_PER_MINUTE:,} messages a minute."]
    if errors:
        raise InvalidInput(errors)
