"""`exosend`, the command line. Commands are imported when they are run: `exosend --help` loads none of them."""

import os
import sys

from cyclopts import App
from pydantic import ValidationError

from models.errors import ExoSendError

app = App(name="exosend", help="Sends email and SMS for many organizations.", version_flags=[])

_COMMANDS = {
    "up": "Start everything on this machine and keep it running until Ctrl-C.",
    "demo": "Import contacts, send them a campaign over real SMTP, and show the numbers.",
    "serve": "Be one service of the stack alone: api, worker, courier, or setup of Prefect.",
    "doctor": "Check what is configured, reachable and up to date; exit code 1 if anything is wrong.",
    "reconcile": "Compare what must be the same, such as ledger and balance; exit code 1 if anything differs.",
    "migrate": "Bring the database to the schema of this version.",
    "results": "Write the results of one run to a Parquet file.",
    "analyst-url": "Print the address of the database for analysts, who read the schema `results`.",
    "backup": "Write the database to one file. The secret key is not in it: keep a copy of it elsewhere.",
    "restore": "Read a backup into an empty database.",
}
for _name, _help in _COMMANDS.items():
    _module = _name.replace("-", "_")
    app.command(f"deployments.commands.{_module}:{_module}", name=_name, help=_help)

org = App(name="org", help="Organizations.")
org.command("deployments.commands.org:create", name="create", help="Create an organization and its first token.")
org.command("deployments.commands.org:guards", name="guards", help="When an organization's campaigns pause themselves.")
org.command("deployments.commands.org_tracking:tracking", name="tracking", help="What an organization's mails track.")
org.command(
    "deployments.commands.org:quiet_hours", name="quiet-hours", help="Quiet hours of an organization's SMS campaigns."
)
app.command(org)

user = App(name="user", help="Who may log in to the admin panel.")
user.command("deployments.commands.user:create", name="create", help="Create a user of the admin panel.")
user.command("deployments.commands.user:show", name="list", help="List all users.")
user.command("deployments.commands.user:password", name="password", help="Give a user another password.")
app.command(user)

sender = App(name="sender", help="SMS sender IDs, and the two stages of their approval.")
sender.command("deployments.commands.sender:show", name="list", help="List the sender IDs of all organizations.")
sender.command("deployments.commands.sender:add", name="add", help="Give an organization one, a protected name too.")
sender.command("deployments.commands.sender:approve", name="approve", help="Approve one as administrator (stage 1).")
sender.command("deployments.commands.sender:verify", name="verify", help="The provider has verified one (stage 2).")
sender.command("deployments.commands.sender:reject", name="reject", help="Reject one, with a reason.")
sender.command("deployments.commands.sender:rate", name="rate", help="How many messages a minute may come from one.")
app.command(sender)

suppressions = App(name="suppressions", help="Addresses that an organization must not write to.")
suppressions.command(
    "deployments.commands.suppressions:import_file", name="import", help="Suppress the addresses of a CSV file."
)
app.command(suppressions)

uncertain = App(name="uncertain", help="Messages of which nobody knows whether they were taken.")
uncertain.command("deployments.commands.uncertain:show", name="list", help="List those of a run, or of no run.")
uncertain.command("deployments.commands.uncertain:resolve", name="resolve", help="Decide about those of a run.")
uncertain.command("deployments.commands.uncertain:policy", name="policy", help="Choose an organization's policy.")
app.command(uncertain)

callbacks = App(name="callbacks", help="What providers sent back, as it came.")
callbacks.command("deployments.commands.callbacks:show_list", name="list", help="List the last ones.")
callbacks.command("deployments.commands.callbacks:show", name="show", help="Show one, and what it says.")
callbacks.command("deployments.commands.callbacks:replay_all", name="replay", help="Read some again, and apply them.")
app.command(callbacks)

bounces = App(name="bounces", help="Bounces that come back by mail.")
bounces.command("deployments.commands.bounces:read", name="read", help="Read one mail from standard input.")
app.command(bounces)

providers = App(name="providers", help="Accounts that messages are sent by.")
providers.command("deployments.commands.providers:show", name="list", help="List all accounts, without their secrets.")
providers.command("deployments.commands.providers:add", name="add", help="Add one, of the platform or an organization.")
providers.command("deployments.commands.providers:change", name="change", help="Give one another URL or other keys.")
providers.command(
    "deployments.commands.provider_trial:try_account", name="test", help="Connect to one, or really send by it."
)
providers.command("deployments.commands.providers:disable", name="disable", help="Send nothing more by one.")
providers.command("deployments.commands.providers:enable", name="enable", help="Send by one again.")
providers.command("deployments.commands.providers:remove", name="remove", help="Delete one, and its secrets with it.")
app.command(providers)

secrets = App(name="secrets", help="The secret key, under which all that is secret is stored.")
secrets.command("deployments.commands.secret_keys:rotate", name="rotate", help="Store all of it under another one.")
app.command(secrets)

prices = App(name="prices", help="What SMS and email cost.")
prices.command("deployments.commands.prices:load", name="load", help="Load price lists from a CSV file.")
app.command(prices)


def main() -> None:
    """Run the command line; what a person can mend is one line on stderr and exit code 1."""
    try:
        app()
    except ExoSendError as error:
        sys.exit(f"exosend: {error}")
    except ValidationError as error:
        sys.exit("\n".join(f"exosend: {_setting(part['loc'])}: {part['msg']}" for part in error.errors()))
    except BrokenPipeError:
        # The reader of a pipe has gone (`exosend doctor | head`); Python's own flush at exit would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        # psycopg's and SQLAlchemy's, told by name: to import the two here would slow down every `exosend --help`.
        if not any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
            raise
        reason = next(iter(str(error.__cause__ or error).strip().splitlines()), type(error).__name__)
        sys.exit(f"exosend: The database cannot be used: {reason}. `exosend doctor` looks at all of it.")


def _setting(location: tuple[int | str, ...]) -> str:
    name = ".".join(str(part) for part in location)
    return name if name.startswith("EXOSEND_") else f"EXOSEND_{name.upper()}"


if __name__ == "__main__":
    main()
