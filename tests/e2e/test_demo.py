"""The demo on another file of the same kind, as a person runs it; a stack on other ports goes on beside it."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from deployments.demo_stack import DemoStack
from deployments.processes import STACK_VARIABLE

DATA = Path(__file__).parent.parent / "data"


def test_the_demo_gives_the_right_numbers_and_leaves_nothing_running(running: DemoStack, tmp_path: Path) -> None:
    contacts = DATA / "contacts-semicolon-cp1252.csv"
    command = [sys.executable, "-m", "deployments.cli", "demo", "--data-dir", str(tmp_path / "demo"), "--json"]
    environment = {name: value for name, value in os.environ.items() if name != STACK_VARIABLE}
    done = subprocess.run(
        [*command, "--contacts", str(contacts)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    numbers = json.loads(lines[0])
    expected = json.loads(contacts.with_suffix(".expected.json").read_text())
    assert {name: numbers[name] for name in ("rows", "imported", "skipped", "errors_total")} == {
        name: expected[name] for name in ("rows", "imported", "skipped", "errors_total")
    }
    recipients = expected["imported"] - sum(numbers["dropped"].values())
    assert [numbers[name] for name in ("recipients", "accepted", "sink_accepted", "sink_unique")] == [recipients] * 4
    assert Decimal(str(numbers["charged"])) == recipients * Decimal("0.01")
    assert Decimal(str(numbers["balance"])) == 1000 - recipients * Decimal("0.01")
    assert numbers["state"] == "completed"
    assert not (tmp_path / "demo" / "stack.json").exists()
