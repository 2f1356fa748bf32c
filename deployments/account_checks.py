"""What `exosend doctor` says of the accounts that messages are sent by, and of the domains that they should have."""

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from deployments.findings import Finding, Grade
from models.errors import SetupError
from models.session import Database, Role
from models.settings import Settings
from models.store.circuits import standings
from models.store.domain_registrations import registration_problems
from models.store.provider_accounts import Account, accounts_of
from tasks.providers.registry import provider_of


@dataclass(slots=True)
class AccountFindings:
    """`channels`: those that the platform has an account for, besides what the environment says."""

    findings: list[Finding] = field(default_factory=list)
    channels: set[str] = field(default_factory=set)


def look_at_accounts(settings: Settings) -> AccountFindings:
    """Whether each can be opened, and is well. Nothing is asked of a provider: `exosend providers test` does that.

    Nothing where the database cannot be asked: that is another finding.
    """
    found = AccountFindings()
    database = Database(settings, Role.ENGINE, pool_size=1, application_name="exosend doctor")
    try:
        with database.transaction(None) as session:
            accounts = [account for channel in ("email", "sms") for account in accounts_of(session, channel)]
            problems = registration_problems(session)
            troubled = standings(session, [f"{account.channel}/{account.provider}" for account in accounts])
    except SQLAlchemyError:
        return found
    finally:
        database.close()
    for account in accounts:
        found.findings.append(_account(settings, account, troubled.keys()))
        if account.organization_id is None:
            found.channels.add(account.channel)
    names = {account.provider: f"{account.vendor} {account.name}" for account in accounts}
    for each in problems:
        many = "1 domain is" if each.domains == 1 else f"{each.domains} domains are"
        text = f"{many} not registered with {names.get(each.provider, each.provider)}: {each.problem}"
        found.findings.append(Finding("email domains", Grade.NOTE, text))
    return found


def _account(settings: Settings, account: Account, troubled: Collection[str]) -> Finding:
    what = f"{account.vendor} {account.name}"
    try:
        provider_of(settings, account)
    except SetupError as error:
        return Finding("account", Grade.WRONG, f"{what}: {error}")
    if not account.is_active:
        return Finding("account", Grade.NOTE, f"{what} is switched off")
    if f"{account.channel}/{account.provider}" in troubled:
        return Finding("account", Grade.NOTE, f"{what} was not well lately: `exosend providers test {account.id}`")
    whose = "the platform" if account.organization_id is None else f"organization {account.organization_id}"
    return Finding("account", Grade.OK, f"{what} sends {account.channel} for {whose}")
