"""`exosend sender`."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from deployments.connection import engine_session, typed_id
from models.errors import InvalidInput
from models.rules.sender_id import SenderFilter
from models.store import sender_ids
from models.store.organizations import read_organization
from models.store.sender_rates import change_rate
from models.tables import SenderId


def show(
    *, status: Annotated[SenderFilter, Parameter(name="--status")] = SenderFilter.ALL, data_dir: Path | None = None
) -> None:
    """List the sender IDs of all organizations, newest first: id, organization, both stages, sender ID, its rate.

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
            rate = "" if sender.rate_per_minute is None else f"  {sender.rate_per_minute}/min"
            print(f"{sender.id}  {sender.organization_id}  {stages}  {sender.sender_id}{rate}")


def add(organization: str, name: str, /, *, data_dir: Path | None = None) -> None:
    """Give an organization a sender ID with both stages done, also a name that is protected. It is audited.

    Parameters
    ----------
    organization
        Its id.
    name
        The name or number, such as EXOSMS.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    organization_id = typed_id(organization, "the id of an organization")
    with engine_session("sender add", data_dir) as session:
        read_organization(session, organization_id)
        _say(sender_ids.add_verified_sender_id(session, organization_id, name))


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


def rate(sender: str, per_minute: str, /, *, data_dir: Path | None = None) -> None:
    """Let only so many messages a minute come from a sender ID or an email domain. It goes into the audit log.

    Parameters
    ----------
    sender
        The id of a sender ID, from `exosend sender list`, or the name or id of an email domain.
    per_minute
        Messages a minute, of everything that comes from it, or "off". Senders know it within five seconds.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    if per_minute != "off" and not (per_minute.isascii() and per_minute.isdigit()):
        raise InvalidInput({"per_minute": ['The rate must be a whole number of messages a minute, or "off".']})
    wanted = None if per_minute == "off" else int(per_minute)
    with engine_session("sender rate", data_dir) as session:
        name = change_rate(session, sender, wanted, actor="operator")
    print(f"{name}: " + ("no limit" if wanted is None else f"at most {wanted:,} messages a minute"))


def _id(sender: str) -> UUID:
    return typed_id(sender, "the id of a sender ID; `exosend sender list` shows them")


def _say(sender: SenderId) -> None:
    print(f"{sender.sender_id}: administrator {sender.admin_status}, provider {sender.provider_status}")
