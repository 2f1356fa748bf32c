"""`exosend demo`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.demo import run_demo

_CONTACTS = Path(__file__).parent.parent / "demo_contacts.csv"


def demo(
    *,
    data_dir: Path = Path(".exosend-demo"),
    contacts: Path = _CONTACTS,
    json_output: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Import contacts, send them a campaign over real SMTP to a mail server of its own, and show the numbers.

    Parameters
    ----------
    data_dir
        Folder for the demo's own stack; nothing else is touched.
    contacts
        A CSV with a column `email`; left out, 20,000 made-up contacts.
    json_output
        One line of JSON on stdout instead of the summary.
    """
    run_demo(data_dir=data_dir.absolute(), contacts=contacts, as_json=json_output)
