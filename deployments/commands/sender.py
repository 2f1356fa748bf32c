"""`exosend sender`."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from deployments.connection import engine_session
from models.errors import NotFound
from models.rules.sender_id import SenderFilter
from models.store import sender_ids
from models.tables import SenderId


def show(
    *, status: Annotated[SenderFilter, Parameter(name="--status")] = SenderFilter.ALL, data_dir: Path | None = None
) -> None:
    """List the sender IDs of all organizations, newest first: id, organization, both stages, sender ID.

    Parameters
    ----------
    status
        verified, pending (waiting for the administrator), approved, rejected or all.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("sender list", data_dir) as session:
        for sender in sender_ids.list_sender_ids(session, None, status):
            stages = f"{sender.admin_status:<8}  {sender.provider_status:<8}"
            print(f"{sender.id}  {sender.organization_id}  {stages}  {sender.sender_id}")


def approve(sender: str, /, *, data_dir: Path | None = None) -> None:
    """Approve a sender ID as administrator, the first of its two stages. It goes into the audit log.

    Parameters
    ----------
    sender
        Its id, from `exosend sender list`.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("sender approve", data_dir) as session:
        _say(sender_ids.approve(session, _id(sender), actor="operator"))


def verify(sender: str, /, *, data_dir: Path | None = None) -> None:
    """Write down that the provider has verified an approved sender ID, the second stage. It goes into the audit log.

    Parameters
    ----------
    sender
        Its id, from `exosend sender list`.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("sender verify", data_dir) as session:
        _say(sender_ids.verify(session, _id(sender), actor="operator"))


def reject(sender: str, /, *, reason: str, data_dir: Path | None = None) -> None:
    """Reject a sender ID at the stage that it waits for. It goes into the audit log.

    Parameters
    ----------
    sender
        Its id, from `exosend sender list`.
    reason
        Why; the organization reads it.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("sender reject", data_dir) as session:
        _say(sender_ids.reject(session, _id(sender), actor="operator", reason=reason))


def _id(sender: str) -> UUID:
    try:
        return UUID(sender)
    except ValueError:
        raise NotFound(f"{sender} is not the id of a sender ID; `exosend sender list` shows them.") from None


def _say(sender: SenderId) -> None:
    print(f"{sender.sender_id}: administrator {sender.admin_status}, provider {sender.provider_status}")
