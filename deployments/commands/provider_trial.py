"""`exosend providers test`."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.providers import account_id
from deployments.connection import connected_settings, engine_session
from models.errors import InvalidInput
from models.rules.address import is_valid_address, normalise_address
from models.rules.phone import parse_phone
from models.settings import load_settings
from models.store import provider_accounts as store
from models.store.organizations import audit
from tasks.providers.base import OutcomeKind
from tasks.providers.trying import reach, send_one


def try_account(
    account: str,
    /,
    *,
    to: Annotated[str | None, Parameter(name="--to")] = None,
    sender: Annotated[str | None, Parameter(name="--from")] = None,
    data_dir: Path | None = None,
) -> None:
    """Connect to an account and, where its protocol allows, log in, without sending; exit code 1 if that fails.

    Parameters
    ----------
    account
        Its id, from `exosend providers list`.
    to
        Really send one message there by this account. Nothing of it is kept or charged; it goes into the audit log.
    sender
        Address or sender ID that it comes from; needed with --to.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    settings = connected_settings(load_settings(data_dir=data_dir))
    with engine_session("providers test", data_dir) as session:
        found = store.to_account(store.read_account(session, account_id(account)))
    if to is None:
        print(f"{found.vendor} {found.name}: {asyncio.run(reach(settings, found))}.")
        return
    is_email = found.channel == "email"
    recipient = (normalise_address(to) if is_valid_address(to) else None) if is_email else parse_phone(to)
    if recipient is None:
        raise InvalidInput({"to": [f"{to} is no {'email address' if is_email else 'phone number'}."]})
    if not sender:
        raise InvalidInput({"from": ["Say who the message comes from: --from."]})
    outcome = asyncio.run(send_one(settings, found, sender, recipient))
    with engine_session("providers test", data_dir) as session:
        details = {"to": recipient, "outcome": outcome.kind.value, "code": outcome.code}
        audit(
            session,
            found.organization_id,
            actor="operator",
            action="provider_account.tested",
            subject=str(found.id),
            details=details,
        )
    words = " ".join(filter(None, [outcome.kind.value, outcome.code, outcome.detail, outcome.provider_ref]))
    print(f"{found.vendor} {found.name}: {words}")
    if outcome.kind is not OutcomeKind.ACCEPTED:
        sys.exit(1)
