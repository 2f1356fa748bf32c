"""`exosend user`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from deployments.connection import engine_session, typed_id
from models.errors import InvalidInput
from models.passwords import PASSWORD_MAX
from models.rules.address import is_valid_address, normalise_address
from models.rules.roles import UserRole
from models.store.users import create_user, list_users, reset_password, set_password, user_by_email

_LONGEST_NAME = 255

_Json = Annotated[bool, Parameter(name="--json", negative="")]
_PasswordStdin = Annotated[bool, Parameter(name="--password-stdin", negative="")]


def create(
    *,
    email: str,
    name: str,
    role: Literal["super_admin", "owner", "member", "viewer"],
    organization: str | None = None,
    password_stdin: _PasswordStdin = False,
    data_dir: Path | None = None,
    json_output: _Json = False,
) -> None:
    """Create a user of the admin panel. A password is made and printed once, to be changed at log-in.

    Parameters
    ----------
    email
        The address to log in with.
    name
        What others call them.
    role
        super_admin (of the platform), or owner, member or viewer (of an organization).
    organization
        Id of the organization; left out for a super_admin.
    password_stdin
        Read the password from the first line of the standard input instead, and print none.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    json_output
        One line of JSON: user_id, email, role, organization_id, password (null when it was given).
    """
    address, name = _address(email), _name(name)
    organization_id = typed_id(organization, "the id of an organization") if organization is not None else None
    password = _read_password() if password_stdin else None
    with engine_session("user create", data_dir) as session:
        user, made = create_user(
            session, organization_id, name=name, email=address, role=UserRole(role), actor="operator", password=password
        )
        user_id = user.id
    if json_output:
        shown = {"user_id": str(user_id), "email": address, "role": role, "organization_id": organization}
        print(json.dumps(shown | {"password": made}))
        return
    print(f"user_id:  {user_id}")
    if made is not None:
        print(f"password: {made}")
        print("It is shown once, and has to be changed at the first log-in.")


def password(
    email: str, /, *, password_stdin: _PasswordStdin = False, data_dir: Path | None = None, json_output: _Json = False
) -> None:
    """Give a user another password and log them out everywhere. It is made and printed once.

    Parameters
    ----------
    email
        The address they log in with.
    password_stdin
        Read the password from the first line of the standard input instead, and print none.
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    json_output
        One line of JSON: email, password (null when it was given).
    """
    given = _read_password() if password_stdin else None
    made = None
    with engine_session("user password", data_dir) as session:
        user = user_by_email(session, email)
        if given is None:
            made = reset_password(session, user, actor="operator")
        else:
            set_password(session, user, given, actor="operator")
    if json_output:
        print(json.dumps({"email": email, "password": made}))
    elif made is not None:
        print(f"password: {made}")
        print("It is shown once, and has to be changed at the next log-in.")


def show(*, data_dir: Path | None = None) -> None:
    """List all users: id, role, state, email, organization.

    Parameters
    ----------
    data_dir
        Folder of a running stack (EXOSEND_DATA_DIR, else .exosend); not used when EXOSEND_DATABASE_URL is set.
    """
    with engine_session("user list", data_dir) as session:
        for each in list_users(session, None):
            user = each.user
            state = "disabled" if user.disabled_at else ("active" if user.password_hash else "no log-in")
            print(f"{user.id}  {user.role:<11}  {state:<9}  {user.email or '-'}  {each.organization or '-'}")


def _read_password() -> str:
    return sys.stdin.readline(PASSWORD_MAX + 2).rstrip("\r\n")


def _address(email: str) -> str:
    if not is_valid_address(email):
        raise InvalidInput({"email": [f'--email: "{email}" is not an email address.']})
    return normalise_address(email).lower()


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InvalidInput({"name": [f"--name must have 1 to {_LONGEST_NAME} characters."]})
    return name
