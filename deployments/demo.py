"""`exosend demo`: the main job on one machine, with a real mail server as its witness."""

import json
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from deployments.demo_client import DemoClient, DemoError
from deployments.demo_stack import DemoStack, empty_folder, running_stack
from deployments.demo_summary import print_summary, shown
from deployments.sink_log import read_log
from models.errors import SetupError

_CREDITS = 1000
_OPT_OUTS = 10  # each way
_LIMIT_SECONDS = 900.0
_RATE_LIMIT = 6000  # requests a minute: it asks how the campaign is going several times a second
_DOMAIN = "news.example.com"

_SUBJECT = "{{ first_name }}, three things for {{ company }}"
_CONTENT = (Path(__file__).parent / "demo_campaign.mjml").read_text
_VARIABLES = [
    {"key": "first_name", "label": "First name", "default": "Hello"},
    {"key": "company", "label": "Company", "default": "your team"},
    {"key": "plan", "label": "Plan", "default": "free"},
]


def run_demo(*, data_dir: Path, contacts: Path, as_json: bool) -> None:
    """Import the contacts, send them a campaign, and show the numbers; with `as_json` one line on stdout.

    Raises DemoError unless what the campaign says and what the mail server accepted agree, one message each.
    """
    if not contacts.is_file():
        raise SetupError(f"There is no file {contacts}: name a CSV with --contacts.")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    seconds: dict[str, float] = {}
    begun = time.monotonic()
    folder = data_dir / "stack"
    console.print(
        f"[bold]1/5[/bold] Starting a stack in {shown(data_dir)}, and a mail server that logs what it accepts …"
    )
    empty_folder(folder)
    try:
        with running_stack(folder, stopping=lambda: console.print("Stopping the stack …")) as stack:
            seconds["start"] = time.monotonic() - begun
            console.print(f"      API {stack.api_url} · Prefect UI {stack.prefect_url}")
            result = _play(console, stack, contacts, seconds)
            _check(result, read_log(stack.accept_log).keys())
    except KeyboardInterrupt:
        console.print("The demo was stopped; nothing is left running.")
        raise
    seconds["total"] = time.monotonic() - begun
    opted_out = result.pop("opted_out")
    numbers = {**result, "seconds": {name: round(value, 2) for name, value in seconds.items()}}
    if as_json:
        print(json.dumps(numbers))  # noqa: T201 - the answer
    else:
        print_summary(numbers, opted_out=len(opted_out), folder=folder)


def _play(console: Console, stack: DemoStack, contacts: Path, seconds: dict[str, float]) -> dict[str, Any]:
    token = _create_organization(stack)
    client = DemoClient(stack.api_url, token)
    try:
        console.print(f"[bold]2/5[/bold] Importing {contacts.name} …")
        begun = time.monotonic()
        contact_list = client.call("POST", "/contact-lists", json={"name": "Everybody"})
        imported = client.import_contacts(contacts, contact_list["id"], _LIMIT_SECONDS)
        seconds["import"] = time.monotonic() - begun
        counts = (
            (imported["imported"], "imported"),
            (imported["skipped"], "skipped"),
            (imported["errors_total"], "errors"),
        )
        console.print("      " + ", ".join(f"{count:,} {what}" for count, what in counts))
        _check_import(imported, contacts)
        console.print("[bold]3/5[/bold] A few of them opt out …")
        opted_out = client.opt_out(contact_list["id"], min(_OPT_OUTS, imported["imported"] // 4))
        console.print(f"      {_opt_outs(len(opted_out))}")
        console.print("[bold]4/5[/bold] Sending a campaign to the rest …")
        begun = time.monotonic()
        campaign = _send(console, client, contact_list["id"])
        seconds["campaign"] = time.monotonic() - begun
        console.print("[bold]5/5[/bold] Comparing with the mail server's log …")
        balance = Decimal(str(client.call("GET", "/balance")["balance"]))
    finally:
        client.close()
    accepted = read_log(stack.accept_log)
    return {
        "rows": imported["rows"],
        "imported": imported["imported"],
        "skipped": imported["skipped"],
        "errors_total": imported["errors_total"],
        "recipients": campaign["total_recipients"],
        "dropped": campaign["dropped"],
        "accepted": campaign["total_sent"],
        "sink_accepted": sum(accepted.values()),
        "sink_unique": len(accepted),
        "charged": float(_CREDITS - balance),
        "balance": float(balance),
        "state": campaign["status"],
        "opted_out": opted_out,
    }


def _check_import(imported: dict[str, Any], contacts: Path) -> None:
    if imported["imported"] == 0:
        first = next((f" Row {error['row']}: {error['error']}." for error in imported["errors"]), "")
        raise DemoError(f"No contact of {contacts.name} could be imported, so there is nobody to write to.{first}")


def _opt_outs(count: int) -> str:
    if count == 0:
        return "nobody: there are fewer than four"
    return f"{count} contacts, half unsubscribed, half on the suppression list"


def _create_organization(stack: DemoStack) -> str:
    command = [sys.executable, "-m", "deployments.cli", "org", "create", "--name", "Acme", "--json"]
    command += ["--credits", str(_CREDITS), "--domain", f"{time.time_ns()}.{_DOMAIN}"]
    command += ["--rate-limit", str(_RATE_LIMIT)]
    made = subprocess.run(command, env=stack.environment, capture_output=True, text=True, timeout=60, check=False)
    if made.returncode != 0:
        raise DemoError(f"The organization could not be made: {made.stderr.strip()}")
    return str(json.loads(made.stdout)["token"])


def _send(console: Console, client: DemoClient, list_id: str) -> dict[str, Any]:
    template = client.call(
        "POST",
        "/email-templates",
        json={
            "name": "Three things",
            "category": "marketing",
            "subject_template": _SUBJECT,
            "mjml_content": _CONTENT(),
            "variables": _VARIABLES,
        },
    )
    campaign = client.call(
        "POST",
        "/campaigns",
        json={
            "name": "Three things",
            "email_template_id": template["id"],
            "from_name": "Acme News",
            "target_list_ids": [list_id],
            "segment_filters": {"status": "active"},
            "batch_size": 500,
        },
    )
    started = client.call("POST", f"/campaigns/{campaign['id']}/send")
    columns = (TextColumn("      {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("waiting for Prefect", total=started["total_recipients"])

        def show(now: dict[str, Any]) -> None:
            description = "accepted by the mail server" if now["total_sent"] else "waiting for Prefect"
            progress.update(task, completed=now["total_sent"], total=now["total_recipients"], description=description)

        return client.wait_campaign(campaign["id"], _LIMIT_SECONDS, show)


def _check(result: dict[str, Any], addresses: Any) -> None:
    numbers = {name: result[name] for name in ("accepted", "sink_accepted", "sink_unique", "recipients")}
    if result["state"] != "completed" or len(set(numbers.values())) != 1:
        raise DemoError(f"The campaign is {result['state']}, and these should be one number: {numbers}")
    if written := result["opted_out"] & set(addresses):
        raise DemoError(f"{len(written)} who had opted out were written to.")
