"""`exosend suppressions`."""

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.connection import engine_session, typed_id
from models.errors import ExoSendError, InvalidInput, SetupError
from models.store.organizations import read_organization
from models.store.suppressions import import_suppressions
from tasks.audience.csv_contacts import ContactsImport, read_contacts

_SHOWN = 10


def import_file(
    file: Path,
    /,
    *,
    organization: str,
    json: Annotated[bool, Parameter(negative="")] = False,
    data_dir: Path | None = None,
) -> None:
    """Suppress the addresses of a CSV file for good, with the reason `list_import`. It goes into the audit log.

    Parameters
    ----------
    file
        CSV as for an import of contacts, at most 10 MB: a column `email`; other columns are not looked at.
    organization
        Id of the organization that must not write to them.
    json
        Print one line of JSON.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    organization_id = typed_id(organization, "the id of an organization")
    found = _read(file)
    with engine_session("suppressions import", data_dir) as session:
        read_organization(session, organization_id)
        added = import_suppressions(session, organization_id, found.contacts["email"].to_list(), source=file.name)
    _say(found, added, as_json=json)


def _read(file: Path) -> ContactsImport:
    try:
        return read_contacts(file.read_bytes())
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}.") from None
    except InvalidInput as error:
        raise ExoSendError(f"{file}: {error}") from None


def _say(found: ContactsImport, added: int, *, as_json: bool) -> None:
    known = found.contacts.height - added
    if as_json:
        errors = found.errors.head(100).to_dicts()
        counts = {"rows": found.rows, "added": added, "known": known, "repeated": found.repeated}
        print(json_module.dumps({**counts, "errors_total": found.errors.height, "errors": errors}))
        return
    print(f"{added:,} suppressed, {known:,} were before, {found.repeated:,} repeated, {found.errors.height:,} errors")
    for row, error in found.errors.head(_SHOWN).iter_rows():
        print(f"  row {row}: {error}")
    if found.errors.height > _SHOWN:
        print(f"  … and {found.errors.height - _SHOWN:,} more")
